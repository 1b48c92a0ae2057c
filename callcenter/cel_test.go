package callcenter_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"callbackd/ari"
	"callbackd/callcenter"
)

// celRow is a row of a recorded channel event log.
type celRow struct {
	Type     callcenter.CELType `json:"type"`
	At       time.Time          `json:"at"`
	Channel  ari.ChannelID      `json:"channel"`
	Name     string             `json:"name"`
	LinkedID string             `json:"linked_id"`
	Number   string             `json:"number"`
	Context  string             `json:"context"`
	Exten    string             `json:"exten"`
	App      string             `json:"app"`
	AppData  string             `json:"app_data"`
	Extra    string             `json:"extra"`
}

// celLog is what a real Asterisk 22 wrote to its channel event log while one
// scenario was played, and the calls as callbackd followed them live.
type celLog struct {
	name  string
	Calls []callcenter.Call
	Rows  []celRow
}

func (l *celLog) events() []callcenter.CELEvent {
	events := make([]callcenter.CELEvent, 0, len(l.Rows))
	for _, r := range l.Rows {
		events = append(events, callcenter.CELEvent(r))
	}
	return events
}

func celLogs(tb testing.TB) []celLog {
	tb.Helper()
	paths, err := filepath.Glob("testdata/cel/*.json")
	if err != nil || len(paths) < 20 {
		tb.Fatalf("only %d recorded channel event logs: %v", len(paths), err)
	}
	var logs []celLog
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		l := celLog{name: strings.TrimSuffix(filepath.Base(path), ".json")}
		if err := json.Unmarshal(data, &l); err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		for i := range l.Calls {
			l.Calls[i].Node = "pbx1"
		}
		logs = append(logs, l)
	}
	return logs
}

// rebuild returns the calls that a channel event log tells of.
func rebuild(tb testing.TB, events []callcenter.CELEvent) map[callcenter.RequestID]callcenter.Call {
	tb.Helper()
	tracker := newTracker(tb, samplePlan())
	tracker.ApplyCEL(events)
	return byID(tracker.Changed(nil))
}

func byID(calls []callcenter.Call) map[callcenter.RequestID]callcenter.Call {
	m := make(map[callcenter.RequestID]callcenter.Call, len(calls))
	for _, c := range calls {
		m[c.RequestID] = c
	}
	return m
}

// celTells compares calls by what the channel event log can tell. It does not
// tell of ringing, nor all that Dial says of each leg; and of who hung up it
// tells by the outcome. A queue that a channel enters twice
// without anything else in between shows once.
var celTells = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.EquateApproxTime(50 * time.Millisecond),
	cmpopts.IgnoreFields(callcenter.Leg{}, "RingingAt", "DialStatus", "HungUpAt"),
	cmpopts.IgnoreFields(callcenter.Signal{}, "At", "Event"),
	cmp.FilterValues(func(a, b []callcenter.Signal) bool { return len(a) > 0 && len(b) > 0 }, cmp.Transformer("FirstOfEach", firstOfEach)),
}

func firstOfEach(receipt []callcenter.Signal) map[string]callcenter.Signal {
	first := map[string]callcenter.Signal{}
	for _, s := range receipt {
		key := string(s.Rule) + " " + s.Value
		if _, seen := first[key]; !seen {
			first[key] = s
		}
	}
	return first
}

// TestApplyCEL_TellsWhatWasFollowed: a call that is rebuilt from the channel
// event log alone is the one that was followed live.
func TestApplyCEL_TellsWhatWasFollowed(t *testing.T) {
	t.Parallel()
	// What the log cannot tell of these.
	unknown := map[string]func(*callcenter.Call){
		// A program that originates a Local channel has no phone that hangs up.
		"a-queue-called-by-nobody": func(c *callcenter.Call) { c.Outcome.Reason = "answerer-hung-up" },
	}
	for _, log := range celLogs(t) {
		t.Run(log.name, func(t *testing.T) {
			t.Parallel()
			got := rebuild(t, log.events())
			for _, want := range log.Calls {
				if forget := unknown[log.name]; forget != nil {
					forget(&want)
				}
				if diff := cmp.Diff(want, got[want.RequestID], celTells); diff != "" {
					t.Errorf("call (-followed +rebuilt):\n%s", diff)
				}
				for _, s := range got[want.RequestID].Receipt {
					if !strings.HasPrefix(string(s.Event), "CEL:") {
						t.Errorf("the receipt says %q, which does not tell its source", s.Event)
					}
				}
				delete(got, want.RequestID)
			}
			if len(got) > 0 {
				t.Errorf("calls that were not followed: %v", got)
			}
		})
	}
}

// TestRepair_FillsWhatIsMissing: whatever part of a call was followed, and then
// lost, the channel event log completes it; and what was followed in whole it
// leaves as it is.
func TestRepair_FillsWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, log := range celLogs(t) {
		t.Run(log.name, func(t *testing.T) {
			t.Parallel()
			whole := rebuild(t, log.events())
			for cut := range len(log.Rows) + 1 {
				live := newTracker(t, samplePlan())
				live.ApplyCEL(log.events()[:cut])
				if cut < len(log.Rows) {
					live.Resync(callcenter.Snapshot{At: log.Rows[len(log.Rows)-1].At.Add(time.Minute)})
				}
				got := byID(live.Changed(nil))
				repaired := repair(t, live, log.events())
				changed := byID(live.Changed(nil))
				maps.Copy(got, changed)
				if len(repaired) != len(changed) || cut == len(log.Rows) && len(changed) > 0 {
					t.Fatalf("cut at row %d of %d, %d calls were repaired and %d changed", cut, len(log.Rows), len(repaired), len(changed))
				}
				for id, want := range whole {
					if diff := cmp.Diff(want, got[id], celTells, cmpopts.IgnoreFields(callcenter.Call{}, "LastEventAt")); diff != "" {
						t.Fatalf("cut at row %d (-whole +repaired):\n%s", cut, diff)
					}
				}
				if again := repair(t, live, log.events()); len(again) > 0 {
					t.Fatalf("cut at row %d, a second repair changed %+v", cut, again)
				}
			}
		})
	}
}

// repair completes a tracker's calls by a channel event log.
func repair(tb testing.TB, live *callcenter.Tracker, events []callcenter.CELEvent) []callcenter.Repaired {
	tb.Helper()
	log := newTracker(tb, samplePlan())
	log.ApplyCEL(events)
	log.Lose(live.Follows)
	repaired, missing := live.Repair(log)
	return append(repaired, live.Adopt(log, missing)...)
}

// TestRepair_StoredCallsStay: what is stored of a call that was followed live
// is not made worse by what the log tells less of.
func TestRepair_StoredCallsStay(t *testing.T) {
	t.Parallel()
	for _, log := range celLogs(t) {
		stored := newTracker(t, samplePlan())
		stored.Restore(log.Calls)
		repair(t, stored, log.events())
		want := byID(log.Calls)
		for id, got := range byID(stored.Changed(nil)) {
			if diff := cmp.Diff(want[id], got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(callcenter.Call{}, "LastEventAt")); diff != "" {
				t.Errorf("%s (-stored +repaired):\n%s", log.name, diff)
			}
		}
	}
}

// TestApplyCEL_AnyRows: rows in any order, some of them missing, some twice,
// make calls that the store can hold, and do no harm.
func TestApplyCEL_AnyRows(t *testing.T) {
	t.Parallel()
	var all []callcenter.CELEvent
	for _, log := range celLogs(t) {
		all = append(all, log.events()...)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "rows")
		begin := rapid.IntRange(0, len(all)-n).Draw(t, "from")
		events := rapid.Permutation(all[begin:begin+n]).Draw(t, "order")
		events = append(events, events[:rapid.IntRange(0, n).Draw(t, "twice")]...)
		tracker, err := callcenter.NewTracker("pbx1", samplePlan())
		if err != nil {
			t.Fatal(err)
		}
		tracker.ApplyCEL(events)
		tracker.Lose(func(ari.ChannelID) bool { return false })
		for _, c := range tracker.Changed(nil) {
			if c.State != callcenter.StateEnded || c.EndedAt == nil || c.Outcome.Result == "" {
				t.Fatalf("call has not ended: %+v", c)
			}
			if (c.Kind == callcenter.KindCallCenter) != (c.CallCenter != "") {
				t.Fatalf("call of kind %s counts for %q", c.Kind, c.CallCenter)
			}
		}
	})
}

// FuzzCEL: whatever rows a channel event log has, in whatever order, with
// whatever texts in them, every call that follows can be stored and shown.
//
// Each pair of input bytes is a row: the first chooses what is spoilt, both
// which recorded row.
func FuzzCEL(f *testing.F) {
	var all []callcenter.CELEvent
	for _, log := range celLogs(f) {
		all = append(all, log.events()...)
	}
	f.Add([]byte{0, 0, 0, 1, 0, 2, 0, 3}, "")
	f.Add([]byte{8, 0, 16, 1, 24, 2, 32, 3, 40, 4, 48, 5, 56, 6}, `{"hangupcause":1e999,"bridge_id":"\u0000"}`)
	f.Add([]byte{0, 0, 72, 1, 80, 2, 88, 3, 96, 4}, "Local/2001@agents-0;1")
	f.Fuzz(func(t *testing.T, steps []byte, text string) {
		w := &fuzzed{t: t, tracker: newTracker(t, samplePlan()), last: map[callcenter.RequestID]callcenter.Call{}}
		var events []callcenter.CELEvent
		for ; len(steps) >= 2 && len(events) < 500; steps = steps[2:] {
			e := all[(int(steps[0]&7)<<8|int(steps[1]))%len(all)]
			spoilt := []*string{nil, &e.AppData, &e.Extra, &e.Name, &e.LinkedID, &e.Number, &e.Exten, &e.Context, &e.App, (*string)(&e.Channel), (*string)(&e.Type)}
			if field := spoilt[int(steps[0]>>3)%len(spoilt)]; field != nil {
				*field = text
			}
			if steps[0] > 250 {
				e.At = time.Unix(-1_000_000_000, 0)
			}
			events = append(events, e)
		}
		w.tracker.ApplyCEL(events)
		w.check()
		w.tracker.Lose(func(ari.ChannelID) bool { return false })
		w.check()
	})
}
