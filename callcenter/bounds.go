package callcenter

import "callbackd/ari"

// A PBX is not trusted to be sane: what it says is stored, again and again as
// a call goes on, and held in memory. So every part of a call has a bound.
const (
	// maxText bounds every text of an event, in bytes. Asterisk's own buffer
	// for what an application is given (EXT_DATA_SIZE) has as many; its IDs,
	// names and numbers are far shorter.
	maxText = 8 << 10

	// maxSignals bounds a call's receipt, maxRecordings its recordings: a
	// dialplan may loop for hours.
	maxSignals    = 64
	maxRecordings = 64

	// maxLegs bounds a call's legs: who waits in a queue for an hour may hear
	// of thousands of phones that rang and were not answered. Of these the
	// oldest are forgotten, and of others only beyond a multiple.
	maxLegs     = 512
	maxLegsKept = 4 * maxLegs
)

// bound cuts the texts of an event.
func bound(ev *ari.Event) {
	boundChannel(&ev.Channel)
	boundChannel(&ev.Caller)
	boundChannel(&ev.Peer)
	boundBridge(&ev.Bridge)
	for _, text := range []*string{
		&ev.Variable, &ev.Value, &ev.DialplanApp, &ev.DialplanAppData, &ev.DialStatus, &ev.DialString,
		&ev.Recording.Name, &ev.Recording.Format, &ev.Recording.TargetURI,
	} {
		cut(text)
	}
}

func boundChannel(c *ari.Channel) {
	cut(&c.ID)
	for _, text := range []*string{
		&c.Name, &c.Caller.Number, &c.Dialplan.Context, &c.Dialplan.Exten, &c.Dialplan.AppName, &c.Dialplan.AppData,
	} {
		cut(text)
	}
	for i := range c.Vars {
		cut(&c.Vars[i].Value)
	}
}

func boundBridge(b *ari.Bridge) {
	cut(&b.ID)
	for i := range b.Channels {
		cut(&b.Channels[i])
	}
}

// boundCEL cuts the texts of a row of the channel event log. It reports whether
// the row's time is one that a machine has, as package ari makes sure of that
// of events.
func boundCEL(e *CELEvent) bool {
	cut(&e.Channel)
	for _, text := range []*string{&e.Name, &e.LinkedID, &e.Number, &e.Context, &e.Exten, &e.App, &e.AppData, &e.Extra} {
		cut(text)
	}
	year := e.At.UTC().Year()
	return year >= 1970 && year <= 9999
}

// cut cuts off a text, if need be in the middle of a character.
func cut[T ~string](text *T) {
	if len(*text) > maxText {
		*text = (*text)[:maxText]
	}
}

// prune forgets a leg of a call that has too many.
func (t *Tracker) prune(c *call) {
	if len(c.legs) <= maxLegs {
		return
	}
	i := c.dispensable(func(l *leg) bool { return l.AnsweredAt == nil && !l.Trunk })
	if i < 0 && len(c.legs) > maxLegsKept {
		i = c.dispensable(func(*leg) bool { return true })
	}
	if i < 0 {
		return
	}
	id := c.legs[i].Channel
	c.legs = append(c.legs[:i], c.legs[i+1:]...)
	if ch := t.channels[id]; ch != nil && ch.call == c {
		delete(t.channels, id)
		t.unhalve(ch)
		t.bewareOf(id)
	}
}

// dispensable returns the oldest leg that has ended, that who called is not on,
// and that matches; -1 for none.
func (c *call) dispensable(match func(*leg) bool) int {
	root, caller := c.root(), c.caller()
	for i, l := range c.legs {
		if i > 0 && l != root && l != caller && l.EndedAt != nil && !l.Lost && match(l) {
			return i
		}
	}
	return -1
}
