package callcenter_test

import (
	"fmt"
	"testing"
	"time"

	"callbackd/ari"
	"callbackd/callcenter"
)

// script writes events as a PBX would send them, a second apart.
type script struct {
	t       *testing.T
	tracker *callcenter.Tracker
	at      time.Time
	// linked puts the linkedid on channels, as channelvars does.
	linked map[string]string
	calls  latest
}

func newScript(t *testing.T, plan *callcenter.Plan) *script {
	t.Helper()
	return &script{
		t: t, tracker: newTracker(t, plan), at: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC),
		linked: map[string]string{}, calls: latest{},
	}
}

// channel returns a channel: its id is a number in the order of creation, its
// name tells technology and resource.
func (s *script) channel(id, name, state string) ari.Channel {
	c := ari.Channel{ID: ari.ChannelID(uniqueID(id)), Name: name, State: state}
	if l := s.linked[id]; l != "" {
		c.Vars = []ari.Variable{{Name: "CHANNEL(linkedid)", Value: uniqueID(l)}}
	}
	return c
}

func uniqueID(n string) string { return "pbx1-1795405579." + n }

func (s *script) apply(ev ari.Event) {
	s.at = s.at.Add(time.Second)
	ev.Timestamp = s.at
	s.tracker.Apply(&ev)
}

// arrives has a channel come in and be dialled to an extension.
func (s *script) arrives(id, name, number, context, exten string) ari.Channel {
	c := s.channel(id, name, "Ring")
	c.Caller.Number = number
	c.Dialplan = ari.DialplanPosition{Context: context, Exten: exten}
	s.apply(ari.Event{Type: ari.ChannelCreated, Channel: c})
	return c
}

// runs has a channel run an application.
func (s *script) runs(c *ari.Channel, app, data string) {
	c.Dialplan.AppName, c.Dialplan.AppData = app, data
	s.apply(ari.Event{Type: ari.ChannelDialplan, Channel: *c, DialplanApp: app, DialplanAppData: data})
}

// rings has a caller ring a new channel.
func (s *script) rings(caller *ari.Channel, id, name string) ari.Channel {
	c := s.channel(id, name, "Down")
	s.apply(ari.Event{Type: ari.ChannelCreated, Channel: c})
	s.dials(caller, &c, "")
	s.dials(caller, &c, "RINGING")
	return c
}

func (s *script) dials(caller, peer *ari.Channel, status string) {
	ev := ari.Event{Type: ari.Dial, Peer: *peer, DialStatus: status}
	if caller != nil {
		ev.Caller = *caller
	}
	s.apply(ev)
}

// bridges puts channels into a basic bridge together.
func (s *script) bridges(id string, channels ...ari.Channel) {
	b := ari.Bridge{ID: ari.BridgeID(id), Class: "basic", Type: "mixing"}
	for _, c := range channels {
		b.Channels = append(b.Channels, c.ID)
		s.apply(ari.Event{Type: ari.ChannelEnteredBridge, Channel: c, Bridge: b})
	}
}

func (s *script) hangsUp(c *ari.Channel) {
	s.apply(ari.Event{Type: ari.ChannelHangupRequest, Channel: *c})
}

func (s *script) ends(channels ...*ari.Channel) {
	for _, c := range channels {
		s.apply(ari.Event{Type: ari.ChannelDestroyed, Channel: *c, Cause: 16})
	}
}

// result returns all calls, in the order of starting.
func (s *script) result() []callcenter.Call {
	s.calls.take(s.tracker.Changed(nil))
	return s.calls.calls()
}

// one returns the only call.
func (s *script) one() callcenter.Call {
	s.t.Helper()
	calls := s.result()
	if len(calls) != 1 {
		s.t.Fatalf("%d calls, want 1: %+v", len(calls), calls)
	}
	return calls[0]
}

// facts are what most tests look at.
func facts(c callcenter.Call) string {
	return fmt.Sprintf("%s %s cc=%s of %v remote=%s local=%s agent=%s %s/%s",
		c.Direction, c.Kind, c.CallCenter, c.CallCenters, c.RemoteNumber, c.LocalNumber, c.Agent, c.Outcome.Result, c.Outcome.Reason)
}

func expect(t *testing.T, c callcenter.Call, want string) {
	t.Helper()
	if got := facts(c); got != want {
		t.Errorf("call is\n  %s, want\n  %s\nreceipt: %+v", got, want, c.Receipt)
	}
}
