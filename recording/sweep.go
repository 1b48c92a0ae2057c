package recording

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	// sweepBatch is how many files are asked about at once.
	sweepBatch = 500
	// youngest is how old a file must be for a sweep to miss its call: younger
	// ones may be of calls that go on.
	youngest = time.Hour
	// retryFor is for how long after its call a recording may turn up.
	retryFor = 7 * 24 * time.Hour
	// retryMost bounds the recordings that a sweep looks at again.
	retryMost = 2000
	// partsKept is how old unfinished copies become.
	partsKept = 24 * time.Hour
)

// Sweep compares the files of a node with what is stored. It counts files that
// belong to no call, and looks again for recordings that are missing: a file
// that was copied late, or made readable, or that a newly installed program
// decodes, is found by it.
func (k *Keeper) Sweep(ctx context.Context, node string) error {
	place, ok := k.library.places[node]
	if !ok {
		return nil // not of this daemon's configuration any more
	}
	result := Sweep{Node: node, At: k.now().UTC()}
	if err := k.library.copies.tidy(result.At.Add(-partsKept)); err != nil {
		return fmt.Errorf("tidy copies: %w", err)
	}
	if place.Shelf != nil && !place.Shelf.Traits().Fetched {
		if err := k.lookThrough(ctx, place, &result); err != nil {
			// Else a mount that is away would hide those that are missing.
			k.log.WarnContext(ctx, "the library of a node cannot be listed", slog.String("node", node), slog.Any("err", err))
			k.metrics.sweepFailed(node)
		} else {
			result.Looked = true
		}
	}
	if place.Shelf != nil {
		if err := k.retry(ctx, node, &result); err != nil {
			return fmt.Errorf("look again for recordings of node %q: %w", node, err)
		}
	}
	if err := k.store.SaveSweep(ctx, result); err != nil {
		return fmt.Errorf("store sweep of node %q: %w", node, err)
	}
	k.log.InfoContext(ctx, "recordings were compared with their files", slog.String("node", node),
		slog.Int64("files", result.Total.Files), slog.Int64("files_without_call", result.WithoutCall.Files),
		slog.Int("found_late", result.Found))
	return nil
}

// lookThrough counts a node's files, and those without a call.
func (k *Keeper) lookThrough(ctx context.Context, place Place, result *Sweep) error {
	batch := make([]File, 0, sweepBatch)
	ask := func() error {
		if len(batch) == 0 {
			return nil
		}
		unclaimed, err := k.store.Unclaimed(ctx, result.Node, batch)
		result.WithoutCall.Files += unclaimed.Files
		result.WithoutCall.Bytes += unclaimed.Bytes
		batch = batch[:0]
		return err
	}
	before := result.At.Add(-youngest)
	err := place.Shelf.Walk(ctx, func(name string, info FileInfo) error {
		result.Total.Files++
		result.Total.Bytes += info.Size
		if info.ModTime.After(before) {
			return nil
		}
		if batch = append(batch, File{Names: place.pbxNames(name), Size: info.Size}); len(batch) < sweepBatch {
			return nil
		}
		return ask()
	})
	if err != nil {
		return err
	}
	return ask()
}

// retry looks again for what is missing, or was forgotten.
func (k *Keeper) retry(ctx context.Context, node string, result *Sweep) error {
	ids, err := k.store.Retry(ctx, node, result.At.Add(-retryFor), result.At.Add(-youngest), retryMost)
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range ids {
		again, err := k.Ingest(ctx, id)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			failed = append(failed, err)
		case again > 0:
			if err := k.store.Enqueue(ctx, node, id); err != nil {
				return err
			}
		default:
			if a, err := k.store.Awaited(ctx, id); err == nil && a.State == StateReady {
				result.Found++
			}
		}
	}
	const enough = 10 // of errors that are mostly the same
	return errors.Join(failed[:min(len(failed), enough)]...)
}
