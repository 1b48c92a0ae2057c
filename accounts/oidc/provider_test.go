package oidc_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/accounts/oidc"
	"callbackd/lab/provider"
)

const back = "http://callbackd.test" // where the browser is sent, and does not go

// visit logs tanaka in at the provider and returns what callbackd is answered.
func visit(t *testing.T, p *provider.Provider, address string) oidc.Answer {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var answer url.Values
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), back) {
			answer = r.URL.Query()
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := browser.Get(address) //nolint:noctx // on loopback
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	page, err = browser.PostForm(p.URL+"/login/username", url.Values{ //nolint:noctx // on loopback
		"id": page.Request.URL.Query()["authRequestID"], "username": {"tanaka"}, "password": {"secret"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	if text, err := io.ReadAll(page.Body); err != nil || answer == nil {
		t.Fatalf("the provider shows %s (%v)", text, err)
	}
	return oidc.Answer{State: answer.Get("state"), Code: answer.Get("code")}
}

// Clocks may differ a little; keys change; and a token of another login, or
// for another program, is worth nothing.
func TestProvider(t *testing.T) {
	t.Parallel()
	p := provider.Start(t)
	p.Register(back)
	p.Put(provider.Person{Subject: "1", Name: "tanaka", Password: "secret", Claims: map[string]any{"roles": "agents"}})
	var ahead atomic.Int64
	options := oidc.Options{
		Issuer: p.URL, ClientID: provider.ClientID, ClientSecret: provider.ClientSecret,
		RedirectURL: back + "/sso/callback", Scopes: []string{"profile"},
		Claims: oidc.Claims{Account: "preferred_username", Name: "name", Roles: "roles", ByRole: map[accounts.Role][]string{accounts.RoleAgent: {"agents"}}},
		Now:    func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	}
	client := oidc.New(options)
	login := func(change func(a *oidc.Attempt)) error {
		t.Helper()
		address, attempt, err := client.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		answer := visit(t, p, address)
		if change != nil {
			change(&attempt)
		}
		identity, _, err := client.Finish(t.Context(), attempt, answer)
		if err == nil && (identity.Subject != "1" || identity.Name != "tanaka" || identity.Issuer != p.URL || identity.Role != accounts.RoleAgent) {
			t.Errorf("identity %+v", identity)
		}
		return err
	}
	for _, test := range []struct {
		name  string
		ahead time.Duration // of our clock; ID tokens last an hour
		want  error
	}{
		{"right", 0, nil},
		{"a minute late", -time.Minute, nil},
		{"a minute after the token's end", time.Hour + time.Minute, nil},
		{"an hour late", -time.Hour, oidc.ErrRefused},
		{"long after the token's end", 2 * time.Hour, oidc.ErrRefused},
	} {
		ahead.Store(int64(test.ahead))
		if err := login(nil); !errors.Is(err, test.want) {
			t.Errorf("a clock that is %s: %v, want %v", test.name, err, test.want)
		}
	}
	ahead.Store(0)
	p.RotateKey(t)
	if err := login(nil); err != nil {
		t.Errorf("after the provider has another key: %v", err)
	}
	for name, change := range map[string]func(a *oidc.Attempt){
		"nonce":    func(a *oidc.Attempt) { a.Nonce = "of another login" },
		"state":    func(a *oidc.Attempt) { a.State = "of another login" },
		"verifier": func(a *oidc.Attempt) { a.Verifier = strings.Repeat("x", 43) },
		"attempt":  func(a *oidc.Attempt) { *a = oidc.Attempt{} },
	} {
		if err := login(change); !errors.Is(err, oidc.ErrRefused) {
			t.Errorf("with another %s: %v", name, err)
		}
	}
	options.ClientSecret = "wrong"
	client = oidc.New(options)
	if err := login(nil); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("with a wrong secret: %v", err)
	}
	options.Issuer = p.URL + "/another"
	if _, _, err := oidc.New(options).Begin(t.Context()); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("where no provider is: %v", err)
	}
}
