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

// Every kind of recorded call is stored just as a replay says it is.
func TestFollower_StoresWhatHappens(t *testing.T) {
	t.Parallel()
	for _, channelVars := range []bool{true, false} {
		s := newSite(t)
		r := s.follow(t)
		for i, tr := range traces(t, true) {
			first, rest := story(t, tr.name, i+1, channelVars)
			s.send(t, first...)
			s.send(t, rest...)
		}
		s.right(t)
		if err := r.stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		s.gapsAre(t)
		if ids := r.ActiveChannels(); len(ids) > 0 {
			t.Errorf("%v are followed after all calls have ended", ids)
		}
	}
}

// A call is complete though it ended, or began, between the opening of the
// stream and the reading of the list of channels.
func TestFollower_SnapshotRace(t *testing.T) {
	t.Parallel()
	for _, channelVars := range []bool{true, false} {
		t.Run(fmt.Sprint("channelvars ", channelVars), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			r := s.follow(t)
			ends, endsRest := story(t, "cc-answered", 1, channelVars)
			begins, beginsRest := story(t, "cc-answered", 2, channelVars)
			s.send(t, ends...)
			s.pbx.Hang("/channels")
			s.pbx.Drop()
			s.asked(t, "/channels", 2)
			r.unwell(t, "list of channels was not read")
			s.send(t, endsRest...)
			s.send(t, begins...)
			s.pbx.Hang("")
			r.healthy(t)
			s.send(t, beginsRest...)
			s.gapsAre(t, "broken")
			// The receipt tells of the list what it showed first.
			s.right(t, cmpopts.IgnoreFields(callcenter.Call{}, "LastEventAt"), cmpopts.IgnoreFields(callcenter.Signal{}, "Event", "At"),
				cmp.Transformer("rules", rulesOnce))
		})
	}
}

// rulesOnce leaves out repetitions of a signal.
func rulesOnce(receipt []callcenter.Signal) map[string]callcenter.Kind {
	once := map[string]callcenter.Kind{}
	for _, s := range receipt {
		once[string(s.Rule)+" "+s.Value+" "+string(s.Channel)] = s.Kind
	}
	return once
}

// A call that vanished while the daemon was down did not end before it was
// answered, however the PBX's clock goes: nothing has told of it yet.
func TestFollower_ClockOfThePBX(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ahead = time.Hour
	r := s.follow(t)
	first, _ := story(t, "cc-answered", 1, true)
	s.send(t, first...)
	s.right(t)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	s.pbx.Restart()
	s.follow(t)
	var c callcenter.Call
	labtest.Eventually(t, patience, func() error {
		if c = s.stored(t)[0]; c.State != callcenter.StateEnded {
			return errors.New("the call has not ended")
		}
		return nil
	})
	if want := (callcenter.Outcome{Result: callcenter.ResultUnknown, Reason: "end-not-seen"}); c.Outcome != want {
		t.Errorf("outcome is %+v, want %+v", c.Outcome, want)
	}
	if c.EndedAt.Before(*c.AnsweredAt) {
		t.Errorf("the call was answered at %v and ended at %v", c.AnsweredAt, c.EndedAt)
	}
}

// A second loss before the list of channels was read prolongs the gap: nothing
// was followed between.
func TestFollower_LostBeforeTheSnapshot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	s.pbx.Answer("GET", "/channels", 500, "not now", 2)
	first := time.Now()
	s.pbx.Drop()
	s.asked(t, "/channels", 2)
	r.unwell(t, "list of channels was not read")
	second := time.Now()
	s.pbx.Drop()
	r.healthy(t)
	gap := s.gapsAre(t, "broken")[0]
	if gap.From.After(first.Add(time.Second)) || gap.To.Before(second) {
		t.Errorf("the gap lasts from %v to %v, the losses were at %v and %v", gap.From, gap.To, first, second)
	}
}

// Each loss is a gap of its own, with its reason.
func TestFollower_TwoLosses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	s.gapsAre(t) // a node that was never followed has missed nothing
	s.pbx.Drop()
	s.asked(t, "/channels", 2)
	r.healthy(t)
	s.pbx.CloseCleanly(1001)
	s.asked(t, "/channels", 3)
	r.healthy(t)
	gaps := s.gapsAre(t, "broken", "closed")
	if gaps[1].From.Before(*gaps[0].To) {
		t.Errorf("gaps overlap: %+v", gaps)
	}
	for _, gap := range gaps {
		want := gap.To.Sub(gap.From).Seconds()
		if got := r.value(t, "callbackd_ari_gap_seconds_total", "why="+gap.Why); got < want-.001 || got > want+.001 {
			t.Errorf("seconds of gaps that are %s: %v, want %v", gap.Why, got, want)
		}
	}
	s.proven(t, *gaps[1].To)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	s.follow(t)
	s.gapsAre(t, "broken", "closed", "daemon-down")
}

// A gap that lasted when the daemon died ends when the node is followed again.
func TestFollower_GapOfADeadDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dead := s.follow(t)
	s.proven(t, time.Time{})
	// What comes last is the answer to a PING: then the loss begins after what
	// was proven by an event. That answer is read before the next PING.
	labtest.Eventually(t, patience, func() error {
		if pings, _ := s.pbx.Pings(); pings < 2 {
			return fmt.Errorf("%d PINGs came, want 2", pings)
		}
		return nil
	})
	s.pbx.SetDown(true)
	s.gapStored(t)
	began := time.Now()
	if err := dead.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v to stop while nothing was connected", took)
	}
	s.pbx.SetDown(false)
	s.follow(t)
	s.gapsAre(t, "daemon-down", "broken")
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

// Since says when it began, not when somebody asked first or why the last of
// many attempts failed.
func TestFollower_HealthSince(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	down := time.Now()
	s.pbx.SetDown(true)
	s.gapStored(t)
	noticed := time.Now()
	s.pbx.SetBooting(true)
	h := r.unwell(t, "no connection to ARI")
	if h.Since.Before(down) || h.Since.After(noticed) {
		t.Errorf("it is so since %v, the PBX went down at %v", h.Since, down)
	}
	s.pbx.SetDown(false)
	if again := r.unwell(t, "503"); !again.Since.Equal(h.Since) {
		t.Errorf("it is so since %v, and was since %v before", again.Since, h.Since)
	}
	s.pbx.SetBooting(false)
	r.healthy(t)
	if up := r.Health(time.Now()); !up.Since.After(noticed) || up.Since.After(time.Now()) {
		t.Errorf("all is well since %v, it was not at %v", up.Since, noticed)
	}
}

// listening notes what a Follower tells.
type listening struct {
	mu       sync.Mutex
	channels [][]ari.ChannelID
	events   []ari.EventType
	losses   []ari.LossReason
}

func (l *listening) Connected(channels []ari.Channel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]ari.ChannelID, len(channels))
	for i := range channels {
		ids[i] = channels[i].ID
	}
	l.channels = append(l.channels, ids)
}

func (l *listening) Lost(reason ari.LossReason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.losses = append(l.losses, reason)
}

func (l *listening) Event(ev *ari.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ev.Type == ari.StasisStart || ev.Type == ari.ChannelDtmfReceived {
		l.events = append(l.events, ari.EventType(strings.Clone(string(ev.Type))))
	}
}

// A listener hears what the tracker has no use for, too, and after each
// connection which channels there are.
func TestFollower_TellsItsListener(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	l := &listening{}
	r := s.follow(t, func(o *callcenter.FollowerOptions, stream *ari.StreamOptions, _ *ari.ClientOptions) {
		o.Listener = l
		stream.Filter = ari.NewFilter(append(slices.Clone(callcenter.Events), ari.StasisStart, ari.ChannelDtmfReceived), callcenter.Variables)
	})
	channel := map[string]any{"id": "pbx1-1.0", "name": "PJSIP/trunk-00000001", "state": "Up", "creationtime": "2026-11-23T03:49:05.948+0000"}
	s.pbx.Send(
		aritest.NewEvent(ari.ChannelCreated, aritest.Fields{"channel": channel}),
		aritest.NewEvent(ari.StasisStart, aritest.Fields{"channel": channel, "args": []string{"register"}}),
		aritest.NewEvent(ari.ChannelDtmfReceived, aritest.Fields{"channel": channel, "digit": "1"}),
	)
	heard := func(channels [][]ari.ChannelID) func() error {
		return func() error {
			l.mu.Lock()
			defer l.mu.Unlock()
			if diff := cmp.Diff(channels, l.channels, cmpopts.EquateEmpty()); diff != "" {
				return fmt.Errorf("connections (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]ari.EventType{ari.StasisStart, ari.ChannelDtmfReceived}, l.events); diff != "" {
				return fmt.Errorf("events (-want +got):\n%s", diff)
			}
			return nil
		}
	}
	labtest.Eventually(t, patience, heard([][]ari.ChannelID{{}}))
	if c, ok := r.CallOf("pbx1-1.0"); !ok || c.LinkedID != "pbx1-1.0" {
		t.Errorf("CallOf = %+v, %v, want the channel's call", c, ok)
	}
	s.pbx.Drop()
	labtest.Eventually(t, patience, heard([][]ari.ChannelID{{}, {"pbx1-1.0"}}))
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.losses) != 1 || l.losses[0] == ari.LossReplaced {
		t.Errorf("losses %q, want one", l.losses)
	}
}
