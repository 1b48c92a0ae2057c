package callcenter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

const (
	// DefaultRepairAgainAfter is how long Asterisk may need, in a bad moment, to
	// write to its channel event log.
	DefaultRepairAgainAfter = 15 * time.Second
	// DefaultRepairWithin is how long it is waited for a log that is behind,
	// such as while Asterisk connects to its database.
	DefaultRepairWithin = 10 * time.Minute
)

const (
	// repairMargin is how much of the log around a gap is looked at: clocks
	// differ, and a gap begins when something was last proven, not lost.
	repairMargin = time.Minute
	// repairSlice is how much of a gap is looked at before that is recorded,
	// repairCalls how many calls at a time.
	repairSlice = time.Minute
	repairCalls = 100
	// maxCELEvents bounds what is read of the log at once. Calls with more are
	// read one by one, and of one with more the last is not.
	maxCELEvents = 50_000
	// repairYield is how many calls may wait for the store while a repair
	// goes on: those that run now come first.
	repairYield = 200
	// repairTimeout bounds each question to the log.
	repairTimeout = 30 * time.Second
	// repairRetry is how long a repair that failed waits at first, and
	// repairRetryMax at most.
	repairRetry    = time.Second
	repairRetryMax = time.Minute
)

// repair settles the node's gaps, one after the other, until ctx ends.
func (f *Follower) repair(ctx context.Context) error {
	retry := repairRetry
	for ctx.Err() == nil {
		wait, err := f.repairGaps(ctx)
		f.mu.Lock()
		if (err == nil) != (f.repairErr == nil) {
			f.repairErrAt = time.Now()
		}
		f.repairErr = err
		f.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			f.o.Metrics.repairFailed(f.o.Node)
			f.log.Warn("gaps cannot be repaired; it is tried again", slog.Any("err", err), slog.Duration("retry_in", retry))
			wait, retry = retry, min(2*retry, repairRetryMax)
		} else {
			retry = repairRetry
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-f.closed:
		}
		t.Stop()
	}
	return nil
}

// repairGaps does what can be done now about gaps that have ended, and returns
// how long there will be nothing more to do.
func (f *Follower) repairGaps(ctx context.Context) (wait time.Duration, err error) {
	wait = repairRetryMax
	f.mu.Lock()
	synced := f.synced > 0
	f.mu.Unlock()
	if !synced {
		// Which calls run is known only by the list of channels. The gap that
		// lasts until then is closed when it is read.
		return wait, nil
	}
	gaps, err := f.unsettledGaps(ctx)
	if err != nil {
		return wait, err
	}
	for i := range gaps {
		gap := &gaps[i]
		if gap.To == nil {
			continue
		}
		due, err := f.repairGap(ctx, gap)
		if err != nil {
			return wait, fmt.Errorf("repair the gap of %s: %w", gap.From.UTC().Format(time.RFC3339), err)
		}
		if due > 0 {
			wait = min(wait, due)
		}
	}
	if err := f.repairQuiet(ctx); err != nil {
		return wait, err
	}
	_, err = f.unsettledGaps(ctx)
	return wait, err
}

func (f *Follower) unsettledGaps(ctx context.Context) ([]Gap, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	gaps, err := f.o.Store.UnsettledGaps(ctx, f.o.Node)
	if err == nil {
		f.mu.Lock()
		f.unsettled = len(gaps)
		f.mu.Unlock()
	}
	return gaps, err
}

// repairGap repairs what happened in a gap as soon as it has ended, and once
// more when Asterisk has written all of it; then it is settled. It returns in
// what time the next turn is due, 0 when the gap is settled.
func (f *Follower) repairGap(ctx context.Context, gap *Gap) (due time.Duration, err error) {
	if f.o.Log == nil {
		return 0, f.settleGap(ctx, gap, SettledUnrepaired)
	}
	f.mu.Lock()
	skew := f.skew
	f.mu.Unlock()
	from, to := gap.From.Add(skew-repairMargin), gap.To.Add(skew+repairMargin)
	if done := gap.Repair.Until; done != nil && done.After(from) {
		from = *done
	}
	latest, err := f.latestRow(ctx, gap, skew)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	if from.Before(to) {
		if err := f.repairBetween(ctx, gap, from, to); err != nil {
			return 0, err
		}
		f.o.Metrics.repairTook(f.o.Node, time.Since(begin))
	}
	if due := time.Until(gap.To.Add(f.o.RepairAgainAfter)); due > 0 {
		return due, nil
	}
	behind := latest.Before(gap.To.Add(skew))
	if behind && f.hasLogged(gap.To.Add(skew)) {
		if time.Since(*gap.To) < f.o.RepairWithin {
			return f.o.RepairAgainAfter, nil
		}
		f.log.Warn("the channel event log has nothing from after a gap, though there were calls", slog.Time("gap", gap.From))
		return 0, f.settleGap(ctx, gap, SettledUnrepaired)
	}
	if err := f.repairBetween(ctx, gap, f.lateFrom(gap, skew), to); err != nil {
		return 0, err
	}
	if behind {
		f.keepQuiet(*gap)
	}
	return 0, f.settleGap(ctx, gap, SettledByCEL)
}

// settleGap records that nothing more is done about a gap.
func (f *Follower) settleGap(ctx context.Context, gap *Gap, how Settling) error {
	now := time.Now().UTC()
	gap.Repair.Settled, gap.Repair.SettledAt = how, &now
	return f.saveRepair(ctx, gap)
}

func (f *Follower) saveRepair(ctx context.Context, gap *Gap) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return f.o.Store.SaveRepair(ctx, *gap)
}

// repairBetween repairs the calls of which the log tells something between two
// times, and records after each slice how far it has come: hours of absence
// take a while, and a restart goes on from there.
func (f *Follower) repairBetween(ctx context.Context, gap *Gap, from, to time.Time) error {
	// What a call's rows tell is read at once, so a long call need not be
	// looked at in each slice that it lasts.
	done := map[string]time.Time{}
	for from.Before(to) {
		end := from.Add(repairSlice)
		if end.After(to) {
			end = to
		}
		ids, err := f.linkedIDs(ctx, from, end)
		if err != nil {
			return err
		}
		var batch []string
		for _, id := range ids {
			if _, is := done[id]; !is {
				batch = append(batch, id)
			}
			done[id] = end
		}
		for len(batch) > 0 {
			n := min(len(batch), repairCalls)
			repaired, err := f.repairCalls(ctx, batch[:n])
			if err != nil {
				return err
			}
			gap.Repair.Repaired += repaired
			batch = batch[n:]
		}
		for id, last := range done {
			if end.Sub(last) > 10*repairSlice {
				delete(done, id)
			}
		}
		if gap.Repair.Until == nil || end.After(*gap.Repair.Until) {
			gap.Repair.Until = &end
			if err := f.saveRepair(ctx, gap); err != nil {
				return err
			}
		}
		from = end
	}
	return nil
}

func (f *Follower) linkedIDs(ctx context.Context, from, to time.Time) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	return f.o.Log.LinkedIDs(ctx, from, to)
}

// repairCalls repairs calls by all that the log tells of them, and returns how
// many it changed.
func (f *Follower) repairCalls(ctx context.Context, linkedIDs []string) (int, error) {
	f.yield(ctx)
	question, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	events, err := f.o.Log.Events(question, linkedIDs, maxCELEvents)
	if err != nil {
		return 0, err
	}
	if len(events) == maxCELEvents && len(linkedIDs) > 1 {
		half := len(linkedIDs) / 2
		first, err := f.repairCalls(ctx, linkedIDs[:half])
		if err != nil {
			return first, err
		}
		second, err := f.repairCalls(ctx, linkedIDs[half:])
		return first + second, err
	}
	return f.repairFrom(ctx, events)
}

// repairFrom repairs calls by their part of the log, and returns how many it
// changed.
func (f *Follower) repairFrom(ctx context.Context, events []CELEvent) (int, error) {
	log, err := NewTracker(f.o.Node, &Plan{})
	if err != nil {
		return 0, err
	}
	f.mu.Lock()
	log.plan = f.tracker.plan
	f.mu.Unlock()
	log.ApplyCEL(events)

	// What the tracker still has, which is all that runs, it must repair
	// itself: it would store its own word over any other.
	f.mu.Lock()
	log.Lose(f.tracker.Follows)
	repaired, missing := f.tracker.Repair(log)
	f.collect()
	waiting := slices.ContainsFunc(missing, func(id RequestID) bool { _, waits := f.pending[id]; return waits })
	f.mu.Unlock()
	if waiting {
		return 0, errors.New("calls that ended still wait to be stored")
	}
	stored, err := f.repairStored(ctx, log, missing)
	if err != nil {
		return 0, err
	}
	repaired = append(repaired, stored...)
	for i := range repaired {
		f.o.Metrics.repaired(f.o.Node, repaired[i].What())
	}
	return len(repaired), nil
}

// repairStored repairs calls that ended too long ago for the tracker to have
// them, or that nobody ever saw.
func (f *Follower) repairStored(ctx context.Context, log *Tracker, ids []RequestID) ([]Repaired, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	stored, err := f.o.Store.CallsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	ended, err := NewTracker(f.o.Node, &Plan{})
	if err != nil {
		return nil, err
	}
	ended.plan = log.plan
	ended.Restore(stored)
	repaired := ended.Adopt(log, ids)
	if len(repaired) == 0 {
		return nil, nil
	}
	err = f.o.Store.SaveCalls(ctx, ended.Changed(nil))
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		f.o.Metrics.refused(f.o.Node, len(refused.Calls))
		f.log.Error("repaired calls are refused by the database and not stored", slog.Any("request_ids", refused.Calls), slog.Any("err", refused.Err))
		err = nil
	}
	return repaired, err
}

// yield waits while calls that run now wait for the store.
func (f *Follower) yield(ctx context.Context) {
	for ctx.Err() == nil {
		f.mu.Lock()
		busy := len(f.pending) > repairYield
		f.mu.Unlock()
		if !busy {
			return
		}
		pause(ctx, coalesce)
	}
}

// RepairHealth says whether gaps can be repaired.
type RepairHealth struct {
	// Unsettled is how many gaps are not settled, one that lasts included.
	Unsettled int
	// Err is why none can be repaired; nil when they can.
	Err error
	// Since is from when on it has been so; zero when it always was.
	Since time.Time
}

// RepairHealth reports on the repair of the node's gaps.
func (f *Follower) RepairHealth() RepairHealth {
	f.mu.Lock()
	defer f.mu.Unlock()
	return RepairHealth{Unsettled: f.unsettled, Err: f.repairErr, Since: f.repairErrAt}
}
