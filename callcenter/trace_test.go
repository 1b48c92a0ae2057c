package callcenter_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"callbackd/ari"
	"callbackd/callcenter"
)

// prefix matches the extensions of terminals in the recorded traces.
type prefix string

func (p prefix) Match(exten string) bool {
	return len(exten) == 4 && strings.HasPrefix(exten, string(p))
}

// tracePlan is testdata/callbackd.yaml as the tracker takes it.
func tracePlan() *callcenter.Plan {
	return &callcenter.Plan{
		CallCenters: []callcenter.CallCenter{
			{ID: "support", Name: "サポート窓口", Extension: "7001", Queues: []string{"support"}},
			{ID: "sales", Name: "営業窓口", Extension: "7003", Queues: []string{"sales"}},
		},
		RingGroups: []callcenter.RingGroup{
			{ID: "frontdesk", Name: "受付", Extension: "6001"},
			{ID: "night", Name: "夜間", Extension: "6002", Queues: []string{"ringgroup6002"}},
		},
		Terminals: []callcenter.Extension{prefix("2")},
		Trunks:    []string{"PJSIP/trunk"},
	}
}

func newTracker(tb testing.TB, plan *callcenter.Plan) *callcenter.Tracker {
	tb.Helper()
	tr, err := callcenter.NewTracker("pbx1", plan)
	if err != nil {
		tb.Fatal(err)
	}
	return tr
}

// trace is one recorded stream, one frame an event.
type trace struct {
	name   string
	frames [][]byte
}

// traces returns the recorded streams, as they are or without channelvars.
func traces(tb testing.TB, channelVars bool) []trace {
	tb.Helper()
	paths, err := filepath.Glob("../ari/testdata/*.jsonl")
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no traces: %v", err)
	}
	var all []trace
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		tr := trace{name: strings.TrimSuffix(filepath.Base(path), ".jsonl")}
		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			frame := bytes.Clone(lines.Bytes())
			if !channelVars {
				frame = withoutChannelVars(tb, frame)
			}
			tr.frames = append(tr.frames, frame)
		}
		if err := lines.Err(); err != nil {
			tb.Fatal(err)
		}
		all = append(all, tr)
	}
	return all
}

func withoutChannelVars(tb testing.TB, frame []byte) []byte {
	tb.Helper()
	var ev map[string]any
	if err := json.Unmarshal(frame, &ev); err != nil {
		tb.Fatal(err)
	}
	for _, side := range []string{"channel", "caller", "peer"} {
		if ch, ok := ev[side].(map[string]any); ok {
			delete(ch, "channelvars")
		}
	}
	out, err := json.Marshal(ev)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// feed applies frames as the service does: looked at, then decoded.
func feed(tb testing.TB, tr *callcenter.Tracker, frames ...[]byte) {
	tb.Helper()
	filter := ari.NewFilter(callcenter.Events, callcenter.Variables)
	var ev ari.Event
	for _, frame := range frames {
		_, wanted, err := filter.Look(frame)
		if err != nil {
			tb.Fatal(err)
		}
		if !wanted {
			continue
		}
		if err := ari.Decode(string(frame), &ev); err != nil {
			tb.Fatal(err)
		}
		tr.Apply(&ev)
	}
}

// latest keeps the last state of each call, in the order of starting.
type latest map[callcenter.RequestID]callcenter.Call

func (l latest) take(calls []callcenter.Call) {
	for _, c := range calls {
		l[c.RequestID] = c
	}
}

func (l latest) calls() []callcenter.Call {
	var calls []callcenter.Call
	for _, c := range l {
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

func run(tb testing.TB, plan *callcenter.Plan, frames [][]byte) []callcenter.Call {
	tb.Helper()
	tr := newTracker(tb, plan)
	feed(tb, tr, frames...)
	l := latest{}
	l.take(tr.Changed(nil))
	return l.calls()
}

// TestTracker_ChannelVarsMakeNoDifference: what the recorded calls are does
// not depend on ari.conf naming CHANNEL(linkedid) in channelvars.
func TestTracker_ChannelVarsMakeNoDifference(t *testing.T) {
	t.Parallel()
	with, without := traces(t, true), traces(t, false)
	for i := range with {
		want := run(t, tracePlan(), with[i].frames)
		got := run(t, tracePlan(), without[i].frames)
		if len(want) != 1 {
			t.Errorf("%s: %d calls, want 1", with[i].name, len(want))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: without channelvars (-with +without):\n%s", with[i].name, diff)
		}
	}
}

// TestTracker_AnyChunksDuplicatesAndInterleaving: the same events give the
// same calls, however they come.
func TestTracker_AnyChunksDuplicatesAndInterleaving(t *testing.T) {
	t.Parallel()
	for _, channelVars := range []bool{true, false} {
		all := traces(t, channelVars)
		want := latest{}
		for _, tr := range all {
			want.take(run(t, tracePlan(), tr.frames))
		}
		rapid.Check(t, func(rt *rapid.T) {
			tr := newTracker(t, tracePlan())
			got := latest{}
			next := make([]int, len(all))
			left := make([]int, len(all))
			for i := range left {
				left[i] = i
			}
			var past [][]byte
			for len(left) > 0 {
				at := rapid.IntRange(0, len(left)-1).Draw(rt, "trace")
				i := left[at]
				n := min(rapid.IntRange(1, 40).Draw(rt, "events"), len(all[i].frames)-next[i])
				chunk := all[i].frames[next[i] : next[i]+n]
				feed(t, tr, chunk...)
				past = append(past, chunk...)
				if next[i] += n; next[i] == len(all[i].frames) {
					left = slices.Delete(left, at, at+1)
				}
				if rapid.Bool().Draw(rt, "hand out") {
					got.take(tr.Changed(nil))
				}
				for range rapid.IntRange(0, 3).Draw(rt, "repetitions") {
					feed(t, tr, past[rapid.IntRange(0, len(past)-1).Draw(rt, "repeated")])
				}
			}
			got.take(tr.Changed(nil))
			if diff := cmp.Diff(want.calls(), got.calls()); diff != "" {
				rt.Fatalf("channelvars %v (-in order +as drawn):\n%s", channelVars, diff)
			}
		})
	}
}
