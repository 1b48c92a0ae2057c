package callcenter

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"callbackd/ari"
)

// CELType is the type of a channel event in Asterisk's channel event log.
type CELType string

// The types of channel events that say something about a call.
const (
	CELChannelStart CELType = "CHAN_START"
	CELChannelEnd   CELType = "CHAN_END"
	CELAnswer       CELType = "ANSWER"
	CELHangup       CELType = "HANGUP"
	CELAppStart     CELType = "APP_START"
	CELBridgeEnter  CELType = "BRIDGE_ENTER"
	CELBridgeExit   CELType = "BRIDGE_EXIT"
)

// CELTypes are the types of which [Tracker.ApplyCEL] makes use, in the order in
// which those of one moment must be taken in.
var CELTypes = []CELType{
	CELChannelStart, CELAppStart, CELAnswer, CELBridgeEnter, CELBridgeExit, CELHangup, CELChannelEnd,
}

// CELEvent is one row of Asterisk's channel event log: what happened to a
// channel, and how the channel was then.
type CELEvent struct {
	Type     CELType
	At       time.Time // by the PBX's clock
	Channel  ari.ChannelID
	Name     string
	LinkedID string
	Number   string // the calling number
	Context  string
	Exten    string
	App      string
	AppData  string
	// Extra is a JSON object, of HANGUP, BRIDGE_ENTER and BRIDGE_EXIT.
	Extra string
}

// celSource begins the event type that a receipt gives for what was seen in
// the channel event log: "CEL:APP_START".
const celSource = "CEL:"

// fromCEL reports whether a signal comes from the channel event log.
func (s *Signal) fromCEL() bool { return strings.HasPrefix(string(s.Event), celSource) }

// celExtra is what a row's Extra may hold.
type celExtra struct {
	Cause      int    `json:"hangupcause"`
	Source     string `json:"hangupsource"`
	DialStatus string `json:"dialstatus"`
	BridgeID   string `json:"bridge_id"`
	Technology string `json:"bridge_technology"`
}

// ApplyCEL takes in the channel event log of some calls: all rows of all
// their channels, in the order in which they were written. It is meant for a
// tracker that takes in nothing else; what follows for calls of which
// something was seen live is up to [Tracker.Repair].
//
// The log tells less than ARI's events do. There is no ringing in it, nor why
// Queue ended, and a variable only where Set is among cel.conf's apps; who
// dialled a channel is concluded from the applications that ran at the time,
// and how the dialling went from its cause and from the caller's end.
func (t *Tracker) ApplyCEL(events []CELEvent) {
	r := celReader{
		tracker: t, halves: map[string]*channel{}, runs: map[ari.ChannelID]*celRun{},
		peers: map[ari.ChannelID]*celPeer{}, bridges: map[string][]ari.ChannelID{},
	}
	for i := range events {
		r.apply(&events[i])
	}
	r.attribute()
}

// celReader is what must be kept from row to row of the log.
type celReader struct {
	tracker *Tracker
	halves  map[string]*channel       // of Local channels, by name
	runs    map[ari.ChannelID]*celRun // that go on, by the channel
	peers   map[ari.ChannelID]*celPeer
	dialled []*celPeer // all peers, in the order of starting
	bridges map[string][]ari.ChannelID
}

// celRun is one run of an application that calls somebody.
type celRun struct {
	channel   *channel
	app, data string
	began     time.Time
	devices   []string // of Dial, those that no channel was seen for yet
	peers     []*celPeer
	// status is how the run ended for those of whom nothing else tells it;
	// empty while it goes on.
	status string
	former *celRun // the one that the channel ran before
}

// celPeer is a channel that Asterisk called, and the run that must have called
// it if any did: an attended transfer calls by itself, through a Local channel.
type celPeer struct {
	channel *channel
	run     *celRun
	queued  bool // the run is of Queue
	certain bool
}

func (r *celReader) apply(e *CELEvent) {
	if !boundCEL(e) || e.Channel == "" || e.LinkedID == "" || isCanary(e.Channel) {
		return
	}
	at := e.At.UTC().Truncate(time.Millisecond) // as ARI has it
	ev := ari.Event{
		Type: celSource + ari.EventType(e.Type), Timestamp: at,
		Channel: ari.Channel{
			ID: e.Channel, Name: e.Name, Caller: ari.CallerID{Number: e.Number}, State: "Ring",
			Dialplan: ari.DialplanPosition{Context: e.Context, Exten: e.Exten, AppName: e.App, AppData: e.AppData},
			Vars:     []ari.Variable{{Name: varLinkedID, Value: e.LinkedID}},
		},
	}
	var extra celExtra
	if e.Extra != "" && json.Unmarshal([]byte(e.Extra), &extra) != nil {
		extra = celExtra{} // cut off by a column that is too short
	}
	switch e.Type {
	case CELChannelStart:
		r.start(&ev)
		return
	case CELAnswer:
		ev.Channel.State = "Up"
	default: // says nothing of the state
	}
	ch := r.tracker.observe(&ev.Channel, &ev)
	if ch == nil {
		return
	}
	r.note(ch, &ev)
	switch e.Type {
	case CELAnswer:
		if ch.leg.Dialled && ch.leg.dialStatus("ANSWER", at) {
			r.tracker.touch(ch.call, at)
		}
	case CELAppStart:
		r.application(ch, &ev)
	case CELBridgeEnter:
		r.enter(ch, extra, at)
	case CELBridgeExit:
		r.bridges[extra.BridgeID] = slices.DeleteFunc(r.bridges[extra.BridgeID], func(id ari.ChannelID) bool { return id == ch.id })
	case CELHangup:
		r.hangup(ch, extra, &ev)
	case CELChannelEnd:
		r.tracker.destroyed(&ev)
	case CELChannelStart: // taken in above
	}
}

// start takes in a new channel. Of the channels that Asterisk makes for a call
// that is there, it calls all but the second halves of Local channels.
func (r *celReader) start(ev *ari.Event) {
	c := &ev.Channel
	first := strings.HasSuffix(c.Name, ";1")
	if linkedID, _ := c.Var(varLinkedID); first || linkedID != string(c.ID) && !strings.HasSuffix(c.Name, ";2") {
		c.State = "Down"
	}
	c.CreationTime = ev.Timestamp
	ch := r.tracker.observe(c, ev)
	if ch == nil {
		return
	}
	if ch.leg.local() {
		r.halves[c.Name] = ch
	}
	if !ch.leg.Dialled {
		return
	}
	p := &celPeer{channel: ch}
	r.peers[ch.id] = p
	r.dialled = append(r.dialled, p)
	if p.run = r.runFor(ch); p.run == nil {
		return
	}
	p.queued = strings.EqualFold(p.run.app, "Queue")
	if p.certain = p.queued && !ch.leg.local(); p.certain {
		ch.leg.CallCenter = r.tracker.plan.queue(argument(p.run.data, 0)).CallCenter
	}
	p.run.peers = append(p.run.peers, p)
	for i, device := range p.run.devices {
		if endpointOfDevice(device) == ch.leg.Endpoint {
			p.certain = true
			_, ch.leg.dialString, _ = strings.Cut(device, "/")
			p.run.devices = slices.Delete(p.run.devices, i, i+1)
			break
		}
	}
}

// runFor returns the run that may have called a new channel: that of Dial with
// the channel's endpoint among its devices, or else that of a queue, which
// does not say whom it calls.
func (r *celReader) runFor(ch *channel) *celRun {
	var queue *celRun
	for _, l := range ch.call.legs {
		run := r.runs[l.Channel]
		switch {
		case run == nil || run.channel == ch:
		case strings.EqualFold(run.app, "Queue"):
			queue = run
		case slices.ContainsFunc(run.devices, func(d string) bool { return endpointOfDevice(d) == ch.leg.Endpoint }):
			return run
		}
	}
	return queue
}

// note keeps what a channel runs, if it is something that calls somebody, and
// by which application it was called.
func (r *celReader) note(ch *channel, ev *ari.Event) {
	app, data := ev.Channel.Dialplan.AppName, ev.Channel.Dialplan.AppData
	if outgoingLine(&ev.Channel) {
		if p := r.peers[ch.id]; p != nil && app == "AppQueue" && p.queued {
			p.certain = true
		}
		return
	}
	run := r.runs[ch.id]
	if run != nil && run.app == app && run.data == data || app == "" {
		return // what it runs is empty while it is hung up
	}
	if run != nil {
		r.wentOn(run, ev.Timestamp)
	}
	devices, dials := dialledDevices(app, data)
	if !dials && !strings.EqualFold(app, "Queue") {
		if run != nil {
			r.runs[ch.id] = &celRun{channel: ch, app: app, data: data, former: run}
		}
		return
	}
	r.runs[ch.id] = &celRun{
		channel: ch, app: app, data: data, began: ev.Timestamp, devices: strings.Split(devices, "&"), former: run,
	}
}

// wentOn takes in that the dialplan went on after a run: in time nobody
// answered. That the time was up is known where Queue was given one.
func (r *celReader) wentOn(run *celRun, at time.Time) {
	run.status = "NOANSWER"
	if slices.ContainsFunc(run.peers, func(p *celPeer) bool { return p.channel.leg.AnsweredAt != nil }) {
		run.status = "CANCEL"
		return
	}
	seconds, err := strconv.Atoi(argument(run.data, 4))
	if !strings.EqualFold(run.app, "Queue") || err != nil || seconds <= 0 || at.Sub(run.began) < time.Duration(seconds)*time.Second {
		return
	}
	ev := ari.Event{Type: celSource + ari.EventType(CELAppStart), Timestamp: at}
	r.tracker.variable(run.channel, varQueueStatus, "TIMEOUT", &ev)
}

// application takes in that a channel began to run an application.
func (r *celReader) application(ch *channel, ev *ari.Event) {
	ev.DialplanApp, ev.DialplanAppData = ev.Channel.Dialplan.AppName, ev.Channel.Dialplan.AppData
	r.tracker.dialplan(ch, ev)
	if strings.EqualFold(ev.DialplanApp, "Set") {
		if name, value, ok := strings.Cut(ev.DialplanAppData, "="); ok {
			r.tracker.variable(ch, strings.TrimLeft(strings.TrimSpace(name), "_"), strings.Trim(value, `"`), ev)
		}
	}
}

// enter takes in that a channel joined a bridge. The log does not tell the
// bridge's class; where Asterisk can join two parties simply, they are in a
// call together.
func (r *celReader) enter(ch *channel, extra celExtra, at time.Time) {
	if extra.BridgeID == "" || extra.Technology == "holding_bridge" {
		return
	}
	in := r.bridges[extra.BridgeID]
	if !slices.Contains(in, ch.id) {
		in = append(in, ch.id)
		r.bridges[extra.BridgeID] = in
	}
	bridge := ari.Bridge{ID: ari.BridgeID(extra.BridgeID), Channels: in}
	if extra.Technology != "softmix" {
		bridge.Class = "basic"
	}
	r.tracker.bridged(&bridge, at)
}

// hangup takes in a channel's end. Its source is the name of the channel
// whose far end hung up first, on both that talked.
func (r *celReader) hangup(ch *channel, extra celExtra, ev *ari.Event) {
	left := extra.Source == ev.Channel.Name
	if left {
		ch.leg.earliest(&ch.leg.HungUpAt, ev.Timestamp)
	}
	if ch.leg.Dialled {
		ch.leg.dialStatus(dialStatusOfCause(extra.Cause), ev.Timestamp)
	}
	if run := r.runs[ch.id]; run != nil {
		delete(r.runs, ch.id)
		if !left && run.status == "" {
			r.wentOn(run, ev.Timestamp)
		}
		concludeRuns(run, extra.DialStatus)
	}
	ev.Cause = extra.Cause
	r.tracker.destroyed(ev)
}

// concludeRuns says how the dialling went for channels of which nothing else
// tells it. last is the caller's last run, status the caller's own, which is
// that of the first call that failed, unless any was answered.
func concludeRuns(last *celRun, status string) {
	var runs []*celRun
	for run := last; run != nil; run = run.former {
		runs = append(runs, run)
	}
	slices.Reverse(runs)
	for _, run := range runs {
		how := firstOf(run.status, "CANCEL")
		if how == "NOANSWER" && status != "" && status != "ANSWER" && len(run.peers) > 0 {
			how, status = status, ""
		}
		for _, p := range run.peers {
			if p.channel.leg.AnsweredAt == nil {
				p.channel.leg.dialStatus(how, run.began)
			}
		}
	}
}

// attribute says for which call center channels were called where that is known
// only when all of the log was read: of Local channels the phone behind answers
// first.
func (r *celReader) attribute() {
	for _, p := range r.dialled {
		if !p.certain || p.channel.leg.CallCenter != "" {
			continue
		}
		center := ""
		if p.queued {
			center = r.tracker.plan.queue(argument(p.run.data, 0)).CallCenter
		} else if half := r.halves[otherHalf(p.run.channel.name)]; half != nil && !p.run.reachedBefore() {
			center = half.leg.CallCenter
		}
		if center != "" {
			p.channel.leg.CallCenter = center
			r.tracker.touch(p.channel.call, p.channel.leg.StartedAt)
		}
	}
}

// reachedBefore reports whether an earlier run of the same channel was answered:
// then this one is of a transfer.
func (r *celRun) reachedBefore() bool {
	for former := r.former; former != nil; former = former.former {
		if slices.ContainsFunc(former.peers, func(p *celPeer) bool { return p.channel.leg.AnsweredAt != nil }) {
			return true
		}
	}
	return false
}

// dialStatusOfCause returns the status with which a Dial event would tell of a
// channel that ended by a Q.850 cause before it was answered; empty when the
// cause does not say.
func dialStatusOfCause(cause int) string {
	switch cause {
	case 17: // user busy
		return "BUSY"
	case 18, 19: // no user responding, no answer
		return "NOANSWER"
	case 26: // answered elsewhere
		return "CANCEL"
	case 34, 38, 42: // no circuit, network out of order, switch congestion
		return "CONGESTION"
	case 1, 3, 20, 27: // unallocated, no route, subscriber absent, out of order
		return "CHANUNAVAIL"
	}
	return ""
}
