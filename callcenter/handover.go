package callcenter

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"callbackd/ari"
)

// A node is handed over from one follower to another, of which only one stores
// at a time, and of which at least one has each event:
//
//	leaving                                      following next
//	HandOver begins: a second stream opens
//	                                             Prepare: takes the application's name, keeps
//	                                             events, reads what channels there are
//	goes on by its second stream
//	stores all that came before Prepare was done
//	HandOver is done
//	                                             Run: restores what was stored, and applies
//	                                             what it kept; what both saw changes nothing

// endedMargin is how much earlier than a follower was prepared a call may have
// ended of which it has events to apply.
const endedMargin = time.Minute

// errNotFollowed says that a node is not followed, and so cannot be handed over.
var errNotFollowed = errors.New("its events are not followed")

// ahead is what a follower has taken in before it runs.
type ahead struct {
	connected ari.Message
	snapshot  Snapshot
	// end ends the stream, whose Run's result streamed has.
	end      context.CancelFunc
	streamed chan error
}

// Prepare connects to the PBX and reads what channels there are, while another
// daemon follows the node. From when it returns on no event is lost to Run,
// which then declares no gap; it must not be called when the other daemon did
// not hand the node over, but Discard.
func (f *Follower) Prepare(ctx context.Context) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	a := &ahead{end: end, streamed: make(chan error, 1)}
	go func() { a.streamed <- f.o.Stream.Run(life) }()
	f.ahead = a
	err := f.takeIn(ctx, a)
	if err != nil {
		f.Discard()
		return fmt.Errorf("prepare to follow node %q: %w", f.o.Node, err)
	}
	return nil
}

func (f *Follower) takeIn(ctx context.Context, a *ahead) (err error) {
	for a.connected.Kind != ari.MessageConnected {
		if a.connected, err = f.o.Stream.Next(ctx); err != nil {
			return err
		}
	}
	if a.snapshot, err = f.snapshot(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setClock()
	a.snapshot.At, a.snapshot.Watched = f.pbxNow(), true
	return nil
}

// Discard ends what Prepare began. The follower must not be used any more.
func (f *Follower) Discard() {
	if f.ahead != nil {
		f.ahead.end()
	}
}

// receive runs the stream, which may do so already.
func (f *Follower) receive(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	f.mu.Lock()
	f.handover.endFirst = end
	f.mu.Unlock()
	if f.ahead == nil {
		return f.o.Stream.Run(ctx)
	}
	<-ctx.Done()
	f.ahead.end()
	return <-f.ahead.streamed
}

// takeUp goes on from what Prepare has taken in. f.mu is held.
func (f *Follower) takeUp() {
	f.tracker.Resync(f.ahead.snapshot)
	f.synced = f.ahead.connected.Epoch
	f.followed, f.followedAt = true, time.Now()
	f.collect()
}

// tieAhead asks for the calls of channels of which nothing but Asterisk's word
// tells whose they are, before events of theirs are applied.
func (f *Follower) tieAhead(ctx context.Context) {
	if f.ahead == nil {
		return
	}
	f.mu.Lock()
	untied := f.tracker.Untied(f.ahead.snapshot.At.Add(time.Hour))
	f.mu.Unlock()
	f.askFor(ctx, untied)
}

// handover is what HandOver and the goroutines of Run tell each other.
type handover struct {
	begin  chan struct{} // closed when the second stream is to run
	retire chan struct{} // closed when nothing that comes later is to be stored
	stored chan struct{} // closed when all is
	once   *sync.Once
	// second says that the second stream is the one that counts.
	second atomic.Bool
	// The rest is guarded by the follower's mutex. endFirst ends the first
	// stream; ready says that the second one is connected, in which epoch.
	endFirst context.CancelFunc
	ready    bool
	epoch    int
	// seen are the events of the first stream since the second one begins.
	seed maphash.Seed
	seen map[uint64]int
}

func newHandover() handover {
	return handover{
		begin: make(chan struct{}), retire: make(chan struct{}), stored: make(chan struct{}), once: new(sync.Once),
		seed: maphash.MakeSeed(),
	}
}

// stream is the one that is consumed.
func (f *Follower) stream() *ari.Stream {
	if f.handover.second.Load() {
		return f.o.Leaving
	}
	return f.o.Stream
}

// receiveLeaving runs the second stream once it is wanted.
func (f *Follower) receiveLeaving(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-f.handover.begin:
		return f.o.Leaving.Run(ctx)
	}
}

// repeated reports whether an event has come by the first stream already. It
// is no harm to the tracker when one that has is not found out; but a caller's
// key would count twice. f.mu is held.
func (f *Follower) repeated(m *ari.Message) bool {
	h := &f.handover
	if h.seen == nil || m.Kind != ari.MessageEvent {
		return false
	}
	if !h.second.Load() {
		h.seen[h.sum(m.Raw, f.o.Stream.Application())]++
		return false
	}
	sum := h.sum(m.Raw, f.o.Leaving.Application())
	if h.seen[sum] == 0 {
		return false
	}
	h.seen[sum]--
	return true
}

// sum tells events apart but for the application that they were sent to.
func (h *handover) sum(raw, application string) uint64 {
	name := `"application":"` + application + `"`
	var hash maphash.Hash
	hash.SetSeed(h.seed)
	if i := strings.LastIndex(raw, name); i >= 0 {
		_, _ = hash.WriteString(raw[:i]) // hashing cannot fail
		raw = raw[i+len(name):]
	}
	_, _ = hash.WriteString(raw)
	return hash.Sum64()
}

// switched goes on with the second stream when the first one was lost, if that
// is possible. f.mu is held.
func (f *Follower) switched() bool {
	h := &f.handover
	if !h.ready || h.second.Load() || f.open != nil {
		return false
	}
	h.second.Store(true)
	h.endFirst()
	f.synced = h.epoch
	return true
}

// HandOver lets go of the node, of which it stores all until then. offer is
// called when another follower may be prepared, which takes the application's
// name, and returns when it is. After an error the node is followed as before,
// or not at all: then Run is to be ended. Otherwise nothing is stored any more;
// Run goes on for the Listener's sake until its context ends.
func (f *Follower) HandOver(ctx context.Context, offer func(context.Context) error) error {
	err := errNotFollowed
	if h := f.Health(time.Now()); f.o.Leaving != nil && h.OK {
		err = f.handOver(ctx, offer)
	}
	if err != nil {
		return fmt.Errorf("hand over node %q: %w", f.o.Node, err)
	}
	return nil
}

func (f *Follower) handOver(ctx context.Context, offer func(context.Context) error) error {
	h := &f.handover
	f.mu.Lock()
	h.seen = map[uint64]int{}
	f.mu.Unlock()
	h.once.Do(func() { close(h.begin) })
	connected, err := f.o.Leaving.Next(ctx)
	if err != nil {
		return fmt.Errorf("connect once more: %w", err)
	}
	f.o.Stream.Yield()
	f.mu.Lock()
	h.ready, h.epoch = connected.Kind == ari.MessageConnected, connected.Epoch
	f.mu.Unlock()
	if err := offer(ctx); err != nil {
		return err
	}
	if err := until(ctx, h.second.Load); err != nil {
		return fmt.Errorf("wait until the application's name is taken: %w", err)
	}
	// Whatever came before the other one was prepared has come when this has.
	asked := time.Now()
	if err := f.o.Leaving.Prove(ctx); err != nil {
		return err
	}
	err = until(ctx, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.proven.After(asked)
	})
	if err != nil {
		return fmt.Errorf("wait until all events are applied: %w", err)
	}
	f.mu.Lock()
	f.retired.Store(true)
	f.mu.Unlock()
	close(h.retire)
	select {
	case <-h.stored:
	case <-ctx.Done():
		return ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending) > 0 || len(f.gaps) > 0 || f.storeErr != nil {
		return fmt.Errorf("%d calls could not be stored: %w", len(f.pending), f.storeErr)
	}
	return nil
}

// until polls a condition.
func until(ctx context.Context, holds func() bool) error {
	for !holds() {
		if pause(ctx, proveEvery/4); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
