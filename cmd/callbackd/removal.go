package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/postgres"
)

const (
	// leaveAfter is how long nobody must have followed a node that this
	// configuration does not have, before what is stored of it is ended: another
	// daemon may have it still, and be restarted.
	leaveAfter = 10 * time.Minute
	// leaveEvery is how often such nodes are looked for, and those are tried
	// again that could not be ended; leaveTimeout is what bounds that.
	leaveEvery   = time.Minute
	leaveTimeout = 30 * time.Second
)

// leftNodes ends what is stored of nodes that were renamed or taken out of the
// configuration. Their calls would go on for ever.
type leftNodes struct {
	log *slog.Logger
	// find returns those whose lease has been over for leaveAfter.
	find  func(ctx context.Context) ([]string, error)
	lease func(node string) leftLease
	end   func(ctx context.Context, node string, lease leftLease) (calls int, err error)
	// taken are the leases of nodes that could not be ended.
	taken map[string]leftLease
}

// leftLease is a *postgres.Lease.
type leftLease interface {
	Take(ctx context.Context) (handed bool, err error)
	Renew(ctx context.Context) error
	Release(ctx context.Context) error
	Calls() *postgres.Calls
}

func (d *daemon) newLeftNodes() *leftNodes {
	return &leftNodes{
		log: d.log, taken: map[string]leftLease{},
		find:  func(ctx context.Context) ([]string, error) { return d.db.LeftNodes(ctx, d.nodeNames(), leaveAfter) },
		lease: func(node string) leftLease { return d.db.Lease(node, holder()) },
		end: func(ctx context.Context, node string, lease leftLease) (int, error) {
			return callcenter.EndNode(ctx, node, planOf(d.dialplan.Load(), &configs.PBX{}), lease.Calls(), time.Now().UTC())
		},
	}
}

// run ends such nodes until ctx ends.
func (l *leftNodes) run(ctx context.Context) error {
	for ctx.Err() == nil {
		turn, cancel := context.WithTimeout(ctx, leaveTimeout)
		err := l.turn(turn)
		cancel()
		if err != nil && ctx.Err() == nil {
			l.log.WarnContext(ctx, "nodes that were left cannot be ended; it is tried again", slog.Any("err", err), slog.Duration("retry_in", leaveEvery))
		}
		wait(ctx, leaveEvery)
	}
	return nil
}

// turn ends the nodes that are to be ended now.
func (l *leftNodes) turn(ctx context.Context) error {
	nodes, err := l.find(ctx)
	for node, lease := range l.taken {
		// A lease that can be renewed proves that nobody has followed the node
		// since. Else it begins from the beginning.
		switch late := lease.Renew(ctx); {
		case late == nil:
			err = errors.Join(err, l.endNode(ctx, node, lease))
		case errors.Is(late, callcenter.ErrSuperseded):
			delete(l.taken, node)
		default:
			err = errors.Join(err, late)
		}
	}
	for _, node := range nodes {
		if l.taken[node] != nil {
			continue // it was tried just now
		}
		lease := l.lease(node)
		if _, taking := lease.Take(ctx); errors.Is(taking, callcenter.ErrHeld) {
			continue // another daemon was first
		} else if taking != nil {
			err = errors.Join(err, taking)
			continue
		}
		l.taken[node] = lease
		err = errors.Join(err, l.endNode(ctx, node, lease))
	}
	return err
}

// endNode ends a node whose lease is taken.
func (l *leftNodes) endNode(ctx context.Context, node string, lease leftLease) error {
	calls, err := l.end(ctx, node, lease)
	if err != nil {
		return err
	}
	delete(l.taken, node)
	l.log.WarnContext(ctx, "a node that the configuration does not have was ended", slog.String("node", node), slog.Int("calls", calls))
	return lease.Release(ctx)
}
