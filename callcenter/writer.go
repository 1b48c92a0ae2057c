package callcenter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"callbackd/ari"
)

// collect takes what changed from the tracker to what waits for the store.
// f.mu is held.
func (f *Follower) collect() {
	for _, c := range f.tracker.Changed(nil) {
		if f.retired.Load() {
			continue // another daemon stores it
		}
		if _, waits := f.pending[c.RequestID]; !waits {
			f.order = append(f.order, c.RequestID)
		}
		f.pending[c.RequestID] = c
		if c.State == StateEnded {
			select {
			case f.ended <- struct{}{}:
			default: // signalled already
			}
		}
	}
	if len(f.order) > 0 {
		f.wake()
	}
}

func (f *Follower) wake() {
	select {
	case f.work <- struct{}{}:
	default: // woken already, and not awake yet
	}
}

// write stores what changes, until ctx ends and nothing is left to apply;
// then it stores what is left. It ends at once with ErrSuperseded.
func (f *Follower) write(ctx context.Context) error {
	tick := time.NewTicker(provenEvery)
	defer tick.Stop()
	// took is how long it took last time. Changes wait for others as long as that:
	// briefly for a database that is quick, and with as many others as coalesce
	// lets together for one that has much to do. Asterisk tells of one step of a
	// call by dozens of events, within some milliseconds; the end of a call comes
	// last, so it waits for nothing.
	took := coalesce
	for ctx.Err() == nil {
		proof := false
		select {
		case <-ctx.Done():
			continue
		case <-tick.C:
			proof = true
		case <-f.work:
			f.gather(ctx, min(took, coalesce))
		}
		began := time.Now()
		if err := f.flush(ctx, proof); err != nil {
			return err
		}
		took = time.Since(began)
	}
	select {
	case <-f.consumed:
	case <-f.handover.retire:
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := f.flush(last, true); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.pending); n > 0 {
		return fmt.Errorf("%d calls could not be stored: %w", n, f.storeErr)
	}
	return nil
}

// gather waits, or less when ctx or a call ends.
func (f *Follower) gather(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-f.ended:
	case <-t.C:
	}
}

// pause waits, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// flush stores all that waits, again and again until that succeeds or ctx
// ends: what is acknowledged to nobody must not be dropped. It gives up only
// when another daemon has taken the node over, with ErrSuperseded: that one
// knows, or repairs, what waits here. With proof it also stores until when events
// were followed: a transaction of its own, for which changes need not wait.
func (f *Follower) flush(ctx context.Context, proof bool) error {
	wait := 50 * time.Millisecond
	for {
		err := f.save(ctx, proof)
		f.mu.Lock()
		if (err == nil) != (f.storeErr == nil) {
			f.storeErrAt = time.Now()
		}
		f.storeErr = err
		f.mu.Unlock()
		if errors.Is(err, ErrSuperseded) {
			return err
		}
		if err == nil || ctx.Err() != nil {
			return nil
		}
		f.o.Metrics.storeFailed(f.o.Node)
		f.log.Error("calls cannot be stored; they are kept and stored later", slog.Any("err", err), slog.Duration("retry_in", wait))
		pause(ctx, wait+rand.N(wait))
		wait = min(2*wait, 2*time.Second)
	}
}

// save stores all that waits, once.
func (f *Follower) save(ctx context.Context, proof bool) error {
	// Before what waits is taken, which this then includes.
	f.mu.Lock()
	proven, known := f.proven, f.known
	waits := len(f.order) > 0 || len(f.gaps) > 0
	if proven.IsZero() && waits {
		proven = f.began // the connection ended before the channels were listed
	}
	f.mu.Unlock()
	if !known {
		if proven.IsZero() {
			return nil // nothing was taken when this was looked at: soon
		}
		// Before any call: a daemon that is killed in between has followed.
		if err := f.saveProven(ctx, proven); err != nil {
			return err
		}
	}
	for {
		f.mu.Lock()
		gaps := f.gaps
		f.gaps = nil
		batch := make([]Call, 0, min(len(f.order), maxBatch))
		for _, id := range f.order[:cap(batch)] {
			batch = append(batch, f.pending[id])
			delete(f.pending, id)
		}
		f.order = f.order[len(batch):]
		more := len(f.order) > 0
		f.mu.Unlock()

		gaps, err := f.saveGaps(ctx, gaps)
		if err == nil {
			err = f.saveCalls(ctx, batch)
		}
		if err != nil {
			f.putBack(batch, gaps)
			return err
		}
		select {
		case f.room <- struct{}{}:
		default: // signalled already
		}
		if !more {
			break
		}
	}
	if !proof {
		return nil
	}
	return f.saveProven(ctx, proven)
}

func (f *Follower) saveProven(ctx context.Context, proven time.Time) error {
	if proven.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := f.o.Store.SaveProven(ctx, f.o.Node, proven); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = true
	return nil
}

// saveGaps returns the gaps that could not be stored. Those that were must not
// be stored again: one that has ended would last again for a while.
func (f *Follower) saveGaps(ctx context.Context, gaps []Gap) (left []Gap, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for i, gap := range gaps {
		if err := f.o.Store.SaveGap(ctx, gap); err != nil {
			return gaps[i:], err
		}
		if gap.To != nil {
			select {
			case f.closed <- struct{}{}:
			default: // signalled already
			}
		}
	}
	return nil, nil
}

// saveCalls stores one batch. Calls that the store refuses are left to their
// next change: trying them again and again would in the end leave no room in
// a batch for any other.
func (f *Follower) saveCalls(ctx context.Context, batch []Call) error {
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	begin := time.Now()
	err := f.o.Store.SaveCalls(ctx, batch)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		f.o.Metrics.refused(f.o.Node, len(refused.Calls))
		f.log.Error("calls are refused by the database and not stored", slog.Any("request_ids", refused.Calls), slog.Any("err", refused.Err))
		batch = slices.DeleteFunc(batch, func(c Call) bool { return slices.Contains(refused.Calls, c.RequestID) })
		err = nil
	}
	if err != nil {
		return err
	}
	f.logStored(ctx, batch)
	f.mu.Lock()
	skew := f.skew
	f.mu.Unlock()
	f.o.Metrics.stored(f.o.Node, batch, begin, time.Now(), skew)
	return nil
}

// logStored says of each call what it was stored as, to whoever asks for that
// much. The logger hides numbers.
func (f *Follower) logStored(ctx context.Context, batch []Call) {
	if !f.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	for i := range batch {
		c := &batch[i]
		f.log.LogAttrs(ctx, slog.LevelDebug, "a call is stored",
			slog.String("request_id", string(c.RequestID)), slog.String("linked_id", c.LinkedID),
			slog.String("kind", string(c.Kind)), slog.String("state", string(c.State)),
			slog.String("remote_number", c.RemoteNumber), slog.String("local_number", c.LocalNumber),
			slog.String("agent", c.Agent), slog.String("outcome", string(c.Outcome.Result)))
	}
}

// putBack returns what could not be stored to what waits, unless a call has
// changed again since.
func (f *Follower) putBack(batch []Call, gaps []Gap) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gaps = append(gaps, f.gaps...)
	again := make([]RequestID, 0, len(batch)+len(f.order))
	for _, c := range batch {
		if _, newer := f.pending[c.RequestID]; !newer {
			f.pending[c.RequestID] = c
			again = append(again, c.RequestID)
		}
	}
	f.order = append(again, f.order...)
}

// CallOf is Tracker.CallOf.
func (f *Follower) CallOf(id ari.ChannelID) (c Call, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tracker.CallOf(id)
}

// ActiveChannels returns the channels that are followed now.
func (f *Follower) ActiveChannels() []ari.ChannelID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tracker.ActiveChannels()
}
