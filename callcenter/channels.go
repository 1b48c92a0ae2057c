package callcenter

import (
	"strings"
	"time"

	"callbackd/ari"
)

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

// observe takes in what any event shows of a channel, and starts to follow
// the channel when it is new. It returns nil for one that is long gone, and for
// those of canaries.
func (t *Tracker) observe(c *ari.Channel, ev *ari.Event) *channel {
	ch := t.channels[c.ID]
	if ch == nil {
		if isCanary(c.ID) {
			return nil
		}
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
	if ch.leg.number != "" && !ch.leg.Dialled && ch.leg.origin().ownNumber == "" {
		ch.leg.by.ownNumber = ch.leg.number
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

// unhalve forgets a channel's name as that of half a Local channel.
func (t *Tracker) unhalve(ch *channel) {
	if t.halves[ch.name] == ch {
		delete(t.halves, ch.name)
	}
}

// outgoingLine reports whether a channel is one that Dial or Queue called.
func outgoingLine(c *ari.Channel) bool { return c.Dialplan.AppData == "(Outgoing Line)" }

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
