package recording

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

const (
	// expireBatch is how many recordings expire in one transaction, which the
	// writers of the change log wait for.
	expireBatch = 100
	purgeBatch  = 100
	day         = 24 * time.Hour
)

// Retire makes those of a node's recordings expire whose call center keeps
// them no longer, and then removes files: the copies, and the originals where
// the node's place says so. They cannot be played from the moment that they
// expire. It goes on where it was when it is cut off; a file that could not be
// removed is tried again the next time.
func (k *Keeper) Retire(ctx context.Context, node string) error {
	place, ok := k.library.places[node]
	if !ok {
		return nil
	}
	keepDays := k.keepDays()
	for _, callCenter := range slices.Sorted(maps.Keys(keepDays)) {
		now := k.now().UTC()
		days := keepDays[callCenter]
		for {
			n, err := k.store.Expire(ctx, node, callCenter, days, now.Add(-time.Duration(days)*day), now, expireBatch)
			if err != nil {
				return fmt.Errorf("expire recordings of call center %q: %w", callCenter, err)
			}
			k.metrics.expired(node, n)
			if n < expireBatch {
				break
			}
		}
	}
	return k.purge(ctx, node, place)
}

// purge removes the files of what has expired.
func (k *Keeper) purge(ctx context.Context, node string, place Place) error {
	failures, after := 0, ID(0)
	for {
		batch, err := k.store.Purgeable(ctx, node, place.Purge && place.Shelf != nil, after, purgeBatch)
		if err != nil {
			return fmt.Errorf("purge recordings of node %q: %w", node, err)
		}
		for i := range batch {
			after = batch[i].ID
			purged, err := k.remove(ctx, place, &batch[i])
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				if failures++; failures == 1 { // the others fail alike
					k.log.WarnContext(ctx, "the file of an expired recording cannot be removed", slog.String("node", node),
						slog.Int64("recording", int64(after)), slog.Any("err", err))
				}
				k.metrics.purgeFailed(node)
				continue
			}
			if !purged.Copy && !purged.Original {
				continue // another recording still needs the file
			}
			if err := k.store.SavePurged(ctx, after, purged); err != nil {
				return fmt.Errorf("purge recordings of node %q: %w", node, err)
			}
			k.metrics.purged(node)
		}
		if len(batch) < purgeBatch {
			return nil
		}
	}
}

// remove removes the files of one recording.
func (k *Keeper) remove(ctx context.Context, place Place, p *Purge) (Purged, error) {
	purged := Purged{At: k.now().UTC(), Copy: p.Converted}
	if err := k.library.copies.remove(p.ID); err != nil {
		return Purged{}, fmt.Errorf("remove copy: %w", err)
	}
	if !place.Purge || p.Shared {
		return purged, nil
	}
	purged.Original = true
	name, err := place.name(p.Name)
	if err != nil {
		return purged, nil //nolint:nilerr // out of reach: it never was ours
	}
	if err := place.Shelf.Remove(ctx, name); err != nil {
		return Purged{}, fmt.Errorf("remove file: %w", err)
	}
	return purged, nil
}
