package callcenter

import (
	"slices"
	"strings"
	"time"

	"callbackd/ari"
)

// call is what the tracker knows of one call: facts only, each of which may
// come more than once and late. What follows from them is worked out when
// the call is handed out (see derive.go).
type call struct {
	requestID RequestID
	linkedID  string
	// provisional calls are of channels of which it is not known yet whose
	// they are; nobody sees them.
	provisional bool
	// byItself says that Asterisk dialled without a caller. The channel may be
	// a call's first (originate) or part of one that is there (the party
	// asked first in an attended transfer); no event tells which.
	byItself bool
	settled  bool // among Tracker.ended
	dirty    bool // among Tracker.dirty
	live     int  // channels that have not ended

	legs       []*leg
	receipt    []Signal
	recordings []string
	mergedInto RequestID

	firstExten     string // what was dialled first
	firstExtenAt   time.Time
	dialledExten   string // what was dialled when Dial ran first
	dialledExtenAt time.Time
	label          string
	labelAt        time.Time
	queueStatus    string
	queueStatusAt  time.Time
	lastEventAt    time.Time

	// restored is the call as it was stored before a restart: what of it
	// cannot be seen any more is taken from there.
	restored *Call
}

// leg is a Leg and what is needed beside it.
type leg struct {
	Leg
	// number is the calling number of the leg's channel.
	number   string
	numberAt time.Time
	// by is what is known of a leg that calls others; nil for all others.
	by *origin
	// formerNumber is what number was before it became what it is.
	formerNumber string
	// dialString is Dial's, of a leg that was dialled.
	dialString string
	// upAt is when the leg's channel was first seen to be answered.
	upAt *time.Time
	// soughtAt is when the dialplan last looked for somebody to talk to the
	// leg's party, leftAt when it last had it leave a message or ask for a
	// callback.
	soughtAt, leftAt time.Time
	// roughly says that AnsweredAt is not Dial's word: a phone that picked a
	// call up has none, and a snapshot does not tell since when.
	roughly bool
	// moved says that the leg did not end: its channel went on in another
	// call.
	moved bool
}

// origin is what is known of a leg that calls others.
type origin struct {
	// ownNumber is the first that the leg's channel had: before it dials, a
	// dialplan puts what the other side is to see in its place.
	ownNumber string
	// introducedBy is the number with which the dialplan first looked for
	// somebody inside, or that the leg had before it first dialled outside.
	introducedBy string
	// dialled is where the channel was last at an extension that somebody may
	// have dialled, in contrast to those of subroutines.
	dialled position
	// reached is the first that the channel dialled and that answered.
	reached ari.ChannelID
}

// origin returns what is known of a leg as one that calls others, to be
// completed.
func (l *leg) origin() *origin {
	if l.by == nil {
		l.by = new(origin)
	}
	return l.by
}

// calling returns what is known of a leg as one that calls others.
func (l *leg) calling() origin {
	if l.by == nil {
		return origin{}
	}
	return *l.by
}

// renumber takes in another calling number, unless it is older than what is
// known. Times tie: of two numbers within a millisecond the one that was
// there before does not come back.
func (l *leg) renumber(number string, at time.Time) bool {
	if at.Before(l.numberAt) || at.Equal(l.numberAt) && number == l.formerNumber {
		return false
	}
	l.formerNumber, l.number, l.numberAt = l.number, strings.Clone(number), at
	return true
}

// introduce takes in the number by which the leg is known to whom it calls
// first. A dialplan may have put it right before (a missing prefix); what it
// puts there later is for a carrier to whom the call is forwarded.
func (l *leg) introduce(number string) {
	if by := l.origin(); by.introducedBy == "" {
		by.introducedBy = number
	}
}

// earliest sets *t to at when that is earlier than what is there, so that
// late and repeated events make no difference.
func (l *leg) earliest(t **time.Time, at time.Time) bool {
	if *t != nil && !at.Before(**t) {
		return false
	}
	*t = &at
	return true
}

// dialStatus takes in a Dial event's status.
func (l *leg) dialStatus(status string, at time.Time) bool {
	switch status {
	case "", "PROGRESS", "PROCEEDING":
		return false
	case "RINGING":
		return l.earliest(&l.RingingAt, at)
	case "ANSWER":
		if l.roughly {
			l.AnsweredAt, l.roughly = nil, false
		}
		changed := l.earliest(&l.AnsweredAt, at)
		if l.DialStatus != "ANSWER" {
			l.DialStatus, changed = "ANSWER", true
		}
		return changed
	}
	if l.DialStatus != "" {
		return false
	}
	l.DialStatus = strings.Clone(status)
	return true
}

// inBridge takes in that the leg is in a bridge with others: it has been
// answered, by then at the latest.
func (l *leg) inBridge(at time.Time) bool {
	if !l.Dialled || l.upAt == nil || l.upAt.After(at) || l.AnsweredAt != nil && !l.roughly {
		return false
	}
	l.DialStatus, l.roughly = "ANSWER", true
	return l.earliest(&l.AnsweredAt, at)
}

// add takes a leg in, in the order of starting.
func (c *call) add(l *leg) {
	i := len(c.legs)
	for i > 0 && l.StartedAt.Before(c.legs[i-1].StartedAt) {
		i--
	}
	c.legs = slices.Insert(c.legs, i, l)
}

// sign adds a signal to the receipt and reports whether that changed it. Of
// what is seen again and again the receipt keeps the first time and the last.
func (c *call) sign(s Signal) bool {
	first, last := -1, -1
	for i := range c.receipt {
		r := &c.receipt[i]
		if r.Rule == s.Rule && r.Value == s.Value {
			if first < 0 {
				first = i
			} else {
				last = i
			}
		}
	}
	switch {
	case first >= 0 && s.At.Equal(c.receipt[first].At):
		return false
	case first >= 0 && s.At.Before(c.receipt[first].At):
		c.receipt[first].At = s.At
		return true
	case first >= 0 && !sequenced(&s):
		return false
	case last >= 0:
		if !s.At.After(c.receipt[last].At) {
			return false
		}
		c.receipt[last].At = s.At
		return true
	case len(c.receipt) >= maxSignals:
		return false
	}
	s.Value = strings.Clone(s.Value)
	c.receipt = append(c.receipt, s)
	return true
}

// sequenced reports whether it matters when a signal was seen last: of
// queues, as the call counts for the call center that it entered last. Other
// events only show that the call is there.
func sequenced(s *Signal) bool {
	return (s.Rule == RuleCallCenterQueue || s.Rule == RuleRingGroupQueue) &&
		(s.Event == ari.ChannelDialplan || s.Event == EventResync || s.fromCEL())
}

func (c *call) has(rules ...Rule) bool {
	return slices.ContainsFunc(c.receipt, func(s Signal) bool { return slices.Contains(rules, s.Rule) })
}

// record adds the path of a recording and reports whether it is new.
func (c *call) record(path string) bool {
	if len(c.recordings) >= maxRecordings || slices.Contains(c.recordings, path) {
		return false
	}
	c.recordings = append(c.recordings, strings.Clone(path))
	return true
}
