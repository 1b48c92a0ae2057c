package callcenter

import (
	"reflect"
	"slices"
	"time"

	"callbackd/ari"
)

// Repaired is a call that a repair changed.
type Repaired struct {
	// Before is what was known; nil when nothing was.
	Before *Call
	After  Call
}

// What says what a repair changed, the most important of it: "call" that was
// not known at all, "kind", "end" that was not seen, "answer", or "details".
func (r *Repaired) What() RepairedWhat {
	switch b, a := r.Before, &r.After; {
	case b == nil:
		return RepairedCall
	case b.Kind != a.Kind:
		return RepairedKind
	case b.Outcome.Result == ResultUnknown && a.Outcome.Result != ResultUnknown:
		return RepairedEnd
	case b.AnsweredAt == nil && a.AnsweredAt != nil:
		return RepairedAnswer
	}
	return RepairedDetails
}

// RepairedWhat is what of a call was repaired.
type RepairedWhat string

// What can be repaired of a call, the most important first.
const (
	RepairedCall    RepairedWhat = "call"
	RepairedKind    RepairedWhat = "kind"
	RepairedEnd     RepairedWhat = "end"
	RepairedAnswer  RepairedWhat = "answer"
	RepairedDetails RepairedWhat = "details"
)

// RepairedWhats are all that can be repaired.
var RepairedWhats = []RepairedWhat{RepairedCall, RepairedKind, RepairedEnd, RepairedAnswer, RepairedDetails}

// Repair fills in what is missing of calls from a tracker that took in the
// channel event log. What was seen live stays as it is: of a leg only an end
// that was not seen, an answer that was seen late or not at all, and what was
// empty are taken over; legs, signals and recordings that are not there are
// added; nothing is taken away. So repairing again changes nothing.
//
// Calls of the log that t does not have are left alone, and returned.
func (t *Tracker) Repair(log *Tracker) (repaired []Repaired, missing []RequestID) {
	for _, from := range log.inOrder() {
		to := t.calls[from.linkedID]
		if to == nil {
			missing = append(missing, from.requestID)
		} else if r := t.repair(to, from); r != nil {
			repaired = append(repaired, *r)
		}
	}
	return repaired, missing
}

// Adopt is Repair for those calls that are named, which it takes over when t
// does not have them.
func (t *Tracker) Adopt(log *Tracker, calls []RequestID) (repaired []Repaired) {
	for _, from := range log.inOrder() {
		if !slices.Contains(calls, from.requestID) {
			continue
		}
		if r := t.repair(t.calls[from.linkedID], from); r != nil {
			repaired = append(repaired, *r)
		}
	}
	return repaired
}

// repair fills in what is missing of one call, which may not be known at all.
// It returns nil when nothing was missing.
func (t *Tracker) repair(to, from *call) *Repaired {
	var r Repaired
	if to != nil {
		t.confirm(to, from.lastEventAt)
		before := to.call(t.node, t.plan)
		r.Before = &before
	} else {
		to = &call{requestID: NewRequestID(t.node, from.linkedID), linkedID: from.linkedID}
	}
	t.fill(to, from)
	if len(to.legs) == 0 {
		return nil // all its channels are followed, as part of another call
	}
	t.calls[to.linkedID] = to
	r.After = to.call(t.node, t.plan)
	if r.Before != nil && reflect.DeepEqual(*r.Before, r.After) {
		return nil
	}
	t.touch(to, from.lastEventAt)
	t.settle(to)
	r.After.LastEventAt = to.lastEventAt
	return &r
}

// inOrder returns the calls in the order of their linkedids.
func (t *Tracker) inOrder() []*call {
	var calls []*call
	for _, c := range t.calls {
		if !c.provisional && len(c.legs) > 0 {
			calls = append(calls, c)
		}
	}
	slices.SortFunc(calls, func(a, b *call) int { return a.startedAt().Compare(b.startedAt()) })
	return calls
}

// Lose closes the channels that have not ended, but for those that are there,
// as lost at the last that was seen of their calls. It is how the channel
// event log ends for calls whose last rows are missing.
func (t *Tracker) Lose(there func(ari.ChannelID) bool) {
	for id, ch := range t.channels {
		if ch.gone || there(id) {
			continue
		}
		at := ch.call.lastEventAt
		ch.leg.EndedAt, ch.leg.Lost = &at, true
		t.bury(ch)
	}
}

// Follows reports whether a channel is followed and has not ended.
func (t *Tracker) Follows(id ari.ChannelID) bool {
	ch := t.channels[id]
	return ch != nil && !ch.gone
}

// fill takes over from a call of the channel event log what is missing of the
// same call.
func (t *Tracker) fill(to, from *call) {
	for _, l := range from.legs {
		if i := slices.IndexFunc(to.legs, func(has *leg) bool { return has.Channel == l.Channel }); i >= 0 {
			to.legs[i].fill(l)
		} else if l.EndedAt != nil {
			t.addEnded(to, l)
		}
	}
	for _, s := range from.receipt {
		to.fillSignal(s)
	}
	for _, path := range from.recordings {
		to.record(path)
	}
	fillExten(&to.firstExten, &to.firstExtenAt, from.firstExten, from.firstExtenAt)
	fillExten(&to.dialledExten, &to.dialledExtenAt, from.dialledExten, from.dialledExtenAt)
	if to.label == "" {
		to.label, to.labelAt = from.label, from.labelAt
	}
	if to.queueStatus == "" {
		to.queueStatus, to.queueStatusAt = from.queueStatus, from.queueStatusAt
	}
	if to.mergedInto == "" {
		to.mergedInto = from.mergedInto
	}
}

// fillExten takes over an extension that is the first of its kind in a call,
// when none is known or one that was seen only later.
func fillExten(has *string, hasAt *time.Time, exten string, at time.Time) {
	if exten != "" && (*has == "" || at.Before(hasAt.Add(-sameMoment))) {
		*has, *hasAt = exten, at
	}
}

// addEnded adds a leg that ended while nobody watched. Nothing more is
// expected of its channel; should an event come late, it does not begin a
// call.
func (t *Tracker) addEnded(to *call, l *leg) {
	added := *l
	added.Leg = l.clone()
	to.add(&added)
	if t.channels[l.Channel] == nil {
		t.bewareOf(l.Channel)
	}
}

// fill takes over what is missing of a leg.
func (l *leg) fill(log *leg) {
	l.Dialled = l.Dialled || log.Dialled
	if at := log.AnsweredAt; at != nil && (l.AnsweredAt == nil || at.Before(l.AnsweredAt.Add(-sameMoment))) {
		answered := *at
		l.AnsweredAt, l.roughly, l.DialStatus = &answered, false, firstOf(log.DialStatus, l.DialStatus)
	}
	if l.Lost && log.EndedAt != nil && !log.Lost {
		ended := *log.EndedAt
		l.EndedAt, l.Cause, l.Lost = &ended, log.Cause, false
		l.DialStatus = firstOf(l.DialStatus, log.DialStatus)
		if log.HungUpAt != nil && l.HungUpAt == nil {
			left := *log.HungUpAt
			l.HungUpAt = &left
		}
	}
	l.CallCenter = firstOf(l.CallCenter, log.CallCenter)
	l.number = firstOf(l.number, log.number)
	if log.by != nil {
		by := l.origin()
		by.ownNumber, by.introducedBy = firstOf(by.ownNumber, log.by.ownNumber), firstOf(by.introducedBy, log.by.introducedBy)
	}
	l.dialString = firstOf(l.dialString, log.dialString)
}

// sameMoment is within what time the channel event log and ARI's events tell
// of the same thing.
const sameMoment = time.Second

// fillSignal adds a signal of the channel event log to the receipt. It is not
// added when it was seen live; but it stands for what was only seen in a
// snapshot afterwards.
func (c *call) fillSignal(s Signal) {
	var same []int
	for i := range c.receipt {
		r := &c.receipt[i]
		if r.Rule != s.Rule || r.Value != s.Value {
			continue
		}
		if r.At.Sub(s.At).Abs() < sameMoment {
			return
		}
		if r.Event == EventResync && s.At.Before(r.At) {
			c.receipt = slices.Delete(c.receipt, i, i+1)
			c.insertSignal(s)
			return
		}
		same = append(same, i)
	}
	switch n := len(same); {
	case n == 0 && len(c.receipt) >= maxSignals:
		return
	case n == 0:
	case s.At.Before(c.receipt[same[0]].At):
		if n > 1 || !sequenced(&s) { // it is the first now
			c.receipt = slices.Delete(c.receipt, same[0], same[0]+1)
		}
	case !sequenced(&s) || s.At.Before(c.receipt[same[n-1]].At):
		return
	case n > 1: // it is the last now
		c.receipt = slices.Delete(c.receipt, same[1], same[1]+1)
	}
	c.insertSignal(s)
}

// insertSignal puts a signal where it belongs by its time.
func (c *call) insertSignal(s Signal) {
	i := len(c.receipt)
	for i > 0 && s.At.Before(c.receipt[i-1].At) {
		i--
	}
	c.receipt = slices.Insert(c.receipt, i, s)
}
