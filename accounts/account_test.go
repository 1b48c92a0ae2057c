package accounts_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/postgres"
)

// cheap makes hashing take no time. What the default costs is no concern of
// most tests.
var cheap = accounts.Cost{Memory: 8, Passes: 1, Threads: 1}

const password = "correct horse battery"

var home = netip.MustParseAddr("192.0.2.1")

// world is accounts over a database of their own, and a clock.
type world struct {
	t        *testing.T
	url      string
	db       *postgres.DB
	accounts *accounts.Service
	sessions *accounts.Sessions
	tokens   *accounts.Tokens

	mu sync.Mutex
	at time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, url: databases.New(t), at: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)}
	db, err := postgres.Open(t.Context(), w.url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w.db = db
	w.accounts = w.service(cheap)
	w.sessions = accounts.NewSessions(accounts.SessionOptions{Store: db.Sessions(), Now: w.now})
	w.tokens = accounts.NewTokens(db.Tokens(), w.now)
	return w
}

func (w *world) service(cost accounts.Cost) *accounts.Service {
	return accounts.NewService(accounts.Options{
		Store: w.db.Accounts(), Now: w.now, Cost: cost,
		HasCallCenter: func(id string) bool { return id == "support" || id == "sales" },
	})
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// create creates an account with the usual password.
func (w *world) create(name string, role accounts.Role, callCenters ...string) accounts.Account {
	w.t.Helper()
	account, err := w.accounts.Create(w.t.Context(), accounts.Operator(), accounts.NewAccount{
		Name: name, Role: role, CallCenters: callCenters, Password: password,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return account
}

func (w *world) authenticate(name, password string) (accounts.Account, error) {
	return w.accounts.Authenticate(w.t.Context(), name, password, home)
}

// browser keeps the cookies of a person.
type browser struct {
	w       *world
	cookies map[string]*http.Cookie
}

func (w *world) browser() *browser {
	return &browser{w: w, cookies: make(map[string]*http.Cookie)}
}

func (b *browser) request() *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "https://callbackd.example/", http.NoBody)
	for _, cookie := range b.cookies {
		r.AddCookie(cookie)
	}
	return r
}

// take takes the cookies of an answer.
func (b *browser) take(recorder *httptest.ResponseRecorder) {
	for _, cookie := range recorder.Result().Cookies() {
		if cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		} else {
			b.cookies[cookie.Name] = cookie
		}
	}
}

func (b *browser) begin(account *accounts.Account) (accounts.Principal, error) {
	recorder := httptest.NewRecorder()
	p, err := b.w.sessions.Begin(recorder, b.request(), account)
	b.take(recorder)
	return p, err
}

// login logs in with the usual password.
func (b *browser) login(name string) {
	b.w.t.Helper()
	account, err := b.w.authenticate(name, password)
	if err == nil {
		_, err = b.begin(&account)
	}
	if err != nil {
		b.w.t.Fatal(err)
	}
}

func (b *browser) principal() (accounts.Principal, error) { return b.w.sessions.Principal(b.request()) }

// in reports whether the browser is logged in.
func (b *browser) in() bool {
	b.w.t.Helper()
	_, err := b.principal()
	if err != nil && !errors.Is(err, accounts.ErrUnauthorized) {
		b.w.t.Fatal(err)
	}
	return err == nil
}
