package accounts_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
)

func TestSessions_Principal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account, err := w.accounts.Create(t.Context(), accounts.Operator(), accounts.NewAccount{
		Name: "sato", DisplayName: "佐藤", Role: accounts.RoleAgent, CallCenters: []string{"support", "sales", "support"},
		Endpoint: "PJSIP/2001", Password: password,
	})
	if err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	if b.in() {
		t.Error("somebody is logged in before the login")
	}
	begun, err := b.begin(&account)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.principal()
	if err != nil {
		t.Fatal(err)
	}
	want := accounts.Principal{
		Kind: accounts.KindAccount, Name: "sato", Role: accounts.RoleAgent, CallCenters: []string{"sales", "support"},
		AccountID: account.ID, DisplayName: "佐藤", Endpoint: "PJSIP/2001", HasPassword: true, SessionID: got.SessionID,
	}
	if diff := cmp.Diff(want, got); diff != "" || got.SessionID == 0 {
		t.Errorf("principal, session %d (-want +got):\n%s", got.SessionID, diff)
	}
	if diff := cmp.Diff(want, begun); diff != "" {
		t.Errorf("principal when it began (-want +got):\n%s", diff)
	}
	other := w.browser()
	other.login("sato")
	if p, err := other.principal(); err != nil || p.SessionID == got.SessionID {
		t.Errorf("another session has number %d, %v", p.SessionID, err)
	}
}

func TestSessions_Cookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account := w.create("sato", accounts.RoleAgent)
	plain := accounts.NewSessions(accounts.SessionOptions{Store: w.db.Sessions(), Now: w.now, PlainCookies: true})
	for _, tt := range []struct {
		sessions *accounts.Sessions
		name     string
		secure   bool
	}{{w.sessions, "__Host-callbackd", true}, {plain, "callbackd", false}} {
		recorder := httptest.NewRecorder()
		if _, err := tt.sessions.Begin(recorder, w.browser().request(), &account); err != nil {
			t.Fatal(err)
		}
		got := recorder.Result().Cookies()
		if len(got) != 1 || tt.sessions.CookieName() != tt.name {
			t.Fatalf("cookies %v, name %q", got, tt.sessions.CookieName())
		}
		want := &http.Cookie{
			Name: tt.name, Value: got[0].Value, Path: "/", HttpOnly: true, Secure: tt.secure, SameSite: http.SameSiteLaxMode,
			Raw: got[0].Raw,
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Errorf("cookie (-want +got):\n%s", diff)
		}
		if len(got[0].Value) < 43 {
			t.Errorf("the token has %d characters, too few for 256 bits", len(got[0].Value))
		}
		if row := query[string](w, "SELECT string_agg(s::text, ' ') FROM sessions s"); strings.Contains(row, got[0].Value) {
			t.Error("the token is stored")
		}
	}
}

// Whoever plants a token in somebody's browser gets nothing by the login,
// whether the token was made up or is that of a session of their own.
func TestSessions_Fixation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("sato", accounts.RoleAgent)
	w.create("mallory", accounts.RoleAgent)
	made := w.browser()
	made.cookies[accounts.CookieName] = &http.Cookie{Name: accounts.CookieName, Value: strings.Repeat("A", 43)}
	own := w.browser()
	own.login("mallory")
	for name, attacker := range map[string]*browser{"made up": made, "own": own} {
		planted := attacker.cookies[accounts.CookieName]
		victim := w.browser()
		victim.cookies[accounts.CookieName] = planted
		victim.login("sato")
		if p, err := victim.principal(); err != nil || p.Name != "sato" {
			t.Errorf("%s: the victim is %q, %v", name, p.Name, err)
		}
		if victim.cookies[accounts.CookieName].Value == planted.Value {
			t.Errorf("%s: the token that was planted is used", name)
		}
		if attacker.in() {
			t.Errorf("%s: the token that was planted is logged in", name)
		}
	}
}

func TestSessions_End(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("sato", accounts.RoleAgent)
	here, there := w.browser(), w.browser()
	here.login("sato")
	there.login("sato")
	stolen := w.browser()
	stolen.cookies[accounts.CookieName] = here.cookies[accounts.CookieName]
	for range 2 { // the second time there is none to end
		recorder := httptest.NewRecorder()
		if err := w.sessions.End(recorder, here.request()); err != nil {
			t.Fatal(err)
		}
		if cookies := recorder.Result().Cookies(); len(cookies) != 1 || cookies[0].MaxAge >= 0 || cookies[0].Value != "" {
			t.Errorf("the cookie is not taken away: %v", cookies)
		}
		here.take(recorder)
	}
	if here.in() || stolen.in() {
		t.Error("the session did not end")
	}
	if !there.in() {
		t.Error("the session in another browser ended")
	}
}

func TestSessions_EndByThemselves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("sato", accounts.RoleAgent)
	idle, used := w.browser(), w.browser()
	idle.login("sato")
	used.login("sato")
	lastUse := func() time.Time { return query[time.Time](w, "SELECT max(last_used_at) FROM sessions") }
	began := w.now()
	w.pass(59 * time.Second)
	if !used.in() || !lastUse().Equal(began) {
		t.Errorf("within a minute the use was written, %s", lastUse())
	}
	w.pass(time.Second)
	if p, err := w.sessions.Recheck(idle.request()); err != nil || p.Name != "sato" || !lastUse().Equal(began) {
		t.Errorf("a recheck finds %q, %v, and makes the last use %s", p.Name, err, lastUse())
	}
	if !used.in() || !lastUse().Equal(w.now()) {
		t.Errorf("after a minute the use was not written, %s", lastUse())
	}
	w.pass(accounts.DefaultIdleTimeout - time.Minute - time.Nanosecond)
	if !used.in() {
		t.Error("a session ended that was used")
	}
	w.pass(time.Nanosecond)
	if _, err := w.sessions.Recheck(idle.request()); idle.in() || !errors.Is(err, accounts.ErrUnauthorized) {
		t.Errorf("a session goes on that was not used: %v", err)
	}
	for w.now().Before(began.Add(accounts.DefaultLifetime - time.Hour)) {
		w.pass(time.Hour)
		if !used.in() {
			t.Fatalf("the session ended after %s", w.now().Sub(began))
		}
	}
	w.pass(began.Add(accounts.DefaultLifetime).Sub(w.now()) - time.Nanosecond)
	if !used.in() {
		t.Error("the session ended before its time")
	}
	w.pass(time.Nanosecond)
	if used.in() {
		t.Error("the session goes on after its time")
	}
	w.browser().login("sato")
	if rows := w.count("sessions"); rows != 1 {
		t.Errorf("there are %d sessions, want that those that ended are deleted", rows)
	}
}

// What an administrator changes of an account counts at its next request.
func TestSessions_ChangesCountAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account := w.create("sato", accounts.RoleAgent, "support")
	b := w.browser()
	b.login("sato")
	role, callCenters, endpoint := accounts.RoleSupervisor, []string{"sales"}, "PJSIP/2009"
	account, err := w.accounts.Update(t.Context(), accounts.Operator(), account.ID, accounts.AccountChange{
		Version: account.Version, Role: &role, CallCenters: &callCenters, Endpoint: &endpoint,
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.principal()
	if err != nil || p.Role != role || !cmp.Equal(p.CallCenters, callCenters) || p.Endpoint != endpoint {
		t.Errorf("principal = %+v, %v", p, err)
	}
	none := []string{}
	if _, err := w.accounts.Update(t.Context(), accounts.Operator(), account.ID, accounts.AccountChange{Version: account.Version, CallCenters: &none}); err != nil {
		t.Fatal(err)
	}
	if p, err := b.principal(); err != nil || p.CallCenters == nil || accounts.Can(p, accounts.ActionReadCall, []string{"sales"}) {
		t.Errorf("without call centers the principal is %+v, %v", p, err)
	}
}

// endings are the ways to end all sessions of an account.
var endings = map[string]func(w *world, id accounts.AccountID) error{
	"logout everywhere": func(w *world, id accounts.AccountID) error {
		return w.accounts.LogoutEverywhere(w.t.Context(), accounts.Operator(), id)
	},
	"disable": func(w *world, id accounts.AccountID) error {
		_, err := w.accounts.Disable(w.t.Context(), accounts.Operator(), id)
		return err
	},
	"set password": func(w *world, id accounts.AccountID) error {
		return w.accounts.SetPassword(w.t.Context(), accounts.Operator(), id, password)
	},
}

func TestSessions_EndTogether(t *testing.T) {
	t.Parallel()
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			account := w.create("sato", accounts.RoleAgent)
			w.create("suzuki", accounts.RoleAgent)
			here, there, other := w.browser(), w.browser(), w.browser()
			here.login("sato")
			there.login("sato")
			other.login("suzuki")
			authenticated, err := w.authenticate("sato", password)
			if err != nil {
				t.Fatal(err)
			}
			if err := end(w, account.ID); err != nil {
				t.Fatal(err)
			}
			if here.in() || there.in() {
				t.Error("a session goes on")
			}
			if !other.in() {
				t.Error("the session of another account ended")
			}
			if _, err := w.accounts.Enable(t.Context(), accounts.Operator(), account.ID); err != nil {
				t.Fatal(err)
			}
			if here.in() || there.in() {
				t.Error("a session is alive again")
			}
			late := w.browser()
			if _, err := late.begin(&authenticated); !errors.Is(err, accounts.ErrUnauthorized) || len(late.cookies) > 0 {
				t.Errorf("a login that was begun before gives %v and %d cookies, want ErrUnauthorized", err, len(late.cookies))
			}
			here.login("sato")
			if !here.in() {
				t.Error("a new login has no effect")
			}
		})
	}
}

// Sessions that begin while all are ended, by logins from before, do not
// survive, nor do requests bring one back that are just under way.
func TestSessions_EndTogetherWhileOthersBegin(t *testing.T) {
	t.Parallel()
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			account := w.create("sato", accounts.RoleAgent)
			for range 10 {
				if _, err := w.accounts.Enable(t.Context(), accounts.Operator(), account.ID); err != nil {
					t.Fatal(err)
				}
				authenticated, err := w.authenticate("sato", password)
				if err != nil {
					t.Fatal(err)
				}
				busy := w.browser()
				if _, err := busy.begin(&authenticated); err != nil {
					t.Fatal(err)
				}
				w.pass(time.Minute) // so that requests write their use
				browsers := []*browser{busy}
				var group sync.WaitGroup
				start := make(chan struct{})
				for range 4 {
					b := w.browser()
					browsers = append(browsers, b)
					group.Go(func() {
						<-start
						if _, err := b.begin(&authenticated); err != nil && !errors.Is(err, accounts.ErrUnauthorized) {
							t.Errorf("begin: %v", err)
						}
					})
					group.Go(func() {
						<-start
						if _, err := busy.principal(); err != nil && !errors.Is(err, accounts.ErrUnauthorized) {
							t.Errorf("request: %v", err)
						}
					})
				}
				for range 2 {
					group.Go(func() {
						<-start
						if err := end(w, account.ID); err != nil {
							t.Errorf("end: %v", err)
						}
					})
				}
				close(start)
				group.Wait()
				for _, b := range browsers {
					if b.in() {
						t.Fatal("a session goes on")
					}
				}
				if rows := w.count("sessions"); rows != 0 {
					t.Fatalf("%d sessions are left", rows)
				}
			}
		})
	}
}

// The person who changes the password stays in by a new session; everybody
// else who has one of theirs is out.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("sato", accounts.RoleAgent)
	here, there := w.browser(), w.browser()
	here.login("sato")
	there.login("sato")
	before := here.cookies[accounts.CookieName].Value
	p, err := here.principal()
	if err != nil {
		t.Fatal(err)
	}
	change := func(by accounts.Principal, current, password string) (accounts.Account, error) {
		return w.accounts.ChangePassword(t.Context(), by, current, password, home)
	}
	if _, err := change(p, "wrong password", "another password"); !errors.Is(err, accounts.ErrWrongPassword) {
		t.Errorf("with a wrong password: %v, want ErrWrongPassword", err)
	}
	if _, ok := errors.AsType[*accounts.FieldError](func() error { _, err := change(p, password, "short"); return err }()); !ok {
		t.Error("a short password is accepted")
	}
	token := accounts.Principal{Kind: accounts.KindAccount, Name: "sato", AccountID: p.AccountID, Role: p.Role, TokenID: 1}
	for _, by := range []accounts.Principal{token, accounts.Operator(), {}} {
		if _, err := change(by, password, "another password"); !errors.Is(err, accounts.ErrForbidden) {
			t.Errorf("by %+v: %v, want ErrForbidden", by, err)
		}
	}
	if !here.in() || !there.in() {
		t.Error("a refused change ended a session")
	}
	account, err := change(p, password, "another password")
	if err != nil {
		t.Fatal(err)
	}
	if here.in() || there.in() {
		t.Error("a session goes on")
	}
	if _, err := here.begin(&account); err != nil || !here.in() || here.cookies[accounts.CookieName].Value == before {
		t.Errorf("begin anew: %v", err)
	}
	if _, err := w.authenticate("sato", password); !errors.Is(err, accounts.ErrUnauthorized) {
		t.Errorf("the old password: %v", err)
	}
	if _, err := w.authenticate("sato", "another password"); err != nil {
		t.Errorf("the new password: %v", err)
	}
	// A session is no way around the limit of attempts.
	for range 10 {
		_, err = change(p, "wrong password", "a third password")
	}
	if _, limited := isLimited(err); !limited {
		t.Errorf("after many wrong passwords: %v, want *RateLimitedError", err)
	}
}
