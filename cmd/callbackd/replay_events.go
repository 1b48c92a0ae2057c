package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"callbackd/ari"
	"callbackd/ari/journal"
	"callbackd/callcenter"
)

const (
	// maxEvent bounds one line of a trace.
	maxEvent = 16 << 20
	// clockMargin is how far the clocks of PBX and callbackd may be apart for
	// calls of an interval to be found.
	clockMargin = time.Hour
	// lateEvents is how long after an interval's end events are still read
	// when none of its calls goes on.
	lateEvents = time.Minute
	// takeCallsEvery events the tracker hands out its calls, which keeps it as small
	// as serve does.
	takeCallsEvery = 1024
)

// eventSource gives events, in the order in which they came.
type eventSource struct {
	entries iter.Seq2[journal.Entry, error]
	// strict says that a line that is no event ends the reading: a trace is
	// somebody's evidence. In a journal, disks make such lines.
	strict bool
}

// openSource opens a trace or the journal of a node.
func openSource(path, node string, from time.Time, stdin io.Reader) (eventSource, error) {
	if path != "-" {
		info, err := os.Stat(path)
		if err != nil {
			return eventSource{}, err
		}
		if info.IsDir() {
			if !from.IsZero() {
				from = from.Add(-clockMargin)
			}
			return eventSource{entries: journal.Read(journalFolder(path, node), from, time.Time{})}, nil
		}
	}
	frames, err := readTrace(path, stdin)
	if err != nil {
		return eventSource{}, err
	}
	return eventSource{strict: true, entries: func(yield func(journal.Entry, error) bool) {
		for _, frame := range frames {
			if !yield(journal.Entry{Raw: frame}, nil) {
				return
			}
		}
	}}, nil
}

// readTrace returns a trace's events.
func readTrace(path string, stdin io.Reader) ([][]byte, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxEvent)
	var frames [][]byte
	n := 0
	for lines.Scan() {
		n++
		frame := slices.Clone(lines.Bytes())
		if len(strings.TrimSpace(string(frame))) == 0 {
			continue
		}
		// A trace is somebody's evidence: a line that is no event is said, not
		// passed over as it would be in a live stream.
		if !json.Valid(frame) {
			return nil, fmt.Errorf("%s:%d: not a JSON object", path, n)
		}
		frames = append(frames, frame)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
	}
	return frames, nil
}

// replayer makes calls of events.
type replayer struct {
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

func newReplayer(node string, plan *callcenter.Plan, from, to time.Time) (*replayer, error) {
	tracker, err := callcenter.NewTracker(node, plan)
	if err != nil {
		return nil, err
	}
	return &replayer{
		tracker: tracker, filter: ari.NewFilter(callcenter.Events, callcenter.Variables), from: from, to: to,
		latest: map[callcenter.RequestID]callcenter.Call{}, active: map[callcenter.RequestID]bool{},
	}, nil
}

// run reads a source, to its end or until no call of the interval goes on.
func (r *replayer) run(ctx context.Context, source eventSource) error {
	var ev ari.Event
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
		wanted, err := r.read(entry.Raw, &ev)
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

// read decodes an event that the tracker makes use of.
func (r *replayer) read(raw []byte, ev *ari.Event) (wanted bool, err error) {
	if _, wanted, err = r.filter.Look(raw); err != nil || !wanted {
		return false, err
	}
	return true, ari.Decode(string(raw), ev)
}

// take takes what changed from the tracker.
func (r *replayer) take() {
	for _, c := range r.tracker.Changed(nil) {
		if c.StartedAt.Before(r.from) || !r.to.IsZero() && !c.StartedAt.Before(r.to) {
			delete(r.latest, c.RequestID)
			delete(r.active, c.RequestID)
			continue
		}
		r.latest[c.RequestID] = c
		if c.State == callcenter.StateActive && incomplete(&c, r.gaps) == "" {
			r.active[c.RequestID] = true
		} else {
			delete(r.active, c.RequestID)
		}
	}
}

// calls returns the calls, in order of start.
func (r *replayer) calls() []callcenter.Call {
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

// incomplete returns why a journal with these gaps may not tell all of a call;
// nothing when it does. Gaps are of callbackd's clock, calls of the PBX's.
func incomplete(c *callcenter.Call, gaps []journal.Gap) string {
	for _, g := range gaps {
		if (g.To.IsZero() || c.StartedAt.Before(g.To)) && (c.EndedAt == nil || c.EndedAt.After(g.From)) {
			return g.Why
		}
	}
	return ""
}
