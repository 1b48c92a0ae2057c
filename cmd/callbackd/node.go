package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"callbackd/api"
	"callbackd/ari"
	"callbackd/ari/journal"
	"callbackd/attendant"
	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/postgres"
)

const (
	// renewEvery is how often a daemon says that it still follows a node: two
	// may get lost before another one takes the node over.
	renewEvery = postgres.LeaseDuration / 3
	// takeEvery is how often a daemon that stands by asks for a node, and how
	// long it waits after a term that ended by itself.
	takeEvery = 500 * time.Millisecond
	// leaseTimeout bounds each of both. Taking over waits for a transaction
	// that holds the node, which the server ends before.
	leaseTimeout = 3 * time.Second
)

// followedNode is a PBX node that this daemon follows while it has the lease,
// and stands by for otherwise.
type followedNode struct {
	d       *daemon
	cfg     *configs.PBX
	log     *slog.Logger
	client  *ari.Client
	events  callcenter.EventLog
	journal *journal.Journal // nil when no events are kept
	metrics *nodeMetrics
	// term is the one that runs, or the next.
	term atomic.Pointer[nodeTerm]
	// held says that it runs.
	held atomic.Bool
}

// nodeTerm is what follows a node from when its lease is taken until it is lost. A
// follower goes on with what was stored, and so is not used twice: another
// daemon may have stored more since.
type nodeTerm struct {
	lease     *postgres.Lease
	follower  *callcenter.Follower
	attendant *attendant.Attendant
	canary    *callcenter.Canary // nil for none
	// prepared is when the follower was, to be handed the node; zero when it
	// was not. The goroutine that follows the node uses it.
	prepared time.Time
	// handed says that the node was handed over by the daemon before.
	handed bool
	lines  *lines // nil when nothing is asked by SIP
}

// CallOf implements attendant.Calls: the attendant is made before the
// follower, which tells it of events.
func (t *nodeTerm) CallOf(id ari.ChannelID) (callcenter.Call, bool) { return t.follower.CallOf(id) }

// nodeMetrics are what all nodes count in.
type nodeMetrics struct {
	following *callcenter.Metrics
	talking   *attendant.Metrics
	journals  *journal.Metrics
	canaries  *callcenter.CanaryMetrics
	lines     *lineMetrics
	held      *prometheus.GaugeVec
	terms     *prometheus.CounterVec
}

func newNodeMetrics(registry *prometheus.Registry) *nodeMetrics {
	m := &nodeMetrics{
		following: callcenter.NewMetrics(registry), talking: attendant.NewMetrics(registry), journals: journal.NewMetrics(registry),
		canaries: callcenter.NewCanaryMetrics(registry), lines: newLineMetrics(registry),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "callbackd_lease_held", Help: "1 while this daemon follows the node, 0 while it stands by.",
		}, []string{"node"}),
		terms: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_lease_terms_total", Help: "How often this daemon began to follow the node.",
		}, []string{"node"}),
	}
	registry.MustRegister(m.held, m.terms)
	return m
}

func (d *daemon) newNode(ctx context.Context, cfg *configs.PBX, metrics *nodeMetrics) (*followedNode, error) {
	client, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	events, err := d.openEventLog(ctx, cfg)
	if err != nil {
		return nil, err
	}
	kept, err := d.openJournal(cfg, metrics.journals)
	if err != nil {
		return nil, err
	}
	metrics.held.WithLabelValues(cfg.Name)
	metrics.terms.WithLabelValues(cfg.Name)
	n := &followedNode{
		d: d, cfg: cfg, log: d.log.With(slog.String("node", cfg.Name)), client: client, events: events,
		journal: kept, metrics: metrics,
	}
	return n, n.prepare()
}

// prepare makes what the next term takes.
func (n *followedNode) prepare() error {
	n.d.planning.Lock()
	defer n.d.planning.Unlock()
	// Of the configuration that was read last only the dialplan part holds.
	cfg := n.d.dialplan.Load()
	dialplan, err := nodeOf(cfg, n.cfg.Name)
	if err != nil {
		return err
	}
	stream, err := n.newStream(n.client, n.recorder())
	if err != nil {
		return err
	}
	leaving, err := n.newLeavingStream()
	if err != nil {
		return err
	}
	t := &nodeTerm{lease: n.d.db.Lease(n.cfg.Name, holder())}
	t.attendant = n.d.newAttendant(n.cfg, n.client, t, n.metrics.talking)
	listener := listeners{t.attendant}
	if t.canary = n.newCanary(t.lease); t.canary != nil {
		listener = append(listener, t.canary)
	}
	if t.lines, err = newLines(n.cfg, n.client, n.log, n.metrics.lines); err != nil {
		return err
	}
	t.follower, err = callcenter.NewFollower(callcenter.FollowerOptions{
		Node: n.cfg.Name, Plan: planOf(cfg, dialplan), Client: n.client, Stream: stream, Leaving: leaving,
		Store: t.lease.Calls(), Log: n.events, Logger: n.d.log, Metrics: n.metrics.following, Listener: listener, Lines: t.lines.now,
	})
	if err != nil {
		return err
	}
	n.term.Store(t)
	return nil
}

func (n *followedNode) newStream(client *ari.Client, recorder ari.Recorder) (*ari.Stream, error) {
	var leaveOut *ari.EventFilter
	if n.cfg.ARI.EventFilter {
		leaveOut = &ari.EventFilter{Disallowed: []ari.EventType{ari.ChannelVarset, "DeviceStateChanged"}}
	}
	return ari.NewStream(ari.StreamOptions{
		Client: client, Filter: ari.NewFilter(slices.Concat(callcenter.Events, attendant.Events), callcenter.Variables), EventFilter: leaveOut,
		Recorder: recorder, Logger: n.log,
	})
}

// holder is how this daemon is known to people: by its host and process ID.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// follower is who follows the node, or will.
func (n *followedNode) follower() *callcenter.Follower { return n.term.Load().follower }

func (d *daemon) followers() []*callcenter.Follower {
	followers := make([]*callcenter.Follower, len(d.nodes))
	for i, n := range d.nodes {
		followers[i] = n.follower()
	}
	return followers
}

// run follows the node whenever no other daemon does, until ctx ends.
func (n *followedNode) run(ctx context.Context) error {
	for {
		t := n.term.Load()
		err := n.take(ctx, t)
		if err == nil {
			err = n.follow(ctx, t)
		} else if ctx.Err() != nil {
			t.follower.Discard()
			return nil
		}
		switch {
		case errors.Is(err, errNotHanded):
			// It is followed as after any other end, by what is made anew.
			n.log.Warn("the node was not handed over after all", slog.Any("err", err))
			t.follower.Discard()
			n.release(ctx, t.lease)
		case ctx.Err() != nil:
			return err
		case errors.Is(err, callcenter.ErrSuperseded):
			n.log.Warn("another daemon has taken the node over; this one stands by")
		case postgres.IsUnavailable(err):
			n.log.Warn("the node cannot be followed; it is tried again", slog.Any("err", err), slog.Duration("retry_in", takeEvery))
		default:
			return err
		}
		if !errors.Is(err, errNotHanded) {
			wait(ctx, takeEvery)
		}
		if err := n.prepare(); err != nil {
			return fmt.Errorf("follow node %q: %w", n.cfg.Name, err)
		}
	}
}

// take waits until the node is this daemon's to follow, and prepares for that
// when it is offered. It returns errNotHanded when that came to nothing, and
// ctx's error when ctx has ended before.
func (n *followedNode) take(ctx context.Context, t *nodeTerm) error {
	var said error
	for ctx.Err() == nil {
		err := n.takeNow(ctx, t)
		switch {
		case err == nil || errors.Is(err, errNotHanded):
			return err
		case ctx.Err() != nil:
		case errors.Is(err, callcenter.ErrHeld):
			if !errors.Is(said, callcenter.ErrHeld) {
				n.log.Info("another daemon follows the node; this one stands by")
			}
			said = err
			if !t.prepared.IsZero() {
				wait(ctx, handOverEvery)
				continue
			}
		default:
			if said == nil || errors.Is(said, callcenter.ErrHeld) {
				n.log.Warn("it is not known whether another daemon follows the node; it is asked again", slog.Any("err", err))
			}
			said = err
		}
		wait(ctx, takeEvery)
	}
	return ctx.Err()
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// follow follows the node for one term, until ctx ends or the lease is lost.
func (n *followedNode) follow(ctx context.Context, t *nodeTerm) error {
	n.hold(true)
	n.metrics.terms.WithLabelValues(n.cfg.Name).Inc()
	defer n.hold(false)
	// The lease is kept until the follower has stored what is left.
	keeping, done := context.WithCancel(context.WithoutCancel(ctx))
	defer done()
	// It outlives ctx while the node is handed over.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	g, following := errgroup.WithContext(life)
	holding, let := context.WithCancel(following)
	defer let()
	g.Go(func() error {
		defer done()
		return t.follower.Run(following)
	})
	g.Go(func() error { return t.attendant.Run(following) })
	if t.canary != nil {
		g.Go(func() error { return t.canary.Run(holding) })
	}
	if t.lines != nil {
		g.Go(func() error { return t.lines.run(holding) })
	}
	g.Go(func() error { return n.keep(keeping, t.lease) })
	g.Go(func() error {
		defer end()
		select {
		case <-following.Done():
		case <-ctx.Done():
			let()
			n.leave(following, t, done)
		}
		return nil
	})
	if t.handed {
		g.Go(func() error { return n.takeUp(holding, t) })
	}
	err := g.Wait()
	if !errors.Is(err, callcenter.ErrSuperseded) {
		n.release(ctx, t.lease)
	}
	return err
}

// hold notes whether this daemon follows the node.
func (n *followedNode) hold(held bool) {
	n.held.Store(held)
	v := 0.0
	if held {
		v = 1
	}
	n.metrics.held.WithLabelValues(n.cfg.Name).Set(v)
}

// keep renews the lease until ctx ends, or another daemon has it. A database
// that is away changes nothing: nobody can take the node over there meanwhile.
func (n *followedNode) keep(ctx context.Context, lease *postgres.Lease) error {
	for wait(ctx, renewEvery); ctx.Err() == nil; wait(ctx, renewEvery) {
		turn, cancel := context.WithTimeout(ctx, leaseTimeout)
		err := lease.Renew(turn)
		cancel()
		if errors.Is(err, callcenter.ErrSuperseded) && ctx.Err() == nil {
			return err
		}
		if err != nil && ctx.Err() == nil {
			n.log.Debug("that the node is followed cannot be stored", slog.Any("err", err))
		}
	}
	return nil
}

// release lets another daemon follow the node at once. Without it, that takes
// until the lease runs out.
func (n *followedNode) release(ctx context.Context, lease *postgres.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTimeout)
	defer cancel()
	if err := lease.Release(ctx); err != nil && !errors.Is(err, callcenter.ErrSuperseded) {
		n.log.Warn("the node is kept until its lease runs out", slog.Any("err", err))
	}
}

// checks are those of /readyz. A daemon that stands by is ready when events
// are followed by the one that does not.
func (n *followedNode) checks(ctx context.Context) []api.Check {
	events := api.Check{Name: "events", Node: n.cfg.Name}
	if f := n.follower(); n.held.Load() {
		h := f.Health(time.Now())
		events.OK, events.Why, events.Since = h.OK, h.Why, new(h.Since.UTC())
		checks := []api.Check{events, repairCheck(f, n.cfg.Name)}
		if n.journal != nil {
			checks = append(checks, n.journalCheck())
		}
		if c := n.term.Load().canary; c != nil {
			checks = append(checks, canaryCheck(c, n.cfg.Name))
		}
		return checks
	}
	nodes, err := n.d.db.Monitor([]string{n.cfg.Name}).Nodes(ctx)
	if err != nil {
		events.Why = fmt.Sprintf("it is not known who follows the node: %v", err)
		return []api.Check{events}
	}
	status := nodes[0]
	events.OK, events.Since = status.Flows() && status.FollowedBy != "", new(status.Since.UTC())
	switch {
	case status.FollowedBy == "":
		events.Why = "no daemon follows the node"
	case events.OK:
		events.Why = "followed by " + status.FollowedBy
	default:
		events.Why = fmt.Sprintf("followed by %s, which says: %s %s", status.FollowedBy, status.State, status.Why)
	}
	return []api.Check{events}
}
