package callcenter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"callbackd/ari"
)

// FollowerOptions say which node a Follower follows. Node, Plan, Client, Stream
// and Store are mandatory.
type FollowerOptions struct {
	Node   string
	Plan   *Plan
	Client *ari.Client
	// Stream must have a filter that wants Events and Variables, and be run
	// by nobody else.
	Stream  *ari.Stream
	Store   Store
	Logger  *slog.Logger
	Metrics *Metrics
	// Log is the node's channel event log, by which calls are repaired that
	// could not be followed; nil when it keeps none.
	Log EventLog
	// RepairAgainAfter is how long after a gap the log is looked at once more
	// for what was written late. 0 is DefaultRepairAgainAfter.
	RepairAgainAfter time.Duration
	// RepairWithin is how long after a gap it is given up that the log has all
	// of it; 0 is DefaultRepairWithin.
	RepairWithin time.Duration
	// MaxPending bounds the calls that wait for the database. When it is
	// reached events are not read any more, until at last the stream's own
	// bound is reached and the loss is a declared gap. 0 is DefaultMaxPending.
	MaxPending int
	// Listener, unless nil, is told of all that is followed.
	Listener Listener
	// Leaving, unless nil, is a second stream of the same node by another
	// application's name, by which HandOver follows it. Else there is none.
	Leaving *ari.Stream
	// Lines, unless nil, returns what is known of the node's SIP side, for
	// reports on the node.
	Lines func() []Line
}

// Listener is told of a node's events after they were applied, by one
// goroutine and in order. That is the path that records calls: a listener
// returns at once, keeps nothing of what it is given, and does not call the
// Follower before it has returned.
type Listener interface {
	// Connected says which channels the PBX had when a connection began. What
	// happened to them before, since the last one, is not told.
	Connected(channels []ari.Channel)
	// Event is an event that the stream's filter wants.
	Event(ev *ari.Event)
	// Lost says that the connection ended, and why.
	Lost(reason ari.LossReason)
}

// DefaultMaxPending is some hours of a busy node, in some hundred megabytes.
const DefaultMaxPending = 50_000

// Bounds and paces of a Follower.
const (
	// coalesce is how long a change waits for others at most before it is stored.
	// Asterisk's events come in bursts of a few milliseconds.
	coalesce = 20 * time.Millisecond
	// maxBatch bounds the calls of one transaction.
	maxBatch = 500
	// proveEvery is how often it is looked how far events are applied, and
	// provenEvery how often that is stored.
	proveEvery  = 100 * time.Millisecond
	provenEvery = time.Second
	// freshness is how old the proof that events flow may be.
	freshness = 12 * time.Second
	// askAfter is how long a channel may go without anything that ties it to
	// a call before Asterisk is asked.
	askAfter = 200 * time.Millisecond
	// storeTimeout bounds each write. A database that hangs must show as one
	// that fails; but one that is merely slow must get a batch done.
	storeTimeout = 10 * time.Second
	// shutdownTimeout bounds the last write.
	shutdownTimeout = 3 * time.Second
)

// gapDaemonDown is why a gap began for which no connection is to blame.
const gapDaemonDown = "daemon-down"

// Follower follows one PBX node: it takes its events, keeps its calls, and
// stores each change.
type Follower struct {
	o   FollowerOptions
	log *slog.Logger

	mu      sync.Mutex
	tracker *Tracker
	// skew is the PBX's clock minus ours, as the last event showed it, or the
	// answers before the first did; latest
	// is the latest time by the PBX's clock that is known to have passed.
	skew   time.Duration
	latest time.Time
	// pending are calls that changed and are not stored yet, each as it is
	// now; order is in which order they changed first.
	pending map[RequestID]Call
	order   []RequestID
	gaps    []Gap // not stored yet
	open    *Gap  // the gap that lasts; nil when events are followed
	// synced is the epoch of the connection whose snapshot was taken, syncErr
	// why that of a later one was not.
	synced  int
	syncErr error
	// proven is until when all events were applied, known that the store has
	// any such time: without it the next daemon would think that nobody ever
	// followed the node, and declare no gap. began is when Run did.
	proven time.Time
	known  bool
	began  time.Time
	// followed says that events are, and followedAt since when that is so or
	// not; storeErr why calls cannot be stored, and storeErrAt likewise.
	followed   bool
	followedAt time.Time
	storeErr   error
	storeErrAt time.Time

	// room is signalled when pending has become smaller, work when there is
	// something to store, and ended when that is a call that has ended, of which
	// nothing more is to be expected.
	room, work, ended chan struct{}
	// closed is signalled when a gap that has ended is stored; repairErr is why
	// none can be repaired, repairErrAt since when, and unsettled how many wait.
	closed      chan struct{}
	repairErr   error
	repairErrAt time.Time
	unsettled   int
	// logged is when, by the PBX's clock, something happened last that its
	// channel event log must have. caughtUp is how far that had come when a gap
	// was first looked at, by the gap's beginning, and quiet are gaps that were
	// settled though it may have more of them: nothing has shown that it has
	// not. The goroutine that repairs uses both.
	logged   time.Time
	caughtUp map[time.Time]time.Time
	quiet    []Gap
	// ahead is what Prepare has taken in; nil when it was not called. handover
	// is what HandOver goes by, and retired says that another daemon follows the
	// node by now: nothing more is stored.
	ahead    *ahead
	handover handover
	retired  atomic.Bool
	// asked is when Asterisk was last asked for a channel's call.
	asked map[ari.ChannelID]time.Time
	// consumed is closed when no more events will be applied.
	consumed chan struct{}
}

// NewFollower returns a follower. It does nothing until Run.
func NewFollower(o FollowerOptions) (*Follower, error) {
	tracker, err := NewTracker(o.Node, o.Plan)
	if err != nil {
		return nil, fmt.Errorf("follow node %q: %w", o.Node, err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Metrics.open(o.Node)
	o.MaxPending = cmp.Or(o.MaxPending, DefaultMaxPending)
	o.RepairAgainAfter = cmp.Or(o.RepairAgainAfter, DefaultRepairAgainAfter)
	o.RepairWithin = cmp.Or(o.RepairWithin, DefaultRepairWithin)
	return &Follower{
		o: o, log: o.Logger.With(slog.String("node", o.Node)), tracker: tracker,
		pending: map[RequestID]Call{}, followedAt: time.Now(),
		room: make(chan struct{}, 1), work: make(chan struct{}, 1), ended: make(chan struct{}, 1), closed: make(chan struct{}, 1),
		asked: map[ari.ChannelID]time.Time{}, consumed: make(chan struct{}),
		handover: newHandover(), caughtUp: map[time.Time]time.Time{},
	}, nil
}

// SetPlan makes the follower go by another plan from the next event on.
func (f *Follower) SetPlan(plan *Plan) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tracker.SetPlan(plan)
}

// Run follows the node until ctx ends, and then stores what is left. It
// begins with the calls that were active when the node was followed last.
func (f *Follower) Run(ctx context.Context) error {
	defer f.Discard()
	if err := f.resume(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	// What stores ends earlier when the node is handed over.
	storing, end := context.WithCancel(ctx)
	defer end()
	g.Go(func() error { return f.receive(ctx) })
	g.Go(func() error { return f.receiveLeaving(ctx) })
	g.Go(func() error {
		defer close(f.consumed)
		return f.consume(ctx)
	})
	g.Go(func() error {
		defer close(f.handover.stored)
		return f.write(storing)
	})
	g.Go(func() error { return f.ask(ctx) })
	g.Go(func() error { return f.report(storing) })
	g.Go(func() error { return f.repair(storing) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
		case <-f.handover.retire:
			end()
		}
		return nil
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("follow node %q: %w", f.o.Node, err)
	}
	return nil
}

// resume takes up where the daemon that followed the node before left off.
func (f *Follower) resume(ctx context.Context) error {
	proven, err := f.o.Store.LastProven(ctx, f.o.Node)
	if err != nil {
		return fmt.Errorf("follow node %q: %w", f.o.Node, err)
	}
	calls, err := f.o.Store.ActiveCalls(ctx, f.o.Node)
	if err != nil {
		return fmt.Errorf("follow node %q: %w", f.o.Node, err)
	}
	if f.ahead != nil {
		// Of calls that ended since it is connected, it has events still to
		// apply.
		ended, err := f.o.Store.EndedCalls(ctx, f.o.Node, f.ahead.snapshot.At.Add(-endedMargin))
		if err != nil {
			return fmt.Errorf("follow node %q: %w", f.o.Node, err)
		}
		calls = append(calls, ended...)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tracker.Restore(calls)
	for i := range calls {
		f.passed(calls[i].LastEventAt)
	}
	f.began = time.Now().UTC()
	f.known = !proven.IsZero()
	if f.ahead != nil {
		f.takeUp()
	} else if f.known {
		f.declare(Gap{Node: f.o.Node, From: proven, Why: gapDaemonDown})
	}
	return nil
}

// passed notes a time by the PBX's clock. f.mu is held.
func (f *Follower) passed(at time.Time) {
	if at.After(f.latest) {
		f.latest = at
	}
}

// pbxNow returns what the PBX's clock shows. Before the first event, how it
// goes is not known; but it has shown already what calls of an earlier run
// tell. f.mu is held.
func (f *Follower) pbxNow() time.Time {
	now := time.Now().Add(f.skew).UTC()
	if now.Before(f.latest) {
		return f.latest
	}
	return now
}

// declare begins a gap, unless one lasts already. f.mu is held.
func (f *Follower) declare(gap Gap) {
	if f.open != nil {
		return
	}
	f.open = &gap
	f.gaps = append(f.gaps, gap)
	f.wake()
}

// settle ends the gap that lasts. f.mu is held.
func (f *Follower) settle(at time.Time) {
	if f.open == nil {
		return
	}
	gap := *f.open
	gap.To = &at
	f.open = nil
	f.gaps = append(f.gaps, gap)
	f.o.Metrics.gap(f.o.Node, gap.Why, at.Sub(gap.From))
	f.wake()
}

// waitRoom waits while too many calls wait for the store.
func (f *Follower) waitRoom(ctx context.Context) {
	for {
		f.mu.Lock()
		full := len(f.pending) >= f.o.MaxPending
		f.mu.Unlock()
		if !full {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-f.room:
		}
	}
}

// ask asks Asterisk for the calls of channels that nothing ties to one.
func (f *Follower) ask(ctx context.Context) error {
	tick := time.NewTicker(askAfter / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			f.mu.Lock()
			untied := f.tracker.Untied(now.Add(f.skew - askAfter))
			f.mu.Unlock()
			f.askFor(ctx, untied)
		}
	}
}

// askFor asks for channels' linkedids, for each once in a while. It gives up
// at the first that gets no answer: where each takes until its time-out, all
// together would hold up the events of a busy PBX for minutes. ask goes on
// where it ended.
func (f *Follower) askFor(ctx context.Context, ids []ari.ChannelID) {
	for _, id := range ids {
		now := time.Now()
		f.mu.Lock()
		again := now.Sub(f.asked[id]) < 5*time.Second
		if !again {
			if len(f.asked) > 4096 {
				clear(f.asked)
			}
			f.asked[id] = now
		}
		f.mu.Unlock()
		if again {
			continue
		}
		linkedID, err := f.o.Client.ChannelVariable(ctx, id, varLinkedID)
		if err != nil {
			if ari.IsGone(err) {
				continue // a channel that is gone ends by its own event
			}
			if ctx.Err() == nil {
				f.log.Warn("a channel's call cannot be asked for", slog.String("channel", string(id)), slog.Any("err", err))
			}
			return
		}
		f.mu.Lock()
		f.tracker.Tie(id, linkedID, now.Add(f.skew).UTC())
		f.collect()
		f.mu.Unlock()
	}
}
