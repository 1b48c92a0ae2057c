package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"callbackd/accounts"
)

// Why a connection ends before all is sent.
var (
	// ErrTakenOver says that a newer connection of the grant took over.
	ErrTakenOver = errors.New("a newer connection took over")
	// ErrListenerGone says that the listener takes no more.
	ErrListenerGone = errors.New("the listener takes no more")

	errStoreAway = errors.New("the store is away")
)

const (
	// chunkSize bounds what is read and written at a time. Its buffer is
	// borrowed for that only: who waits holds none.
	chunkSize = 16 << 10
	// firstPortion is what a connection waits for after what it got at once,
	// maxPortion what it waits for later: so much is drawn from the store at a
	// time. Small ones follow a seek closely, large ones ask seldom.
	firstPortion = 2 * time.Second
	maxPortion   = 4 * time.Second
	// leastSeek is the least that a new connection waits for.
	leastSeek = 250 * time.Millisecond
	// leastCost is what a connection costs that sends less: so asking again and
	// again for a few bytes has an end, and the store has peace.
	leastCost = partStep
	// checkEvery is how often it is asked whether to go on playing, and how
	// often what was sent is put on the receipt.
	checkEvery = 5 * time.Second
	// storeTimeout bounds each use of the store, storePatience how long a
	// connection waits for one that is away.
	storeTimeout  = 5 * time.Second
	storePatience = 20 * time.Second
)

var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// Listener is who listens, on one connection.
type Listener struct {
	By accounts.Principal
	// Address is where the listener is; invalid when not known.
	Address netip.Addr
	// Verify returns the principal as it is now, or accounts.ErrUnauthorized.
	// It is asked every few seconds.
	Verify func(ctx context.Context) (accounts.Principal, error)
	// VerifyNow gets a value when it should be asked at once; nil for never.
	VerifyNow <-chan struct{}
	// Interrupt ends a Write that waits for the listener.
	Interrupt func()
}

// Listening is one connection on which a recording is played. It is used by
// one goroutine.
type Listening struct {
	player   *Player
	listener Listener
	grant    Grant
	hash     GrantHash
	sound    Sound
	opened   time.Time
	rate     int64 // bytes a second
	duration time.Duration
	etag     string

	interrupt context.CancelCauseFunc // set while it sends

	// drawn is sound that may be sent, spent what was sent.
	drawn, spent time.Duration
	// portion is what is waited for next, ready when there should be as much.
	portion time.Duration
	ready   time.Time
	checked time.Time
	// sent is what the receipt lacks, or is empty.
	sent Part
}

// Size is the number of the sound's bytes.
func (l *Listening) Size() int64 { return l.sound.Size() }

// ETag is a strong validator of the sound's bytes.
func (l *Listening) ETag() string { return l.etag }

// Close closes the sound.
func (l *Listening) Close() error { return l.sound.Close() }

// Send writes a part of the sound at the pace of the account, until all of it
// is sent, the context ends, the listener may not listen any more, or another
// connection of the grant takes over. It returns an error unless all was sent.
func (l *Listening) Send(ctx context.Context, w io.Writer, span Span) error {
	ctx, l.interrupt = context.WithCancelCause(ctx)
	defer l.interrupt(nil)
	if l.listener.Interrupt != nil {
		defer context.AfterFunc(ctx, l.listener.Interrupt)()
	}
	l.player.admit(l)
	defer l.player.dismiss(l)
	l.checked = time.Now()
	err := l.send(ctx, w, span)
	return errors.Join(err, l.settle(ctx))
}

func (l *Listening) send(ctx context.Context, w io.Writer, span Span) error {
	for at := span.Start; at < span.End; {
		if err := l.check(ctx); err != nil {
			return err
		}
		if l.affordable() == 0 {
			if err := l.draw(ctx, l.lengthOf(span.End-at)); err != nil {
				return err
			}
		}
		n, err := l.sendChunk(w, at, min(span.End-at, l.affordable()))
		at += n
		if err != nil {
			return err
		}
	}
	return nil
}

// affordable is how many bytes may be sent of what was drawn.
func (l *Listening) affordable() int64 {
	// Seconds and the rest apart, or long sounds would overflow.
	left := l.drawn - l.spent
	whole := int64(left / time.Second)
	return whole*l.rate + int64(left%time.Second)*l.rate/int64(time.Second)
}

// lengthOf is how long so many bytes sound, rounded up.
func (l *Listening) lengthOf(bytes int64) time.Duration {
	whole, rest := bytes/l.rate, bytes%l.rate
	return time.Duration(whole)*time.Second + time.Duration((rest*int64(time.Second)+l.rate-1)/l.rate)
}

// sendChunk sends some of the bytes at a position.
func (l *Listening) sendChunk(w io.Writer, at, n int64) (int64, error) {
	chunk := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(chunk)
	buffer := chunk[:min(n, chunkSize)]
	if n, err := l.sound.ReadAt(buffer, at); n < len(buffer) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, fmt.Errorf("read recording %d: %w", l.grant.RecordingID, err)
	}
	written, err := w.Write(buffer)
	if written > 0 {
		l.count(at, int64(written))
	}
	if err != nil {
		return int64(written), fmt.Errorf("%w: %w", ErrListenerGone, err)
	}
	return int64(written), nil
}

// count notes what was sent. A connection sends one stretch, so one Part holds
// all that the receipt lacks.
func (l *Listening) count(at, n int64) {
	if l.spent == 0 {
		l.player.metrics.firstSound.Observe(time.Since(l.opened).Seconds())
	}
	l.spent += l.lengthOf(n)
	l.player.metrics.sentBytes.Add(float64(n))
	from := l.position(at)
	if l.sent == (Part{}) {
		l.sent.From = from
	}
	l.sent.To = l.position(at + n)
}

// position is the time at a byte. The header's few bytes count as sound, which
// makes a difference of some milliseconds.
func (l *Listening) position(at int64) time.Duration {
	return min(time.Duration(float64(at)/float64(l.rate)*float64(time.Second)), l.duration)
}

// draw takes from the account's budgets, and waits as long as need be. left is
// what remains to be sent.
func (l *Listening) draw(ctx context.Context, left time.Duration) error {
	seek := l.portion == 0
	want, least := min(left, maxPortion), l.portion
	if seek {
		want, least = min(max(left, leastCost), RecordingPace.Burst), leastSeek
	}
	if wait := time.Until(l.ready); wait > 0 {
		if err := l.pause(ctx, wait); err != nil {
			return err
		}
	}
	away := time.Time{}
	for first := true; ; first = false {
		drawn, wait, err := l.spend(ctx, left, want, least, seek)
		switch {
		case err == nil && drawn > 0:
			l.drawn += drawn
			return nil
		case err != nil:
			if away.IsZero() {
				away = time.Now()
			}
			if time.Since(away) > storePatience {
				return fmt.Errorf("%w: %w", errStoreAway, err)
			}
			wait = time.Second
		case seek && first:
			l.player.metrics.delayed.Inc()
		}
		if err := l.pause(ctx, wait); err != nil {
			return err
		}
	}
}

// spend asks the store once. When it got something it also finds out when to
// ask next.
func (l *Listening) spend(ctx context.Context, left, want, least time.Duration, seek bool) (drawn, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var portion, next time.Duration
	err = l.player.store.ChangeBudgets(ctx, l.grant.AccountID, l.grant.RecordingID, func(b Budgets, now time.Time) Budgets {
		b, drawn, wait = b.draw(now, want, least, seek)
		if drawn > 0 {
			portion = min(max(2*l.portion, firstPortion), maxPortion)
			_, _, next = b.draw(now, portion, min(portion, left-drawn), false)
		}
		return b
	})
	if err == nil && drawn > 0 {
		l.portion, l.ready = portion, time.Now().Add(next)
	}
	return drawn, wait, err
}

// pause waits, and ends early when there is no reason to wait any more.
func (l *Listening) pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return l.check(ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.listener.VerifyNow:
			if err := l.verify(ctx); err != nil {
				return err
			}
		}
	}
}

// check looks every few seconds whether to go on, and when it is told to.
func (l *Listening) check(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-l.listener.VerifyNow:
		return l.verify(ctx)
	default:
	}
	if time.Since(l.checked) < checkEvery {
		return nil
	}
	if err := l.verify(ctx); err != nil {
		return err
	}
	if err := l.record(ctx); err != nil {
		// The parts stay and are recorded with the next.
		l.player.log.LogAttrs(ctx, slog.LevelWarn, "receipt cannot be stored now", slog.Int64("play", int64(l.grant.ID)), slog.Any("err", err))
	}
	return nil
}

// verify returns why the listener may not listen any more. Where that cannot
// be found out the store is away, and nothing more is drawn either.
func (l *Listening) verify(ctx context.Context) error {
	l.checked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	by, err := l.listener.Verify(ctx)
	if err == nil {
		_, err = l.player.grant(ctx, by, l.hash)
	}
	if err == nil {
		_, err = l.player.audible(ctx, by, l.grant.RecordingID)
	}
	if err == nil || isRefusal(err) {
		return err
	}
	return nil
}

// isRefusal tells an answer from a fault.
func isRefusal(err error) bool {
	for _, refusal := range []error{accounts.ErrUnauthorized, ErrSessionRequired, ErrPlaybackNotFound, ErrPlaybackExpired, ErrNotFound} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	_, notReady := errors.AsType[*NotReadyError](err)
	return notReady
}

// record puts what was sent on the receipt.
func (l *Listening) record(ctx context.Context) error {
	if l.sent == (Part{}) {
		return nil
	}
	now := l.player.now().UTC()
	err := l.player.store.AddListen(ctx, Listen{
		Play: l.grant.ID, RecordingID: l.grant.RecordingID, AccountID: l.grant.AccountID, SessionID: l.grant.SessionID,
		Address: l.listener.Address, BeganAt: now, LastAt: now, Sent: []Part{l.sent.widened()},
	})
	if err != nil {
		return err
	}
	l.sent = Part{}
	return nil
}

// settle records what was sent last, and gives back what was not. It does so
// whatever ended the connection.
func (l *Listening) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	err := l.record(ctx)
	if err != nil {
		l.player.log.LogAttrs(ctx, slog.LevelError, "receipt is lost",
			slog.Int64("play", int64(l.grant.ID)), slog.Duration("from", l.sent.From), slog.Duration("to", l.sent.To), slog.Any("err", err))
	}
	unused := l.drawn - max(l.spent, min(leastCost, l.drawn))
	if unused <= 0 {
		return nil
	}
	// What cannot be given back is lost to who could have listened.
	return l.player.store.ChangeBudgets(ctx, l.grant.AccountID, l.grant.RecordingID, func(b Budgets, now time.Time) Budgets {
		return b.refund(now, unused)
	})
}
