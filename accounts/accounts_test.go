package accounts_test

import (
	"slices"
	"testing"

	"callbackd/accounts"
)

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
