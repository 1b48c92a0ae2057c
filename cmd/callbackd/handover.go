package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"callbackd/ari"
	"callbackd/callcenter"
)

const (
	// handOverEvery is how often each of two daemons looks how far the other
	// one has come.
	handOverEvery = 50 * time.Millisecond
	// heirTimeout bounds the question whether another daemon waits: one that
	// is asked to end must, soon, when none does.
	heirTimeout = 2 * time.Second
	// prepareTimeout bounds how long a daemon prepares to follow a node, and
	// handOverTimeout the whole of it.
	prepareTimeout  = 10 * time.Second
	handOverTimeout = 15 * time.Second
	// finishTimeout bounds how long callers are still talked to by a daemon
	// that has handed over; those who are left then are sent on.
	finishTimeout = time.Minute
	// takeUpAfter is when callers are looked for whom the daemon before
	// nevertheless left alone: it died.
	takeUpAfter = finishTimeout + 15*time.Second
)

// errNotHanded says that the daemon before did not hand the node over for
// which this one was prepared.
var errNotHanded = errors.New("not handed over")

// newLeavingStream returns the stream by which the node is followed while it
// is handed over, and callers are talked to afterwards. Its name is never the
// same: two daemons may be leaving.
func (n *followedNode) newLeavingStream() (*ari.Stream, error) {
	client, err := newClientAs(n.cfg, n.cfg.ARI.Application+"-leaving-"+strings.ToLower(rand.Text()[:8]))
	if err != nil {
		return nil, err
	}
	return n.newStream(client, nil)
}

// takeNow takes the node if it is to be had. Otherwise it says that this daemon
// waits for it, and prepares when it is offered.
func (n *followedNode) takeNow(ctx context.Context, t *nodeTerm) error {
	turn, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	handed, err := t.lease.Take(turn)
	prepared := !t.prepared.IsZero()
	switch {
	case err == nil && prepared && !handed:
		return errNotHanded
	case err == nil:
		t.handed = handed
		return nil
	case prepared && time.Since(t.prepared) > handOverTimeout+postgresGrace:
		return fmt.Errorf("%w: %w", errNotHanded, err)
	case !errors.Is(err, callcenter.ErrHeld):
		return err
	case prepared:
		return n.mayBeHanded(turn, t, err)
	}
	offered, failed := t.lease.StandBy(turn)
	if failed != nil {
		return failed
	}
	if !offered {
		return err
	}
	if failed := n.prepareFor(ctx, t); failed != nil {
		return fmt.Errorf("%w: %w", errNotHanded, failed)
	}
	return err
}

// mayBeHanded returns held, by which the node is not to be had yet, as long as
// it may still be handed over. Where a third daemon was faster to take it from
// one that died, this one is to wait for that.
func (n *followedNode) mayBeHanded(ctx context.Context, t *nodeTerm, held error) error {
	switch offered, err := t.lease.IsOffered(ctx); {
	case err != nil:
		return err
	case !offered:
		return fmt.Errorf("%w: %w", errNotHanded, held)
	}
	return held
}

// postgresGrace is how much longer than a hand-over takes the lease of a daemon
// lasts that died in the middle of it.
const postgresGrace = 5 * time.Second

// prepareFor has all events from now on, and tells so to the daemon that offers
// the node.
func (n *followedNode) prepareFor(ctx context.Context, t *nodeTerm) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	n.log.Info("the node is handed over to this daemon")
	if err := t.follower.Prepare(ctx); err != nil {
		return err
	}
	t.prepared = time.Now()
	return t.lease.Ready(ctx)
}

// leave hands the node over to a daemon that waits for it, if there is one, and
// finishes talking to callers. stored is called when all is stored. It returns
// when following is to end.
func (n *followedNode) leave(following context.Context, t *nodeTerm, stored func()) {
	if !n.hasHeir(following, t) {
		return
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(following, handOverTimeout)
	defer cancel()
	err := t.follower.HandOver(ctx, func(ctx context.Context) error { return n.offer(ctx, t) })
	if err == nil {
		// From here on nobody writes until the other one has taken the lease.
		stored()
		err = n.letGo(ctx, t)
	}
	if err != nil {
		n.log.Warn("the node is not handed over; another daemon takes it over", slog.Any("err", err))
		return
	}
	n.hold(false)
	n.log.Info("the node was handed over", slog.Duration("took", time.Since(began)))
	finish, cancel := context.WithTimeout(following, finishTimeout)
	defer cancel()
	t.attendant.Finish(finish)
}

func (n *followedNode) hasHeir(ctx context.Context, t *nodeTerm) bool {
	if n.d.db.Away() != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, heirTimeout)
	defer cancel()
	has, err := t.lease.HasHeir(ctx)
	if err != nil {
		n.log.Warn("it is not known whether another daemon waits for the node", slog.Any("err", err))
	}
	return has
}

// errNoHeir says that no daemon waits any more.
var errNoHeir = errors.New("the daemon that waited for it has gone")

// offer offers the node to the daemon that waits for it, and to the next when
// that one has died, and returns when one is ready.
func (n *followedNode) offer(ctx context.Context, t *nodeTerm) error {
	switch offered, err := t.lease.Offer(ctx); {
	case err != nil:
		return err
	case !offered:
		return errNoHeir
	}
	for {
		ready, err := t.lease.IsHeirReady(ctx)
		if ready {
			return nil
		}
		if err == nil {
			_, err = t.lease.Offer(ctx)
		}
		if err != nil {
			n.log.Debug("it is not known how far the other daemon is", slog.Any("err", err))
		}
		if wait(ctx, handOverEvery); ctx.Err() != nil {
			return fmt.Errorf("wait until another daemon has all events: %w", ctx.Err())
		}
	}
}

func (n *followedNode) letGo(ctx context.Context, t *nodeTerm) error {
	done, err := t.lease.HandOver(ctx)
	if err == nil && !done {
		err = errNoHeir
	}
	return err
}

// takeUp takes up the callers whom the daemon that handed the node over has
// left alone.
func (n *followedNode) takeUp(ctx context.Context, t *nodeTerm) error {
	if wait(ctx, takeUpAfter); ctx.Err() != nil {
		return nil
	}
	channels, err := n.client.Channels(ctx)
	if err != nil {
		// The next connection looks again.
		n.log.Debug("the list of channels cannot be had", slog.Any("err", err))
		return nil
	}
	t.attendant.TakeUp(channels)
	return nil
}
