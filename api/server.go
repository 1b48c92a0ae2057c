package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/phonebook"
	"callbackd/webhooks"
)

// Calls are the stored calls.
type Calls interface {
	// Get returns a call, or callcenter.ErrNotFound.
	Get(ctx context.Context, id callcenter.RequestID) (callcenter.Call, error)
	// List returns a page of calls, newest first, and where the next page
	// begins; nil after the last.
	List(ctx context.Context, filter callcenter.CallFilter) ([]callcenter.Call, *callcenter.CallCursor, error)
	// Count counts the calls that match, on all pages.
	Count(ctx context.Context, filter callcenter.CallFilter) (int64, error)
	// CallbackOf returns the callbacks of those of the calls that have one.
	CallbackOf(ctx context.Context, ids []callcenter.RequestID) (map[callcenter.RequestID]callbacks.ID, error)
}

// Callbacks registers, changes, returns and lists callbacks;
// callbacks.Service is one. What it does for whom is its own decision.
type Callbacks interface {
	Register(ctx context.Context, by accounts.Principal, call callcenter.RequestID, registration callbacks.Registration) (callbacks.RegisterResult, error)
	Claim(ctx context.Context, by accounts.Principal, id callbacks.ID, version int, idempotencyKey string) (callbacks.ChangeResult, error)
	Change(ctx context.Context, by accounts.Principal, id callbacks.ID, patch callbacks.Patch) (callbacks.ChangeResult, error)
	Get(ctx context.Context, by accounts.Principal, id callbacks.ID) (callbacks.Callback, error)
	History(ctx context.Context, by accounts.Principal, id callbacks.ID) ([]callbacks.HistoryEntry, error)
	List(ctx context.Context, by accounts.Principal, filter callbacks.Filter) (callbacks.Page, error)
	Count(ctx context.Context, by accounts.Principal, filter callbacks.Filter) (int64, error)
	NewSince(ctx context.Context, by accounts.Principal, filter callbacks.Filter, change int64) (int64, error)
	// OpenOf counts the open callbacks of a number at a call center.
	OpenOf(ctx context.Context, by accounts.Principal, number, callCenter string) (int, error)
	Export(ctx context.Context, by accounts.Principal, filter callbacks.Filter, f func(row callbacks.Row) error) error
	// Rows adds the names that people read.
	Rows(ctx context.Context, list []callbacks.Callback) ([]callbacks.Row, error)
}

// Accounts manages people; accounts.Service is one. What it does for whom is
// its own decision.
type Accounts interface {
	Authenticate(ctx context.Context, name, password string, address netip.Addr) (accounts.Account, error)
	AuthenticateElsewhere(ctx context.Context, address netip.Addr, verify func(context.Context) (accounts.Identity, error)) (accounts.Account, error)
	ChangePassword(ctx context.Context, by accounts.Principal, current, password string, address netip.Addr) (accounts.Account, error)
	Create(ctx context.Context, by accounts.Principal, wish accounts.NewAccount) (accounts.Account, error)
	Get(ctx context.Context, by accounts.Principal, id accounts.AccountID) (accounts.Account, error)
	List(ctx context.Context, by accounts.Principal, filter accounts.AccountFilter) (accounts.AccountPage, error)
	Update(ctx context.Context, by accounts.Principal, id accounts.AccountID, change accounts.AccountChange) (accounts.Account, error)
	SetPassword(ctx context.Context, by accounts.Principal, id accounts.AccountID, password string) error
	LogoutEverywhere(ctx context.Context, by accounts.Principal, id accounts.AccountID) error
}

// Sessions knows which account a browser belongs to; accounts.Sessions is
// one.
type Sessions interface {
	CookieName() string
	Begin(w http.ResponseWriter, r *http.Request, account *accounts.Account) (accounts.Principal, error)
	// Principal returns the account of the request's session, or
	// accounts.ErrUnauthorized.
	Principal(r *http.Request) (accounts.Principal, error)
	End(w http.ResponseWriter, r *http.Request) error
	// BeginElsewhere is Begin for a login elsewhere, and IDToken returns by what
	// the session of a request began, if by that.
	BeginElsewhere(w http.ResponseWriter, r *http.Request, account *accounts.Account, idToken string) (accounts.Principal, error)
	IDToken(r *http.Request) (string, error)
}

// Tokens manages API tokens, for whoever calls it; accounts.Tokens is one.
type Tokens interface {
	// Verify returns the principal that presents a token, or
	// accounts.ErrUnauthorized.
	Verify(ctx context.Context, bearer string) (accounts.Principal, error)
	// VerifyActing returns the principal of an account for which a token acts,
	// accounts.ErrUnauthorized or accounts.ErrMayNotActFor.
	VerifyActing(ctx context.Context, bearer, account string) (accounts.Principal, error)
	Create(ctx context.Context, wish accounts.NewToken) (secret string, token accounts.Token, err error)
	List(ctx context.Context) ([]accounts.Token, error)
	Revoke(ctx context.Context, id accounts.TokenID) error
}

// Phonebook is the shared phone book; phonebook.Book is one. What it does for
// whom is its own decision.
type Phonebook interface {
	Get(ctx context.Context, by accounts.Principal, id phonebook.ID) (phonebook.Entry, error)
	List(ctx context.Context, by accounts.Principal, filter phonebook.Filter) (phonebook.Page, error)
	Count(ctx context.Context, by accounts.Principal, filter phonebook.Filter) (int64, error)
	Create(ctx context.Context, by accounts.Principal, wish phonebook.NewEntry) (phonebook.Entry, error)
	Update(ctx context.Context, by accounts.Principal, id phonebook.ID, patch phonebook.Patch) (phonebook.Entry, error)
	Delete(ctx context.Context, by accounts.Principal, id phonebook.ID, version int) error
	Import(ctx context.Context, by accounts.Principal, file io.Reader, options phonebook.ImportOptions) (phonebook.ImportResult, error)
	Export(ctx context.Context, by accounts.Principal, file io.Writer) (count int, err error)
	// Region is the country whose dialling rules apply.
	Region() string
}

// Webhooks manages webhooks; webhooks.Service is one. What it does for whom is
// its own decision.
type Webhooks interface {
	List(ctx context.Context, by accounts.Principal) ([]webhooks.Webhook, error)
	Get(ctx context.Context, by accounts.Principal, id webhooks.ID) (webhooks.Webhook, error)
	Create(ctx context.Context, by accounts.Principal, wish webhooks.NewWebhook) (webhooks.Webhook, webhooks.Secret, error)
	Change(ctx context.Context, by accounts.Principal, id webhooks.ID, change webhooks.Change) (webhooks.Webhook, error)
	Delete(ctx context.Context, by accounts.Principal, id webhooks.ID) error
	RotateSecret(ctx context.Context, by accounts.Principal, id webhooks.ID) (webhooks.Webhook, webhooks.Secret, error)
	Ping(ctx context.Context, by accounts.Principal, id webhooks.ID) (webhooks.Delivery, error)
	Deliveries(ctx context.Context, by accounts.Principal, id webhooks.ID, filter webhooks.DeliveryFilter) ([]webhooks.Delivery, error)
	Delivery(ctx context.Context, by accounts.Principal, id webhooks.ID, delivery webhooks.DeliveryID) (webhooks.Delivery, error)
	Replay(ctx context.Context, by accounts.Principal, id webhooks.ID, delivery webhooks.DeliveryID) (webhooks.Delivery, error)
	ReplaySince(ctx context.Context, by accounts.Principal, id webhooks.ID, since time.Time) (int, error)
}

// Plan is what the configuration says of the dialplan.
type Plan struct {
	CallCenters []callcenter.CallCenter
	Labels      []callcenter.Label
}

// Page is the page for people, served beside the API; workspace.Page is one.
type Page interface {
	// Has reports whether a path is the page's.
	Has(path string) bool
	// ServeHTTP answers for such a path. It sets all headers that say what
	// browsers may do with the answer. For another path it answers with
	// status 404.
	ServeHTTP(w http.ResponseWriter, r *http.Request)
}

// Options are what a Server is made of.
type Options struct {
	Calls     Calls
	Gaps      Gaps
	Callbacks Callbacks
	Changes   Changes
	Accounts  Accounts
	Sessions  Sessions
	Tokens    Tokens
	Phonebook Phonebook
	Webhooks  Webhooks
	// Recordings and Player are what is heard of calls.
	Recordings Recordings
	Player     Player
	// Page is nil when there is only the API.
	Page    Page
	Monitor Situations
	// SignOn is how people log in elsewhere, and SignOnName what they know
	// that by; nil when they cannot.
	SignOn     SignOn
	SignOnName string

	// Plan returns the dialplan as it is configured now.
	Plan func() Plan
	// Location is the zone of the times in exports, for people; nil for UTC.
	Location *time.Location
	// Version is the program's, shown to everybody.
	Version string
	// PlainCookies also sends cookies over HTTP without TLS, as those of
	// Sessions.
	PlainCookies bool
	// DemoAccounts are shown to everybody, with their passwords. Nil, unless
	// everything is thrown away in the end.
	DemoAccounts []DemoAccount

	// IsTrustedProxy reports whether a connection comes from a reverse proxy
	// whose forwarded headers are believed. Nil when there is none.
	IsTrustedProxy func(netip.Addr) bool
	// IsUnavailable reports whether an error means that the database is away
	// and the request may be repeated later. Nil when no error does.
	IsUnavailable func(error) bool

	// DatabaseUp returns a context that ends, with the cause, when the database
	// is found not to answer, and another one when it answers again. Requests
	// that need it are refused then, those under way too, for each would have
	// to wait until its time is up; streams wait. Nil when nobody asks.
	DatabaseUp func() context.Context

	// Log gets one line a request, and errors; nil for nowhere.
	Log *slog.Logger
	// Registry gets the metrics; nil for nowhere.
	Registry prometheus.Registerer

	// RequestTimeout bounds every request but event streams, playback, exports
	// and imports; 0 for 15 s.
	RequestTimeout time.Duration
	// Heartbeat is how often a stream gets a comment, so that a dead
	// connection is noticed, and its token or session is verified again; 0 for
	// 15 s.
	Heartbeat time.Duration
	// StreamWriteTimeout is how long one write to a stream or an export may
	// take before the reader is cut as too slow; 0 for 10 s.
	StreamWriteTimeout time.Duration
	// MonitorEvery is for how long what goes on is shown to all who ask before
	// it is read again; 0 for 500 ms.
	MonitorEvery time.Duration
}

// maxBody is the largest request body that is read, unless the contract says
// otherwise of an operation.
const maxBody = 64 << 10

// Server is the HTTP API.
type Server struct {
	options  Options // with defaults for what may be left out
	log      *slog.Logger
	metrics  *metrics
	contract *contract
	docs     *docs
	tail     *tail
	streams  streams
	// situation is what goes on, for all who watch.
	situation *situation
	// stopped is closed when Run returns and ends the streams.
	stopped  chan struct{}
	stopOnce sync.Once
	handler  http.Handler
}

// New returns a Server. It panics when the embedded contract is broken, which
// no configuration can cause.
func New(options Options) *Server {
	options.RequestTimeout = orDefault(options.RequestTimeout, 15*time.Second)
	options.Heartbeat = orDefault(options.Heartbeat, 15*time.Second)
	options.StreamWriteTimeout = orDefault(options.StreamWriteTimeout, 10*time.Second)
	options.MonitorEvery = orDefault(options.MonitorEvery, situationFor)
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Location == nil {
		options.Location = time.UTC
	}
	if options.Plan == nil {
		options.Plan = func() Plan { return Plan{} }
	}
	s := &Server{
		options:  options,
		log:      options.Log,
		metrics:  newMetrics(options.Registry),
		contract: loadContract(),
		docs:     newDocs(),
		tail:     newTail(),
		stopped:  make(chan struct{}),

		situation: &situation{source: options.Monitor, keep: options.MonitorEvery},
	}
	s.handler = s.routes()
	return s
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// Handler returns the API's handler, for paths below /api/v1/.
func (s *Server) Handler() http.Handler { return s.handler }

// Run feeds the event streams until the context ends; then it ends them and
// returns nil. It is called once.
func (s *Server) Run(ctx context.Context) error {
	defer s.stopOnce.Do(func() { close(s.stopped) })
	s.follow(ctx)
	return nil
}

// stopping reports whether Run has ended.
func (s *Server) stopping() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}
