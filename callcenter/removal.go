package callcenter

import (
	"context"
	"fmt"
	"time"
)

// gapNodeRemoved is why a gap began at a node that nobody follows any more.
const gapNodeRemoved = "node-removed"

// EndNode ends what is stored of a node that nobody follows any more, as it was
// renamed or taken out of the configuration, and returns how many calls went
// on. These end as those do that vanish in a gap, and are within one that
// began when the node was followed last. Its gaps are settled as unrepaired:
// who would look them up follows it no more.
//
// The store must be one that writes by the node's lease. After an error it may
// be called again.
func EndNode(ctx context.Context, node string, plan *Plan, store Store, at time.Time) (ended int, err error) {
	calls, err := store.ActiveCalls(ctx, node)
	if err != nil {
		return 0, fmt.Errorf("end node %q: %w", node, err)
	}
	if len(calls) > 0 {
		if err := endCalls(ctx, node, plan, store, calls, at); err != nil {
			return 0, fmt.Errorf("end node %q: %w", node, err)
		}
	}
	gaps, err := store.UnsettledGaps(ctx, node)
	if err != nil {
		return 0, fmt.Errorf("end node %q: %w", node, err)
	}
	for _, gap := range gaps {
		if gap.To == nil {
			gap.To = &at
			if err := store.SaveGap(ctx, gap); err != nil {
				return 0, fmt.Errorf("end node %q: %w", node, err)
			}
		}
		gap.Repair.SettledAt, gap.Repair.Settled = &at, SettledUnrepaired
		if err := store.SaveRepair(ctx, gap); err != nil {
			return 0, fmt.Errorf("end node %q: %w", node, err)
		}
	}
	return len(calls), nil
}

// endCalls declares the gap in which a node's calls vanish, and ends them.
func endCalls(ctx context.Context, node string, plan *Plan, store Store, calls []Call, at time.Time) error {
	from, err := store.LastProven(ctx, node)
	if err != nil {
		return err
	}
	if from.IsZero() {
		from = calls[0].StartedAt
	}
	if err := store.SaveGap(ctx, Gap{Node: node, From: from, To: &at, Why: gapNodeRemoved}); err != nil {
		return err
	}
	tracker, err := NewTracker(node, plan)
	if err != nil {
		return err
	}
	tracker.Restore(calls)
	tracker.Resync(Snapshot{At: at})
	return store.SaveCalls(ctx, tracker.Changed(nil))
}
