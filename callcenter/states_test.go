package callcenter_test

import (
	"testing"

	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/lab/labtest"
)

// TestStates holds the diagram in docs/states.md against what the recorded
// calls go through, event by event.
func TestStates(t *testing.T) {
	t.Parallel()
	name := func(c callcenter.Call) string {
		switch {
		case c.State == callcenter.StateEnded:
			return string(callcenter.StateEnded)
		case c.Activity.Phase != "":
			return string(c.Activity.Phase)
		default:
			return string(callcenter.StateActive)
		}
	}
	seen := labtest.Transitions{}
	filter := ari.NewFilter(callcenter.Events, callcenter.Variables)
	for _, trace := range traces(t, true) {
		tr := newTracker(t, tracePlan())
		was := map[callcenter.RequestID]string{}
		for _, frame := range trace.frames {
			feed(t, tr, frame)
			kind, _, err := filter.Look(frame)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range tr.Changed(nil) {
				from, to := was[c.RequestID], name(c)
				was[c.RequestID] = to
				switch {
				case from == to:
				case from == "":
					seen.Add("[*]", to, string(kind))
				case to == string(callcenter.StateEnded):
					seen.Add(from, to, string(c.Outcome.Result))
				default:
					seen.Add(from, to, string(kind))
				}
			}
		}
	}
	seen.Holds(t, "../docs/states.md", "Call")
}
