package ari

import (
	"maps"
	"sync"
	"time"
)

// StreamState is where a Stream stands.
type StreamState string

// The states of a Stream.
const (
	// StateDown waits before the next attempt, or does not run.
	StateDown StreamState = "down"
	// StateConnecting dials, or completes subscriptions.
	StateConnecting StreamState = "connecting"
	// StateConnected receives all events.
	StateConnected StreamState = "connected"
	// StateReplaced leaves the application's name to the client that took it.
	StateReplaced StreamState = "replaced"
)

// StreamStates are all states, for those who count them.
func StreamStates() []StreamState {
	return []StreamState{StateDown, StateConnecting, StateConnected, StateReplaced}
}

// UnknownEventType is under which StreamStats counts all types that are not
// known, so that a PBX cannot make up labels without bound.
const UnknownEventType EventType = "unknown"

// StreamStats is what a Stream has seen since it was made. Numbers only grow,
// except those of the queue.
type StreamStats struct {
	State      StreamState
	StateSince time.Time
	// Epoch is the number of connections that were completed: the number of
	// reconnects is one less.
	Epoch int
	// Attempts is the number of connections that were tried.
	Attempts int
	// LastErr is why the last attempt failed or the last connection ended;
	// nil while connected.
	LastErr error

	// EventAt is when the last event was received.
	EventAt time.Time
	// ProvenAt is when it was last certain that events reach us: the last
	// event, be it the stream's own. Zero until the first.
	ProvenAt time.Time
	// WeaklyProven says that the last proof was only that Asterisk knows the
	// application and its subscriptions: all that a read-only user can ask.
	WeaklyProven bool

	// Events counts by type; Wanted those of them that were delivered.
	Events map[EventType]uint64
	Wanted uint64
	// Bytes is the length of all events together.
	Bytes uint64
	// Undecodable counts frames that are not an event.
	Undecodable uint64
	// Lost counts the ends of completed connections by reason.
	Lost map[LossReason]uint64

	// QueueLength and QueueBytes are what waits for the consumer now, of at
	// most QueueCapacity events and QueueCapacityBytes.
	QueueLength, QueueBytes           int
	QueueCapacity, QueueCapacityBytes int
}

// record is the part of StreamStats that its goroutines write.
type record struct {
	mu sync.Mutex
	s  StreamStats
}

func newRecord() *record {
	return &record{s: StreamStats{
		State: StateDown, StateSince: time.Now(),
		Events: map[EventType]uint64{}, Lost: map[LossReason]uint64{},
	}}
}

func (r *record) snapshot() StreamStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.s
	s.Events, s.Lost = maps.Clone(s.Events), maps.Clone(s.Lost)
	return s
}

// attempt counts an attempt to connect and returns the epoch that it will be.
func (r *record) attempt() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state(StateConnecting)
	r.s.Attempts++
	return r.s.Epoch + 1
}

func (r *record) connected(epoch int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state(StateConnected)
	r.s.Epoch, r.s.LastErr = epoch, nil
}

// ended records that no connection is there, in the given state, and why.
func (r *record) ended(state StreamState, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state(state)
	r.s.LastErr = err
}

func (r *record) state(state StreamState) {
	if r.s.State != state {
		r.s.State, r.s.StateSince = state, time.Now()
	}
}

func (r *record) lost(reason LossReason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state(StateDown)
	r.s.Lost[reason]++
}

func (r *record) undecodable() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.s.Undecodable++
}

// event counts a frame that is an event. It is called for each of them, many
// thousands a second.
func (r *record) event(typ EventType, size int, wanted bool, at time.Time) {
	if !typ.known() {
		typ = UnknownEventType
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.s.Events[typ]++
	r.s.Bytes += uint64(size) //nolint:gosec // a length
	if wanted {
		r.s.Wanted++
	}
	r.s.EventAt, r.s.ProvenAt, r.s.WeaklyProven = at, at, false
}

// proven records that events flow: certain, or as far as REST can tell.
func (r *record) proven(at time.Time, weakly bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.s.ProvenAt, r.s.WeaklyProven = at, weakly
}
