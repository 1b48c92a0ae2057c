package callcenter

import (
	"errors"
	"strings"
	"testing"
	"time"

	"callbackd/ari"
)

// The canary's channels are no call, whatever tells of them.
func TestTracker_PassesOverCanaries(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	first := ari.Channel{
		ID: canaryPrefix + "A", Name: "Local/canary@callbackd-canary-00000001;1", State: "Down",
		Vars: []ari.Variable{{Name: varLinkedID, Value: canaryPrefix + "A"}},
	}
	second := first
	second.ID, second.Name, second.State = canaryPrefix+"A-2", "Local/canary@callbackd-canary-00000001;2", "Ring"
	tracker, err := NewTracker("pbx1", &Plan{})
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range []ari.Event{
		{Type: ari.ChannelCreated, Channel: first},
		{Type: ari.ChannelCreated, Channel: second},
		{Type: ari.Dial, Peer: first},
		{Type: ari.ChannelDialplan, Channel: second, DialplanApp: "Wait", DialplanAppData: "1"},
		{Type: ari.ChannelStateChange, Channel: first},
		{Type: ari.ChannelHangupRequest, Channel: first},
		{Type: ari.ChannelDestroyed, Channel: second},
		{Type: ari.ChannelDestroyed, Channel: first},
	} {
		ev.Timestamp = at
		tracker.Apply(&ev)
	}
	tracker.Resync(Snapshot{Channels: []ari.Channel{first, second}, At: at})
	tracker.ApplyCEL([]CELEvent{
		{Type: CELChannelStart, At: at, Channel: first.ID, Name: first.Name, LinkedID: string(first.ID)},
		{Type: CELChannelStart, At: at, Channel: second.ID, Name: second.Name, LinkedID: string(first.ID)},
		{Type: CELChannelEnd, At: at, Channel: first.ID, Name: first.Name, LinkedID: string(first.ID)},
	})
	if calls, channels := tracker.Changed(nil), tracker.ActiveChannels(); len(calls) > 0 || len(channels) > 0 {
		t.Errorf("calls %+v and channels %v, want none", calls, channels)
	}
}

// One canary that does not arrive is an accident; that none does is a fault.
func TestCanary_Health(t *testing.T) {
	t.Parallel()
	c := NewCanary(CanaryOptions{Node: "pbx1", Every: time.Minute})
	begun := time.Now()
	c.settle(CanaryStream, errors.New("not notified"))
	if _, late := c.Health(begun.Add(2 * time.Minute)); late != nil {
		t.Errorf("after two minutes: %v, want that it is right", late)
	}
	if _, late := c.Health(begun.Add(4 * time.Minute)); late == nil || !strings.Contains(late.Error(), "stream: not notified") {
		t.Errorf("after four minutes: %v, want where it ended", late)
	}
	c.settle(CanaryStream, nil)
	if arrived, late := c.Health(time.Now()); late != nil || arrived.Before(begun) {
		t.Errorf("after it arrived: %v since %v", late, arrived)
	}
}
