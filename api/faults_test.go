package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/phonebook"
	"callbackd/recording"
	"callbackd/webhooks"
)

// faulty stands for all services and fails in one way.
type faulty struct{ err error }

func (f faulty) Get(context.Context, callcenter.RequestID) (callcenter.Call, error) {
	return callcenter.Call{}, f.err
}

func (f faulty) List(context.Context, callcenter.CallFilter) ([]callcenter.Call, *callcenter.CallCursor, error) {
	return nil, nil, f.err
}
func (f faulty) Count(context.Context, callcenter.CallFilter) (int64, error) { return 0, f.err }
func (f faulty) CallbackOf(context.Context, []callcenter.RequestID) (map[callcenter.RequestID]callbacks.ID, error) {
	return nil, f.err
}

func (f faulty) Gaps(context.Context, callcenter.GapFilter) ([]callcenter.Gap, *callcenter.GapCursor, error) {
	return nil, nil, f.err
}

func (f faulty) UnsettledGaps(context.Context, string) ([]callcenter.Gap, error) { return nil, f.err }

func (f faulty) Situation(context.Context) (callbacks.Situation, error) {
	return callbacks.Situation{}, f.err
}
func (f faulty) Nodes(context.Context) ([]callcenter.NodeStatus, error) { return nil, f.err }
func (f faulty) LastChange(context.Context) (int64, error)              { return 0, f.err }
func (f faulty) Changes(context.Context, int64, int) ([]callbacks.Change, error) {
	return nil, f.err
}
func (f faulty) Wake() <-chan struct{} { return nil }

type faultyCallbacks struct{ err error }

func (f faultyCallbacks) Register(context.Context, accounts.Principal, callcenter.RequestID, callbacks.Registration) (callbacks.RegisterResult, error) {
	return callbacks.RegisterResult{}, f.err
}

func (f faultyCallbacks) Claim(context.Context, accounts.Principal, callbacks.ID, int, string) (callbacks.ChangeResult, error) {
	return callbacks.ChangeResult{}, f.err
}

func (f faultyCallbacks) Change(context.Context, accounts.Principal, callbacks.ID, callbacks.Patch) (callbacks.ChangeResult, error) {
	return callbacks.ChangeResult{}, f.err
}

func (f faultyCallbacks) Get(context.Context, accounts.Principal, callbacks.ID) (callbacks.Callback, error) {
	return callbacks.Callback{}, f.err
}

func (f faultyCallbacks) History(context.Context, accounts.Principal, callbacks.ID) ([]callbacks.HistoryEntry, error) {
	return nil, f.err
}

func (f faultyCallbacks) List(context.Context, accounts.Principal, callbacks.Filter) (callbacks.Page, error) {
	return callbacks.Page{}, f.err
}

func (f faultyCallbacks) Count(context.Context, accounts.Principal, callbacks.Filter) (int64, error) {
	return 0, f.err
}

func (f faultyCallbacks) NewSince(context.Context, accounts.Principal, callbacks.Filter, int64) (int64, error) {
	return 0, f.err
}

func (f faultyCallbacks) OpenOf(context.Context, accounts.Principal, string, string) (int, error) {
	return 0, f.err
}

func (f faultyCallbacks) Export(context.Context, accounts.Principal, callbacks.Filter, func(callbacks.Row) error) error {
	return f.err
}

func (f faultyCallbacks) Rows(context.Context, []callbacks.Callback) ([]callbacks.Row, error) {
	return nil, f.err
}

type faultyAccounts struct{ err error }

func (f faultyAccounts) Authenticate(context.Context, string, string, netip.Addr) (accounts.Account, error) {
	return accounts.Account{}, f.err
}

func (f faultyAccounts) AuthenticateElsewhere(context.Context, netip.Addr, func(context.Context) (accounts.Identity, error)) (accounts.Account, error) {
	return accounts.Account{}, f.err
}

func (f faultyAccounts) ChangePassword(context.Context, accounts.Principal, string, string, netip.Addr) (accounts.Account, error) {
	return accounts.Account{}, f.err
}

func (f faultyAccounts) Create(context.Context, accounts.Principal, accounts.NewAccount) (accounts.Account, error) {
	return accounts.Account{}, f.err
}

func (f faultyAccounts) Get(context.Context, accounts.Principal, accounts.AccountID) (accounts.Account, error) {
	return accounts.Account{}, f.err
}

func (f faultyAccounts) List(context.Context, accounts.Principal, accounts.AccountFilter) (accounts.AccountPage, error) {
	return accounts.AccountPage{}, f.err
}

func (f faultyAccounts) Update(context.Context, accounts.Principal, accounts.AccountID, accounts.AccountChange) (accounts.Account, error) {
	return accounts.Account{}, f.err
}

func (f faultyAccounts) SetPassword(context.Context, accounts.Principal, accounts.AccountID, string) error {
	return f.err
}

func (f faultyAccounts) LogoutEverywhere(context.Context, accounts.Principal, accounts.AccountID) error {
	return f.err
}

// faultySessions lets a person in and fails to end the session.
type faultySessions struct{ err error }

func (f faultySessions) BeginElsewhere(http.ResponseWriter, *http.Request, *accounts.Account, string) (accounts.Principal, error) {
	return accounts.Principal{}, f.err
}
func (f faultySessions) IDToken(*http.Request) (string, error) { return "", nil }

func (f faultySessions) CookieName() string { return accounts.PlainCookieName }
func (f faultySessions) Begin(http.ResponseWriter, *http.Request, *accounts.Account) (accounts.Principal, error) {
	return accounts.Principal{}, f.err
}

func (f faultySessions) Principal(*http.Request) (accounts.Principal, error) {
	return accounts.Principal{Kind: accounts.KindAccount, Name: "sato", AccountID: 1, Role: accounts.RoleAdmin}, nil
}
func (f faultySessions) End(http.ResponseWriter, *http.Request) error { return f.err }

// faultyTokens knows every token, or nobody when identifying fails.
type faultyTokens struct {
	err      error
	identify func() error
}

func (f faultyTokens) Verify(context.Context, string) (accounts.Principal, error) {
	if f.identify != nil {
		return accounts.Principal{}, f.identify()
	}
	return accounts.Principal{Kind: accounts.KindToken, Name: "t", TokenID: 1, Role: accounts.RoleAdmin}, nil
}

func (f faultyTokens) VerifyActing(ctx context.Context, bearer, _ string) (accounts.Principal, error) {
	return f.Verify(ctx, bearer)
}

func (f faultyTokens) Create(context.Context, accounts.NewToken) (string, accounts.Token, error) {
	return "", accounts.Token{}, f.err
}
func (f faultyTokens) List(context.Context) ([]accounts.Token, error) { return nil, f.err }
func (f faultyTokens) Revoke(context.Context, accounts.TokenID) error { return f.err }

type faultyPhonebook struct{ err error }

func (f faultyPhonebook) Get(context.Context, accounts.Principal, phonebook.ID) (phonebook.Entry, error) {
	return phonebook.Entry{}, f.err
}

func (f faultyPhonebook) List(context.Context, accounts.Principal, phonebook.Filter) (phonebook.Page, error) {
	return phonebook.Page{}, f.err
}

func (f faultyPhonebook) Count(context.Context, accounts.Principal, phonebook.Filter) (int64, error) {
	return 0, f.err
}

func (f faultyPhonebook) Create(context.Context, accounts.Principal, phonebook.NewEntry) (phonebook.Entry, error) {
	return phonebook.Entry{}, f.err
}

func (f faultyPhonebook) Update(context.Context, accounts.Principal, phonebook.ID, phonebook.Patch) (phonebook.Entry, error) {
	return phonebook.Entry{}, f.err
}

func (f faultyPhonebook) Delete(context.Context, accounts.Principal, phonebook.ID, int) error {
	return f.err
}

func (f faultyPhonebook) Import(context.Context, accounts.Principal, io.Reader, phonebook.ImportOptions) (phonebook.ImportResult, error) {
	return phonebook.ImportResult{}, f.err
}

func (f faultyPhonebook) Export(context.Context, accounts.Principal, io.Writer) (int, error) {
	return 0, f.err
}
func (f faultyPhonebook) Region() string { return "JP" }

type faultyWebhooks struct{ err error }

func (f faultyWebhooks) List(context.Context, accounts.Principal) ([]webhooks.Webhook, error) {
	return nil, f.err
}

func (f faultyWebhooks) Get(context.Context, accounts.Principal, webhooks.ID) (webhooks.Webhook, error) {
	return webhooks.Webhook{}, f.err
}

func (f faultyWebhooks) Create(context.Context, accounts.Principal, webhooks.NewWebhook) (webhooks.Webhook, webhooks.Secret, error) {
	return webhooks.Webhook{}, nil, f.err
}

func (f faultyWebhooks) Change(context.Context, accounts.Principal, webhooks.ID, webhooks.Change) (webhooks.Webhook, error) {
	return webhooks.Webhook{}, f.err
}

func (f faultyWebhooks) Delete(context.Context, accounts.Principal, webhooks.ID) error { return f.err }

func (f faultyWebhooks) RotateSecret(context.Context, accounts.Principal, webhooks.ID) (webhooks.Webhook, webhooks.Secret, error) {
	return webhooks.Webhook{}, nil, f.err
}

func (f faultyWebhooks) Ping(context.Context, accounts.Principal, webhooks.ID) (webhooks.Delivery, error) {
	return webhooks.Delivery{}, f.err
}

func (f faultyWebhooks) Deliveries(context.Context, accounts.Principal, webhooks.ID, webhooks.DeliveryFilter) ([]webhooks.Delivery, error) {
	return nil, f.err
}

func (f faultyWebhooks) Delivery(context.Context, accounts.Principal, webhooks.ID, webhooks.DeliveryID) (webhooks.Delivery, error) {
	return webhooks.Delivery{}, f.err
}

func (f faultyWebhooks) Replay(context.Context, accounts.Principal, webhooks.ID, webhooks.DeliveryID) (webhooks.Delivery, error) {
	return webhooks.Delivery{}, f.err
}

func (f faultyWebhooks) ReplaySince(context.Context, accounts.Principal, webhooks.ID, time.Time) (int, error) {
	return 0, f.err
}

type faultyRecordings struct{ err error }

func (f faultyRecordings) ListByCall(context.Context, callcenter.RequestID) ([]recording.Recording, error) {
	return nil, f.err
}

func (f faultyRecordings) Get(context.Context, recording.ID) (recording.Recording, error) {
	return recording.Recording{}, f.err
}

func (f faultyRecordings) Waveform(context.Context, recording.ID) (recording.Waveform, error) {
	return recording.Waveform{}, f.err
}

type faultyPlayer struct{ err error }

func (f faultyPlayer) Begin(context.Context, accounts.Principal, recording.ID) (recording.Begun, error) {
	return recording.Begun{}, f.err
}

func (f faultyPlayer) Open(context.Context, recording.Listener, string) (*recording.Listening, error) {
	return nil, f.err
}

func (f faultyPlayer) Renew(context.Context, accounts.Principal, string, []recording.Part) (time.Time, error) {
	return time.Time{}, f.err
}

func (f faultyPlayer) Listens(context.Context, accounts.Principal, recording.ID, recording.ListenFilter) (recording.ListenPage, error) {
	return recording.ListenPage{}, f.err
}

var errAway = errors.New("database is away")

// failWith makes every service fail in one way.
func failWith(err error) func(*api.Options) {
	return func(o *api.Options) {
		f := faulty{err}
		o.Calls, o.Gaps, o.Monitor, o.Changes, o.Callbacks = f, f, f, f, faultyCallbacks{err}
		o.Accounts, o.Sessions, o.Phonebook = faultyAccounts{err}, faultySessions{err}, faultyPhonebook{err}
		o.Tokens, o.Recordings, o.Player = faultyTokens{err: err}, faultyRecordings{err}, faultyPlayer{err}
		o.Webhooks = faultyWebhooks{err}
		o.IsUnavailable = func(err error) bool { return errors.Is(err, errAway) }
	}
}

// failToIdentify makes it impossible to find out who asks.
func failToIdentify(fail func() error) func(*api.Options) {
	return func(o *api.Options) {
		failWith(errors.New("out of order"))(o)
		o.Tokens = faultyTokens{identify: fail}
	}
}

// asksNothing reports whether an operation needs no service but to identify
// the caller.
func asksNothing(r request) bool {
	return r.method == http.MethodGet && (r.path == "/me" || r.path == "/call-centers" || r.path == "/business-labels")
}

func TestErrors_OfEveryOperation(t *testing.T) {
	t.Parallel()
	secret := errors.New("dial 0312345678: relation \"calls\" does not exist")
	tests := map[string]struct {
		change   func(*api.Options)
		identify bool // it is identifying that fails
		status   int
		code     string
	}{
		"unknown error":                      {failWith(errors.New("out of order")), false, http.StatusInternalServerError, "internal"},
		"database away":                      {failWith(errAway), false, http.StatusServiceUnavailable, "unavailable"},
		"time-out":                           {failWith(fmt.Errorf("query: %w", context.DeadlineExceeded)), false, http.StatusServiceUnavailable, "unavailable"},
		"database away while authenticating": {failToIdentify(func() error { return errAway }), true, http.StatusServiceUnavailable, "unavailable"},
		"fault while authenticating":         {failToIdentify(func() error { return errors.New("out of order") }), true, http.StatusInternalServerError, "internal"},
		"panic":                              {failToIdentify(func() error { panic(secret) }), true, http.StatusInternalServerError, "internal"},
		"panic of the runtime":               {failToIdentify(func() error { return []error{}[len(os.Args)] }), true, http.StatusInternalServerError, "internal"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.change)
			for _, r := range anyRequests() {
				r.token = "some"
				switch {
				case r.path == "/openapi.yaml" || r.path == "/docs" || r.path == "/site",
					tt.identify && isPublic(r),
					!tt.identify && asksNothing(r):
					continue
				case r.path == "/me" && r.method == http.MethodPatch && !tt.identify,
					r.path == "/me/sessions" && !tt.identify:
					r.token, r.cookie = "", "some" // only people may
				}
				got := problem(t, w.do(r), tt.status, tt.code)
				if strings.Contains(got.Detail, "0312345678") || strings.Contains(got.Detail, "order") {
					t.Errorf("the problem tells too much: %s", got.Detail)
				}
			}
			if tt.code == "internal" && !strings.Contains(w.log.String(), "level=ERROR") {
				t.Error("the fault was not logged")
			}
		})
	}
}

// While the database is known to be away, nothing is asked of it, and what does
// not need it is answered.
func TestErrors_DatabaseKnownToBeAway(t *testing.T) {
	t.Parallel()
	up, end := context.WithCancelCause(t.Context())
	var state atomic.Pointer[context.Context]
	state.Store(&up)
	w := newWorld(t, func(o *api.Options) {
		failWith(errors.New("out of order"))(o)
		o.DatabaseUp = func() context.Context { return *state.Load() }
	})
	calls := request{path: "/calls", token: "some"}
	problem(t, w.do(calls), http.StatusInternalServerError, "internal")
	end(errors.New("dial tcp 192.0.2.7:5432: connection refused"))
	for _, r := range anyRequests() {
		if r.method == http.MethodGet && isPublic(r) {
			if got := w.do(r); got.status != http.StatusOK {
				t.Errorf("GET %s: %d, want 200", r.path, got.status)
			}
			continue
		}
		r.token = "some"
		got := w.do(r)
		if refused := problem(t, got, http.StatusServiceUnavailable, "unavailable"); strings.Contains(refused.Detail, "192.0.2.7") {
			t.Errorf("the problem tells too much: %s", refused.Detail)
		}
		if got.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: no Retry-After", r.method, r.path)
		}
	}
	if strings.Contains(w.log.String(), "could not be served") {
		t.Error("an outage that was logged when it began is logged for each request")
	}
	state.Store(new(t.Context()))
	problem(t, w.do(calls), http.StatusInternalServerError, "internal")
}

// hangingCalls are those of a database that hangs.
type hangingCalls struct {
	api.Calls
	asked chan struct{}
}

func (h hangingCalls) List(ctx context.Context, _ callcenter.CallFilter) ([]callcenter.Call, *callcenter.CallCursor, error) {
	close(h.asked)
	<-ctx.Done()
	return nil, nil, ctx.Err()
}

// Requests that are under way when the database is found away do not wait until
// their own time is up, whatever they were about to ask.
func TestErrors_DatabaseFoundAwayMeanwhile(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]func(o *api.Options, asked chan struct{}){
		"who asks":      func(o *api.Options, asked chan struct{}) { o.Tokens = absentTokens{asked: asked} },
		"what is asked": func(o *api.Options, asked chan struct{}) { o.Calls = hangingCalls{o.Calls, asked} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up, end := context.WithCancelCause(t.Context())
			asked := make(chan struct{})
			w := newWorld(t, func(o *api.Options) {
				hang(o, asked)
				o.RequestTimeout, o.DatabaseUp = time.Minute, func() context.Context { return up }
			})
			token := "some"
			if name == "what is asked" {
				token = w.token(accounts.RoleAdmin)
			}
			go func() {
				<-asked
				end(errors.New("no answer within 3 s"))
			}()
			got := w.do(request{path: "/calls", token: token})
			problem(t, got, http.StatusServiceUnavailable, "unavailable")
			if got.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if strings.Contains(w.log.String(), "could not be served") || strings.Contains(w.log.String(), "request failed") {
				t.Errorf("an outage that was logged when it began is logged once more:\n%s", w.log)
			}
		})
	}
}
