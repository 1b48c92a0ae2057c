package accounts_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"callbackd/accounts"
)

// permission is a row of the table in docs/security.md.
type permission struct {
	open  map[accounts.Role]bool
	reach string // own, shared, whole or unlimited
}

// permissions reads the table, which is the specification: what Can decides
// is compared with it, and with nothing derived from the code.
func permissions(t *testing.T) map[accounts.Action]permission {
	t.Helper()
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[accounts.Action]permission{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 8 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " `")
		}
		row := permission{open: map[accounts.Role]bool{}, reach: cells[6]}
		for i, role := range []accounts.Role{accounts.RoleAgent, accounts.RoleSupervisor, accounts.RoleAdmin} {
			switch cells[3+i] {
			case "yes":
				row.open[role] = true
			case "–":
			default:
				t.Errorf("%s: cell %q for %s, want yes or –", cells[1], cells[3+i], role)
			}
		}
		if !slices.Contains([]string{"own", "shared", "whole", "unlimited"}, row.reach) {
			t.Errorf("%s: reach %q", cells[1], row.reach)
		}
		if _, twice := table[accounts.Action(cells[1])]; twice {
			t.Errorf("%s is in the table twice", cells[1])
		}
		table[accounts.Action(cells[1])] = row
	}
	return table
}

// Every action, for every role, every membership and every thing, is decided
// as docs/security.md says.
func TestCan(t *testing.T) {
	t.Parallel()
	table := permissions(t)
	things := [][]string{nil, {}, {"a"}, {"b"}, {"b", "a"}, {""}}
	limits := []struct {
		callCenters []string
		own, whole  []bool // whether the limit reaches the thing of the same place
		shared      bool
	}{
		{nil, []bool{true, true, true, true, true, true}, []bool{true, true, true, true, true, true}, true},
		{[]string{}, make([]bool, 6), make([]bool, 6), false},
		{[]string{"a"}, []bool{false, false, true, false, true, false}, []bool{false, false, true, false, false, false}, true},
		{[]string{"a", "b"}, []bool{false, false, true, true, true, false}, []bool{false, false, true, true, true, false}, true},
		{[]string{"c"}, make([]bool, 6), make([]bool, 6), true},
	}
	roles := append([]accounts.Role{"", "root"}, accounts.Roles...)
	actions := append([]accounts.Action{"", "delete"}, accounts.Actions...)
	for _, action := range actions {
		for _, role := range roles {
			for _, limit := range limits {
				for i, thing := range things {
					want := table[action].open[role]
					switch table[action].reach {
					case "own":
						want = want && limit.own[i]
					case "shared":
						want = want && limit.shared
					case "whole":
						want = want && limit.whole[i]
					default:
						want = want && limit.callCenters == nil
					}
					for _, kind := range []accounts.Kind{accounts.KindAccount, accounts.KindToken} {
						p := accounts.Principal{Kind: kind, Name: "x", Role: role, CallCenters: limit.callCenters}
						if got := accounts.Can(p, action, thing); got != want {
							t.Errorf("Can(%s %q limited to %q, %q, %q) = %t, want %t", kind, role, limit.callCenters, action, thing, got, want)
						}
					}
				}
			}
		}
	}
	for action := range table {
		if !slices.Contains(accounts.Actions, action) {
			t.Errorf("docs/security.md has %s, which the program has not", action)
		}
	}
	if len(table) != len(accounts.Actions) {
		t.Errorf("docs/security.md has %d actions, the program %d", len(table), len(accounts.Actions))
	}
}

func TestMayBeAssigned(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		enabled               bool
		memberOf, callCenters []string
		want                  bool
	}{
		{true, []string{"a", "b"}, []string{"b", "c"}, true},
		{false, []string{"a"}, []string{"a"}, false},
		{true, []string{"a"}, []string{"b"}, false},
		{true, nil, []string{"a"}, false},
		{true, []string{"a"}, nil, false},
	} {
		if got := accounts.MayBeAssigned(test.enabled, test.memberOf, test.callCenters); got != test.want {
			t.Errorf("MayBeAssigned(%t, %q, %q) = %t, want %t", test.enabled, test.memberOf, test.callCenters, got, test.want)
		}
	}
}
