package callcenter

import (
	"context"
	"time"
)

// Asterisk writes its channel event log in the order of time, but late when its
// database is slow or was away. So the log has all of a gap when it has
// something from after it. On a quiet PBX nothing comes after it: then the gap
// is settled, and looked at once more should something come.

const (
	// loggedMargin is by how much the times of an event and of what the log has
	// of it may differ.
	loggedMargin = 2 * time.Second
	// maxQuiet bounds the gaps that are looked at once more.
	maxQuiet = 16
)

// latestRow returns the time of the last that the log has since a gap's
// beginning, and notes it when it is the first time that the gap is looked at.
func (f *Follower) latestRow(ctx context.Context, gap *Gap, skew time.Duration) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	latest, err := f.o.Log.Latest(ctx, gap.From.Add(skew-repairMargin))
	if err != nil {
		return time.Time{}, err
	}
	if _, looked := f.caughtUp[gap.From]; !looked && gap.Repair.Until == nil {
		f.caughtUp[gap.From] = latest
	}
	return latest, nil
}

// hasLogged reports whether the log must have something from after a time.
func (f *Follower) hasLogged(after time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logged.After(after.Add(loggedMargin))
}

// lateFrom returns from when on the log may have more of a gap than when it was
// first looked at; all of it when that was before a restart.
func (f *Follower) lateFrom(gap *Gap, skew time.Duration) time.Time {
	from := gap.From.Add(skew - repairMargin)
	if late := f.caughtUp[gap.From].Add(-repairMargin); late.After(from) {
		from = late
	}
	delete(f.caughtUp, gap.From)
	return from
}

// keepQuiet remembers a gap that is to be looked at once more.
func (f *Follower) keepQuiet(gap Gap) {
	if len(f.quiet) == maxQuiet {
		f.quiet = f.quiet[1:]
	}
	f.quiet = append(f.quiet, gap)
}

// repairQuiet looks once more at gaps of which the log may have had not all.
func (f *Follower) repairQuiet(ctx context.Context) error {
	f.mu.Lock()
	skew := f.skew
	f.mu.Unlock()
	for len(f.quiet) > 0 {
		gap := &f.quiet[0]
		from, to := gap.From.Add(skew-repairMargin), gap.To.Add(skew)
		question, cancel := context.WithTimeout(ctx, repairTimeout)
		latest, err := f.o.Log.Latest(question, from)
		cancel()
		if err != nil || latest.Before(to) {
			return err
		}
		before := gap.Repair.Repaired
		if err := f.repairBetween(ctx, gap, from, to.Add(repairMargin)); err != nil {
			return err
		}
		if gap.Repair.Repaired != before {
			if err := f.settleGap(ctx, gap, SettledByCEL); err != nil {
				return err
			}
		}
		f.quiet = f.quiet[1:]
	}
	return nil
}
