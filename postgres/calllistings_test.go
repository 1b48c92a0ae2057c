package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/callcenter"
	"callbackd/phonebook"
	"callbackd/postgres"
)

// callListing is a list of calls that is measured, and shown to use its index.
type callListing struct {
	name   string
	filter callcenter.CallFilter
	// page is which page is read.
	page int
}

// callListings are what people ask the list of calls for, each in every role.
func callListings() []callListing {
	active, ended := true, false
	day := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	asked := []callListing{
		{name: "first page"},
		{name: "page 1000", page: 1000},
		{name: "filter/active", filter: callcenter.CallFilter{Active: &active}},
		{name: "filter/ended", filter: callcenter.CallFilter{Active: &ended}},
		{name: "filter/kind frequent", filter: callcenter.CallFilter{Kinds: []callcenter.Kind{callcenter.KindCallCenter}}},
		{name: "filter/kind rare", filter: callcenter.CallFilter{Kinds: []callcenter.Kind{callcenter.KindUnknown}}},
		{name: "filter/direction", filter: callcenter.CallFilter{Directions: []callcenter.Direction{callcenter.DirectionOutbound}}},
		{name: "filter/direction none", filter: callcenter.CallFilter{Directions: []callcenter.Direction{callcenter.DirectionInternal}}},
		{name: "filter/call center", filter: callcenter.CallFilter{CallCenter: "desk7"}},
		{name: "filter/call center not visible", filter: callcenter.CallFilter{CallCenter: "desk3"}},
		{name: "filter/agent", filter: callcenter.CallFilter{Agent: "PJSIP/2007"}},
		{name: "filter/agent page 100", filter: callcenter.CallFilter{Agent: "PJSIP/2008"}, page: 100},
		{name: "filter/agent none", filter: callcenter.CallFilter{Agent: "PJSIP/1999"}},
		{name: "filter/day", filter: callcenter.CallFilter{From: day.Add(24 * time.Hour), To: day.Add(48 * time.Hour)}},
		{name: "filter/day of an agent", filter: callcenter.CallFilter{
			From: day.Add(24 * time.Hour), To: day.Add(48 * time.Hour), Agent: "PJSIP/2007",
		}},
		{name: "filter/many", filter: callcenter.CallFilter{
			Kinds: []callcenter.Kind{callcenter.KindCallCenter}, Directions: []callcenter.Direction{callcenter.DirectionOutbound},
			CallCenter: "desk7", Agent: "PJSIP/2007", Numbers: beginnings("03"), Active: &ended, From: day,
		}},
		{name: "prefix/local 7007", filter: callcenter.CallFilter{Numbers: beginnings("7007")}},
		{name: "prefix/remote 03", filter: callcenter.CallFilter{Numbers: beginnings("03")}},
		{name: "prefix/remote 030000", filter: callcenter.CallFilter{Numbers: beginnings("030000")}},
		{name: "prefix/remote 0300007", filter: callcenter.CallFilter{Numbers: beginnings("0300007")}},
		{name: "prefix/remote 03000070", filter: callcenter.CallFilter{Numbers: beginnings("03000070")}},
		{name: "prefix/remote 0300007007", filter: callcenter.CallFilter{Numbers: beginnings("0300007007")}},
		{name: "prefix/none", filter: callcenter.CallFilter{Numbers: beginnings("0999")}},
	}
	var list []callListing
	for _, by := range []accounts.Principal{admin, supervisor, member} {
		for _, l := range asked {
			l.name += "/" + roleOf(by)
			l.filter.CallCenters, l.filter.OwnAgent = by.CallCenters, by.Endpoint
			list = append(list, l)
		}
	}
	return list
}

// anyCallListings are combinations of filters, the same ones each time.
func anyCallListings(count int) (list []callListing) {
	r := rand.New(rand.NewPCG(1, 2))
	sometimes := func(set func()) {
		if r.IntN(3) == 0 {
			set()
		}
	}
	for n := range count {
		by := []accounts.Principal{admin, supervisor, member}[n%3]
		l := callListing{name: fmt.Sprintf("any %d/%s", n, roleOf(by)), filter: callcenter.CallFilter{
			CallCenters: by.CallCenters, OwnAgent: by.Endpoint,
		}}
		f := &l.filter
		sometimes(func() { f.Kinds = callcenter.Kinds[r.IntN(3):][:1+r.IntN(3)] })
		sometimes(func() { f.Kinds = []callcenter.Kind{callcenter.KindUnknown} })
		sometimes(func() { f.Directions = callcenter.Directions[r.IntN(2):][:1+r.IntN(2)] })
		sometimes(func() { f.CallCenter = fmt.Sprint("desk", 6+r.IntN(6)) })
		sometimes(func() { f.Agent = fmt.Sprint("PJSIP/", 2005+r.IntN(6)) })
		sometimes(func() { f.Numbers = beginnings([]string{"0", "03", "7007", "7009", "03000070"}[r.IntN(5)]) })
		sometimes(func() { f.Active = new(r.IntN(2) == 0) })
		list = append(list, l)
	}
	return list
}

// beginnings are the prefixes of the numbers that begin as somebody typed.
func beginnings(typed string) (prefixes []callcenter.NumberPrefix) {
	for _, b := range phonebook.Beginnings(typed, "JP") {
		prefixes = append(prefixes, callcenter.NumberPrefix(b))
	}
	return prefixes
}

// turn returns the filter of the listing's page.
func (l *callListing) turn(t testing.TB, calls *postgres.Calls) callcenter.CallFilter {
	t.Helper()
	filter := l.filter
	filter.Limit = 50
	for page := 1; page < l.page; page++ {
		_, next, err := calls.List(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		if next == nil {
			break
		}
		filter.After = next
	}
	return filter
}
