package callcenter_test

import (
	"slices"
	"testing"
	"time"

	"callbackd/ari"
	"callbackd/callcenter"
)

// FuzzTracker: whatever a PBX sends, in whatever order, with channels, calls
// and snapshots mixed up, the tracker does not panic, and every call that it
// hands out is one that can be stored, shown and relied on.
//
// Each pair of input bytes is a step: the first chooses what, the second of
// which recorded event.
func FuzzTracker(f *testing.F) {
	events := recordedEvents(f)
	f.Add([]byte{0, 0, 0, 1, 0, 2, 0, 3, 200, 0})
	f.Add([]byte{0, 0, 0, 1, 0, 2, 100, 3, 0, 4, 150, 0, 0, 200})
	whole := make([]byte, 0, 2*len(events))
	for i := range events {
		whole = append(whole, byte(i>>8), byte(i))
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, steps []byte) {
		w := &fuzzed{t: t, tracker: newTracker(t, tracePlan()), last: map[callcenter.RequestID]callcenter.Call{}}
		steps = steps[:min(len(steps), 4000)] // longer ones find nothing else
		for len(steps) >= 2 {
			what, which := steps[0], steps[1]
			steps = steps[2:]
			ev := events[(int(what&7)<<8|int(which))%len(events)]
			switch {
			case what < 128:
				w.tracker.Apply(&ev)
			case what < 160: // another channel's id in this one's place
				other := events[(int(which)*7)%len(events)]
				ev.Channel, ev.Peer = other.Channel, other.Caller
				w.tracker.Apply(&ev)
			case what < 176:
				w.tracker.Resync(callcenter.Snapshot{Channels: []ari.Channel{ev.Channel, ev.Peer}, Bridges: []ari.Bridge{ev.Bridge}, At: ev.Timestamp})
			case what < 192:
				w.tracker.Tie(ev.Channel.ID, string(events[int(which)%len(events)].Channel.ID), ev.Timestamp)
			case what < 208: // a restart
				w.check()
				restarted := newTracker(t, tracePlan())
				var active []callcenter.Call
				for id, c := range w.last {
					if c.State == callcenter.StateActive {
						active = append(active, c)
					} else {
						// Events of its channels, which a PBX does not send again,
						// would begin it anew.
						delete(w.last, id)
					}
				}
				restarted.Restore(active)
				w.tracker = restarted
			default:
				w.check()
			}
		}
		w.check()
	})
}

// farFuture is later than every event.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func recordedEvents(f *testing.F) []ari.Event {
	f.Helper()
	filter := ari.NewFilter(callcenter.Events, callcenter.Variables)
	var events []ari.Event
	for _, channelVars := range []bool{true, false} {
		for _, tr := range traces(f, channelVars) {
			for _, frame := range tr.frames {
				if _, wanted, err := filter.Look(frame); err != nil || !wanted {
					continue
				}
				var ev ari.Event
				if err := ari.Decode(string(frame), &ev); err != nil {
					f.Fatal(err)
				}
				events = append(events, ev)
			}
		}
	}
	return events
}

// fuzzed is a tracker and what it has handed out.
type fuzzed struct {
	t       *testing.T
	tracker *callcenter.Tracker
	last    map[callcenter.RequestID]callcenter.Call
}

// check takes what changed, and holds every call against what a call must be.
func (w *fuzzed) check() {
	for _, c := range w.tracker.Changed(nil) {
		before, known := w.last[c.RequestID]
		w.last[c.RequestID] = c
		switch {
		case c.RequestID != callcenter.NewRequestID(c.Node, c.LinkedID) || c.LinkedID == "":
			w.t.Fatalf("request ID %s is not that of linkedid %q", c.RequestID, c.LinkedID)
		case !slices.Contains(callcenter.Kinds, c.Kind) || !slices.Contains(callcenter.Directions, c.Direction):
			w.t.Fatalf("kind %q, direction %q", c.Kind, c.Direction)
		case known && before.Kind == callcenter.KindCallCenter && c.Kind != callcenter.KindCallCenter:
			w.t.Fatalf("a call-center call became one of kind %s", c.Kind)
		case (c.Kind == callcenter.KindCallCenter) != (c.CallCenter != "") || c.CallCenter != "" && !slices.Contains(c.CallCenters, c.CallCenter):
			w.t.Fatalf("kind %s, call center %q of %v", c.Kind, c.CallCenter, c.CallCenters)
		case len(c.Legs) == 0 || c.StartedAt.IsZero():
			w.t.Fatalf("%d legs, started %v", len(c.Legs), c.StartedAt)
		case c.MergedInto == c.RequestID:
			w.t.Fatal("a call is merged into itself")
		case c.Agent != "" && !slices.Contains(c.Agents, c.Agent):
			w.t.Fatalf("agent %q is not among %v", c.Agent, c.Agents)
		}
		w.checkEnd(c)
	}
	if n := len(w.tracker.ActiveChannels()); n > 0 && len(w.last) == 0 && len(w.tracker.Untied(farFuture)) == 0 {
		w.t.Fatalf("%d channels are followed and no call was handed out", n)
	}
}

// checkEnd: a call has ended just when all its legs have, and then it has an
// outcome.
func (w *fuzzed) checkEnd(c callcenter.Call) {
	open := slices.ContainsFunc(c.Legs, func(l callcenter.Leg) bool { return l.EndedAt == nil })
	ended := c.State == callcenter.StateEnded
	switch {
	case ended == open:
		w.t.Fatalf("state %s with legs open %v", c.State, open)
	case ended != (c.EndedAt != nil) || ended != (c.Outcome.Result != ""):
		w.t.Fatalf("state %s, ended %v, outcome %+v", c.State, c.EndedAt, c.Outcome)
	case ended && (!slices.Contains(callcenter.Results, c.Outcome.Result) || !slices.Contains(callcenter.Reasons, c.Outcome.Reason)):
		w.t.Fatalf("outcome %+v", c.Outcome)
	}
}
