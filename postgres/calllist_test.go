package postgres_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

func TestCalls_List(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	outbound := newCall(2)
	outbound.Direction, outbound.CallCenter, outbound.CallCenters = callcenter.DirectionOutbound, "orders", []string{"orders"}
	outbound.RemoteNumber, outbound.LocalNumber = "+81312345678", "7002"
	outbound.Agent, outbound.Agents = "PJSIP/2003", []string{"PJSIP/2003"}
	withheld := ended(newCall(4))
	withheld.RemoteNumber = ""
	odd := newCall(5)
	odd.RemoteNumber, odd.LocalNumber = "50%_\\", "\U0010FFFF9"
	save(t, db, ended(newCall(1)), outbound, phoneCall(3), withheld, odd)

	active, inactive := true, false
	at := func(n int) time.Time { return newCall(n).StartedAt }
	tests := []struct {
		name   string
		filter callcenter.CallFilter
		want   []int // newest first
	}{
		{"all", callcenter.CallFilter{}, []int{5, 4, 3, 2, 1}},
		{"visible to one call center", callcenter.CallFilter{CallCenters: []string{"orders"}}, []int{2}},
		{"visible to several", callcenter.CallFilter{CallCenters: []string{"orders", "sales"}}, []int{5, 4, 2, 1}},
		{"visible to none", callcenter.CallFilter{CallCenters: []string{}}, nil},
		{"kind", callcenter.CallFilter{Kinds: []callcenter.Kind{callcenter.KindTerminal, callcenter.KindIVR}}, []int{3}},
		{"direction", callcenter.CallFilter{Directions: []callcenter.Direction{callcenter.DirectionOutbound}}, []int{2}},
		{"call center visited first", callcenter.CallFilter{CallCenter: "sales"}, []int{5, 4, 1}},
		{"call center not visible", callcenter.CallFilter{CallCenters: []string{"orders"}, CallCenter: "sales"}, nil},
		{"agent of a leg", callcenter.CallFilter{Agent: "PJSIP/2002"}, []int{5, 4, 3, 1}},
		{"remote number", callcenter.CallFilter{Number: "0312000003"}, []int{3}},
		{"remote number begins", callcenter.CallFilter{Number: "+813"}, []int{2}},
		{"local number", callcenter.CallFilter{Number: "7002"}, []int{2}},
		{"nothing special about %", callcenter.CallFilter{Number: "50%"}, []int{5}},
		{"nothing special about _", callcenter.CallFilter{Number: "_"}, nil},
		{"highest character", callcenter.CallFilter{Number: "\U0010FFFF"}, []int{5}},
		{"NUL", callcenter.CallFilter{Number: "\x00"}, nil},
		{"not UTF-8", callcenter.CallFilter{Agent: "\xff"}, nil},
		{"quote", callcenter.CallFilter{CallCenter: `'; DROP TABLE calls; --`}, nil},
		{"active", callcenter.CallFilter{Active: &active}, []int{5, 3, 2}},
		{"not active", callcenter.CallFilter{Active: &inactive}, []int{4, 1}},
		{"from", callcenter.CallFilter{From: at(4)}, []int{5, 4}},
		{"to", callcenter.CallFilter{To: at(2)}, []int{1}},
		{"all at once", callcenter.CallFilter{
			CallCenters: []string{"sales"}, Kinds: callcenter.Kinds, Directions: callcenter.Directions,
			CallCenter: "support", Agent: "PJSIP/2001", Number: "0312", Active: &inactive, From: at(1), To: at(2),
		}, []int{1}},
	}
	for _, test := range tests {
		var want []string
		for _, n := range test.want {
			want = append(want, newCall(n).LinkedID)
		}
		test.filter.Limit = 10
		calls, next, err := db.Calls().List(t.Context(), test.filter)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(want, linkedIDs(calls)); diff != "" || next != nil {
			t.Errorf("%s: next page %v, calls (-want +got):\n%s", test.name, next, diff)
		}
		count, err := db.Calls().Count(t.Context(), test.filter)
		if err != nil || count != int64(len(want)) {
			t.Errorf("%s: Count = %d, %v, want %d", test.name, count, err, len(want))
		}
	}
	if _, _, err := db.Calls().List(t.Context(), callcenter.CallFilter{}); err == nil {
		t.Error("List without a limit succeeded")
	}
}

func linkedIDs(calls []callcenter.Call) []string {
	var ids []string
	for _, call := range calls {
		ids = append(ids, call.LinkedID)
	}
	return ids
}

// Pages neither repeat nor skip a call while new ones come in, and calls of
// one moment are kept apart.
func TestCalls_ListPages(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	const total = 23
	var want []callcenter.RequestID
	for n := range total {
		call := newCall(n)
		call.StartedAt = start.Add(time.Duration(n/4) * time.Microsecond)
		save(t, db, call)
		want = append(want, call.RequestID)
	}
	filter := callcenter.CallFilter{Limit: 5, CallCenters: []string{"support"}}
	var got []callcenter.RequestID
	for page := 0; ; page++ {
		calls, next, err := db.Calls().List(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range calls {
			got = append(got, call.RequestID)
		}
		save(t, db, newCall(1000+page))
		if next == nil {
			break
		}
		filter.After = next
	}
	slices.Sort(want)
	if !slices.Equal(want, slices.Sorted(slices.Values(got))) {
		t.Errorf("pages gave %d calls, want each of %d once", len(got), total)
	}
	filter.After = &callcenter.CallCursor{StartedAt: start, RequestID: "\x00"}
	if calls, _, err := db.Calls().List(t.Context(), filter); err != nil || len(calls) != 0 {
		t.Errorf("page after a forged cursor: %d calls, %v", len(calls), err)
	}
}

func TestCalls_CallbackOf(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	save(t, db, newCall(1), newCall(2))
	callback, err := register(t.Context(), db, newCall(2).RequestID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := db.Calls().CallbackOf(t.Context(), []callcenter.RequestID{newCall(1).RequestID, newCall(2).RequestID, "\x00"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[callcenter.RequestID]callbacks.ID{newCall(2).RequestID: callback.ID}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
}

// A list must not read the whole table: for each filter that can be served
// by an index the plan names it.
func TestCalls_ListUsesIndexes(t *testing.T) {
	t.Parallel()
	_, url := open(t)
	pool := connect(t, url)
	exec(t, pool, `
		INSERT INTO calls (request_id, node, linked_id, kind, direction, call_center, call_centers,
			remote_number, local_number, agents, state, result, started_at, ended_at, last_event_at)
		SELECT 'r' || n, 'pbx1', n::text, 'call_center', 'inbound', 'cc' || n % 200, ARRAY['cc' || n % 200],
			'03' || n, '7' || n % 1000, ARRAY['PJSIP/' || n % 1000], s.state, CASE s.state WHEN 'ended' THEN 'answered' END,
			timestamptz '2026-01-01' + n * interval '1 minute',
			CASE s.state WHEN 'ended' THEN timestamptz '2026-02-01' END, now()
		FROM generate_series(1, 20000) AS n, LATERAL (SELECT CASE WHEN n % 1000 = 0 THEN 'active' ELSE 'ended' END) AS s (state)`)
	exec(t, pool, `ANALYZE calls`)
	for condition, index := range map[string]string{
		`true`:                         "calls_newest",
		`state = 'active'`:             "calls_active",
		`agents @> ARRAY['PJSIP/17']`:  "calls_by_agent",
		`call_centers && ARRAY['cc7']`: "calls_by_call_center",
		`remote_number ~>=~ '031234' AND remote_number ~<~ '031235'`: "calls_by_remote_number",
		`local_number ~>=~ '7123' AND local_number ~<~ '7124'`:       "calls_by_local_number",
	} {
		rows, err := pool.Query(t.Context(), `
			EXPLAIN SELECT * FROM calls WHERE `+condition+` ORDER BY started_at DESC, request_id DESC LIMIT 21`)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, "\n"); !strings.Contains(text, " "+index+" ") {
			t.Errorf("%s does not use %s:\n%s", condition, index, text)
		}
	}
}
