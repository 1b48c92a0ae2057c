package postgres_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/postgres"
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
		{"remote number", callcenter.CallFilter{Numbers: []callcenter.NumberPrefix{{Text: "0312000003"}}}, []int{3}},
		{"remote number begins", callcenter.CallFilter{Numbers: []callcenter.NumberPrefix{{Text: "+813"}}}, []int{2}},
		{"local number", callcenter.CallFilter{Numbers: []callcenter.NumberPrefix{{Text: "7002"}}}, []int{2}},
		{"nothing special about %", callcenter.CallFilter{Numbers: []callcenter.NumberPrefix{{Text: "50%"}}}, []int{5}},
		{"nothing special about _", callcenter.CallFilter{Numbers: []callcenter.NumberPrefix{{Text: "_"}}}, nil},
		{"highest character", callcenter.CallFilter{Numbers: []callcenter.NumberPrefix{{Text: "\U0010FFFF"}}}, []int{5}},
		{"NUL", callcenter.CallFilter{Numbers: []callcenter.NumberPrefix{{Text: "\x00"}}}, nil},
		{"not UTF-8", callcenter.CallFilter{Agent: "\xff"}, nil},
		{"quote", callcenter.CallFilter{CallCenter: `'; DROP TABLE calls; --`}, nil},
		{"active", callcenter.CallFilter{Active: &active}, []int{5, 3, 2}},
		{"not active", callcenter.CallFilter{Active: &inactive}, []int{4, 1}},
		{"from", callcenter.CallFilter{From: at(4)}, []int{5, 4}},
		{"to", callcenter.CallFilter{To: at(2)}, []int{1}},
		{"all at once", callcenter.CallFilter{
			CallCenters: []string{"sales"}, Kinds: callcenter.Kinds, Directions: callcenter.Directions,
			CallCenter: "support", Agent: "PJSIP/2001", Numbers: []callcenter.NumberPrefix{{Text: "0312"}}, Active: &inactive, From: at(1), To: at(2),
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

// A call is found however its number was reported, and however somebody writes
// the number's beginning.
func TestCalls_ListByNumber(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	const tokyo, tokyoPlus, tokyoBare, usa, usaPlus, extension, user, service = 0, 1, 2, 3, 4, 5, 6, 7
	numbers := []string{"0312345678", "+81312345678", "81312345678", "01016502530000", "+16502530000", "8131", "sato", "*70"}
	for n, number := range numbers {
		call := newCall(n)
		call.RemoteNumber, call.LocalNumber = number, "7001"
		if n%2 == 0 {
			call.RemoteNumber, call.LocalNumber = "", number
		}
		save(t, db, call)
	}
	anyTokyo, anyUSA := []int{tokyo, tokyoPlus, tokyoBare}, []int{usa, usaPlus}
	tests := map[string][]int{
		"03": anyTokyo, "0312345678": anyTokyo, "03-1234-5678": anyTokyo, "（０３）１２３４": anyTokyo, "03 1234": anyTokyo,
		"+813": anyTokyo, "+81 3-1234-5678": anyTokyo, "+81(0)3": anyTokyo, "0081 3": anyTokyo, "010-81-3": anyTokyo,
		"8131234": anyTokyo, "184-03-12345": anyTokyo, "0312345679": nil, "312345678": nil,
		"+1 650": anyUSA, "010 1 650": anyUSA,
		"8131": {tokyoBare, extension}, "sato": {user}, "s": {user}, "*7": {service}, "*": {service}, "7001": {tokyoPlus, usa, extension, service},
	}
	for typed, found := range tests {
		var want []string
		for _, n := range slices.Backward(found) {
			want = append(want, newCall(n).LinkedID)
		}
		filter := callcenter.CallFilter{Numbers: beginnings(typed), Limit: 10}
		for _, calls := range []*postgres.Calls{db.Calls(), db.Calls().Narrow(2, 30, 1), db.Calls().Narrow(2, 1, 1)} {
			got, _, err := calls.List(t.Context(), filter)
			if diff := cmp.Diff(want, linkedIDs(got)); diff != "" || err != nil {
				t.Errorf("%q (%+v): %v (-want +got):\n%s", typed, filter.Numbers, err, diff)
			}
		}
		if total, err := db.Calls().Count(t.Context(), filter); err != nil || total != int64(len(want)) {
			t.Errorf("%q: Count = %d, %v, want %d", typed, total, err, len(want))
		}
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

// Every list gives the calls that reading all of them would give, in order, on
// its first pages, whichever way they are found; and none of its statements
// reads or sorts the whole table.
func TestCalls_ListOfMany(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	if err := load(t.Context(), pool, site{callbacks: 5000, calls: 20_000}); err != nil {
		t.Fatal(err)
	}
	// And calls of too many agents for the index to know their pairs.
	exec(t, pool, `UPDATE calls SET agents = agents || ARRAY(SELECT 'PJSIP/' || 2005 + i FROM generate_series(0, 11) AS i)
		WHERE hashtext(request_id) % 400 = 0`)
	// And numbers in other spellings.
	exec(t, pool, `UPDATE calls SET remote_number = CASE WHEN hashtext(request_id) % 2 = 0 THEN '+' ELSE '' END || '81' || substr(remote_number, 2)
		WHERE hashtext(request_id) % 7 = 0 AND remote_number LIKE '03%'`)
	all, _, err := db.Calls().List(t.Context(), callcenter.CallFilter{Limit: 30_000})
	if err != nil || len(all) != 20_000 {
		t.Fatalf("%d calls were loaded, %v, want 20000", len(all), err)
	}
	for _, l := range slices.Concat(callListings(), anyCallListings(60)) {
		var want []string
		for i := range all {
			if l.matches(&all[i]) {
				want = append(want, all[i].LinkedID)
			}
		}
		if total, err := db.Calls().Count(t.Context(), l.filter); err != nil || total != int64(len(want)) {
			t.Errorf("%s: Count = %d, %v, want %d", l.name, total, err, len(want))
		}
		// Once as it is, once so that hardly any page is found by walking and
		// hardly any is gathered.
		for _, calls := range []*postgres.Calls{db.Calls(), db.Calls().Narrow(60, 30, 1)} {
			filter := l.check(t, calls, want)
			t.Logf("%-50s %s", l.name, explainCalls(t, calls, l.name, filter))
		}
	}
}

// check compares the first pages of a listing with what was found in the
// plainest way, and returns the filter of the last of these pages.
func (l *callListing) check(t *testing.T, calls *postgres.Calls, want []string) callcenter.CallFilter {
	t.Helper()
	filter := l.filter
	filter.Limit = 50
	for page := range 3 {
		got, next, err := calls.List(t.Context(), filter)
		if err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
		part := want[:min(50, len(want))]
		want = want[len(part):]
		if !slices.Equal(linkedIDs(got), part) || (next == nil) != (len(want) == 0) {
			t.Errorf("%s: page %d has next %v, and (-want +got):\n%s", l.name, page+1, next, cmp.Diff(part, linkedIDs(got)))
		}
		if next == nil || page == 2 {
			break
		}
		filter.After = next
	}
	return filter
}

func (l *callListing) matches(c *callcenter.Call) bool {
	f := &l.filter
	visited := func(id string) bool { return slices.Contains(c.CallCenters, id) }
	begins := func(p callcenter.NumberPrefix) bool {
		return strings.HasPrefix(c.RemoteNumber, p.Text) && len(c.RemoteNumber) >= p.MinLength ||
			strings.HasPrefix(c.LocalNumber, p.Text) && len(c.LocalNumber) >= p.MinLength
	}
	switch {
	case f.CallCenters != nil && !slices.ContainsFunc(f.CallCenters, visited) && !slices.Contains(c.Agents, f.OwnAgent),
		f.Kinds != nil && !slices.Contains(f.Kinds, c.Kind),
		f.Directions != nil && !slices.Contains(f.Directions, c.Direction),
		f.CallCenter != "" && !visited(f.CallCenter),
		f.Agent != "" && !slices.Contains(c.Agents, f.Agent),
		f.Numbers != nil && !slices.ContainsFunc(f.Numbers, begins),
		f.Active != nil && *f.Active != (c.State == callcenter.StateActive),
		!f.From.IsZero() && c.StartedAt.Before(f.From),
		!f.To.IsZero() && !c.StartedAt.Before(f.To):
		return false
	}
	return true
}

var wholeCalls = regexp.MustCompile(`Seq Scan on calls`)

// explainCalls checks that no statement of a list reads all calls, and that
// nothing is sorted but a block, what was walked or what was gathered. It
// returns the indexes that were used.
func explainCalls(t *testing.T, calls *postgres.Calls, name string, filter callcenter.CallFilter) string {
	t.Helper()
	plans, err := postgres.ExplainCalls(t.Context(), calls, filter)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, plan := range plans {
		if wholeCalls.MatchString(plan) {
			t.Errorf("%s reads all calls:\n%s", name, plan)
		}
		if strings.Contains(plan, "generate_series") && !strings.Contains(plan, "Bitmap Index Scan on calls_by_block_term") {
			t.Errorf("%s does not use the index of terms:\n%s", name, plan)
		}
	}
	return indexesOf(plans)
}
