package ari

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// instant is the time of the last of something, written by one goroutine and
// read by others. It lives on the monotonic clock: a step of the wall clock
// must not make a connection look dead.
type instant struct {
	base  time.Time
	after atomic.Int64
}

func newInstant() *instant { return &instant{base: time.Now()} }

func (i *instant) mark()           { i.after.Store(int64(time.Since(i.base))) }
func (i *instant) time() time.Time { return i.base.Add(time.Duration(i.after.Load())) }

// receiveBuffer is what one system call may read: some hundred events.
const receiveBuffer = 64 << 10

// dial returns a dial function whose connections mark i when bytes come in.
// Bytes, not messages: a large event over a slow line lets no PONG through
// until it is complete.
func (i *instant) dial(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &markedConn{Conn: conn, r: bufio.NewReaderSize(markedReader{conn, i}, receiveBuffer)}, nil
	}
}

type markedReader struct {
	conn net.Conn
	i    *instant
}

func (r markedReader) Read(p []byte) (int, error) {
	n, err := r.conn.Read(p)
	if n > 0 {
		r.i.mark()
	}
	return n, err
}

type markedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *markedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// ping sends a PING every so often. It never sends a PONG: Asterisk versions
// of 2026 crash on one that they did not ask for.
func (l *link) ping(ctx context.Context) {
	for pause(ctx, l.s.o.PingEvery) {
		// Longer than the watch needs: a PING that cannot even be written
		// closes the websocket, and that would pass for a broken connection.
		ctx, cancel := context.WithTimeout(ctx, 2*l.s.o.DeadAfter)
		l.ws.Ping(ctx) //nolint:errcheck // watch and read see what is wrong
		cancel()
	}
}

// grace is what the watch gives the reader when this process was stopped or
// starved: what has come meanwhile still waits to be read.
const grace = time.Second

// watch ends the link when nothing has come for DeadAfter.
func (l *link) watch(ctx context.Context) {
	for {
		wait := l.s.o.DeadAfter - time.Since(l.heard.time())
		if wait <= 0 {
			l.fail(&lossError{reason: LossSilent, err: fmt.Errorf("nothing received for %v", l.s.o.DeadAfter)})
			return
		}
		from := time.Now()
		if !pause(ctx, wait) {
			return
		}
		if time.Since(from) > wait+grace/2 && !pause(ctx, grace) {
			return
		}
	}
}

// proofName names the user events by which a stream proves itself. They are
// not delivered.
const proofName = "ari-stream-proof"

// prove makes sure that events reach us: a connection may answer PING while
// its application is deaf. Any event proves it; when none came for a while,
// it asks Asterisk to send one.
func (l *link) prove(ctx context.Context) {
	if l.s.o.ProveEvery < 0 {
		return
	}
	for readOnly := false; ; {
		// The first proof is due at once: the consumer may be waiting for it.
		err := l.proveOnce(ctx, &readOnly)
		if loss, ok := errors.AsType[*lossError](err); ok {
			l.fail(loss)
			return
		}
		if err != nil && ctx.Err() == nil {
			// Trouble with REST is not the stream's; the age of the last
			// proof shows it.
			l.log.Warn("ari events not proven to flow", slog.Any("err", err))
		}
		for quiet := time.Duration(0); quiet < l.s.o.ProveEvery; quiet = time.Since(l.event.time()) {
			if !pause(ctx, l.s.o.ProveEvery-quiet) {
				return
			}
		}
	}
}

// forgottenGrace is how long a connection may still seem to be there after
// its application is gone.
const forgottenGrace = 500 * time.Millisecond

// proveOnce asks for a proof. A lossError says that it did not come.
func (l *link) proveOnce(ctx context.Context, readOnly *bool) error {
	c := l.s.o.Client
	deaf := func(err error) error {
		return &lossError{reason: LossUnproven, err: err, since: l.event.time()}
	}
	forgotten := func(err error) error {
		// A connection that ends takes its application along. The reader is
		// about to see that end, and its reason says more than ours.
		if !pause(ctx, forgottenGrace) {
			return context.Cause(ctx)
		}
		return deaf(fmt.Errorf("asterisk has forgotten the application: %w", err))
	}
	app, err := c.GetApplication(ctx, c.Application())
	switch {
	case IsGone(err):
		return forgotten(err)
	case err != nil:
		return err
	}
	if missing := app.Missing(); len(missing) > 0 {
		return deaf(fmt.Errorf("subscriptions are gone: %v", missing))
	}
	if *readOnly {
		l.s.record.proven(time.Now(), true)
		return nil
	}
	asked := time.Now()
	err = c.SendUserEvent(ctx, c.Application(), UserEvent{Name: proofName, Variables: map[string]string{"token": string(l.token)}})
	switch {
	case IsForbidden(err):
		*readOnly = true
		l.s.record.proven(time.Now(), true)
		return nil
	case IsGone(err):
		return forgotten(err)
	case err != nil:
		return err
	}
	t := time.NewTimer(l.s.o.ProveWithin)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-l.seen:
		return nil
	case <-t.C:
	}
	if l.event.time().After(asked) {
		return nil // not the one asked for, but one all the same
	}
	return deaf(fmt.Errorf("an event asked for did not come within %v", l.s.o.ProveWithin))
}

// barrier is an event that was asked for: all that came before it has come.
type barrier struct {
	token []byte
	once  sync.Once
	seen  chan struct{}
}

// passed reports whether a user event is the one that was asked for.
func (b *barrier) passed(raw []byte) bool {
	if b == nil || !bytes.Contains(raw, b.token) {
		return false
	}
	b.once.Do(func() { close(b.seen) })
	return true
}

// readOnlyBarrier is how long an event may take that a read-only user cannot
// ask for: many times what Asterisk lets a client be slow before it cuts it.
const readOnlyBarrier = time.Second

// errNotConnected says that there is no connection to prove anything of.
var errNotConnected = errors.New("not connected")

// Prove returns when every event has come, and waits for the consumer, that
// Asterisk had for this stream when it was called; ProvenAt is then later than
// that. Only one at a time may call it.
func (s *Stream) Prove(ctx context.Context) error {
	err := errNotConnected
	if l := s.link.Load(); l != nil {
		err = l.pass(ctx)
	}
	if err != nil {
		return fmt.Errorf("prove that ari events flow: %w", err)
	}
	return nil
}

func (l *link) pass(ctx context.Context) error {
	b := &barrier{token: []byte(rand.Text()), seen: make(chan struct{})}
	l.barrier.Store(b)
	defer l.barrier.Store(nil)
	c := l.s.o.Client
	ctx, cancel := context.WithTimeout(ctx, l.s.o.ProveWithin)
	defer cancel()
	err := c.SendUserEvent(ctx, c.Application(), UserEvent{Name: proofName, Variables: map[string]string{"token": string(b.token)}})
	switch {
	case IsForbidden(err):
		if !pause(ctx, readOnlyBarrier) {
			return context.Cause(ctx)
		}
		if l.s.link.Load() != l {
			return errNotConnected
		}
		l.s.record.proven(time.Now(), true)
		return nil
	case err != nil:
		return err
	}
	select {
	case <-b.seen:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("an event asked for has not come: %w", context.Cause(ctx))
	}
}
