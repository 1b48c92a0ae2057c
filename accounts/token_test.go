package accounts_test

import (
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

var databases = labtest.NewDatabases(postgres.Migrate)

func TestMain(m *testing.M) { os.Exit(databases.Run(m)) }

// clock is a clock that the test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func setUp(t *testing.T) (tokens *accounts.Tokens, c *clock, url string) {
	t.Helper()
	url = databases.New(t)
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	c = &clock{at: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)}
	return accounts.NewTokens(db.Tokens(), c.now), c, url
}

func create(t *testing.T, tokens *accounts.Tokens, wish accounts.NewToken) (string, accounts.Token) {
	t.Helper()
	secret, token, err := tokens.Create(t.Context(), wish)
	if err != nil {
		t.Fatal(err)
	}
	return secret, token
}

func TestTokens_Verify(t *testing.T) {
	t.Parallel()
	tokens, _, _ := setUp(t)
	limited, limitedToken := create(t, tokens, accounts.NewToken{Name: "crm", Role: accounts.RoleAgent, CallCenters: []string{"support"}})
	unlimited, unlimitedToken := create(t, tokens, accounts.NewToken{Name: "cti", Role: accounts.RoleAdmin})
	nothing, nothingToken := create(t, tokens, accounts.NewToken{Name: "new", Role: accounts.RoleAgent, CallCenters: []string{}})
	for secret, want := range map[string]accounts.Principal{
		limited:   {Kind: accounts.KindToken, Name: "crm", Role: accounts.RoleAgent, CallCenters: []string{"support"}, TokenID: limitedToken.ID, TokenName: "crm"},
		unlimited: {Kind: accounts.KindToken, Name: "cti", Role: accounts.RoleAdmin, TokenID: unlimitedToken.ID, TokenName: "cti"},
		// Empty and nil are opposites: one sees nothing, the other all.
		nothing: {Kind: accounts.KindToken, Name: "new", Role: accounts.RoleAgent, CallCenters: []string{}, TokenID: nothingToken.ID, TokenName: "new"},
	} {
		got, err := tokens.Verify(t.Context(), secret)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("principal of %s (-want +got):\n%s", want.Name, diff)
		}
	}
	flipped := limited[:len(limited)-1] + map[bool]string{true: "1", false: "0"}[limited[len(limited)-1] == '0']
	for _, wrong := range []string{
		"", "cbd_", flipped, strings.ToUpper(limited), strings.TrimPrefix(limited, "cbd_"), limited + "0",
		strings.Repeat("\x00", len(limited)), "cbd_" + strings.Repeat("'", 64), strings.Repeat("x", 1<<20),
	} {
		if p, err := tokens.Verify(t.Context(), wrong); !errors.Is(err, accounts.ErrUnauthorized) || p.Role != "" {
			t.Errorf("Verify of a wrong token of %d bytes = %+v, %v", len(wrong), p, err)
		}
	}
}

func TestTokens_SecretIsRandomAndNotStored(t *testing.T) {
	t.Parallel()
	tokens, _, url := setUp(t)
	first, _ := create(t, tokens, accounts.NewToken{Name: "1", Role: accounts.RoleAgent})
	second, _ := create(t, tokens, accounts.NewToken{Name: "2", Role: accounts.RoleAgent})
	if first == second {
		t.Error("two tokens have one secret")
	}
	random, err := hex.DecodeString(strings.TrimPrefix(first, "cbd_"))
	if err != nil || len(random) != 32 {
		t.Errorf("secret has %d random bytes, %v; want 32", len(random), err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var row string
	if err := conn.QueryRow(t.Context(), `SELECT string_agg(t::text, ' ') FROM tokens t`).Scan(&row); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(row, strings.TrimPrefix(first, "cbd_")) {
		t.Error("the secret is stored")
	}
}

func TestTokens_ExpireAndRevoke(t *testing.T) {
	t.Parallel()
	tokens, c, _ := setUp(t)
	expiry := c.at.Add(time.Hour)
	secret, _ := create(t, tokens, accounts.NewToken{Name: "short", Role: accounts.RoleAgent, ExpiresAt: &expiry})
	c.at = expiry.Add(-time.Nanosecond)
	if _, err := tokens.Verify(t.Context(), secret); err != nil {
		t.Errorf("just before it expires: %v", err)
	}
	c.at = expiry
	if _, err := tokens.Verify(t.Context(), secret); !errors.Is(err, accounts.ErrUnauthorized) {
		t.Errorf("when it expires: %v, want ErrUnauthorized", err)
	}

	secret, token := create(t, tokens, accounts.NewToken{Name: "long", Role: accounts.RoleAgent})
	for range 2 {
		if err := tokens.Revoke(t.Context(), token.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := tokens.Verify(t.Context(), secret); !errors.Is(err, accounts.ErrUnauthorized) {
			t.Errorf("revoked: %v, want ErrUnauthorized", err)
		}
		c.at = c.at.Add(time.Hour)
	}
	list, err := tokens.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := list[1].RevokedAt; got == nil || !got.Equal(expiry) {
		t.Errorf("revoked at %v, want the first time %v", got, expiry)
	}
	if err := tokens.Revoke(t.Context(), 99); !errors.Is(err, accounts.ErrTokenNotFound) {
		t.Errorf("revoking what is not there: %v", err)
	}
}

func TestTokens_LastUseIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	tokens, c, _ := setUp(t)
	secret, token := create(t, tokens, accounts.NewToken{Name: "x", Role: accounts.RoleAgent})
	if token.LastUsedAt != nil {
		t.Errorf("last use of a new token is %v", token.LastUsedAt)
	}
	first := c.at
	for _, step := range []struct{ after, want time.Duration }{
		{0, 0}, {30 * time.Second, 0}, {59 * time.Second, 0}, {time.Minute, time.Minute}, {90 * time.Second, time.Minute},
	} {
		c.at = first.Add(step.after)
		if _, err := tokens.Verify(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		list, err := tokens.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := list[0].LastUsedAt; got == nil || !got.Equal(first.Add(step.want)) {
			t.Errorf("after %s last use is %v, want %v", step.after, got, first.Add(step.want))
		}
	}
}

func TestTokens_CreateRefusesNonsense(t *testing.T) {
	t.Parallel()
	tokens, c, _ := setUp(t)
	past := c.at
	for name, wish := range map[string]accounts.NewToken{
		"no name":           {Role: accounts.RoleAgent},
		"long name":         {Name: strings.Repeat("名", 101), Role: accounts.RoleAgent},
		"name with NUL":     {Name: "a\x00", Role: accounts.RoleAgent},
		"name not UTF-8":    {Name: "\xff", Role: accounts.RoleAgent},
		"no role":           {Name: "x"},
		"unknown role":      {Name: "x", Role: "root"},
		"empty call center": {Name: "x", Role: accounts.RoleAgent, CallCenters: []string{""}},
		"expired":           {Name: "x", Role: accounts.RoleAgent, ExpiresAt: &past},
	} {
		if _, _, err := tokens.Create(t.Context(), wish); err == nil {
			t.Errorf("%s: created", name)
		}
	}
	_, token := create(t, tokens, accounts.NewToken{Name: strings.Repeat("名", 100), Role: accounts.RoleAgent})
	if _, _, err := tokens.Create(t.Context(), accounts.NewToken{Name: token.Name, Role: accounts.RoleAdmin}); !errors.Is(err, accounts.ErrTokenNameTaken) {
		t.Errorf("a name twice: %v, want ErrTokenNameTaken", err)
	}
}
