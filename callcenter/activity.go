package callcenter

import (
	"slices"
	"time"
)

// Phase says how far a call-center call is for its caller, while it runs.
type Phase string

// The phases.
const (
	// PhaseWaiting: the call has one party, who talks to nobody. It may be
	// queued, be told something, or have been sent on by an agent who left. Who
	// leaves a message or asks for a callback waits no longer.
	PhaseWaiting Phase = "waiting"
	// PhaseTalking: somebody has answered, and both parties are there.
	PhaseTalking Phase = "talking"
)

// Phases are all phases.
var Phases = []Phase{PhaseWaiting, PhaseTalking}

// PhoneState says what a phone does in a call.
type PhoneState string

// The states of a phone that is in a call, the one that matters most first.
const (
	PhoneTalking  PhoneState = "talking"  // it answered, or was answered
	PhoneRinging  PhoneState = "ringing"  // it is called and rings
	PhoneDialling PhoneState = "dialling" // it calls, and nobody has answered
)

// PhoneStates are all states of a phone that is in a call, the one that
// matters most first.
var PhoneStates = []PhoneState{PhoneTalking, PhoneRinging, PhoneDialling}

// Phone is one of our phones in a call that runs.
type Phone struct {
	Endpoint string     `json:"endpoint"`
	State    PhoneState `json:"state"`
	Since    time.Time  `json:"since"`
}

// Activity is what goes on in a call at this moment: what the real-time
// monitor counts. It is zero when a call has ended.
//
// A conversation that is on hold is one.
type Activity struct {
	// Phase is empty for calls that are no call-center calls, and for outgoing
	// ones that nobody has answered: nobody waits for us in them.
	Phase Phase
	// CallCenter is the id of the call center where the caller waits, that is
	// the one that the call entered last, or for which it is talked. Empty
	// without a phase.
	CallCenter string
	// Since is from when on it has been so; zero without a phase.
	Since time.Time
	// Phones are our phones that talk, ring or dial in the call, of whatever
	// kind it is.
	Phones []Phone
}

// activity works out what goes on in the call, which has not ended.
func (c *call) activity(out *Call) Activity {
	var a Activity
	// Parties called, or were called and answered. Who has hung up is none,
	// though the channel goes on for a moment.
	var parties []*leg
	var talkingSince *time.Time
	for _, l := range c.legs {
		if l.EndedAt != nil || l.local() {
			continue
		}
		answered := c.answers(l)
		if answered && (talkingSince == nil || l.AnsweredAt.Before(*talkingSince)) {
			talkingSince = l.AnsweredAt
		}
		if l.HungUpAt == nil && (answered || c.called(l)) {
			parties = append(parties, l)
		}
	}
	talking := talkingSince != nil && len(parties) > 1
	a.Phones = c.phones()
	switch {
	case out.Kind != KindCallCenter || len(parties) == 0:
	case talking:
		a.Phase, a.CallCenter, a.Since = PhaseTalking, out.CallCenter, *talkingSince
	case c.waits(parties[0]):
		a.Phase = PhaseWaiting
		a.CallCenter, a.Since = c.waitsAt()
	}
	return a
}

// called reports whether a leg is one that called, in contrast to one that
// was called: who began the call, or came to it by a transfer.
func (c *call) called(l *leg) bool {
	return !l.Dialled || l == c.root() && l.AnsweredAt != nil && c.begun()
}

// waits reports whether a party that is alone in a call-center call waits to
// be answered. A phone that calls out in a call center's name does not, nor
// does an agent whose caller has left, nor a caller who leaves a message.
func (c *call) waits(party *leg) bool {
	if !party.leftAt.IsZero() && !party.soughtAt.After(party.leftAt) {
		return false
	}
	if c.called(party) && party.Trunk {
		return true
	}
	return (c.called(party) || party.Trunk) && c.has(RuleCallCenterQueue, RuleCallCenterExtension)
}

// messageApplications take a message from a caller, whom nobody will answer
// then.
var messageApplications = map[string]bool{"voicemail": true, "minivmrecord": true, "record": true}

// sought notes that the dialplan looks for somebody who talks to a channel's
// party, left that it has the party leave a message or ask for a callback.
func (t *Tracker) sought(ch *channel, at time.Time) { t.latest(ch, &ch.leg.soughtAt, at) }
func (t *Tracker) left(ch *channel, at time.Time)   { t.latest(ch, &ch.leg.leftAt, at) }

// latest sets *last to at when that is later than what is there, so that late
// and repeated events make no difference.
func (t *Tracker) latest(ch *channel, last *time.Time, at time.Time) {
	if at.After(*last) {
		*last = at
		t.touch(ch.call, at)
	}
}

// waitsAt returns where the call waits and since when: since it came to the
// call center, or since the other party left.
func (c *call) waitsAt() (callCenter string, since time.Time) {
	callCenter = c.entered()
	for _, s := range c.receipt {
		if s.CallCenter == callCenter && (since.IsZero() || s.At.Before(since)) {
			since = s.At
		}
	}
	for _, l := range c.legs {
		if l.EndedAt != nil && l.EndedAt.After(since) && !l.moved && !l.local() && (c.answers(l) || c.called(l)) {
			since = *l.EndedAt
		}
	}
	return callCenter, since
}

// phones are our phones that are in the call.
func (c *call) phones() []Phone {
	answered := c.answeredAt()
	var phones []Phone
	for _, l := range c.legs {
		if l.EndedAt != nil || l.Trunk || l.local() {
			continue
		}
		p := Phone{Endpoint: l.Endpoint}
		switch {
		case c.called(l) && answered != nil:
			p.State, p.Since = PhoneTalking, *answered
		case c.called(l):
			p.State, p.Since = PhoneDialling, l.StartedAt
		case l.AnsweredAt != nil:
			p.State, p.Since = PhoneTalking, *l.AnsweredAt
		case l.RingingAt != nil && l.DialStatus == "":
			p.State, p.Since = PhoneRinging, *l.RingingAt
		default:
			continue // Asterisk has not reached it, or gives it up
		}
		phones = append(phones, p)
	}
	return phones
}

// Freed returns the endpoints of our phones that have left the call, each
// with when it did so last.
func (c *Call) Freed() map[string]time.Time {
	var freed map[string]time.Time
	for i := range c.Legs {
		l := &c.Legs[i]
		if l.EndedAt == nil || l.Trunk || isLocal(l.Endpoint) || slices.ContainsFunc(c.Activity.Phones, func(p Phone) bool { return p.Endpoint == l.Endpoint }) {
			continue
		}
		if freed == nil {
			freed = map[string]time.Time{}
		}
		if l.EndedAt.After(freed[l.Endpoint]) {
			freed[l.Endpoint] = *l.EndedAt
		}
	}
	return freed
}
