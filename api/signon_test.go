package api_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/accounts/oidc"
	"callbackd/api"
	"callbackd/lab/provider"
)

// signOnWorld is a world beside a provider, with people at it.
type signOnWorld struct {
	*world
	provider *provider.Provider
	site     string // the server's URL
}

// lateSignOn is a provider that is made when the server's URL is known.
type lateSignOn struct{ *oidc.Provider }

var groups = map[accounts.Role][]string{accounts.RoleAgent: {"agents"}, accounts.RoleSupervisor: {"leaders"}, accounts.RoleAdmin: {"it"}}

func newSignOnWorld(t *testing.T) *signOnWorld {
	t.Helper()
	late := &lateSignOn{}
	w := &signOnWorld{provider: provider.Start(t)}
	w.world = newWorld(t, func(o *api.Options) { o.SignOn, o.SignOnName, o.PlainCookies = late, "社内アカウント", true })
	w.site = strings.TrimSuffix(w.url, basePath)
	w.provider.Register(w.site)
	late.Provider = oidc.New(oidc.Options{
		Issuer: w.provider.URL, ClientID: provider.ClientID, ClientSecret: provider.ClientSecret,
		RedirectURL: w.site + api.SignOnReturn, AfterLogout: w.site + "/", Scopes: []string{"profile"},
		Claims: oidc.Claims{Account: "preferred_username", Name: "name", Roles: "office.groups", CallCenters: "desks", ByRole: groups},
	})
	w.put("1", "Tanaka", "agents")
	return w
}

// put makes a person have groups, and desks of which one is none here.
func (w *signOnWorld) put(subject, name string, groups ...string) {
	w.provider.Put(provider.Person{
		Subject: subject, Name: name, Password: "at the provider", First: "花子", Last: "田中",
		Claims: map[string]any{"office": map[string]any{"groups": groups}, "desks": []string{"support", "canteen"}},
	})
}

// browser is somebody's, which follows no redirect by itself.
type browser struct {
	*http.Client
	t *testing.T
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, Client: &http.Client{
		Jar: jar, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// open opens an address and returns where it leads to, or what it shows.
func (b *browser) open(address string, form url.Values) (to, body string) {
	b.t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if location, err := response.Location(); err == nil {
		return location.String(), ""
	}
	return "", string(text)
}

// come logs somebody in at the provider and returns with what address the
// browser is sent back.
func (w *signOnWorld) come(b *browser, name, returnTo string) (back string) {
	w.t.Helper()
	to, _ := b.open(w.site+"/sso/login?return_to="+url.QueryEscape(returnTo), nil)
	for range 5 {
		if strings.HasPrefix(to, w.site) {
			return to
		}
		next, page := b.open(to, nil)
		if strings.Contains(page, "Office account") {
			at, err := url.Parse(to)
			if err != nil {
				w.t.Fatal(err)
			}
			next, page = b.open(w.provider.URL+"/login/username", url.Values{
				"id": at.Query()["authRequestID"], "username": {name}, "password": {"at the provider"},
			})
		}
		if next == "" {
			w.t.Fatalf("the provider shows %s", page)
		}
		to = next
	}
	w.t.Fatalf("the provider leads to %s again and again", to)
	return ""
}

// logIn is come, and returns to what path callbackd sends the browser.
func (w *signOnWorld) logIn(b *browser, name, returnTo string) (path string) {
	w.t.Helper()
	to, body := b.open(w.come(b, name, returnTo), nil)
	if !strings.HasPrefix(to, w.site) {
		w.t.Fatalf("callbackd leads to %q: %s", to, body)
	}
	return strings.TrimPrefix(to, w.site)
}

// me returns whose session a browser has; empty for none.
func (w *signOnWorld) me(b *browser) (cookie string, me api.Me) {
	w.t.Helper()
	at, err := url.Parse(w.site)
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(b.Jar.Cookies(at), func(c *http.Cookie) bool { return c.Name == accounts.PlainCookieName })
	if i < 0 {
		return "", api.Me{}
	}
	cookie = b.Jar.Cookies(at)[i].Value
	got := w.do(request{path: "/me", cookie: cookie})
	if got.status == http.StatusUnauthorized {
		return "", api.Me{}
	}
	return cookie, decode[api.Me](w.t, got, http.StatusOK)
}

// Who logs in elsewhere has an account, which is what the provider says each
// time; and logging out leads there.
func TestSignOn(t *testing.T) {
	t.Parallel()
	w := newSignOnWorld(t)
	site := decode[api.Site](t, w.do(request{path: "/site"}), http.StatusOK)
	if site.SingleSignOn == nil || site.SingleSignOn.Name != "社内アカウント" || site.SingleSignOn.URL != "/sso/login" {
		t.Errorf("the site shows %+v", site.SingleSignOn)
	}
	b := newBrowser(t)
	if to := w.logIn(b, "Tanaka", "/callbacks?status=open"); to != "/callbacks?status=open" {
		t.Errorf("logged in, one is led to %q", to)
	}
	first, me := w.me(b)
	if me.Name != "tanaka" || me.DisplayName == nil || *me.DisplayName != "花子 田中" || me.Role != "agent" || !cmp.Equal(me.CallCenters, []string{"support"}) {
		t.Errorf("logged in as %+v", me)
	}
	problem(t, w.tryLogin("tanaka", "at the provider", nil), http.StatusUnauthorized, "login_failed")
	if me.HasPassword {
		t.Error("who came from elsewhere is said to have a password here")
	}

	// The same person by another name, and of other groups.
	w.put("1", "tanaka.hanako", "leaders", "agents", "canteen")
	w.logIn(b, "tanaka.hanako", "")
	second, again := w.me(b)
	if again.Name != "tanaka" || again.Role != "supervisor" || *again.AccountID != *me.AccountID {
		t.Errorf("logged in again as %+v", again)
	}
	if second == first {
		t.Error("the session goes on under the token of the one before")
	}
	problem(t, w.do(request{path: "/me", cookie: first}), http.StatusUnauthorized, "unauthorized")

	if err := w.accounts.SetPassword(t.Context(), accounts.Operator(), accounts.AccountID(*me.AccountID), "an administrator's"); err != nil {
		t.Fatal(err)
	}
	if got := decode[api.Me](t, w.tryLogin("tanaka", "an administrator's", nil), http.StatusOK); !got.HasPassword {
		t.Error("who was given a password is said to have none")
	}
	w.logIn(b, "tanaka.hanako", "")
	second, again = w.me(b)
	if !again.HasPassword {
		t.Error("the password is forgotten when its owner comes from elsewhere")
	}

	out := w.do(request{method: http.MethodDelete, path: "/session", cookie: second})
	to, err := url.Parse(out.header.Get("X-Callbackd-Logout"))
	if out.status != http.StatusNoContent || err != nil || !strings.HasPrefix(to.String(), w.provider.URL) || to.Query().Get("id_token_hint") == "" {
		t.Errorf("logged out with status %d, led to %v", out.status, to)
	}
	if back, page := b.open(to.String(), nil); back != w.site+"/" {
		t.Errorf("the provider leads to %q: %s", back, page)
	}
	w.account("sato", accounts.RoleAgent, "")
	if out := w.do(request{method: http.MethodDelete, path: "/session", cookie: w.login("sato")}); out.header.Get("X-Callbackd-Logout") != "" {
		t.Error("who logged in with a password is led to the provider")
	}
}

// Nobody gets an account, or somebody else's, that should not.
func TestSignOn_Refused(t *testing.T) {
	t.Parallel()
	w := newSignOnWorld(t)
	w.account("suzuki", accounts.RoleAdmin, "")
	b := newBrowser(t)
	refused := func(name, code string) {
		t.Helper()
		if to := w.logIn(b, name, "/monitor"); to != "/?login_error="+code {
			t.Errorf("%s is led to %q, want login_error=%s", name, to, code)
		}
		if _, me := w.me(b); me.Name != "" {
			t.Errorf("%s is logged in as %s", name, me.Name)
		}
	}
	w.put("2", "suzuki", "agents") // has the name of an account here, and no right to it
	refused("suzuki", "name_taken")
	w.put("3", "ito", "canteen")
	refused("ito", "no_role")
	w.put("4", "山田", "agents")
	refused("山田", "account_invalid")

	w.logIn(b, "Tanaka", "")
	_, me := w.me(b)
	if _, err := w.accounts.Disable(t.Context(), accounts.Operator(), accounts.AccountID(*me.AccountID)); err != nil {
		t.Fatal(err)
	}
	refused("Tanaka", "disabled")

	// Linked by an administrator, the account is the same person's; and the
	// last administrator stays one.
	suzuki, err := w.accounts.GetByName(t.Context(), accounts.Operator(), "suzuki")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.accounts.Link(t.Context(), accounts.Operator(), suzuki.ID, w.provider.URL, "2"); err != nil {
		t.Fatal(err)
	}
	refused("suzuki", "last_admin")
	w.put("2", "suzuki", "it")
	w.logIn(b, "suzuki", "")
	if _, me := w.me(b); me.Name != "suzuki" || me.Role != "admin" {
		t.Errorf("the account that was linked: %+v", me)
	}

	// Taken away again, it is the person's no longer, at once.
	if err := w.accounts.Unlink(t.Context(), accounts.Operator(), suzuki.ID); err != nil {
		t.Fatal(err)
	}
	if _, me := w.me(b); me.Name != "" {
		t.Errorf("still logged in after the link was taken away: %+v", me)
	}
	refused("suzuki", "name_taken")
	if err := w.accounts.Unlink(t.Context(), accounts.Operator(), suzuki.ID); !errors.Is(err, accounts.ErrNotLinked) {
		t.Errorf("taken away twice: %v, want %v", err, accounts.ErrNotLinked)
	}
}

// What does not come from a login that was begun in this very browser, just
// once, begins no session; and nobody is led elsewhere.
func TestSignOn_Forged(t *testing.T) {
	t.Parallel()
	w := newSignOnWorld(t)
	refused := func(b *browser, address, code string) {
		t.Helper()
		if to, _ := b.open(address, nil); to != w.site+"/?login_error="+code {
			t.Errorf("%.60s leads to %q, want login_error=%s", address, to, code)
		}
		if _, me := w.me(b); me.Name != "" {
			t.Errorf("%.60s logged somebody in as %s", address, me.Name)
		}
	}
	victim, attacker := newBrowser(t), newBrowser(t)
	theirs := w.come(attacker, "Tanaka", "")
	refused(victim, theirs, "refused") // nothing was begun
	begun, _ := victim.open(w.site+"/sso/login", nil)
	refused(victim, theirs, "refused") // something else was begun
	refused(victim, w.site+api.SignOnReturn, "refused")
	state, err := url.Parse(begun)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"error=access_denied", "code=guessed", ""} {
		victim.open(w.site+"/sso/login", nil)
		refused(victim, w.site+api.SignOnReturn+"?"+query+"&state="+state.Query().Get("state"), "refused")
	}
	if q := state.Query(); q.Get("code_challenge_method") != "S256" || len(q.Get("state")) < 20 || len(q.Get("nonce")) < 20 {
		t.Errorf("the provider is asked with %v", q)
	}

	back := w.come(attacker, "Tanaka", "")
	if to, _ := attacker.open(back, nil); to != w.site+"/" {
		t.Errorf("logged in, one is led to %q", to)
	}
	if to, _ := attacker.open(back, nil); to != w.site+"/?login_error=refused" {
		t.Errorf("the second time it leads to %q", to)
	}
	for _, to := range []string{
		"https://evil.example", "//evil.example", `/\evil.example`, "/%2f/evil.example", "/\t/evil.example", "javascript:alert(1)",
		"/a/../../b", "/sso/login", strings.Repeat("/x", 600),
	} {
		if path := w.logIn(newBrowser(t), "Tanaka", to); path != "/" {
			t.Errorf("return_to %.40q leads to %q", to, path)
		}
	}
}

// While the provider is away, people are told, and passwords work. Attempts
// that fail are limited by address.
func TestSignOn_AwayAndLimited(t *testing.T) {
	t.Parallel()
	w := newSignOnWorld(t)
	w.account("sato", accounts.RoleAgent, "")
	w.provider.Away(true)
	b := newBrowser(t)
	if to, _ := b.open(w.site+"/sso/login", nil); to != w.site+"/?login_error=unavailable" {
		t.Errorf("without a provider one is led to %q", to)
	}
	w.login("sato")
	w.provider.Away(false)
	deadline := time.Now().Add(3 * patience)
	for { // it is not asked again at once
		to, _ := b.open(w.site+"/sso/login", nil)
		if strings.HasPrefix(to, w.provider.URL) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the provider is there again, and one is led to %q", to)
		}
	}
	back := w.come(b, "Tanaka", "")
	w.provider.Away(true)
	if to, _ := b.open(back, nil); to != w.site+"/?login_error=unavailable" {
		t.Errorf("when the provider goes away meanwhile one is led to %q", to)
	}
	for range 60 {
		if to, _ := b.open(w.site+api.SignOnReturn+"?code=guessed", nil); to == w.site+"/?login_error=too_many_attempts" {
			return
		}
	}
	t.Error("attempts are not limited")
}
