package accounts_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"callbackd/accounts"
)

func TestTokens_VerifyActing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sato := w.create("sato", accounts.RoleSupervisor, "support", "sales")
	w.create("admin", accounts.RoleAdmin)
	gone := w.create("gone", accounts.RoleAgent, "support")
	if _, err := w.accounts.Disable(t.Context(), accounts.Operator(), gone.ID); err != nil {
		t.Fatal(err)
	}
	create := func(wish accounts.NewToken) string {
		secret, _, err := w.tokens.Create(t.Context(), wish)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	crm := create(accounts.NewToken{Name: "crm", Role: accounts.RoleAgent, CallCenters: []string{"support", "other"}, MayActFor: true})
	full := create(accounts.NewToken{Name: "full", Role: accounts.RoleAdmin, MayActFor: true})
	plain := create(accounts.NewToken{Name: "plain", Role: accounts.RoleAdmin})

	got, err := w.tokens.VerifyActing(t.Context(), crm, "Sato")
	if err != nil {
		t.Fatal(err)
	}
	want := accounts.Principal{
		Kind: accounts.KindAccount, Name: "sato", Role: accounts.RoleAgent, CallCenters: []string{"support"},
		AccountID: sato.ID, DisplayName: "sato", HasPassword: true, TokenID: 1, TokenName: "crm",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("principal (-want +got):\n%s", diff)
	}
	if got, want := got.Signature(), "sato (token:crm)"; got != want {
		t.Errorf("signature = %q, want %q", got, want)
	}
	if name, acting := got.ActingFor(); name != "sato" || !acting {
		t.Errorf("acting for %q, %t", name, acting)
	}
	if p, err := w.tokens.VerifyActing(t.Context(), crm, "admin"); err != nil || p.Role != accounts.RoleAgent || !cmp.Equal(p.CallCenters, []string{"support", "other"}) {
		t.Errorf("for an administrator: %+v, %v", p, err)
	}
	if p, err := w.tokens.VerifyActing(t.Context(), full, "sato"); err != nil || p.Role != accounts.RoleSupervisor || !cmp.Equal(p.CallCenters, []string{"sales", "support"}) {
		t.Errorf("by a token without a limit: %+v, %v", p, err)
	}
	if p, err := w.tokens.Verify(t.Context(), full); err != nil || p.Kind != accounts.KindToken || p.AccountID != 0 {
		t.Errorf("for itself: %+v, %v", p, err)
	}
	for _, tt := range []struct {
		secret, account string
		want            error
	}{
		{plain, "sato", accounts.ErrMayNotActFor},
		{full, "gone", accounts.ErrMayNotActFor},
		{full, "nobody", accounts.ErrMayNotActFor},
		{full, "", accounts.ErrMayNotActFor},
		{full, "\x00", accounts.ErrMayNotActFor},
		{full + "x", "sato", accounts.ErrUnauthorized},
	} {
		if p, err := w.tokens.VerifyActing(t.Context(), tt.secret, tt.account); !errors.Is(err, tt.want) || p.Role != "" {
			t.Errorf("acting for %q: %+v, %v; want %v", tt.account, p, err, tt.want)
		}
	}
}

// limitGenerator draws nil, for no limit, or some of three call centers.
var limitGenerator = rapid.Custom(func(t *rapid.T) []string {
	if rapid.Bool().Draw(t, "unlimited") {
		return nil
	}
	limit := []string{}
	for _, id := range []string{"a", "b", "c"} {
		if rapid.Bool().Draw(t, id) {
			limit = append(limit, id)
		}
	}
	return limit
})

// A token that acts for an account may do nothing that it may not do by
// itself, nor anything that the account may not do; and where one of them is
// limited by nothing that the other is not, all that the other may.
func TestPrincipal_ActingIsTheWeakerOfBoth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		token := accounts.Token{
			ID: 1, Name: "crm", Role: rapid.SampledFrom(accounts.Roles).Draw(t, "token's role"), CallCenters: limitGenerator.Draw(t, "token"),
		}
		account := accounts.Account{
			ID: 1, Name: "sato", Role: rapid.SampledFrom(accounts.Roles).Draw(t, "role"), CallCenters: limitGenerator.Draw(t, "account"),
		}
		action := rapid.SampledFrom(accounts.Actions).Draw(t, "action")
		thing := limitGenerator.Draw(t, "thing")
		person := account.Principal()
		acting := accounts.Acting(person, &token)
		may := accounts.Can(acting, action, thing)
		byToken, byPerson := accounts.Can(accounts.TokenPrincipal(&token), action, thing), accounts.Can(person, action, thing)
		if may && !(byToken && byPerson) {
			t.Fatalf("%+v may, token %t, account %t", acting, byToken, byPerson)
		}
		if token.Role == accounts.RoleAdmin && token.CallCenters == nil && may != byPerson {
			t.Fatalf("by a token that may do all: %t, the account %t", may, byPerson)
		}
		if account.Role == accounts.RoleAdmin && may != byToken {
			t.Fatalf("for an account that may do all: %t, the token %t", may, byToken)
		}
		if person.CallCenters == nil && account.Role != accounts.RoleAdmin {
			t.Fatal("an account without call centers sees all")
		}
	})
}

// Nobody can sign as somebody else, whatever a token is called.
func TestPrincipal_SignaturesDiffer(t *testing.T) {
	t.Parallel()
	names := rapid.StringMatching(`[a-z0-9][a-z0-9._@-]{0,8}`)
	tokenNames := rapid.OneOf(rapid.StringN(1, 20, -1), rapid.SampledFrom([]string{"sato", "crm)", "x) (token:y", "operator"}),
		rapid.Map(names, func(name string) string { return name + " (token:crm)" }))
	principals := rapid.Custom(func(t *rapid.T) accounts.Principal {
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return accounts.Principal{Kind: accounts.KindAccount, Name: names.Draw(t, "name")}
		case 1:
			token := tokenNames.Draw(t, "token")
			return accounts.Principal{Kind: accounts.KindToken, Name: token, TokenID: 1, TokenName: token}
		case 2:
			return accounts.Principal{Kind: accounts.KindAccount, Name: names.Draw(t, "name"), TokenID: 1, TokenName: tokenNames.Draw(t, "token")}
		default:
			return accounts.Operator()
		}
	})
	identity := func(p accounts.Principal) string {
		return fmt.Sprintf("%q", []string{string(p.Kind), p.Name, p.TokenName})
	}
	rapid.Check(t, func(t *rapid.T) {
		drawn := rapid.SliceOfN(principals, 2, 10).Draw(t, "principals")
		for i, a := range drawn {
			for _, b := range drawn[i+1:] {
				if (a.Signature() == b.Signature()) != (identity(a) == identity(b)) {
					t.Fatalf("%s and %s sign as %q and %q", identity(a), identity(b), a.Signature(), b.Signature())
				}
			}
		}
	})
}
