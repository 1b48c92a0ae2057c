package postgres_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/postgres"
)

// benchedCallbacks is how many callbacks there are, unless
// CALLBACKD_BENCH_CALLBACKS says otherwise.
const benchedCallbacks = 200_000

// names are the names in a configuration.
func names() callbacks.Names {
	n := callbacks.Names{CallCenters: map[string]string{}, BusinessLabels: map[string]string{
		"sales": "販売", "repair": "修理受付", "billing": "請求", "claims": "苦情",
	}}
	for i := range 20 {
		n.CallCenters[fmt.Sprintf("desk%d", i)] = fmt.Sprintf("第%d窓口", i)
	}
	return n
}

// listing is a list that is measured, and shown to use its index.
type listing struct {
	name   string
	filter callbacks.Filter
	// by is who asks; an administrator when it has no role.
	by accounts.Principal
	// page is which page is read.
	page int
}

// listings are what people ask the list for.
func listings() []listing {
	member := accounts.Principal{Kind: accounts.KindAccount, Name: "agent7", Role: accounts.RoleAgent, CallCenters: []string{"desk7"}}
	day := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	text := func(s string) callbacks.Filter { return callbacks.Filter{Text: s, Descending: true} }
	list := []listing{
		{name: "first page"},
		{name: "first page/newest", filter: callbacks.Filter{Descending: true}},
		{name: "page 1000", page: 1000},
		{name: "member", filter: callbacks.Filter{Descending: true}, by: member},
		{name: "filter/open", filter: callbacks.Filter{Statuses: []callbacks.Status{callbacks.StatusOpen}}},
		{name: "filter/open unassigned", filter: callbacks.Filter{Statuses: []callbacks.Status{callbacks.StatusOpen}, Unassigned: true}},
		{name: "filter/mine", filter: callbacks.Filter{Mine: true}, by: member},
		{name: "filter/mine open", filter: callbacks.Filter{Mine: true, Statuses: []callbacks.Status{callbacks.StatusOpen}}, by: member},
		{name: "filter/three assignees", filter: callbacks.Filter{Assignees: []string{"agent1", "agent2", "agent3"}}},
		{name: "filter/call center", filter: callbacks.Filter{CallCenters: []string{"desk3"}, Descending: true}},
		{name: "filter/label", filter: callbacks.Filter{BusinessLabels: []string{"repair"}}},
		{name: "filter/origin", filter: callbacks.Filter{Origins: []callbacks.Origin{callbacks.OriginAutomatic}}},
		{name: "filter/day", filter: callbacks.Filter{From: day.Add(24 * time.Hour), To: day.Add(48 * time.Hour)}},
		{name: "filter/many", filter: callbacks.Filter{
			CallCenters: []string{"desk3", "desk4"}, Statuses: []callbacks.Status{callbacks.StatusOpen}, Assignees: []string{"agent3"},
			BusinessLabels: []string{"repair"}, Origins: callbacks.Origins, From: day,
		}},
		{name: "filter/request ID", filter: callbacks.Filter{RequestID: "load77"}},
		{name: "prefix/remote 03", filter: callbacks.Filter{RemoteNumber: "03"}},
		{name: "prefix/remote 03-0001-4", filter: callbacks.Filter{RemoteNumber: "03-0001-4"}},
		{name: "prefix/remote +81 3 0001 4", filter: callbacks.Filter{RemoteNumber: "+81 3 0001 4"}},
		{name: "prefix/local 7003", filter: callbacks.Filter{LocalNumber: "7003"}},
		{name: "text 1/frequent", filter: text("件")},
		{name: "text 1/rare", filter: text("鳳")},
		{name: "text 1/very rare", filter: text("麟")},
		{name: "text 1/none", filter: text("鰐")},
		{name: "text 1/digit", filter: text("7")},
		{name: "text 1/name", filter: text("沢")},
		{name: "text 2/frequent", filter: text("請求")},
		{name: "text 2/name", filter: text("青山")},
		{name: "text 2/rare", filter: text("鳳凰")},
		{name: "text 2/very rare", filter: text("麒麟")},
		{name: "text 2/none", filter: text("鰐鮫")},
		{name: "text 2/digits", filter: text("14")},
		{name: "text 3/memo", filter: text("見積書")},
		{name: "text 3/name", filter: text("東田商")},
		{name: "text 3/digits", filter: text("147")},
		{name: "text 3/rare", filter: text("鳳凰の")},
		{name: "text 10/memo", filter: text("住所変更を担当者から")},
		{name: "text 10/number", filter: text("0300014014")},
		{name: "text 10/number abroad", filter: text("＋８１　３０００－１４０１４")},
		{name: "text 10/none", filter: text("0399999999")},
		{name: "text of a member", filter: text("鳳凰"), by: member},
		{name: "text and filters", filter: callbacks.Filter{Text: "修理", Statuses: []callbacks.Status{callbacks.StatusOpen}, CallCenters: []string{"desk5"}}},
	}
	for _, sort := range callbacks.Sorts {
		for _, descending := range []bool{false, true} {
			name := fmt.Sprintf("sort/%s", sort)
			if descending {
				name += " descending"
			}
			list = append(list,
				listing{name: name, filter: callbacks.Filter{Sort: sort, Descending: descending}},
				listing{name: name + "/page 1000", page: 1000, filter: callbacks.Filter{Sort: sort, Descending: descending}},
				listing{name: name + "/member", by: member, filter: callbacks.Filter{Sort: sort, Descending: descending}},
				listing{name: name + "/text frequent", filter: callbacks.Filter{Text: "請求", Sort: sort, Descending: descending}},
				listing{name: name + "/text rare", filter: callbacks.Filter{Text: "鳳", Sort: sort, Descending: descending}})
		}
	}
	return list
}

func (l *listing) principal() accounts.Principal {
	if l.by.Role == "" {
		return admin
	}
	return l.by
}

// turn returns the filter of the listing's page.
func (l *listing) turn(t testing.TB, service *callbacks.Service) callbacks.Filter {
	t.Helper()
	filter := l.filter
	filter.Limit = 50
	for page := 1; page < l.page; page++ {
		got, err := service.List(t.Context(), l.principal(), filter)
		if err != nil {
			t.Fatal(err)
		}
		if got.Next == "" {
			break
		}
		filter.Cursor = got.Next
	}
	return filter
}

// BenchmarkCallbacks_List measures pages of the list, each in turns with
// reading one callback by its ID. It reports the median and the 99th
// percentile, and how many readings of one callback they are.
func BenchmarkCallbacks_List(b *testing.B) {
	count := benchedCallbacks
	if text := os.Getenv("CALLBACKD_BENCH_CALLBACKS"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			b.Fatalf("CALLBACKD_BENCH_CALLBACKS: %v", err)
		}
	}
	db, url := open(b)
	loadCallbacks(b, connect(b, url), count)
	measureLists(b, db, count)
}

func measureLists(b *testing.B, db *postgres.DB, count int) {
	service := callbacks.NewService(db.Callbacks(), callbacks.Options{Numbers: callbacks.InRegion("JP"), Names: names})
	timed := func(b *testing.B, f func() error) time.Duration {
		at := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		return time.Since(at)
	}
	measure := func(name string, f func(ctx context.Context, i int) error) {
		b.Run(name, func(b *testing.B) {
			var reads, times []time.Duration
			for i := 0; b.Loop(); i++ {
				// In turns, so that both meet the same machine.
				reads = append(reads, timed(b, func() error {
					_, err := service.Get(b.Context(), admin, callbacks.ID(1+i*7919%count))
					return err
				}))
				times = append(times, timed(b, func() error { return f(b.Context(), i) }))
			}
			slices.Sort(reads)
			slices.Sort(times)
			median, high := len(times)/2, len(times)*99/100
			b.ReportMetric(float64(times[median].Microseconds()), "p50-µs")
			b.ReportMetric(float64(times[high].Microseconds()), "p99-µs")
			b.ReportMetric(float64(times[median])/float64(reads[median]), "p50-reads")
			b.ReportMetric(float64(times[high])/float64(reads[high]), "p99-reads")
			b.ReportMetric(0, "ns/op")
		})
	}
	for _, l := range listings() {
		filter := l.turn(b, service)
		measure(l.name, func(ctx context.Context, _ int) error {
			_, err := service.List(ctx, l.principal(), filter)
			return err
		})
	}
	measure("total", func(ctx context.Context, _ int) error {
		_, err := service.Count(ctx, admin, callbacks.Filter{})
		return err
	})
	measure("new since", func(ctx context.Context, _ int) error {
		_, err := service.NewSince(ctx, admin, callbacks.Filter{}, 0)
		return err
	})
	measure("open of a number", func(ctx context.Context, _ int) error {
		_, err := service.OpenOf(ctx, admin, "03-0001-4014", "desk1")
		return err
	})
}
