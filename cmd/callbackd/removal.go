package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"callbackd/callcenter"
	"callbackd/configs"
)

const (
	// leaveAfter is how long nobody must have followed a node that this
	// configuration does not have, before what is stored of it is ended: another
	// daemon may have it still, and be restarted.
	leaveAfter = 10 * time.Minute
	// leaveEvery is how often such nodes are looked for, leaveTimeout what
	// bounds that.
	leaveEvery   = time.Minute
	leaveTimeout = 30 * time.Second
)

// endLeftNodes ends what is stored of nodes that were renamed or taken out of
// the configuration, until ctx ends. Their calls would go on for ever.
func (d *daemon) endLeftNodes(ctx context.Context) error {
	for ctx.Err() == nil {
		turn, cancel := context.WithTimeout(ctx, leaveTimeout)
		nodes, err := d.db.LeftNodes(turn, d.nodeNames(), leaveAfter)
		for _, node := range nodes {
			err = errors.Join(err, d.endNode(turn, node))
		}
		cancel()
		if err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "nodes that were left cannot be ended; it is tried again later", slog.Any("err", err))
		}
		wait(ctx, leaveEvery)
	}
	return nil
}

func (d *daemon) endNode(ctx context.Context, node string) error {
	lease := d.db.Lease(node, holder())
	if _, err := lease.Take(ctx); errors.Is(err, callcenter.ErrHeld) {
		return nil // another daemon was first
	} else if err != nil {
		return err
	}
	plan := planOf(d.dialplan.Load(), &configs.PBX{})
	ended, err := callcenter.EndNode(ctx, node, plan, lease.Calls(), time.Now().UTC())
	if err != nil {
		return err // the lease runs out; leaveAfter that, it is tried again
	}
	d.log.WarnContext(ctx, "a node that the configuration does not have was ended", slog.String("node", node), slog.Int("calls", ended))
	return lease.Release(ctx)
}
