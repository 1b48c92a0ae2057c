package callcenter

import (
	"time"

	"callbackd/ari"
)

// Snapshot is what a PBX says it has at one moment.
type Snapshot struct {
	Channels []ari.Channel
	Bridges  []ari.Bridge
	// At is the moment by the PBX's clock; no event that was applied before
	// is later.
	At time.Time
	// Watched says that what happened to the PBX since is or was followed
	// without a gap: a channel that is not there has ended by an event, or came
	// later.
	Watched bool
}

// EventResync is the event type that a receipt gives for what was seen in a
// snapshot instead of in an event.
const EventResync ari.EventType = "Resync"

// Resync makes the tracker agree with a snapshot, after a gap. Channels that
// are new are followed, those that are gone are closed as lost: when and how
// they ended is not known. Events from before the snapshot may be applied
// after it.
func (t *Tracker) Resync(s Snapshot) {
	ev := ari.Event{Type: EventResync, Timestamp: s.At}
	there := make(map[ari.ChannelID]bool, len(s.Channels))
	for i := range s.Channels {
		c := &s.Channels[i]
		boundChannel(c)
		there[c.ID] = true
		ch := t.observe(c, &ev)
		if ch != nil && !outgoingLine(c) {
			t.application(ch, c.Dialplan.AppName, c.Dialplan.AppData, &ev)
		}
	}
	clear(t.bridges)
	for i := range s.Bridges {
		boundBridge(&s.Bridges[i])
		t.bridged(&s.Bridges[i], s.At)
	}
	if s.Watched {
		return
	}
	for id, ch := range t.channels {
		if ch.gone || there[id] {
			continue
		}
		at := s.At
		ch.leg.EndedAt, ch.leg.Lost = &at, true
		t.touch(ch.call, at)
		t.bury(ch)
	}
}

// Restore takes in calls as they were stored last, before anything else is
// applied: those that were active, and those that ended of which events may
// come again.
func (t *Tracker) Restore(calls []Call) {
	for i := range calls {
		stored := calls[i].clone()
		c := &call{
			requestID: stored.RequestID, linkedID: stored.LinkedID, receipt: stored.Receipt,
			recordings: stored.Recordings, mergedInto: stored.MergedInto, label: stored.BusinessLabel,
			lastEventAt: stored.LastEventAt, restored: &stored,
		}
		t.calls[c.linkedID] = c
		for _, l := range stored.Legs {
			ch := &channel{id: l.Channel, name: l.Endpoint, call: c, leg: &leg{Leg: l}, tied: true, gone: l.EndedAt != nil}
			c.legs = append(c.legs, ch.leg)
			if !ch.gone {
				c.live++
			}
			// A channel that was merged into another call has a leg in both;
			// it is where it has not ended.
			if other := t.channels[ch.id]; other == nil || other.gone && !ch.gone {
				t.channels[ch.id] = ch
			}
		}
		t.settle(c)
	}
}
