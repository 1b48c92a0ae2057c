package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"callbackd/accounts"
	"callbackd/recording"
)

// Routes of playback; by the first of them, and by no other, sound leaves the
// server.
const (
	playbackRoute      = basePath + "/playback/{grant}"
	beginPlaybackRoute = basePath + "/recordings/{id}/playback"
)

// soundType is the type of all sound.
const soundType = "audio/wav"

// soundWriteTimeout is how long a listener may take no sound. Players stop
// reading while they are paused and have enough; they ask again when they go
// on.
const soundWriteTimeout = 30 * time.Second

// errMediaOnly says that a browser asked for sound and not in order to play it.
var errMediaOnly = errors.New("not the request of a media element of this origin")

// RenewPlayback prolongs a grant.
func (o operations) RenewPlayback(ctx context.Context, request RenewPlaybackRequestObject) (RenewPlaybackResponseObject, error) {
	heard := make([]recording.Part, len(request.Body.Heard))
	for i, part := range request.Body.Heard {
		if part.ToSeconds < part.FromSeconds {
			return nil, invalidField(languageFrom(ctx), fmt.Sprintf("/heard/%d", i), inBody,
				"from_seconds 以上の to_seconds を指定してください。", "Must not end before it begins.")
		}
		heard[i] = recording.Part{From: duration(part.FromSeconds), To: duration(part.ToSeconds)}
	}
	until, err := o.options.Player.Renew(ctx, principalFrom(ctx), request.Grant, heard)
	if err != nil {
		return nil, err
	}
	return RenewPlayback200JSONResponse(RenewedPlayback{ExpiresAt: until.UTC()}), nil
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// Play opens a recording to listen to.
func (o operations) Play(ctx context.Context, request PlayRequestObject) (PlayResponseObject, error) {
	r := requestFrom(ctx)
	if !isMediaRequest(r.Header) {
		return nil, errMediaOnly
	}
	caller := callerFrom(ctx)
	p := &playback{server: o.Server, r: r, watch: newWatch(caller.principal)}
	var err error
	p.listening, err = o.options.Player.Open(ctx, recording.Listener{
		By: caller.principal, Address: clientFrom(ctx), Verify: caller.verify, VerifyNow: p.watch.verifyNow, Interrupt: p.interrupt,
	}, request.Grant)
	if err != nil {
		return nil, err
	}
	size, header := p.listening.Size(), r.Header.Get("Range")
	// Ranges are defined for GET alone (RFC 9110, 14.2).
	if r.Method != http.MethodGet || !ifRange(r.Header, p.listening.ETag()) {
		header = ""
	}
	p.span, p.partial, err = recording.ParseRange(header, size)
	if err != nil {
		return nil, errors.Join(&rangeError{size: size, cause: err}, p.listening.Close())
	}
	return p, nil
}

// rangeError says how long the sound is of which too much was asked for.
type rangeError struct {
	size  int64
	cause error
}

func (e *rangeError) Error() string { return e.cause.Error() }

func (e *rangeError) Unwrap() error { return e.cause }

// isMediaRequest reports whether a request may be one of a media element on a
// page of this origin. Browsers say what they ask for, and for whom, at least
// over TLS; of those that do not, one that opens a page is known by what it
// would like to see. To save something is to open it. What a script would
// fetch it could also store.
func isMediaRequest(h http.Header) bool {
	site, destination, mode := h.Get("Sec-Fetch-Site"), h.Get("Sec-Fetch-Dest"), h.Get("Sec-Fetch-Mode")
	switch {
	case site != "" && site != "same-origin",
		destination != "" && destination != "audio" && destination != "video",
		mode == "navigate", mode == "websocket",
		h.Get("Sec-Fetch-User") != "", h.Get("Sec-Purpose") != "", h.Get("Upgrade-Insecure-Requests") != "":
		return false
	}
	return !strings.Contains(strings.ToLower(strings.Join(h.Values("Accept"), ",")), "text/html")
}

// ifRange reports whether a range is still wanted of the sound as it is now.
// Without a Last-Modified no date can match.
func ifRange(h http.Header, etag string) bool {
	condition := h.Get("If-Range")
	return condition == "" || textproto.TrimString(condition) == etag
}

// playback is a recording on its way to a listener.
type playback struct {
	server    *Server
	r         *http.Request
	watch     *watch
	listening *recording.Listening
	span      recording.Span
	partial   bool

	w       http.ResponseWriter
	control *http.ResponseController
}

// VisitPlayResponse implements PlayResponseObject: it writes the sound at the
// pace of listening.
func (p *playback) VisitPlayResponse(w http.ResponseWriter) error {
	defer p.close()
	p.w, p.control = w, http.NewResponseController(w)
	header := w.Header()
	for name, value := range map[string]string{
		"Content-Type": soundType, "Content-Length": strconv.FormatInt(p.span.Length(), 10),
		"Content-Disposition": "inline", "Cross-Origin-Resource-Policy": "same-origin",
		"Accept-Ranges": "bytes", "ETag": p.listening.ETag(),
		// nginx would collect the sound before it passes it on.
		"X-Accel-Buffering": "no",
	} {
		header.Set(name, value)
	}
	header.Del("Content-Language")
	status := http.StatusOK
	if p.partial {
		status = http.StatusPartialContent
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", p.span.Start, p.span.End-1, p.listening.Size()))
	}
	w.WriteHeader(status)
	if p.r.Method == http.MethodHead {
		return nil
	}
	// A player that seeks should know soon what it will get.
	_ = p.control.Flush()
	p.server.streams.add(p.watch)
	defer p.server.streams.remove(p.watch)
	err := p.listening.Send(p.r.Context(), p, p.span)
	if err == nil {
		return nil
	}
	if !isListenersDoing(err) {
		p.server.log.LogAttrs(p.r.Context(), slog.LevelWarn, "playback was cut", slog.Any("err", err))
	}
	// So that a part is not taken for the whole.
	panic(http.ErrAbortHandler)
}

// isListenersDoing reports whether playing ended because of who listens, and
// not by a fault.
func isListenersDoing(err error) bool {
	return slices.ContainsFunc([]error{
		context.Canceled, os.ErrDeadlineExceeded, recording.ErrTakenOver, recording.ErrListenerGone,
		recording.ErrPlaybackExpired, recording.ErrPlaybackNotFound, recording.ErrNotFound, accounts.ErrUnauthorized,
	}, func(target error) bool { return errors.Is(err, target) })
}

// Write sends a piece of sound, which the listener has to take in time.
func (p *playback) Write(piece []byte) (int, error) {
	// Writers without deadlines, as in tests, do without.
	_ = p.control.SetWriteDeadline(time.Now().Add(soundWriteTimeout))
	n, err := p.w.Write(piece)
	if err == nil {
		err = p.control.Flush()
	}
	return n, err
}

// interrupt ends a Write that waits for the listener.
func (p *playback) interrupt() { _ = p.control.SetWriteDeadline(time.Unix(1, 0)) }

func (p *playback) close() {
	if err := p.listening.Close(); err != nil {
		p.server.log.LogAttrs(p.r.Context(), slog.LevelWarn, "close recording", slog.Any("err", err))
	}
}
