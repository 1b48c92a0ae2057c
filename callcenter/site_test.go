package callcenter_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"callbackd/ari"
	"callbackd/ari/aritest"
	"callbackd/callcenter"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

var databases = labtest.NewDatabases(postgres.Migrate)

func TestMain(m *testing.M) { os.Exit(databases.Run(m)) }

// patience is what a busy machine needs at most for one step.
const patience = 15 * time.Second

// site is a fake PBX and a real database, on which followers run one after
// the other.
type site struct {
	pbx   *aritest.Server
	db    *postgres.DB
	store *faultyStore
	// ahead is by how much the PBX's clock is ahead of ours.
	ahead time.Duration
	// sent are all events that were sent, as they were.
	sent [][]byte
}

func newSite(t *testing.T) *site {
	t.Helper()
	pbx, err := aritest.New(aritest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbx.Close() }) //nolint:errcheck // a fake
	db, err := postgres.Open(t.Context(), databases.New(t), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return &site{pbx: pbx, db: db, store: &faultyStore{Store: db.Calls()}}
}

// faultyStore is the real store with faults, and an account of what it stored.
type faultyStore struct {
	callcenter.Store
	// spoil, unless nil, changes calls on their way into the database.
	spoil func(*callcenter.Call)
	// stored, unless nil, is called when calls were stored.
	stored func()

	mu    sync.Mutex
	fault func(context.Context) error
	saves []int // calls in each transaction
}

// setFault makes all writes meet a fault; nil mends them.
func (s *faultyStore) setFault(fault func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *faultyStore) meet(ctx context.Context) error {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault(ctx)
}

func (s *faultyStore) SaveCalls(ctx context.Context, calls []callcenter.Call) error {
	if err := s.meet(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.saves = append(s.saves, len(calls))
	s.mu.Unlock()
	if s.spoil != nil {
		calls = slices.Clone(calls)
		for i := range calls {
			s.spoil(&calls[i])
		}
	}
	err := s.Store.SaveCalls(ctx, calls)
	if err == nil && s.stored != nil {
		s.stored()
	}
	return err
}

func (s *faultyStore) SaveGap(ctx context.Context, gap callcenter.Gap) error {
	if err := s.meet(ctx); err != nil {
		return err
	}
	return s.Store.SaveGap(ctx, gap)
}

func (s *faultyStore) SaveProven(ctx context.Context, node string, at time.Time) error {
	if err := s.meet(ctx); err != nil {
		return err
	}
	return s.Store.SaveProven(ctx, node, at)
}

// batches returns the sizes of the transactions so far.
func (s *faultyStore) batches() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.saves)
}

var errAway = errors.New("the database is away")

func away(context.Context) error { return errAway }

// running is a follower that runs.
type running struct {
	*site
	*callcenter.Follower
	registry *prometheus.Registry
	// stop ends it and returns what Run returned.
	stop func() error
}

// tweak changes what a follower is started with.
type tweak func(*callcenter.FollowerOptions, *ari.StreamOptions, *ari.ClientOptions)

// follow starts a follower and waits until it is well.
func (s *site) follow(t *testing.T, tweaks ...tweak) *running {
	t.Helper()
	r := s.start(t, tweaks...)
	r.healthy(t)
	return r
}

func (s *site) start(t *testing.T, tweaks ...tweak) *running {
	t.Helper()
	r := &running{site: s, registry: prometheus.NewRegistry()}
	client := s.pbx.ClientOptions()
	stream := ari.StreamOptions{
		Filter:   ari.NewFilter(callcenter.Events, callcenter.Variables),
		RetryMin: 5 * time.Millisecond, RetryMax: 50 * time.Millisecond,
	}
	options := callcenter.FollowerOptions{
		Node: "pbx1", Plan: tracePlan(), Store: s.store, Metrics: callcenter.NewMetrics(r.registry),
	}
	for _, f := range tweaks {
		f(&options, &stream, &client)
	}
	var err error
	if options.Client, err = ari.NewClient(client); err != nil {
		t.Fatal(err)
	}
	stream.Client = options.Client
	if options.Stream, err = ari.NewStream(stream); err != nil {
		t.Fatal(err)
	}
	if r.Follower, err = callcenter.NewFollower(options); err != nil {
		t.Fatal(err)
	}
	r.registry.MustRegister(callcenter.NewCollector(func() []*callcenter.Follower { return []*callcenter.Follower{r.Follower} }))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			return errors.New("the follower does not end")
		}
	})
	t.Cleanup(func() { r.stop() }) //nolint:errcheck // tests that care have asked
	return r
}

// healthy waits until the follower says that all is well.
func (r *running) healthy(t *testing.T) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if h := r.Health(time.Now()); !h.OK {
			return errors.New(h.Why)
		}
		return nil
	})
}

// unwell waits until the follower says what is wrong.
func (r *running) unwell(t *testing.T, why string) callcenter.Health {
	t.Helper()
	var h callcenter.Health
	labtest.Eventually(t, patience, func() error {
		if h = r.Health(time.Now()); h.OK || !strings.Contains(h.Why, why) {
			return fmt.Errorf("health is %+v, want %q", h, why)
		}
		return nil
	})
	return h
}

// value returns a metric's value, of a histogram the number of samples. The
// labels are given as name=value; node needs none.
func (r *running) value(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		sum := 0.0
		for _, m := range family.GetMetric() {
			has := map[string]bool{}
			for _, l := range m.GetLabel() {
				has[l.GetName()+"="+l.GetValue()] = true
			}
			if slices.ContainsFunc(labels, func(l string) bool { return !has[l] }) {
				continue
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		return sum
	}
	return 0
}

// reaches waits until a metric has a value.
func (r *running) reaches(t *testing.T, want float64, name string, labels ...string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if got := r.value(t, name, labels...); got < want {
			return fmt.Errorf("%s%v is %v, want %v", name, labels, got, want)
		}
		return nil
	})
}

// story returns a recorded call as another one, in two halves: until the
// caller talks to somebody (or waits for it), and the rest.
func story(t *testing.T, name string, instance int, channelVars bool) (first, rest []aritest.Event) {
	t.Helper()
	return halves(t, recording(t, name, channelVars), instance)
}

// recording loads a recorded call, which takes a while.
func recording(t *testing.T, name string, channelVars bool) *aritest.Trace {
	t.Helper()
	trace, err := aritest.LoadTrace("../ari/testdata/" + name + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if !channelVars {
		return trace.WithoutChannelVars()
	}
	return trace
}

func halves(t *testing.T, trace *aritest.Trace, instance int) (first, rest []aritest.Event) {
	t.Helper()
	events := trace.Render(aritest.Rendering{Instance: instance, At: time.Now()})
	i := slices.IndexFunc(events, func(e aritest.Event) bool { return strings.Contains(e.Raw, `"ChannelHangupRequest"`) })
	if i < 0 {
		t.Fatal("nobody hangs up in the recording")
	}
	return events[:i], events[i:]
}

var timestamps = regexp.MustCompile(`"timestamp":"[^"]*"`)

// send sends events as of now. The times that a recording had would pass
// quicker than ours.
func (s *site) send(t *testing.T, events ...aritest.Event) {
	t.Helper()
	for _, e := range events {
		now := time.Now().Add(s.ahead).UTC().Format("2006-01-02T15:04:05.000-0700")
		raw := timestamps.ReplaceAllString(e.Raw, `"timestamp":"`+now+`"`)
		again, err := aritest.ParseEvent(raw)
		if err != nil {
			t.Fatal(err)
		}
		s.sent = append(s.sent, []byte(raw))
		s.pbx.Send(again)
	}
}

// stored returns the stored calls, oldest first.
func (s *site) stored(t *testing.T) []callcenter.Call {
	t.Helper()
	calls, _, err := s.db.Calls().List(t.Context(), callcenter.CallFilter{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	l := latest{}
	l.take(calls)
	return l.calls()
}

// right waits until the stored calls are those that the events sent make when
// nothing gets in the way.
func (s *site) right(t *testing.T, ignore ...cmp.Option) {
	t.Helper()
	want := run(t, tracePlan(), s.sent)
	options := append([]cmp.Option{cmpopts.EquateEmpty()}, ignore...)
	labtest.Eventually(t, patience, func() error {
		if diff := cmp.Diff(want, s.stored(t), options...); diff != "" {
			return fmt.Errorf("stored calls are not what was sent (-want +stored):\n%s", diff)
		}
		return nil
	})
}

// gapsAre waits until the stored gaps, oldest first, are those and none lasts.
func (s *site) gapsAre(t *testing.T, why ...string) []callcenter.Gap {
	t.Helper()
	var gaps []callcenter.Gap
	labtest.Eventually(t, patience, func() error {
		var err error
		if gaps, _, err = s.db.Calls().Gaps(t.Context(), callcenter.GapFilter{Node: "pbx1", Limit: 100}); err != nil {
			return err
		}
		slices.Reverse(gaps)
		var got []string
		for i, g := range gaps {
			got = append(got, g.Why)
			if g.To == nil || g.To.Before(g.From) {
				return fmt.Errorf("gap %d has not ended, or before it began: %+v", i, g)
			}
		}
		if !slices.Equal(got, why) {
			return fmt.Errorf("gaps are %q, want %q", got, why)
		}
		return nil
	})
	return gaps
}

// asked waits until the PBX was asked something so often.
func (s *site) asked(t *testing.T, path string, times int) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		n := 0
		for _, r := range s.pbx.Requests() {
			if r.Path == path {
				n++
			}
		}
		if n < times {
			return fmt.Errorf("%s was asked for %d times, want %d", path, n, times)
		}
		return nil
	})
}

// gapStored waits until any gap is stored.
func (s *site) gapStored(t *testing.T) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if gaps, _, err := s.db.Calls().Gaps(t.Context(), callcenter.GapFilter{Node: "pbx1", Limit: 1}); err != nil || len(gaps) == 0 {
			return fmt.Errorf("no gap is stored: %w", err)
		}
		return nil
	})
}

// proven waits until it is stored that the node was followed after that time.
func (s *site) proven(t *testing.T, after time.Time) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if at, err := s.db.Calls().LastProven(t.Context(), "pbx1"); err != nil || !at.After(after) {
			return fmt.Errorf("the node is proven until %v, want after %v: %w", at, after, err)
		}
		return nil
	})
}
