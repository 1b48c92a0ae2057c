package api_test

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/api"
)

func (w *world) tryLogin(name, secret string, header map[string]string) answer {
	w.t.Helper()
	return w.do(request{method: http.MethodPost, path: "/session", header: header, json: map[string]any{"name": name, "password": secret}})
}

func TestSession_FromLoginToLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "PJSIP/2001", "support")
	got := w.tryLogin("sato", password, nil)
	me := decode[api.Me](t, got, http.StatusOK)
	if me.Name != "sato" || *me.DisplayName != "表示名 sato" || *me.Endpoint != "PJSIP/2001" || me.Token != nil || *me.AccountID < 1 {
		t.Errorf("logged in as %+v", me)
	}
	cookie := (&http.Response{Header: got.header}).Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 0 {
		t.Errorf("cookie %+v", cookie)
	}
	as := request{path: "/me", cookie: w.cookie(got)}
	if again := decode[api.Me](t, w.do(as), http.StatusOK); again.Name != "sato" || again.Kind != "account" {
		t.Errorf("me: %+v", again)
	}
	for range 2 { // the second time there is no session any more
		out := w.do(request{method: http.MethodDelete, path: "/session", cookie: as.cookie})
		if out.status != http.StatusNoContent {
			t.Fatalf("log out: status %d: %s", out.status, out.body)
		}
	}
	problem(t, w.do(as), http.StatusUnauthorized, "unauthorized")
	if out := w.do(request{method: http.MethodDelete, path: "/session"}); out.status != http.StatusNoContent {
		t.Errorf("log out without a session: status %d", out.status)
	}
}

// Over TLS the cookie goes by the name that browsers take from nobody else.
func TestSession_CookieIsForHTTPS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) {
		o.Sessions = accounts.NewSessions(accounts.SessionOptions{Store: neverAsked{}})
	})
	if name := accounts.CookieName; !strings.HasPrefix(name, "__Host-") || !strings.Contains(string(api.Contract), "name: "+name+"\n") {
		t.Errorf("the contract does not name the cookie %s", name)
	}
	problem(t, w.do(request{path: "/me", cookie: "of another name"}), http.StatusUnauthorized, "unauthorized")
}

// neverAsked is a store of sessions that panics when it is used.
type neverAsked struct{ accounts.SessionStore }

func TestSession_LoginFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	sato := w.account("sato", accounts.RoleAgent, "")
	disabled := false
	for name, secret := range map[string]string{"sato": "wrong password", "nobody": password} {
		got := w.tryLogin(name, secret, nil)
		problem(t, got, http.StatusUnauthorized, "login_failed")
		if got.header.Get("Set-Cookie") != "" || got.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("header %v", got.header)
		}
	}
	cookie := w.login("sato")
	if _, err := w.accounts.Update(t.Context(), accounts.Operator(), sato.ID, accounts.AccountChange{Version: 1, Enabled: &disabled}); err != nil {
		t.Fatal(err)
	}
	problem(t, w.tryLogin("sato", password, nil), http.StatusUnauthorized, "login_failed")
	problem(t, w.do(request{path: "/me", cookie: cookie}), http.StatusUnauthorized, "unauthorized")
	for _, header := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}} {
		problem(t, w.tryLogin("sato", password, header), http.StatusForbidden, "cross_origin")
		problem(t, w.do(request{method: http.MethodDelete, path: "/session", header: header}), http.StatusForbidden, "cross_origin")
	}
}

func TestSession_TooManyAttempts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "")
	cookie := w.login("sato")
	var limited answer
	for range 30 {
		if limited = w.tryLogin("sato", "wrong password", nil); limited.status == http.StatusTooManyRequests {
			break
		}
	}
	p := problem(t, limited, http.StatusTooManyRequests, "too_many_attempts")
	wait, err := strconv.Atoi(limited.header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > 600 || !strings.Contains(p.Detail, strconv.Itoa(wait)+" 秒後") {
		t.Errorf("Retry-After %q, %s", limited.header.Get("Retry-After"), p.Detail)
	}
	problem(t, w.tryLogin("sato", password, nil), http.StatusTooManyRequests, "too_many_attempts")
	got := w.do(request{method: http.MethodPatch, path: "/me", cookie: cookie, json: map[string]any{
		"current_password": password, "new_password": "staple of the trade",
	}})
	problem(t, got, http.StatusTooManyRequests, "too_many_attempts")
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "")
	here, elsewhere := w.login("sato"), w.login("sato")
	change := func(as request, current, next string) answer {
		as.method, as.path, as.json = http.MethodPatch, "/me", map[string]any{"current_password": current, "new_password": next}
		return w.do(as)
	}
	problem(t, change(request{cookie: here}, "wrong password", "staple of the trade"), http.StatusUnprocessableEntity, "wrong_password")
	w.wantField("a weak password", change(request{cookie: here}, password, "aaaaaaaaaaaa"), "/new_password", "body")
	for _, as := range []request{{token: w.token(accounts.RoleAdmin)}, {token: w.actor(accounts.RoleAdmin), acting: "sato"}} {
		problem(t, change(as, password, "staple of the trade"), http.StatusForbidden, "forbidden")
	}
	got := change(request{cookie: here}, password, "staple of the trade")
	decode[api.Me](t, got, http.StatusOK)
	for _, ended := range []string{here, elsewhere} {
		problem(t, w.do(request{path: "/me", cookie: ended}), http.StatusUnauthorized, "unauthorized")
	}
	decode[api.Me](t, w.do(request{path: "/me", cookie: w.cookie(got)}), http.StatusOK)
	problem(t, w.tryLogin("sato", password, nil), http.StatusUnauthorized, "login_failed")
	decode[api.Me](t, w.tryLogin("sato", "staple of the trade", nil), http.StatusOK)
}

// Whatever ends a session ends its event streams at once.
func TestSession_EndsItsStreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Heartbeat = time.Hour })
	admin := w.token(accounts.RoleAdmin)
	sato := w.account("sato", accounts.RoleAgent, "", "support")
	other := w.account("suzuki", accounts.RoleAgent, "", "support")
	untouched := w.streamAs(request{cookie: w.login("suzuki")}, nil)
	path := "/accounts/" + strconv.FormatInt(int64(sato.ID), 10)
	for name, end := range map[string]func(cookie string) request{
		"logout": func(cookie string) request {
			return request{method: http.MethodDelete, path: "/session", cookie: cookie}
		},
		"logout everywhere": func(cookie string) request {
			return request{method: http.MethodDelete, path: "/me/sessions", cookie: cookie}
		},
		"by an admin": func(string) request {
			return request{method: http.MethodDelete, path: path + "/sessions", token: admin}
		},
		"a new password": func(string) request {
			return request{method: http.MethodPut, path: path + "/password", token: admin, json: map[string]any{"password": password}}
		},
	} {
		cookie := w.login("sato")
		r := w.streamAs(request{cookie: cookie}, nil)
		if got := w.do(end(cookie)); got.status != http.StatusNoContent {
			t.Errorf("%s: status %d: %s", name, got.status, got.body)
		}
		r.ended()
	}
	r := w.streamAs(request{cookie: w.login("sato")}, nil)
	decode[api.Account](t, w.do(request{method: http.MethodPatch, path: path, token: admin, json: map[string]any{"version": 1, "enabled": false}}), http.StatusOK)
	r.ended()

	// What is changed of an account counts for its open streams.
	path = "/accounts/" + strconv.FormatInt(int64(other.ID), 10)
	decode[api.Account](t, w.do(request{method: http.MethodPatch, path: path, token: admin, json: map[string]any{"version": 1, "call_centers": []string{"sales"}}}), http.StatusOK)
	w.save(centerCall(1, "support"), centerCall(2, "sales"))
	if _, data := untouched.event(); *data.Call.CallCenter != "sales" {
		t.Errorf("after the account moved to sales its stream tells of %s", *data.Call.CallCenter)
	}
}

func TestSession_AndAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "")
	cookie := w.login("sato")
	// The token counts, and is not replaced by the session when it is wrong.
	if me := decode[api.Me](t, w.do(request{path: "/me", cookie: cookie, token: w.token(accounts.RoleAdmin)}), http.StatusOK); me.Kind != "token" {
		t.Errorf("me: %+v", me)
	}
	problem(t, w.do(request{path: "/me", cookie: cookie, token: "wrong"}), http.StatusUnauthorized, "unauthorized")
	w.wantField("acting in a session", w.do(request{path: "/me", cookie: cookie, acting: "sato"}), "X-Callbackd-Account", "header")
	problem(t, w.do(request{method: http.MethodDelete, path: "/me/sessions", token: w.token(accounts.RoleAdmin)}), http.StatusForbidden, "forbidden")
	problem(t, w.do(request{method: http.MethodDelete, path: "/me/sessions", cookie: cookie, header: map[string]string{"Sec-Fetch-Site": "cross-site"}}),
		http.StatusForbidden, "cross_origin")
}

// Only what trusted proxies say of the client is believed: the limit of
// attempts goes by the address.
func TestForwardedHeaders_OfTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		trusted []string
		header  map[string]string
		want    string
	}{
		"nobody is trusted":          {nil, map[string]string{"X-Forwarded-For": "192.0.2.1"}, "127.0.0.1"},
		"the last hop is the client": {[]string{"127.0.0.1"}, map[string]string{"X-Forwarded-For": "192.0.2.7, 192.0.2.1"}, "192.0.2.1"},
		"behind two proxies":         {[]string{"127.0.0.1", "10.0.0.1"}, map[string]string{"X-Forwarded-For": "192.0.2.7, 192.0.2.1, 10.0.0.1"}, "192.0.2.1"},
		"with a port":                {[]string{"127.0.0.1"}, map[string]string{"X-Forwarded-For": "192.0.2.1:4711"}, "192.0.2.1"},
		"IPv6":                       {[]string{"127.0.0.1"}, map[string]string{"X-Forwarded-For": "[2001:db8::1]:4711"}, "2001:db8::1"},
		"nonsense":                   {[]string{"127.0.0.1"}, map[string]string{"X-Forwarded-For": "192.0.2.7, unknown"}, "127.0.0.1"},
		"no header":                  {[]string{"127.0.0.1"}, nil, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := &recordingAccounts{}
			w := newWorld(t, func(o *api.Options) {
				asked.Accounts = o.Accounts
				o.Accounts = asked
				o.IsTrustedProxy = func(a netip.Addr) bool {
					for _, trusted := range tt.trusted {
						if a == netip.MustParseAddr(trusted) {
							return true
						}
					}
					return false
				}
			})
			problem(t, w.tryLogin("nobody", password, tt.header), http.StatusUnauthorized, "login_failed")
			if asked.address.String() != tt.want {
				t.Errorf("client %s, want %s", asked.address, tt.want)
			}
			// The host by which the browser knows the server is the proxy's to tell.
			want := http.StatusForbidden
			if len(tt.trusted) > 0 {
				want = http.StatusUnauthorized
			}
			got := w.tryLogin("nobody", password, map[string]string{"Origin": "https://callback.example", "X-Forwarded-Host": "callback.example"})
			if got.status != want {
				t.Errorf("status %d through a proxy's host, want %d", got.status, want)
			}
		})
	}
}

func TestStreams_OfTokensThatActEndWithTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Heartbeat = 20 * time.Millisecond })
	w.account("sato", accounts.RoleAgent, "", "support")
	r := w.streamAs(request{token: w.actor(accounts.RoleAgent), acting: "sato"}, url.Values{"kinds": {"call"}})
	w.save(centerCall(1, "support"))
	if e, _ := r.event(); e.name != "call" {
		t.Errorf("event %+v", e)
	}
	account, err := w.accounts.GetByName(t.Context(), accounts.Operator(), "sato")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.accounts.Disable(t.Context(), accounts.Operator(), account.ID); err != nil {
		t.Fatal(err)
	}
	r.ended()
}

// recordingAccounts notes from where somebody tried to log in.
type recordingAccounts struct {
	api.Accounts
	address netip.Addr
}

func (r *recordingAccounts) Authenticate(ctx context.Context, name, secret string, address netip.Addr) (accounts.Account, error) {
	r.address = address
	return r.Accounts.Authenticate(ctx, name, secret, address)
}
