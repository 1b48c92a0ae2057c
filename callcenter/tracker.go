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

	// maxSignals bounds a call's receipt, maxRecordings its recordings: a
	// dialplan may loop for hours.
	maxSignals    = 64
	maxRecordings = 64
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

// channel is one channel that is followed, or was until lately.
type channel struct {
	id   ari.ChannelID
	name string
	call *call
	leg  *leg
	// linkedID is Asterisk's own word; empty while it gave none.
	linkedID string
	// tied says that the channel's call is certain, by Asterisk's word or by
	// a tie; until then it may turn out to be part of another.
	tied    bool
	gone    bool
	context string
	exten   string
	// app and appData are the application that it was last seen to run.
	app, appData string
	center       string // last seen value of VarCallCenter
	label        string // last seen value of VarLabel
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

// Apply takes one event in. Nothing of ev is kept.
func (t *Tracker) Apply(ev *ari.Event) {
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

// observe takes in what any event shows of a channel, and starts to follow
// the channel when it is new. It returns nil for one that is long gone.
func (t *Tracker) observe(c *ari.Channel, ev *ari.Event) *channel {
	ch := t.channels[c.ID]
	if ch == nil {
		if _, dead := t.dead[c.ID]; dead {
			return nil
		}
		ch = t.follow(c, ev)
	}
	if ch.gone && ch.leg.Lost && ev.Timestamp.After(*ch.leg.EndedAt) {
		t.revive(ch, ev.Timestamp)
	}
	for i := range c.Vars {
		switch v := &c.Vars[i]; v.Name {
		case varLinkedID:
			if v.Value != "" && v.Value != ch.linkedID {
				t.link(ch, v.Value, ev.Timestamp)
			}
		case VarCallCenter, VarLabel, varMixMonitor, varQueueStatus:
			t.variable(ch, v.Name, v.Value, ev)
		}
	}
	if ch.name != c.Name {
		t.rename(ch, c.Name, ev.Timestamp)
	}
	if c.Caller.Number != ch.leg.number && ch.leg.renumber(c.Caller.Number, ev.Timestamp) {
		t.touch(ch.call, ev.Timestamp)
	}
	if c.State == "Up" {
		ch.leg.earliest(&ch.leg.upAt, ev.Timestamp)
	}
	if c.State == "Ringing" && ch.leg.earliest(&ch.leg.RingingAt, ev.Timestamp) {
		t.touch(ch.call, ev.Timestamp)
	}
	switch {
	case outgoingLine(c):
		// So a channel that came in by itself becomes one that was called, when
		// it picks up what rings elsewhere: it is put in that one's place, where
		// the extension is the caller's.
		if !ch.leg.Dialled {
			ch.leg.Dialled = true
			t.touch(ch.call, ev.Timestamp)
		}
	case !ch.leg.Dialled && (c.Dialplan.Exten != ch.exten || c.Dialplan.Context != ch.context):
		t.position(ch, c, ev)
	}
	// An application that another one runs (ExecIf, AGI, a dialplan in Lua) has
	// no ChannelDialplan of its own; it shows in what happens meanwhile.
	if c.Dialplan.AppName != ch.app || c.Dialplan.AppData != ch.appData {
		ch.app, ch.appData = strings.Clone(c.Dialplan.AppName), strings.Clone(c.Dialplan.AppData)
		if ev.Type != ari.ChannelDialplan && ev.Type != EventResync {
			t.application(ch, ch.app, ch.appData, ev)
		}
	}
	return ch
}

// follow starts to follow a channel that is seen for the first time.
func (t *Tracker) follow(c *ari.Channel, ev *ari.Event) *channel {
	at := ev.Timestamp
	ch := &channel{id: ari.ChannelID(strings.Clone(string(c.ID))), name: strings.Clone(c.Name)}
	t.channels[ch.id] = ch
	started := c.CreationTime
	if started.IsZero() {
		started = at
	}
	endpoint := endpointOfChannel(ch.name)
	ch.leg = &leg{Leg: Leg{
		Channel: ch.id, Endpoint: endpoint, Trunk: t.plan.trunks[endpoint], StartedAt: started,
		Dialled: c.State == "Down" || outgoingLine(c),
	}}
	linkedID, _ := c.Var(varLinkedID)
	switch partner := t.otherHalf(ch); {
	case linkedID != "":
		linkedID = strings.Clone(linkedID)
		ch.linkedID, ch.tied = linkedID, true
		t.join(ch, t.confirmed(linkedID, at), at)
	case partner != nil:
		ch.tied = partner.tied
		t.join(ch, partner.call, at)
	default:
		// A channel that is seen to come in by itself is the first of its
		// call. Of any other it is not known yet whose it is.
		ch.tied = !ch.leg.local() && !ch.leg.Dialled && ev.Type != EventResync
		t.join(ch, t.own(ch, at), at)
	}
	if ch.leg.local() {
		t.halves[ch.name] = ch
	}
	return ch
}

// otherHalf returns the other half of a Local channel, nil when there is none
// that lives.
func (t *Tracker) otherHalf(ch *channel) *channel {
	if !ch.leg.local() {
		return nil
	}
	if other := t.halves[otherHalf(ch.name)]; other != nil && !other.gone {
		return other
	}
	return nil
}

// outgoingLine reports whether a channel is one that Dial or Queue called.
func outgoingLine(c *ari.Channel) bool { return c.Dialplan.AppData == "(Outgoing Line)" }

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

// link takes in Asterisk's word for a channel's linkedid. It only ever
// changes to that of an older call (attended transfer), so that a late event
// with the younger one is told apart.
func (t *Tracker) link(ch *channel, linkedID string, at time.Time) {
	if ch.linkedID != "" && !t.older(linkedID, ch.linkedID) ||
		ch.tied && linkedID != ch.call.linkedID && !t.older(linkedID, ch.call.linkedID) {
		return
	}
	linkedID = strings.Clone(linkedID)
	ch.linkedID = linkedID
	t.move(ch, t.confirmed(linkedID, at), at)
}

// move makes a channel part of another call.
func (t *Tracker) move(ch *channel, to *call, at time.Time) {
	switch from := ch.call; {
	case from == to:
		t.confirm(to, at)
	case from.provisional:
		t.absorb(from, to, at)
	default:
		t.merge(ch, to, at)
	}
	ch.tied = !to.provisional
}

// absorb makes all of a provisional call, which nobody has seen, part of
// another.
func (t *Tracker) absorb(from, to *call, at time.Time) {
	delete(t.calls, from.linkedID)
	for _, l := range from.legs {
		ch := t.channels[l.Channel]
		ch.tied = !to.provisional
		t.join(ch, to, at)
	}
	from.legs, from.live = nil, 0
	for _, s := range from.receipt {
		to.sign(s)
	}
	for _, path := range from.recordings {
		to.record(path)
	}
	if to.labelAt.Before(from.labelAt) {
		to.label, to.labelAt = from.label, from.labelAt
	}
}

// merge moves one channel from a younger call to an older one, as Asterisk
// does when a transfer joins them. The younger call's row stays and points to
// the older, which takes over the evidence: the caller is now where the
// younger call went.
func (t *Tracker) merge(ch *channel, to *call, at time.Time) {
	from, left := ch.call, ch.leg
	stays := *left
	ch.leg = &stays
	if left.EndedAt == nil {
		ended := at
		left.EndedAt, left.moved = &ended, true
		from.live--
	}
	if stays.AnsweredAt == nil && stays.upAt != nil && !stays.Trunk && !stays.local() {
		stays.AnsweredAt = &at // a phone that fetched the call
	}
	from.mergedInto = to.requestID
	t.join(ch, to, at)
	for _, s := range from.receipt {
		if s.MergedFrom == "" {
			s.MergedFrom = from.requestID
		}
		to.sign(s)
	}
	for _, path := range from.recordings {
		to.record(path)
	}
	t.touch(from, at)
	t.settle(from)
}

// older reports whether the call of linkedid a began before that of b.
func (t *Tracker) older(a, b string) bool {
	if older, ok := olderLinkedID(a, b); ok {
		return older
	}
	// A program that originates channels may have chosen their IDs.
	if x, y := t.calls[a], t.calls[b]; x != nil && y != nil && len(x.legs) > 0 && len(y.legs) > 0 && !x.startedAt().Equal(y.startedAt()) {
		return x.startedAt().Before(y.startedAt())
	}
	return a < b
}

// tie makes peer part of caller's call when Asterisk gave no word of its own.
func (t *Tracker) tie(peer, caller *channel, at time.Time) {
	if peer.linkedID != "" || peer.call == caller.call {
		return
	}
	if !peer.tied || t.older(caller.call.linkedID, peer.call.linkedID) {
		t.move(peer, caller.call, at)
	}
}

// dial takes in what Dial says: who called whom, and how far it came.
func (t *Tracker) dial(ev *ari.Event) {
	if ev.Peer.ID == "" {
		return
	}
	var caller *channel
	if ev.Caller.ID != "" {
		caller = t.observe(&ev.Caller, ev)
	}
	peer := t.observe(&ev.Peer, ev)
	if peer == nil {
		return
	}
	l := peer.leg
	changed := !l.Dialled
	l.Dialled = true
	if caller != nil {
		t.tie(peer, caller, ev.Timestamp)
		l = peer.leg
		if center := t.centerOf(caller, ev); center != "" && l.CallCenter == "" {
			l.CallCenter, changed = center, true
		}
	} else if !peer.tied {
		peer.call.byItself = true
	}
	if l.dialString == "" && ev.DialString != "" {
		l.dialString, changed = strings.Clone(ev.DialString), true
	}
	if l.dialStatus(ev.DialStatus, ev.Timestamp) || changed {
		t.touch(peer.call, ev.Timestamp)
	}
}

// centerOf returns the call center in whose queue's name caller dials: its
// own, or for a Local channel in a queue that of the other half.
func (t *Tracker) centerOf(caller *channel, ev *ari.Event) string {
	if strings.EqualFold(ev.Caller.Dialplan.AppName, "Queue") {
		return t.plan.queue(argument(ev.Caller.Dialplan.AppData, 0)).CallCenter
	}
	if other := t.otherHalf(caller); other != nil {
		return other.leg.CallCenter
	}
	return ""
}

// dialplan takes in that a channel runs an application.
func (t *Tracker) dialplan(ch *channel, ev *ari.Event) {
	if outgoingLine(&ev.Channel) {
		return
	}
	if ch.leg.Dialled {
		// Originated, and sent into the dialplan after it answered.
		t.position(ch, &ev.Channel, ev)
	}
	if !ch.tied && !ch.leg.local() {
		t.move(ch, ch.call, ev.Timestamp)
	}
	t.application(ch, ev.DialplanApp, ev.DialplanAppData, ev)
}

// application takes in which application a channel runs, and what follows
// from it for the kind of the call.
func (t *Tracker) application(ch *channel, app, data string, ev *ari.Event) {
	switch name := strings.ToLower(app); {
	case name == "queue":
		t.sign(ch, t.plan.queue(argument(data, 0)), ev)
	case name == "dial" || name == "page" || name == "retrydial":
		if ch.call.dialledExten == "" && ch.exten != "" {
			ch.call.dialledExten = ch.exten
			t.touch(ch.call, ev.Timestamp)
		}
		devices := 0
		if name == "retrydial" {
			devices = 3 // after what is played, how long and how often
		}
		t.sign(ch, t.plan.dial(argument(data, devices)), ev)
	case name == "mixmonitor":
		if path := argument(data, 0); strings.HasPrefix(path, "/") {
			t.record(ch.call, path, ev.Timestamp)
		}
	case ivrApplications[name]:
		t.sign(ch, Signal{Rule: RuleIVR, Kind: KindIVR, Value: app}, ev)
	}
}

// position takes in where in the dialplan a channel is.
func (t *Tracker) position(ch *channel, c *ari.Channel, ev *ari.Event) {
	if ch.exten == c.Dialplan.Exten && ch.context == c.Dialplan.Context {
		return
	}
	ch.exten, ch.context = strings.Clone(c.Dialplan.Exten), strings.Clone(c.Dialplan.Context)
	if cl := ch.call; cl.firstExten == "" && !specialExten(ch.exten) {
		cl.firstExten = ch.exten
		t.touch(cl, ev.Timestamp)
	}
	if s, ok := t.plan.extension(ch.context, ch.exten); ok {
		if s.Rule == RuleCallCenterExtension && ch.call.has(RuleCallCenterVariable, RuleCallCenterQueue) {
			return
		}
		t.sign(ch, s, ev)
	}
}

// specialExten reports whether an extension is one that Asterisk sends calls
// to by itself (start, time-out, invalid, hang-up…) and nobody dials.
func specialExten(exten string) bool {
	switch exten {
	case "", "s", "t", "i", "h", "o", "a", "e", "T":
		return true
	}
	return false
}

// variable takes in a variable's value.
func (t *Tracker) variable(ch *channel, name, value string, ev *ari.Event) {
	switch name {
	case VarCallCenter:
		if value == "" || value == ch.center {
			return
		}
		ch.center = strings.Clone(value)
		t.sign(ch, t.plan.variable(value), ev)
	case VarLabel:
		if value == "" || value == ch.label {
			return
		}
		ch.label = strings.Clone(value)
		if c := ch.call; t.plan.labels[value] && !ev.Timestamp.Before(c.labelAt) {
			c.label, c.labelAt = ch.label, ev.Timestamp
			t.touch(c, ev.Timestamp)
		}
	case varMixMonitor:
		t.record(ch.call, value, ev.Timestamp)
	case varQueueStatus:
		if c := ch.call; value != "" && value != c.queueStatus && !ev.Timestamp.Before(c.queueStatusAt) {
			c.queueStatus, c.queueStatusAt = strings.Clone(value), ev.Timestamp
			t.touch(c, ev.Timestamp)
		}
	}
}

// sign adds a signal to a call's receipt.
func (t *Tracker) sign(ch *channel, s Signal, ev *ari.Event) {
	s.At, s.Event, s.Channel = ev.Timestamp, eventName(ev.Type), ch.id
	if ch.call.sign(s) {
		t.touch(ch.call, ev.Timestamp)
	}
}

// eventName returns a copy of the type that does not hold on to the event's
// text.
func eventName(typ ari.EventType) ari.EventType {
	if i := slices.Index(Events, typ); i >= 0 {
		return Events[i]
	}
	return ari.EventType(strings.Clone(string(typ)))
}

func (t *Tracker) record(c *call, path string, at time.Time) {
	if path != "" && c.record(path) {
		t.touch(c, at)
	}
}

// recording takes in that ARI records a channel or bridge. The path is
// relative to Asterisk's folder of recordings.
func (t *Tracker) recording(ev *ari.Event) {
	kind, id, _ := strings.Cut(ev.Recording.TargetURI, ":")
	path := ev.Recording.Name + "." + ev.Recording.Format
	ids := []ari.ChannelID{ari.ChannelID(id)}
	if kind == "bridge" {
		ids = t.bridges[ari.BridgeID(id)]
	}
	for _, id := range ids {
		if ch := t.channels[id]; ch != nil {
			t.record(ch.call, path, ev.Timestamp)
		}
	}
}

// bridged takes in who is together in a bridge. In a basic bridge, the kind
// that Dial, Queue and transfers make, and in a mixing one made by ARI,
// Asterisk gives all channels the oldest linkedid among them. It does so
// without a word: channelvars have the former one until something else
// happens to the channel.
func (t *Tracker) bridged(b *ari.Bridge, at time.Time) {
	t.remember(b)
	for _, id := range b.Channels {
		if ch := t.channels[id]; ch != nil && len(b.Channels) > 1 && ch.leg.inBridge(at) {
			t.touch(ch.call, at)
		}
	}
	if b.Class != "basic" && (b.Class != "stasis" || b.Type != "mixing") {
		return
	}
	var first *channel
	for _, id := range b.Channels {
		if ch := t.channels[id]; ch != nil && (first == nil || t.older(ch.call.linkedID, first.call.linkedID)) {
			first = ch
		}
	}
	for _, id := range b.Channels {
		if ch := t.channels[id]; ch != nil && ch.call != first.call {
			t.move(ch, first.call, at)
		}
	}
}

// remember notes which channels a bridge has.
func (t *Tracker) remember(b *ari.Bridge) {
	if b.ID == "" {
		return
	}
	known, ok := t.bridges[b.ID]
	if !ok {
		if len(b.Channels) == 0 {
			return
		}
		t.bridges[ari.BridgeID(strings.Clone(string(b.ID)))] = cloneIDs(nil, b.Channels)
		return
	}
	t.bridges[b.ID] = cloneIDs(known[:0], b.Channels)
}

func cloneIDs(dst, ids []ari.ChannelID) []ari.ChannelID {
	for _, id := range ids {
		dst = append(dst, ari.ChannelID(strings.Clone(string(id))))
	}
	return dst
}

// rename takes in that a channel has another name: a masquerade put another
// device behind it.
func (t *Tracker) rename(ch *channel, name string, at time.Time) {
	t.unhalve(ch)
	ch.name = strings.Clone(name)
	if strings.HasPrefix(ch.name, "Local/") {
		t.halves[ch.name] = ch
	}
	endpoint := endpointOfChannel(ch.name)
	if strings.Contains(name, "<ZOMBIE>") || strings.HasPrefix(name, "Surrogate/") || endpoint == ch.leg.Endpoint {
		return
	}
	ch.leg.Endpoint, ch.leg.Trunk = endpoint, t.plan.trunks[endpoint]
	t.touch(ch.call, at)
}

// unhalve forgets a channel's name as that of half a Local channel.
func (t *Tracker) unhalve(ch *channel) {
	if t.halves[ch.name] == ch {
		delete(t.halves, ch.name)
	}
}

// destroyed takes in a channel's end.
func (t *Tracker) destroyed(ev *ari.Event) {
	ch := t.channels[ev.Channel.ID]
	if ch == nil || ch.gone && !ch.leg.Lost {
		return
	}
	lost := ch.gone
	t.observe(&ev.Channel, ev)
	if lost && !ch.gone { // observe took the event for a sign of life
		lost = false
	}
	at := ev.Timestamp
	ch.leg.EndedAt, ch.leg.Cause, ch.leg.Lost = &at, ev.Cause, false
	t.touch(ch.call, at)
	if !lost {
		t.bury(ch)
	}
}

// bury counts a channel out of its call.
func (t *Tracker) bury(ch *channel) {
	ch.gone = true
	ch.call.live--
	t.settle(ch.call)
}

// revive takes back that a channel was lost: it is still there.
func (t *Tracker) revive(ch *channel, at time.Time) {
	ch.gone = false
	ch.leg.EndedAt, ch.leg.Lost = nil, false
	ch.call.live++
	t.touch(ch.call, at)
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
		if _, dead := t.dead[l.Channel]; dead {
			continue
		}
		t.dead[l.Channel] = struct{}{}
		if len(t.deadIDs) < keepDead {
			t.deadIDs = append(t.deadIDs, l.Channel)
			continue
		}
		delete(t.dead, t.deadIDs[t.oldest])
		t.deadIDs[t.oldest] = l.Channel
		t.oldest = (t.oldest + 1) % keepDead
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
