package webhooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/sync/errgroup"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/lab/labtest"
	"callbackd/postgres"
	"callbackd/webhooks"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// loopback lets receivers of tests be sent to.
var loopback = webhooks.Rules{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowHTTP: true}

// station is a database with webhooks.
type station struct {
	t       *testing.T
	url     string
	db      *postgres.DB
	pool    *pgxpool.Pool
	service *webhooks.Service
}

// newStation opens a database of its own. Nothing is sent before run.
func newStation(t *testing.T) *station {
	t.Helper()
	s := &station{t: t, url: databases.New(t)}
	var err error
	if s.db, err = postgres.Open(t.Context(), s.url, postgres.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.db.Close)
	if s.pool, err = pgxpool.New(t.Context(), s.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	s.service = webhooks.NewService(webhooks.ServiceOptions{
		Store: s.db.Webhooks(), Rules: loopback, HasCallCenter: func(id string) bool { return id == "support" || id == "sales" },
	})
	return s
}

// later is the courier of jobs that are made before it.
type later struct{ courier *webhooks.Courier }

func (l *later) Deliver(ctx context.Context, id webhooks.ID, subject string) (bool, error) {
	return l.courier.Deliver(ctx, id, subject)
}

// run sends what there is, as one daemon does, until stop is called or the test
// ends.
func (s *station) run(change func(*webhooks.CourierOptions)) (stop func()) {
	s.t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := postgres.Open(s.t.Context(), s.url, postgres.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	feed, worker := db.Feed(), &later{}
	jobs, err := db.NewJobs(postgres.JobOptions{
		Nodes: []string{"pbx1"}, Recordings: noRecordings{}, Webhooks: worker,
		SweepEvery: time.Hour, RetireEvery: time.Hour, Log: log,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	options := webhooks.CourierOptions{
		Store: db.Webhooks(), Queues: jobs, Sender: webhooks.NewSender(webhooks.SenderOptions{Rules: loopback, Version: "test"}),
		Render: render, Wake: feed.Wake, Log: log, Metrics: webhooks.NewMetrics(prometheus.NewRegistry()),
		FirstPause: 50 * time.Millisecond,
	}
	if change != nil {
		change(&options)
	}
	worker.courier = webhooks.NewCourier(options)
	ctx, cancel := context.WithCancel(context.Background())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return feed.Run(ctx) })
	group.Go(func() error { return jobs.Run(ctx) })
	group.Go(func() error { return worker.courier.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		if err := group.Wait(); err != nil {
			s.t.Errorf("run: %v", err)
		}
		db.Close()
	})
	s.t.Cleanup(stop)
	return stop
}

// render shows of a change what the tests look at.
func render(_ context.Context, change callbacks.Change) (json.RawMessage, error) {
	return json.Marshal(map[string]any{"change": change.Number, "call": change.RequestID})
}

// noRecordings has no work to do.
type noRecordings struct{ postgres.RecordingJobs }

func (noRecordings) Sweep(context.Context, string) error  { return nil }
func (noRecordings) Retire(context.Context, string) error { return nil }

// subscribe makes a webhook of all kinds, and returns its secret.
func (s *station) subscribe(url string, callCenters ...string) (webhooks.Webhook, string) {
	s.t.Helper()
	webhook, secret, err := s.service.Create(s.t.Context(), accounts.Operator(), webhooks.NewWebhook{
		Name: "test", URL: url, Kinds: callbacks.ChangeKinds, CallCenters: callCenters, Active: true,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return webhook, secret.Reveal()
}

// changes writes changes of calls to the log, in this order.
func (s *station) changes(calls ...string) {
	s.t.Helper()
	for _, call := range calls {
		_, err := s.pool.Exec(s.t.Context(),
			`INSERT INTO changes (kind, request_id, call_centers) VALUES ('call', $1, '{support}')`, call)
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// get returns a webhook as it is now.
func (s *station) get(id webhooks.ID) webhooks.Webhook {
	s.t.Helper()
	webhook, err := s.service.Get(s.t.Context(), accounts.Operator(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return webhook
}

// deliveries returns those of a webhook, oldest first.
func (s *station) deliveries(id webhooks.ID) []webhooks.Delivery {
	s.t.Helper()
	list, err := s.service.Deliveries(s.t.Context(), accounts.Operator(), id, webhooks.DeliveryFilter{Limit: 1000})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// states waits until the deliveries of a webhook have these states, oldest
// first.
func (s *station) states(id webhooks.ID, want ...webhooks.DeliveryState) []webhooks.Delivery {
	s.t.Helper()
	var list []webhooks.Delivery
	labtest.Eventually(s.t, patience, func() error {
		list = s.deliveries(id)
		var got []webhooks.DeliveryState
		for _, d := range list {
			got = append(got, d.State)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("deliveries are %v, want %v: %+v", got, want, list)
		}
		return nil
	})
	return list
}

// receiver is another system.
type receiver struct {
	*httptest.Server
	t *testing.T
	// answer decides about a request.
	answer func(got received) (status int, retryAfter string)

	mu       sync.Mutex
	verifier *standard.Webhook // nil: signatures are not looked at
	requests []received
}

// received is a request that a receiver was sent.
type received struct {
	ID     string
	Type   string
	Change int64
	Call   string
	header http.Header
	body   []byte
	status int
}

func newReceiver(t *testing.T, answer func(received) (int, string)) *receiver {
	t.Helper()
	r := &receiver{t: t, answer: answer}
	if answer == nil {
		r.answer = func(received) (int, string) { return http.StatusNoContent, "" }
	}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// verify checks all signatures from now on, by the reference implementation of
// Standard Webhooks.
func (r *receiver) verify(secret string) {
	r.t.Helper()
	verifier, err := standard.NewWebhook(secret)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verifier = verifier
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the sender ended
	}
	var sent struct {
		Type string
		Data struct {
			Change int64
			Call   string
		}
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		r.t.Errorf("%v: %s", err, body)
	}
	got := received{
		ID: request.Header.Get("webhook-id"), Type: sent.Type, Change: sent.Data.Change, Call: sent.Data.Call,
		header: request.Header, body: body,
	}
	r.mu.Lock()
	verifier := r.verifier
	r.mu.Unlock()
	if verifier != nil {
		if err := verifier.Verify(body, request.Header); err != nil {
			r.t.Errorf("signature %q: %v", request.Header.Get("webhook-signature"), err)
		}
	}
	status, retryAfter := r.answer(got)
	got.status = status
	r.mu.Lock()
	r.requests = append(r.requests, got)
	r.mu.Unlock()
	if retryAfter != "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
}

// all returns the requests so far.
func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// taken returns the changes of a call that were taken, in order.
func (r *receiver) taken(call string) []int64 {
	var changes []int64
	for _, got := range r.all() {
		if got.Call == call && got.status < 300 {
			changes = append(changes, got.Change)
		}
	}
	return changes
}

// takes waits until the changes of a call that were taken are these.
func (r *receiver) takes(call string, want ...int64) {
	r.t.Helper()
	labtest.Eventually(r.t, patience, func() error {
		if got := r.taken(call); !slices.Equal(got, want) {
			return fmt.Errorf("changes %v of call %s are taken, want %v", got, call, want)
		}
		return nil
	})
}
