package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/callcenter"
)

func TestCalls_Gaps(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	calls := db.Calls()
	to := start.Add(time.Minute)
	first := callcenter.Gap{Node: "pbx1", From: start, Why: "connection-lost"}
	second := callcenter.Gap{Node: "pbx1", From: to, Why: "overflow"}
	for _, gap := range []callcenter.Gap{first, second, {Node: "pbx2", From: start, Why: "overflow"}} {
		if err := calls.SaveGap(t.Context(), gap); err != nil {
			t.Fatal(err)
		}
	}
	first.To = &to
	if err := calls.SaveGap(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	got, _, err := calls.Gaps(t.Context(), callcenter.GapFilter{Node: "pbx1", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]callcenter.Gap{second, first}, got); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

// A gap that lasted when its daemon died ends with the gap of the next one, on
// its own node.
func TestCalls_GapLeftOpen(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	calls := db.Calls()
	saveGap := func(gap callcenter.Gap) {
		t.Helper()
		if err := calls.SaveGap(t.Context(), gap); err != nil {
			t.Fatal(err)
		}
	}
	before, to, after := start.Add(-time.Minute), start.Add(time.Minute), start.Add(2*time.Minute)
	left := callcenter.Gap{Node: "pbx1", From: start, Why: "broken"}
	elsewhere := callcenter.Gap{Node: "pbx2", From: start, Why: "broken"}
	later := callcenter.Gap{Node: "pbx1", From: after, Why: "silent"}
	down := callcenter.Gap{Node: "pbx1", From: before, Why: "daemon-down"}
	for _, gap := range []callcenter.Gap{left, elsewhere, down, later} {
		saveGap(gap)
	}
	down.To, left.To = &to, &to
	saveGap(down)
	for node, want := range map[string][]callcenter.Gap{"pbx1": {later, left, down}, "pbx2": {elsewhere}} {
		got, _, err := calls.Gaps(t.Context(), callcenter.GapFilter{Node: node, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("gaps of %s (-want +got):\n%s", node, diff)
		}
	}
}

// A daemon that dies before it has proven anything new is followed by one whose
// gap begins where the last one did, which may be settled already: it lasts
// again, and is settled again.
func TestCalls_GapSettledLastsAgain(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	calls := db.Calls()
	to, settled, again := start.Add(time.Minute), start.Add(2*time.Minute), start.Add(5*time.Minute)
	gap := callcenter.Gap{Node: "pbx1", From: start, Why: "daemon-down"}
	save := func() {
		t.Helper()
		if err := calls.SaveGap(t.Context(), gap); err != nil {
			t.Fatal(err)
		}
	}
	repair := func() {
		t.Helper()
		gap.Repair = callcenter.GapRepair{Until: gap.To, SettledAt: &settled, Settled: callcenter.SettledByCEL, Repaired: 3}
		if err := calls.SaveRepair(t.Context(), gap); err != nil {
			t.Fatal(err)
		}
	}
	want := func(want callcenter.Gap, unsettled int) {
		t.Helper()
		got, _, err := calls.Gaps(t.Context(), callcenter.GapFilter{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]callcenter.Gap{want}, got); diff != "" {
			t.Errorf("gaps (-want +got):\n%s", diff)
		}
		if left, err := calls.UnsettledGaps(t.Context(), "pbx1"); err != nil || len(left) != unsettled {
			t.Errorf("%d gaps are not settled (%v), want %d", len(left), err, unsettled)
		}
	}
	gap.To = &to
	save()
	repair()
	save() // once more, as after a commit that was not heard of
	want(gap, 0)

	gap.To = nil
	save()
	lasts := gap
	lasts.Repair.Settled, lasts.Repair.SettledAt = "", nil // what was repaired stays so
	want(lasts, 1)
	gap.To = &again
	save()
	lasts.To = &again
	want(lasts, 1)
	repair()
	want(gap, 0)
}

func TestCalls_Proven(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	calls := db.Calls()
	want := func(want time.Time) {
		t.Helper()
		got, err := calls.LastProven(t.Context(), "pbx1")
		if err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want) {
			t.Errorf("LastProven = %s, want %s", got, want)
		}
	}
	want(time.Time{})
	for _, at := range []time.Time{start, start.Add(time.Minute), start.Add(time.Second)} {
		if err := calls.SaveProven(t.Context(), "pbx1", at); err != nil {
			t.Fatal(err)
		}
	}
	want(start.Add(time.Minute))
}
