package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"callbackd/accounts"
)

// streamRoute is the route of event streams, whose duration says nothing.
const streamRoute = basePath + "/events"

// Why the server ends a stream; also a metrics label.
const (
	cutSlow         = "slow_reader"
	cutUnauthorized = "unauthorized"
	cutStopping     = "stopping"
)

// Reasons for which a stream ends before its reader goes.
var (
	errReaderSlow  = errors.New("reader is too slow")
	errReaderGone  = errors.New("reader is gone")
	errReaderUnfit = errors.New("token or session is no longer valid")
)

// writeChunk bounds what is written at once. The write deadline is for one
// chunk, so a reader is slow by its own speed, not by how much there is.
const writeChunk = 64 << 10

// StreamEvents answers with the stream of changes.
func (o operations) StreamEvents(ctx context.Context, request StreamEventsRequestObject) (StreamEventsResponseObject, error) {
	caller := callerFrom(ctx)
	st := &stream{
		server: o.Server, ctx: ctx, caller: caller, watch: newWatch(caller.principal), kinds: request.Params.Kinds,
	}
	resume := request.Params.LastEventID
	if resume == nil {
		resume = request.Params.LastEventIDQuery
	}
	select {
	case <-o.stopped:
		return nil, errStopping
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var err error
	_, _, st.era = o.tail.position()
	if st.position, st.reload, err = o.startOf(ctx, resume); err != nil {
		return nil, err
	}
	return st, nil
}

// startOf returns the number after which a stream begins, and whether its
// reader must load everything anew because what it asked for is not in the
// log.
func (s *Server) startOf(ctx context.Context, resume *int64) (position int64, reload bool, err error) {
	last, err := s.options.Changes.LastChange(ctx)
	if err != nil {
		return 0, false, err
	}
	switch {
	case resume == nil || *resume == last:
		return last, false, nil
	case *resume > last:
		// A number of another log: the database was restored or made anew.
		return last, true, nil
	}
	oldest, err := s.options.Changes.Changes(ctx, 0, 1)
	if err != nil {
		return 0, false, err
	}
	if len(oldest) == 0 || *resume < oldest[0].Number-1 {
		return last, true, nil
	}
	return *resume, false, nil
}

// stream is one reader's event stream.
type stream struct {
	server *Server
	// ctx is the request's: the stream is written after the handler returned,
	// by the generated code, which passes no context.
	ctx    context.Context
	caller caller
	watch  *watch
	kinds  []EventKind
	// position is the number of the last change that was sent or passed over.
	position int64
	// era is the tail's era to which position belongs; 0 when the tail had
	// not begun.
	era int
	// reload says that the reader must be told to load everything anew.
	reload bool

	w       http.ResponseWriter
	control *http.ResponseController
}

// VisitStreamEventsResponse implements StreamEventsResponseObject: it writes
// the stream until it ends.
func (st *stream) VisitStreamEventsResponse(w http.ResponseWriter) error {
	s := st.server
	st.w, st.control = w, http.NewResponseController(w)
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	// nginx would collect the events before it passes them on.
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)

	s.metrics.readers.Inc()
	defer s.metrics.readers.Dec()
	s.streams.add(st.watch)
	defer s.streams.remove(st.watch)
	err := st.run()
	switch {
	case errors.Is(err, errReaderSlow):
		s.metrics.cut.WithLabelValues(cutSlow).Inc()
	case errors.Is(err, errReaderUnfit):
		s.metrics.cut.WithLabelValues(cutUnauthorized).Inc()
	case errors.Is(err, errStopping):
		s.metrics.cut.WithLabelValues(cutStopping).Inc()
	}
	// A stream ends by ending; there is no way to answer with a problem now.
	return nil
}

// run sends what there is and waits for more.
func (st *stream) run() error {
	if err := st.write([]byte(": connected\n\n")); err != nil {
		return err
	}
	heartbeat := time.NewTicker(st.server.options.Heartbeat)
	defer heartbeat.Stop()
	for {
		more, grown, err := st.advance()
		if err != nil {
			return err
		}
		if more {
			// Catching up may take long: whether to go on is asked here too.
			grown = closedChannel
		}
		select {
		case <-st.ctx.Done():
			return errReaderGone
		case <-st.server.stopped:
			return errStopping
		case <-heartbeat.C:
			if err := st.beat(); err != nil {
				return err
			}
		case <-st.watch.verifyNow:
			if err := st.verify(); err != nil {
				return err
			}
		case <-grown:
		}
	}
}

// closedChannel is always ready.
var closedChannel = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// sendReload tells the reader that changes are lost to it.
func (st *stream) sendReload() error {
	frame, err := frameOf(strconv.FormatInt(st.position, 10), "reload_required", map[string]int64{"change": st.position})
	if err != nil {
		return err
	}
	return st.write(frame)
}

// advance sends the next events: from the tail, or from the log while the
// reader is further back. When there are none now, grown is closed as soon
// as there may be.
func (st *stream) advance() (more bool, grown <-chan struct{}, err error) {
	base, _, era := st.server.tail.position()
	if st.era != 0 && st.era != era {
		st.position, st.reload = base, true
	}
	st.era = era
	if st.reload {
		if err := st.sendReload(); err != nil {
			return false, nil, err
		}
		st.reload = false
	}
	events, grown, complete := st.server.tail.after(st.position)
	if complete {
		return false, grown, st.send(events)
	}
	ctx, cancel := context.WithTimeout(st.ctx, readTimeout)
	defer cancel()
	events, err = st.server.readLog(ctx, st.position)
	if err != nil {
		return false, st.readAgain(err), nil
	}
	if err := st.send(events); err != nil {
		return false, nil, err
	}
	if len(events) < readLimit {
		if era > 0 {
			// Numbers may have holes: there was nothing more up to the tail's
			// beginning, so that is where the stream is now.
			st.position = max(st.position, base)
		} else {
			// Run has not begun: the log is all there is, so look again soon.
			return false, soon(), nil
		}
	}
	return true, nil, nil
}

// readAgain reports an error of the log and says when to read again. The
// stream stays: a reader that was sent away would only come back, to a
// database that has enough to do.
func (st *stream) readAgain(err error) <-chan struct{} {
	if st.ctx.Err() == nil {
		st.server.log.LogAttrs(st.ctx, slog.LevelWarn, "change log cannot be read, event stream waits", slog.Any("err", err))
	}
	return soon()
}

// send writes those events that the reader may see and asked for.
func (st *stream) send(events []event) error {
	var chunk []byte
	for i := range events {
		e := &events[i]
		st.position = e.number
		if !st.wants(e) {
			continue
		}
		chunk = append(chunk, e.frame...)
		st.server.metrics.sent.WithLabelValues(string(e.kind)).Inc()
		if len(chunk) >= writeChunk {
			if err := st.write(chunk); err != nil {
				return err
			}
			chunk = chunk[:0]
		}
	}
	if len(chunk) == 0 {
		return nil
	}
	return st.write(chunk)
}

func (st *stream) wants(e *event) bool {
	if len(st.kinds) > 0 && !slices.Contains(st.kinds, e.kind) {
		return false
	}
	return e.visibleTo(st.caller.principal)
}

// beat shows that the connection lives, and verifies the caller again, since
// a stream may outlive a token or session.
func (st *stream) beat() error {
	if err := st.verify(); err != nil {
		return err
	}
	return st.write([]byte(": heartbeat\n\n"))
}

// verify looks whether the caller may still read, and what.
func (st *stream) verify() error {
	ctx, cancel := context.WithTimeout(st.ctx, readTimeout)
	defer cancel()
	principal, err := st.caller.verify(ctx)
	switch {
	case errors.Is(err, accounts.ErrUnauthorized), errors.Is(err, accounts.ErrMayNotActFor):
		return errReaderUnfit
	case err == nil:
		st.caller.principal = principal
	}
	// Another error says nothing about the caller: the database is away.
	return nil
}

// write sends bytes to the reader, which has to take them in time.
func (st *stream) write(p []byte) error {
	// Writers without deadlines, as in tests, do without.
	_ = st.control.SetWriteDeadline(time.Now().Add(st.server.options.StreamWriteTimeout))
	_, err := st.w.Write(p)
	if err == nil {
		err = st.control.Flush()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errReaderSlow
	default:
		return errReaderGone
	}
}
