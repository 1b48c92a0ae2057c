package accounts_test

import (
	"slices"
	"testing"

	"callbackd/accounts"
)

// What each role may do to what belongs to call centers that it is limited
// to. The table is the specification: it is not derived from the code.
var open = map[accounts.Action]map[accounts.Role]bool{
	accounts.ActionReadCall:         {accounts.RoleAgent: true, accounts.RoleSupervisor: true, accounts.RoleAdmin: true},
	accounts.ActionReadCallback:     {accounts.RoleAgent: true, accounts.RoleSupervisor: true, accounts.RoleAdmin: true},
	accounts.ActionRegisterCallback: {accounts.RoleAgent: true, accounts.RoleSupervisor: true, accounts.RoleAdmin: true},
}

// Every action, for every role, every limit and every thing.
func TestCan(t *testing.T) {
	t.Parallel()
	// Whether a limit (row) reaches a thing (column).
	things := [][]string{nil, {}, {"a"}, {"b"}, {"b", "a"}, {""}}
	limits := []struct {
		callCenters []string
		reaches     []bool
	}{
		{nil, []bool{true, true, true, true, true, true}},
		{[]string{}, []bool{false, false, false, false, false, false}},
		{[]string{"a"}, []bool{false, false, true, false, true, false}},
		{[]string{"a", "b"}, []bool{false, false, true, true, true, false}},
		{[]string{"c"}, []bool{false, false, false, false, false, false}},
	}
	roles := append([]accounts.Role{"", "root"}, accounts.Roles...)
	actions := append([]accounts.Action{"", "delete"}, accounts.Actions...)
	for _, action := range actions {
		for _, role := range roles {
			for _, limit := range limits {
				for i, thing := range things {
					p := accounts.Principal{Kind: accounts.KindToken, Name: "x", Role: role, CallCenters: limit.callCenters}
					want := open[action][role] && limit.reaches[i]
					if got := accounts.Can(p, action, thing); got != want {
						t.Errorf("Can(%q limited to %q, %q, %q) = %t, want %t", role, limit.callCenters, action, thing, got, want)
					}
				}
			}
		}
	}
	if len(open) != len(accounts.Actions) {
		t.Errorf("the table has %d actions, the program %d", len(open), len(accounts.Actions))
	}
}

func TestRole_Valid(t *testing.T) {
	t.Parallel()
	for _, role := range []accounts.Role{"agent", "supervisor", "admin"} {
		if !role.Valid() || !slices.Contains(accounts.Roles, role) {
			t.Errorf("role %q is not valid", role)
		}
	}
	for _, role := range []accounts.Role{"", "Admin", "root"} {
		if role.Valid() {
			t.Errorf("role %q is valid", role)
		}
	}
}

func TestPrincipal_Signature(t *testing.T) {
	t.Parallel()
	person := accounts.Principal{Kind: accounts.KindAccount, Name: "sato"}
	token := accounts.Principal{Kind: accounts.KindToken, Name: "sato"}
	if got, want := person.Signature(), "sato"; got != want {
		t.Errorf("signature of an account = %q, want %q", got, want)
	}
	if got, want := token.Signature(), "token:sato"; got != want {
		t.Errorf("signature of a token = %q, want %q", got, want)
	}
}
