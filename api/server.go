package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
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

// Callbacks registers and returns callbacks; callbacks.Service is one. What
// it does for whom is its own decision.
type Callbacks interface {
	Register(ctx context.Context, by accounts.Principal, call callcenter.RequestID, registration callbacks.Registration) (callbacks.RegisterResult, error)
	Get(ctx context.Context, by accounts.Principal, id callbacks.ID) (callbacks.Callback, error)
}

// Options are what a Server is made of.
type Options struct {
	Calls     Calls
	Gaps      Gaps
	Callbacks Callbacks
	Changes   Changes
	Tokens    Authenticator

	// Nodes are the names of the PBX nodes, for lists over all of them.
	Nodes []string

	// IsUnavailable reports whether an error means that the database is away
	// and the request may be repeated later. Nil when no error does.
	IsUnavailable func(error) bool

	// Log gets one line a request, and errors; nil for nowhere.
	Log *slog.Logger
	// Registry gets the metrics; nil for nowhere.
	Registry prometheus.Registerer

	// RequestTimeout bounds every request but event streams; 0 for 15 s.
	RequestTimeout time.Duration
	// Heartbeat is how often a stream gets a comment, so that a dead
	// connection is noticed, and its token is verified again; 0 for 15 s.
	Heartbeat time.Duration
	// StreamWriteTimeout is how long one write to a stream may take before
	// the reader is cut as too slow; 0 for 10 s.
	StreamWriteTimeout time.Duration
}

// maxBody is the largest request body that is read.
const maxBody = 64 << 10

// Server is the HTTP API.
type Server struct {
	calls         Calls
	gaps          Gaps
	callbacks     Callbacks
	changes       Changes
	tokens        Authenticator
	nodes         []string
	isUnavailable func(error) bool
	log           *slog.Logger
	metrics       *metrics

	requestTimeout     time.Duration
	heartbeat          time.Duration
	streamWriteTimeout time.Duration

	contract *contract
	tail     *tail
	// stopped is closed when Run returns and ends the streams.
	stopped  chan struct{}
	stopOnce sync.Once
	handler  http.Handler
}

// New returns a Server. It panics when the embedded contract is broken, which
// no configuration can cause.
func New(options Options) *Server {
	s := &Server{
		calls: options.Calls, gaps: options.Gaps, callbacks: options.Callbacks, changes: options.Changes,
		tokens: options.Tokens, nodes: options.Nodes, isUnavailable: options.IsUnavailable,
		log:                options.Log,
		metrics:            newMetrics(options.Registry),
		requestTimeout:     orDefault(options.RequestTimeout, 15*time.Second),
		heartbeat:          orDefault(options.Heartbeat, 15*time.Second),
		streamWriteTimeout: orDefault(options.StreamWriteTimeout, 10*time.Second),
		contract:           loadContract(),
		tail:               newTail(),
		stopped:            make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
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
