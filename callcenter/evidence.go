package callcenter

import (
	"slices"
	"strings"
	"time"

	"callbackd/ari"
)

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
		if center := t.centerOf(caller, peer, ev); center != "" && l.CallCenter == "" {
			l.CallCenter, changed = center, true
		}
	} else if !peer.tied {
		peer.call.byItself = true
	}
	if l.dialString == "" && ev.DialString != "" {
		l.dialString, changed = strings.Clone(ev.DialString), true
	}
	if caller != nil && ev.DialStatus == "ANSWER" && caller.leg.origin().reached == "" {
		caller.leg.by.reached = peer.id
	}
	if l.dialStatus(ev.DialStatus, ev.Timestamp) || changed {
		t.touch(peer.call, ev.Timestamp)
	}
}

// centerOf returns the call center in whose queue's name caller dials peer: its
// own, or for a Local channel in a queue that of the other half. Whom a Local
// channel dials after an agent had answered, was transferred to: of who talks to
// a Local channel, it is the channel that is sent on.
func (t *Tracker) centerOf(caller, peer *channel, ev *ari.Event) string {
	if strings.EqualFold(ev.Caller.Dialplan.AppName, "Queue") {
		return t.plan.queue(argument(ev.Caller.Dialplan.AppData, 0)).CallCenter
	}
	if other := t.otherHalf(caller); other != nil {
		if reached := caller.leg.calling().reached; reached != "" && reached != peer.id {
			return ""
		}
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
	name := strings.ToLower(app)
	if messageApplications[name] {
		t.left(ch, ev.Timestamp)
	}
	switch {
	case name == "queue":
		t.sought(ch, ev.Timestamp)
		ch.leg.introduce(ch.leg.number)
		t.sign(ch, t.plan.queue(argument(data, 0)), ev)
	case name == "dial" || name == "page" || name == "retrydial":
		t.sought(ch, ev.Timestamp)
		by := ch.leg.origin()
		if cl := ch.call; cl.dialledExten == "" && by.dialled.exten != "" && !ch.leg.local() {
			cl.dialledExten, cl.dialledExtenAt = by.dialled.exten, ev.Timestamp
			t.touch(cl, ev.Timestamp)
		}
		devices, _ := dialledDevices(app, data)
		if t.plan.leadsOutside(devices) {
			ch.leg.introduce(by.ownNumber)
		} else {
			ch.leg.introduce(ch.leg.number)
		}
		t.sign(ch, t.plan.dial(position{ch.context, ch.exten}, by.dialled, devices), ev)
	case name == "mixmonitor":
		if path := argument(data, 0); strings.HasPrefix(path, "/") {
			t.record(ch.call, path, ev.Timestamp)
		}
	case name == "stasis":
		if s, ok := t.plan.stasis(data); ok {
			t.left(ch, ev.Timestamp)
			t.sign(ch, s, ev)
		}
	case t.plan.ivr(name):
		t.sign(ch, Signal{Rule: RuleIVR, Kind: KindIVR, Value: app}, ev)
	}
}

// dialledDevices returns the devices that an application calls, joined by &,
// and whether it is one that calls devices.
func dialledDevices(app, data string) (devices string, ok bool) {
	switch strings.ToLower(app) {
	case "dial", "page":
		return argument(data, 0), true
	case "retrydial":
		return argument(data, 3), true // after what is played, how long and how often
	}
	return "", false
}

// position takes in where in the dialplan a channel is.
func (t *Tracker) position(ch *channel, c *ari.Channel, ev *ari.Event) {
	if ch.exten == c.Dialplan.Exten && ch.context == c.Dialplan.Context {
		return
	}
	ch.exten, ch.context = strings.Clone(c.Dialplan.Exten), strings.Clone(c.Dialplan.Context)
	if !specialExten(ch.exten) && !t.plan.habits.inner(ch.context) {
		ch.leg.origin().dialled = position{ch.context, ch.exten}
		if cl := ch.call; cl.firstExten == "" {
			cl.firstExten, cl.firstExtenAt = ch.exten, ev.Timestamp
			t.touch(cl, ev.Timestamp)
		}
	}
	if s, ok := t.plan.extension(ch.context, ch.exten); ok {
		if s.Rule == RuleCallCenterExtension && ch.call.has(RuleCallCenterVariable, RuleCallCenterRequest, RuleCallCenterQueue) {
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
