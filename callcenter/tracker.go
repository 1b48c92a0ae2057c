package callcenter

import (
	"slices"
	"strings"
	"time"

	"callbackd/ari"
)

// The channel variables that the tracker reads, whether they come by
// ChannelVarset or on every event through ari.conf's channelvars.
const (
	// VarCallCenter holds a call center's id or extension: the call is a
	// call-center call.
	VarCallCenter = "CALLBACKD_CALL_CENTER"
	// VarLabel holds a business label's id.
	VarLabel = "CALLBACKD_LABEL"

	varLinkedID    = "CHANNEL(linkedid)"
	varMixMonitor  = "MIXMONITOR_FILENAME"
	varQueueStatus = "QUEUESTATUS"
)

// Events are the types of the events that the tracker makes use of; it may
// be given others, but need not.
var Events = []ari.EventType{
	ari.BridgeDestroyed, ari.ChannelCallerID, ari.ChannelCreated, ari.ChannelDestroyed, ari.ChannelDialplan,
	ari.ChannelEnteredBridge, ari.ChannelHangupRequest, ari.ChannelLeftBridge, ari.ChannelStateChange,
	ari.ChannelVarset, ari.Dial, ari.RecordingFinished, ari.RecordingStarted,
}

// Variables are the variables of which the tracker makes use of ChannelVarset.
var Variables = []string{VarCallCenter, VarLabel, varMixMonitor, varQueueStatus}

const (
	// keepEnded is how many ended calls are kept in whole, for events that
	// come late, and keepDead how many destroyed channels are remembered by
	// their ID after that, so that an event that comes later still does not
	// bring a call back to life. Counted, not timed: the tracker has no clock.
	keepEnded = 1024
	keepDead  = 1 << 16
)

// Tracker turns the events of one PBX node into calls. It is pure: it does
// no I/O, has no clock and starts nothing; the same events give the same
// calls, in whatever chunks they come, interleaved across calls in whatever
// way, and however often they are repeated. It is not safe for concurrent
// use.
type Tracker struct {
	node     string
	plan     *classifier
	channels map[ari.ChannelID]*channel
	calls    map[string]*call // by linkedid
	// halves finds the halves of Local channels by their names. Asterisk counts
	// these from nought again when it restarts: the latest of a name is here.
	halves  map[string]*channel
	bridges map[ari.BridgeID][]ari.ChannelID
	dirty   []*call
	ended   []*call
	dead    map[ari.ChannelID]struct{}
	deadIDs []ari.ChannelID // in the order of dying; a ring once full
	oldest  int             // index in deadIDs of what is forgotten next
}

// NewTracker returns a tracker for the node of that name. It fails when the
// plan contradicts itself.
func NewTracker(node string, plan *Plan) (*Tracker, error) {
	t := &Tracker{
		node: node, channels: map[ari.ChannelID]*channel{}, calls: map[string]*call{},
		halves: map[string]*channel{}, bridges: map[ari.BridgeID][]ari.ChannelID{}, dead: map[ari.ChannelID]struct{}{},
	}
	return t, t.SetPlan(plan)
}

// SetPlan makes the tracker go by another plan from now on. What was
// concluded before stands.
func (t *Tracker) SetPlan(plan *Plan) error {
	c, err := newClassifier(plan)
	if err != nil {
		return err
	}
	t.plan = c
	return nil
}

// Apply takes one event in. Nothing of ev is kept; texts in it that are too
// long are cut.
func (t *Tracker) Apply(ev *ari.Event) {
	bound(ev)
	switch ev.Type {
	case ari.Dial:
		t.dial(ev)
		return
	case ari.ChannelDestroyed:
		t.destroyed(ev)
		return
	case ari.BridgeDestroyed:
		delete(t.bridges, ev.Bridge.ID)
		return
	case ari.RecordingStarted, ari.RecordingFinished:
		t.recording(ev)
		return
	}
	if ev.Channel.ID == "" {
		return
	}
	ch := t.observe(&ev.Channel, ev)
	if ch == nil {
		return
	}
	switch ev.Type {
	case ari.ChannelDialplan:
		t.dialplan(ch, ev)
	case ari.ChannelVarset:
		t.variable(ch, strings.TrimLeft(ev.Variable, "_"), ev.Value, ev)
	case ari.ChannelHangupRequest:
		if !ev.Soft && ch.leg.earliest(&ch.leg.HungUpAt, ev.Timestamp) {
			t.touch(ch.call, ev.Timestamp)
		}
	case ari.ChannelEnteredBridge, ari.ChannelLeftBridge:
		t.bridged(&ev.Bridge, ev.Timestamp)
	}
}

// Changed appends to dst each call that is not what it was at the last
// Changed, as it is now, and returns it. The calls share nothing with the
// tracker.
func (t *Tracker) Changed(dst []Call) []Call {
	for i, c := range t.dirty {
		t.dirty[i] = nil
		c.dirty = false
		if !c.provisional && len(c.legs) > 0 {
			dst = append(dst, c.call(t.node, t.plan))
		}
	}
	t.dirty = t.dirty[:0]
	return dst
}

// CallOf returns the call of a channel, as it is now; ok is false for a
// channel that is not known, or of which it is not known yet whose it is.
func (t *Tracker) CallOf(id ari.ChannelID) (c Call, ok bool) {
	ch := t.channels[id]
	if ch == nil || ch.call.provisional {
		return Call{}, false
	}
	return ch.call.call(t.node, t.plan), true
}

// ActiveChannels returns the channels that are followed and have not ended.
func (t *Tracker) ActiveChannels() []ari.ChannelID {
	var ids []ari.ChannelID
	for id, ch := range t.channels {
		if !ch.gone {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// confirmed returns the call of a linkedid, a new one when there is none.
func (t *Tracker) confirmed(linkedID string, at time.Time) *call {
	c := t.calls[linkedID]
	if c == nil {
		c = &call{requestID: NewRequestID(t.node, linkedID), linkedID: linkedID}
		t.calls[linkedID] = c
	}
	t.confirm(c, at)
	return c
}

// confirm makes a provisional call a certain one.
func (t *Tracker) confirm(c *call, at time.Time) {
	if !c.provisional {
		return
	}
	c.provisional = false
	for _, l := range c.legs {
		t.channels[l.Channel].tied = true
	}
	t.touch(c, at)
}

// own returns the call of which a channel is the first.
func (t *Tracker) own(ch *channel, at time.Time) *call {
	if c := t.calls[string(ch.id)]; c != nil {
		return c
	}
	c := t.confirmed(string(ch.id), at)
	c.provisional = !ch.tied
	return c
}

// join makes a channel's leg part of a call.
func (t *Tracker) join(ch *channel, c *call, at time.Time) {
	ch.call = c
	c.add(ch.leg)
	if ch.leg.EndedAt == nil {
		c.live++
	}
	t.touch(c, at)
	t.prune(c)
}

// touch notes that a call is not what it was.
func (t *Tracker) touch(c *call, at time.Time) {
	if at.After(c.lastEventAt) {
		c.lastEventAt = at
	}
	if !c.dirty {
		c.dirty = true
		t.dirty = append(t.dirty, c)
	}
}

// settle puts a call that has no channel left among the ended, and forgets
// the oldest of these.
func (t *Tracker) settle(c *call) {
	if c.live > 0 || c.settled {
		return
	}
	c.settled = true
	if c.byItself {
		t.confirm(c, c.lastEventAt)
	}
	t.ended = append(t.ended, c)
	for len(t.ended) > keepEnded {
		old := t.ended[0]
		if old.dirty {
			return // not handed out yet: Changed comes first
		}
		t.ended[0] = nil
		t.ended = t.ended[1:]
		old.settled = false
		if old.live == 0 {
			t.forget(old)
		}
	}
}

// forget drops a call and remembers of its channels only that they are dead.
func (t *Tracker) forget(c *call) {
	if t.calls[c.linkedID] == c {
		delete(t.calls, c.linkedID)
	}
	for _, l := range c.legs {
		ch := t.channels[l.Channel]
		if ch == nil || ch.call != c {
			continue // moved to another call
		}
		delete(t.channels, l.Channel)
		t.unhalve(ch)
		t.bewareOf(l.Channel)
	}
}

// bewareOf remembers that a channel is dead.
func (t *Tracker) bewareOf(id ari.ChannelID) {
	if _, dead := t.dead[id]; dead {
		return
	}
	t.dead[id] = struct{}{}
	if len(t.deadIDs) < keepDead {
		t.deadIDs = append(t.deadIDs, id)
		return
	}
	delete(t.dead, t.deadIDs[t.oldest])
	t.deadIDs[t.oldest] = id
	t.oldest = (t.oldest + 1) % keepDead
}
