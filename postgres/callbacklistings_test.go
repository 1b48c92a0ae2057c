package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/callbacks"
)

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
	// by is who asks.
	by accounts.Principal
	// page is which page is read.
	page int
}

// The people who ask for lists, besides the administrator.
var (
	member = accounts.Principal{
		Kind: accounts.KindAccount, Name: "agent7", Role: accounts.RoleAgent, CallCenters: []string{"desk7"}, Endpoint: "PJSIP/2007",
	}
	supervisor = accounts.Principal{
		Kind: accounts.KindAccount, Name: "agent9", Role: accounts.RoleSupervisor, CallCenters: []string{"desk9", "desk10", "desk11"},
	}
)

// listings are what people ask the list for, each in every role.
func listings() []listing {
	day := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	text := func(s string) callbacks.Filter { return callbacks.Filter{Text: s, Descending: true} }
	asked := []listing{
		{name: "first page"},
		{name: "first page/newest", filter: callbacks.Filter{Descending: true}},
		{name: "page 1000", page: 1000},
		{name: "filter/open", filter: callbacks.Filter{Statuses: []callbacks.Status{callbacks.StatusOpen}}},
		{name: "filter/open unassigned", filter: callbacks.Filter{Statuses: []callbacks.Status{callbacks.StatusOpen}, Unassigned: true}},
		{name: "filter/mine", filter: callbacks.Filter{Mine: true}},
		{name: "filter/mine open", filter: callbacks.Filter{Mine: true, Statuses: []callbacks.Status{callbacks.StatusOpen}}},
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
		{name: "text 8/name without space", filter: text("株式会社青山商店")},
		{name: "text 5/name with other space", filter: text("青 山商　店")},
		{name: "text 3/digits", filter: text("147")},
		{name: "text 4/digits", filter: text("1401")},
		{name: "text 5/digits", filter: text("01401")},
		{name: "text 3/rare", filter: text("鳳凰の")},
		{name: "text 10/memo", filter: text("住所変更を担当者から")},
		{name: "text 10/number", filter: text("0300014014")},
		{name: "text 10/number abroad", filter: text("＋８１　３０００－１４０１４")},
		{name: "text 10/none", filter: text("0399999999")},
		{name: "text and filters", filter: callbacks.Filter{Text: "修理", Statuses: []callbacks.Status{callbacks.StatusOpen}, CallCenters: []string{"desk5"}}},
	}
	for _, sort := range callbacks.Sorts {
		for _, descending := range []bool{false, true} {
			name := fmt.Sprintf("sort/%s", sort)
			if descending {
				name += " descending"
			}
			asked = append(asked,
				listing{name: name, filter: callbacks.Filter{Sort: sort, Descending: descending}},
				listing{name: name + "/page 1000", page: 1000, filter: callbacks.Filter{Sort: sort, Descending: descending}},
				listing{name: name + "/open", filter: callbacks.Filter{
					Statuses: []callbacks.Status{callbacks.StatusOpen}, Sort: sort, Descending: descending,
				}},
				listing{name: name + "/text frequent", filter: callbacks.Filter{Text: "請求", Sort: sort, Descending: descending}},
				listing{name: name + "/text rare", filter: callbacks.Filter{Text: "鳳", Sort: sort, Descending: descending}})
		}
	}
	var list []listing
	for _, by := range []accounts.Principal{admin, supervisor, member} {
		for _, l := range asked {
			if l.filter.Mine && by.Kind != accounts.KindAccount {
				continue
			}
			l.name += "/" + roleOf(by)
			l.by = by
			list = append(list, l)
		}
	}
	return list
}

// turn returns the filter of the listing's page.
func (l *listing) turn(t testing.TB, service *callbacks.Service) callbacks.Filter {
	t.Helper()
	filter := l.filter
	filter.Limit = 50
	for page := 1; page < l.page; page++ {
		got, err := service.List(t.Context(), l.by, filter)
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
