package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"callbackd/ari"
	"callbackd/ari/journal"
	"callbackd/callcenter"
)

const (
	// lateEvents is how long after an interval's end events are still read
	// when none of its calls goes on.
	lateEvents = time.Minute
	// takeCallsEvery events the tracker hands out its calls, which keeps it as small
	// as serve does.
	takeCallsEvery = 1024
)

// Replayer makes calls of events. It is for one goroutine.
type Replayer struct {
	tracker  *callcenter.Tracker
	filter   *ari.Filter
	from, to time.Time
	// latest are the calls of the interval, as they are now, active those of
	// them that go on.
	latest map[callcenter.RequestID]callcenter.Call
	active map[callcenter.RequestID]bool
	gaps   []journal.Gap
	// first and clock are the times of the first and the latest event.
	first, clock   time.Time
	events, broken int
}

// New returns a replayer for the events of a node, of calls that began at from
// or later and before to; a zero time bounds nothing.
func New(node string, plan *callcenter.Plan, from, to time.Time) (*Replayer, error) {
	tracker, err := callcenter.NewTracker(node, plan)
	if err != nil {
		return nil, err
	}
	return &Replayer{
		tracker: tracker, filter: ari.NewFilter(callcenter.Events, callcenter.Variables), from: from, to: to,
		latest: map[callcenter.RequestID]callcenter.Call{}, active: map[callcenter.RequestID]bool{},
	}, nil
}

// Read reads a source, to its end or until no call of the interval goes on.
func (r *Replayer) Read(ctx context.Context, source Source) error {
	var ev ari.Event
	defer r.take()
	for entry, err := range source.entries {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case entry.Gap != nil:
			r.gaps = append(r.gaps, *entry.Gap)
			continue
		}
		r.events++
		wanted, err := r.look(entry.Raw, &ev)
		if err != nil && source.strict {
			return fmt.Errorf("event %d: %w", r.events, err)
		}
		if err != nil {
			r.broken++
		}
		if wanted && err == nil {
			r.tracker.Apply(&ev)
			r.clock = ev.Timestamp
			if r.first.IsZero() {
				r.first = r.clock
			}
		}
		if r.events%takeCallsEvery == 0 {
			r.take()
			if !r.to.IsZero() && r.clock.After(r.to.Add(lateEvents)) && len(r.active) == 0 {
				break
			}
		}
	}
	return nil
}

// look decodes an event that the tracker makes use of.
func (r *Replayer) look(raw []byte, ev *ari.Event) (wanted bool, err error) {
	if _, wanted, err = r.filter.Look(raw); err != nil || !wanted {
		return false, err
	}
	return true, ari.Decode(string(raw), ev)
}

// take takes what changed from the tracker.
func (r *Replayer) take() {
	for _, c := range r.tracker.Changed(nil) {
		if c.StartedAt.Before(r.from) || !r.to.IsZero() && !c.StartedAt.Before(r.to) {
			delete(r.latest, c.RequestID)
			delete(r.active, c.RequestID)
			continue
		}
		r.latest[c.RequestID] = c
		if c.State == callcenter.StateActive && r.Incomplete(&c) == "" {
			r.active[c.RequestID] = true
		} else {
			delete(r.active, c.RequestID)
		}
	}
}

// Calls returns the calls, in order of start.
func (r *Replayer) Calls() []callcenter.Call {
	calls := make([]callcenter.Call, 0, len(r.latest))
	for _, c := range r.latest {
		calls = append(calls, c)
	}
	slices.SortFunc(calls, func(a, b callcenter.Call) int {
		if n := a.StartedAt.Compare(b.StartedAt); n != 0 {
			return n
		}
		return strings.Compare(a.LinkedID, b.LinkedID)
	})
	return calls
}

// Has reports whether the events made a call of the interval.
func (r *Replayer) Has(id callcenter.RequestID) bool {
	_, has := r.latest[id]
	return has
}

// Interval is that which was asked for. What it leaves open begins with the
// first event, and ends with the last.
func (r *Replayer) Interval() (from, to time.Time) {
	from, to = r.from, r.to
	if from.IsZero() {
		from = r.first
	}
	if to.IsZero() {
		to = r.clock
	}
	return from, to
}

// Events is how many events were read.
func (r *Replayer) Events() int { return r.events }

// Broken is how many lines of a journal were no events.
func (r *Replayer) Broken() int { return r.broken }

// Incomplete returns why the events may not tell all of a call; nothing when
// they do.
func (r *Replayer) Incomplete(c *callcenter.Call) string { return Incomplete(c, r.gaps) }

// Incomplete returns why a journal with these gaps may not tell all of a call;
// nothing when it does. Gaps are of callbackd's clock, calls of the PBX's.
func Incomplete(c *callcenter.Call, gaps []journal.Gap) string {
	for _, g := range gaps {
		if (g.To.IsZero() || c.StartedAt.Before(g.To)) && (c.EndedAt == nil || c.EndedAt.After(g.From)) {
			return g.Why
		}
	}
	return ""
}
