package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/callcenter"
)

// TestCalls_UnsettledUntilTheirGapIs: calls of which a part fell into a gap are
// marked until the gap is settled, which tells how it was.
func TestCalls_UnsettledUntilTheirGapIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	before, within := centerCall(1, "support"), centerCall(2, "support")
	other := centerCall(3, "support")
	before.StartedAt, before.EndedAt = *at(0), at(10)
	within.StartedAt, within.EndedAt = *at(20), at(40)
	within.Outcome = callcenter.Outcome{Result: callcenter.ResultUnknown, Reason: "end-not-seen"}
	other.StartedAt, other.EndedAt, other.Node = *at(20), at(40), "pbx2"
	w.save(before, within, other)
	gap := callcenter.Gap{Node: "pbx1", From: *at(30), Why: "broken"}
	token := w.token(accounts.RoleAdmin)
	read := func(what string, unsettled bool, want api.Gap) {
		t.Helper()
		if err := w.db.Calls().SaveGap(t.Context(), gap); err != nil {
			t.Fatal(err)
		}
		if err := w.db.Calls().SaveRepair(t.Context(), gap); err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, c := range decode[api.CallList](t, w.do(request{path: "/calls", token: token}), http.StatusOK).Items {
			got[c.RequestID] = c.Unsettled
		}
		marks := map[string]bool{string(before.RequestID): false, string(within.RequestID): unsettled, string(other.RequestID): false}
		if diff := cmp.Diff(marks, got); diff != "" {
			t.Errorf("%s, calls are unsettled (-want +got):\n%s", what, diff)
		}
		gaps := decode[api.GapList](t, w.do(request{path: "/gaps", token: token}), http.StatusOK)
		if diff := cmp.Diff([]api.Gap{want}, gaps.Items); diff != "" {
			t.Errorf("%s, gaps (-want +got):\n%s", what, diff)
		}
	}
	shown := api.Gap{Node: "pbx1", From: *at(30), Why: "broken"}
	read("while it lasts", true, shown)
	gap.To, shown.To, shown.GapSeconds = at(35), at(35), new(5.0)
	gap.Repair.Until, gap.Repair.Repaired, shown.RepairedCalls = at(35), 2, 2
	read("when it has ended", true, shown)
	gap.Repair.Settled, gap.Repair.SettledAt = callcenter.SettledByCEL, at(60)
	shown.Settled, shown.SettledAt, shown.Calls, shown.UnknownCalls = new("cel"), at(60), 1, 1
	read("when it is settled", false, shown)
}
