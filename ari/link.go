package ari

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// link is one connection of a Stream.
type link struct {
	s     *Stream
	epoch int
	log   *slog.Logger
	ws    *websocket.Conn
	// fail ends the link; the first reason counts.
	fail context.CancelCauseFunc
	// heard is when bytes last came, event when an event did.
	heard, event *instant

	// token marks the events that prove asks for; seen tells of one.
	token []byte
	seen  chan struct{}

	// barrier is what Stream.Prove waits for; nil when nobody does.
	barrier atomic.Pointer[barrier]

	// buf and complained belong to read.
	buf        []byte
	complained bool
}

// follow makes one connection and serves it to its end. It returns how long
// the connection was complete, and why it ended.
func (s *Stream) follow(ctx context.Context) (held time.Duration, err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	limit := time.AfterFunc(s.o.ConnectTimeout, func() {
		fail(fmt.Errorf("connect within %v: %w", s.o.ConnectTimeout, context.DeadlineExceeded))
	})
	defer limit.Stop()

	epoch := s.record.attempt()
	l := &link{
		s: s, epoch: epoch, log: s.log.With(slog.Int("epoch", epoch)), fail: fail,
		heard: newInstant(), event: newInstant(),
		token: []byte(rand.Text()), seen: make(chan struct{}, 1),
	}
	if err := l.dial(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return 0, err
	}
	s.queue.hold()
	connectedAt := l.serve(ctx, limit)
	cause := context.Cause(ctx)
	if connectedAt.IsZero() {
		s.queue.drop()
		return 0, cause
	}
	l.lost(cause)
	return time.Since(connectedAt), cause
}

// serve reads the connection until it ends, for whatever reason. It returns
// when the connection was completed, or the zero time.
func (l *link) serve(ctx context.Context, limit *time.Timer) (connectedAt time.Time) {
	var work sync.WaitGroup
	defer work.Wait()
	defer l.ws.CloseNow() //nolint:errcheck // why it ended is known by then
	// Reading begins at once, since Asterisk cuts a client that does not read,
	// and the watch with it, for the preparation may be what meets silence.
	work.Go(l.read)
	work.Go(func() { l.ping(ctx) })
	work.Go(func() { l.watch(ctx) })

	info, err := l.prepare(ctx)
	if err != nil || !limit.Stop() {
		if err != nil {
			l.fail(err)
		}
		<-ctx.Done()
		return time.Time{}
	}
	connectedAt = time.Now()
	l.s.record.connected(l.epoch)
	l.s.link.Store(l)
	defer l.s.link.Store(nil)
	if r := l.s.o.Recorder; r != nil {
		r.Connected(connectedAt)
	}
	l.s.queue.release(Message{Kind: MessageConnected, Epoch: l.epoch, At: connectedAt, Info: &info})
	l.log.Info("following ari events", slog.String("asterisk", info.Version), slog.Time("asterisk_started_at", info.StartupAt))
	work.Go(func() { l.prove(ctx) })
	<-ctx.Done()
	return connectedAt
}

// lost tells the consumer that the connection has ended.
func (l *link) lost(cause error) {
	loss, ok := errors.AsType[*lossError](cause)
	if !ok {
		loss = &lossError{reason: LossStopped, err: cause}
	}
	since := loss.since
	if since.IsZero() {
		since = l.heard.time()
	}
	l.s.record.lost(loss.reason)
	now := time.Now()
	if r := l.s.o.Recorder; r != nil {
		r.Lost(now, since, loss.reason)
	}
	l.s.queue.control(Message{
		Kind: MessageLost, Epoch: l.epoch, At: now, Since: since, Reason: loss.reason, Err: loss.err,
	})
}

// dial opens the websocket. Errors are those of Client's requests.
func (l *link) dial(ctx context.Context) error {
	c := l.s.o.Client
	u := *c.base
	u.Path += "/events"
	u.RawQuery = url.Values{"app": {c.Application()}, "subscribeAll": {"true"}}.Encode()
	client := c.httpClient(l.heard.dial(c.options.Dial), 1)
	defer client.CloseIdleConnections()
	req := &http.Request{Header: http.Header{}}
	req.SetBasicAuth(c.options.Username, c.options.Password)
	ws, resp, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{HTTPClient: client, HTTPHeader: req.Header})
	if err == nil {
		ws.SetReadLimit(l.s.o.ReadLimit)
		l.ws = ws
		return nil
	}
	if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(resp.Body) // a kilobyte, in memory
		return refusal(http.MethodGet, "/events", resp.StatusCode, body)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fmt.Errorf("open event stream: %w", err)
}

// prepare completes the subscriptions, sets the event filter, and asks which
// Asterisk this is.
func (l *link) prepare(ctx context.Context) (AsteriskInfo, error) {
	c := l.s.o.Client
	info, err := c.AsteriskInfo(ctx)
	if err != nil {
		return info, err
	}
	app, err := c.GetApplication(ctx, c.Application())
	if err != nil {
		return info, err
	}
	// subscribeAll counts only for an application that is new. One that
	// existed when we came keeps the subscriptions it had.
	if missing := app.Missing(); len(missing) > 0 {
		l.log.Warn("ari application lacked subscriptions", slog.Any("sources", missing))
		if app, err = c.Subscribe(ctx, c.Application(), missing...); err != nil {
			return info, fmt.Errorf("complete the subscriptions of an application that others made: %w", err)
		}
		if missing := app.Missing(); len(missing) > 0 {
			return info, fmt.Errorf("complete subscriptions: %v are still missing", missing)
		}
	}
	return info, l.setEventFilter(ctx)
}

func (l *link) setEventFilter(ctx context.Context) error {
	if l.s.o.EventFilter == nil {
		return nil
	}
	f := EventFilter{
		Allowed:    slices.Clone(l.s.o.EventFilter.Allowed),
		Disallowed: slices.DeleteFunc(slices.Clone(l.s.o.EventFilter.Disallowed), own),
	}
	if len(f.Allowed) > 0 {
		f.Allowed = append(slices.DeleteFunc(f.Allowed, own), ApplicationReplaced, ChannelUserevent)
	}
	err := l.s.o.Client.SetEventFilter(ctx, l.s.o.Client.Application(), f)
	if IsForbidden(err) {
		l.log.Warn("event filter not set: the ari user is read-only", slog.Any("err", err))
		return nil
	}
	return err
}

// own reports whether the stream itself needs events of that type, which an
// event filter would keep from it like any other.
func own(t EventType) bool { return t == ApplicationReplaced || t == ChannelUserevent }

// keptBuffer is how much memory for reading outlives a large event.
const keptBuffer = 1 << 20

// read reads until the websocket ends. It does nothing that could block:
// Asterisk cuts a client that leaves its events waiting for 100 ms.
func (l *link) read() {
	for {
		// No context here: one that can end costs allocations with every
		// event. Closing the websocket ends the read.
		_, r, err := l.ws.Reader(context.Background())
		if err == nil {
			err = l.readAll(r)
		}
		if err != nil {
			l.fail(readLoss(err))
			return
		}
		if !l.frame(time.Now()) {
			return
		}
		if cap(l.buf) > keptBuffer {
			l.buf = nil
		}
	}
}

// readAll reads r into buf.
func (l *link) readAll(r io.Reader) error {
	l.buf = l.buf[:0]
	for {
		if len(l.buf) == cap(l.buf) {
			l.buf = slices.Grow(l.buf, max(4096, len(l.buf)))
		}
		n, err := r.Read(l.buf[len(l.buf):cap(l.buf)])
		l.buf = l.buf[:len(l.buf)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func readLoss(err error) *lossError {
	reason := LossBroken
	switch {
	case websocket.CloseStatus(err) >= 0:
		reason = LossClosed
	case errors.Is(err, websocket.ErrMessageTooBig):
		reason = LossOversized
	}
	return &lossError{reason: reason, err: err}
}

// frame takes what was read into buf, and reports whether to go on.
func (l *link) frame(at time.Time) bool {
	typ, wanted, err := l.s.o.Filter.Look(l.buf)
	if err != nil {
		l.s.record.undecodable()
		if !l.complained {
			l.complained = true
			l.log.Warn("ari event not understood, counting from here on", slog.Any("err", err), slog.Int("bytes", len(l.buf)))
		}
		return true
	}
	l.event.mark()
	if r := l.s.o.Recorder; r != nil {
		r.Event(at, l.buf)
	}
	if own(typ) {
		switch {
		case typ == ApplicationReplaced && l.isOurs():
			l.fail(&lossError{reason: LossReplaced, err: errors.New("another client uses our application's name"), since: at})
			return false
		case typ == ChannelUserevent && bytes.Contains(l.buf, l.token):
			l.s.record.proven(at, false)
			wake(l.seen)
			return true
		case typ == ChannelUserevent && l.barrier.Load().passed(l.buf):
			l.s.record.proven(at, false)
			return true
		}
	}
	if wanted {
		// The one copy of the event; Decode shares its memory.
		m := Message{Kind: MessageEvent, Epoch: l.epoch, At: at, Type: typ, Raw: string(l.buf)}
		if !l.s.queue.push(m) {
			l.fail(&lossError{reason: LossOverflow, err: errors.New("the consumer is too slow"), since: at})
			return false
		}
	}
	l.s.record.event(typ, len(l.buf), wanted, at)
	return true
}

// isOurs reports whether the event in buf names our application.
func (l *link) isOurs() bool {
	var e struct {
		Application string `json:"application"`
	}
	return json.Unmarshal(l.buf, &e) == nil && e.Application == l.s.o.Client.Application()
}
