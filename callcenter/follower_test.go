package callcenter_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"callbackd/ari"
	"callbackd/ari/aritest"
	"callbackd/callcenter"
	"callbackd/lab/labtest"
)

// Every kind of recorded call is stored just as a replay says it is.
func TestFollower_StoresWhatHappens(t *testing.T) {
	t.Parallel()
	for _, channelVars := range []bool{true, false} {
		s := newSite(t)
		r := s.follow(t)
		for i, tr := range traces(t, true) {
			first, rest := story(t, tr.name, i+1, channelVars)
			s.send(t, first...)
			s.send(t, rest...)
		}
		s.right(t)
		if err := r.stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		s.gapsAre(t)
		if ids := r.ActiveChannels(); len(ids) > 0 {
			t.Errorf("%v are followed after all calls have ended", ids)
		}
	}
}

// A call is complete though it ended, or began, between the opening of the
// stream and the reading of the list of channels.
func TestFollower_SnapshotRace(t *testing.T) {
	t.Parallel()
	for _, channelVars := range []bool{true, false} {
		t.Run(fmt.Sprint("channelvars ", channelVars), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			r := s.follow(t)
			ends, endsRest := story(t, "cc-answered", 1, channelVars)
			begins, beginsRest := story(t, "cc-answered", 2, channelVars)
			s.send(t, ends...)
			s.pbx.Hang("/channels")
			s.pbx.Drop()
			s.asked(t, "/channels", 2)
			r.unwell(t, "list of channels was not read")
			s.send(t, endsRest...)
			s.send(t, begins...)
			s.pbx.Hang("")
			r.healthy(t)
			s.send(t, beginsRest...)
			s.gapsAre(t, "broken")
			// The receipt tells of the list what it showed first.
			s.right(t, cmpopts.IgnoreFields(callcenter.Call{}, "LastEventAt"), cmpopts.IgnoreFields(callcenter.Signal{}, "Event", "At"),
				cmp.Transformer("rules", rulesOnce))
		})
	}
}

// rulesOnce leaves out repetitions of a signal.
func rulesOnce(receipt []callcenter.Signal) map[string]callcenter.Kind {
	once := map[string]callcenter.Kind{}
	for _, s := range receipt {
		once[string(s.Rule)+" "+s.Value+" "+string(s.Channel)] = s.Kind
	}
	return once
}

// A call that vanished while the daemon was down did not end before it was
// answered, however the PBX's clock goes: nothing has told of it yet.
func TestFollower_ClockOfThePBX(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ahead = time.Hour
	r := s.follow(t)
	first, _ := story(t, "cc-answered", 1, true)
	s.send(t, first...)
	s.right(t)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	s.pbx.Restart()
	s.follow(t)
	var c callcenter.Call
	labtest.Eventually(t, patience, func() error {
		if c = s.stored(t)[0]; c.State != callcenter.StateEnded {
			return errors.New("the call has not ended")
		}
		return nil
	})
	if want := (callcenter.Outcome{Result: callcenter.ResultUnknown, Reason: "end-not-seen"}); c.Outcome != want {
		t.Errorf("outcome is %+v, want %+v", c.Outcome, want)
	}
	if c.EndedAt.Before(*c.AnsweredAt) {
		t.Errorf("the call was answered at %v and ended at %v", c.AnsweredAt, c.EndedAt)
	}
}

// A second loss before the list of channels was read prolongs the gap: nothing
// was followed between.
func TestFollower_LostBeforeTheSnapshot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	s.pbx.Answer("GET", "/channels", 500, "not now", 2)
	first := time.Now()
	s.pbx.Drop()
	s.asked(t, "/channels", 2)
	r.unwell(t, "list of channels was not read")
	second := time.Now()
	s.pbx.Drop()
	r.healthy(t)
	gap := s.gapsAre(t, "broken")[0]
	if gap.From.After(first.Add(time.Second)) || gap.To.Before(second) {
		t.Errorf("the gap lasts from %v to %v, the losses were at %v and %v", gap.From, gap.To, first, second)
	}
}

// Each loss is a gap of its own, with its reason.
func TestFollower_TwoLosses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	s.gapsAre(t) // a node that was never followed has missed nothing
	s.pbx.Drop()
	s.asked(t, "/channels", 2)
	r.healthy(t)
	s.pbx.CloseCleanly(1001)
	s.asked(t, "/channels", 3)
	r.healthy(t)
	gaps := s.gapsAre(t, "broken", "closed")
	if gaps[1].From.Before(*gaps[0].To) {
		t.Errorf("gaps overlap: %+v", gaps)
	}
	for _, gap := range gaps {
		want := gap.To.Sub(gap.From).Seconds()
		if got := r.value(t, "callbackd_ari_gap_seconds_total", "why="+gap.Why); got < want-.001 || got > want+.001 {
			t.Errorf("seconds of gaps that are %s: %v, want %v", gap.Why, got, want)
		}
	}
	s.proven(t, *gaps[1].To)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	s.follow(t)
	s.gapsAre(t, "broken", "closed", "daemon-down")
}

// A gap that lasted when the daemon died ends when the node is followed again.
func TestFollower_GapOfADeadDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dead := s.follow(t)
	s.proven(t, time.Time{})
	// What comes last is the answer to a PING: then the loss begins after what
	// was proven by an event. That answer is read before the next PING.
	labtest.Eventually(t, patience, func() error {
		if pings, _ := s.pbx.Pings(); pings < 2 {
			return fmt.Errorf("%d PINGs came, want 2", pings)
		}
		return nil
	})
	s.pbx.SetDown(true)
	s.gapStored(t)
	began := time.Now()
	if err := dead.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v to stop while nothing was connected", took)
	}
	s.pbx.SetDown(false)
	s.follow(t)
	s.gapsAre(t, "daemon-down", "broken")
}

// Since says when it began, not when somebody asked first or why the last of
// many attempts failed.
func TestFollower_HealthSince(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	down := time.Now()
	s.pbx.SetDown(true)
	s.gapStored(t)
	noticed := time.Now()
	s.pbx.SetBooting(true)
	h := r.unwell(t, "no connection to ARI")
	if h.Since.Before(down) || h.Since.After(noticed) {
		t.Errorf("it is so since %v, the PBX went down at %v", h.Since, down)
	}
	s.pbx.SetDown(false)
	if again := r.unwell(t, "503"); !again.Since.Equal(h.Since) {
		t.Errorf("it is so since %v, and was since %v before", again.Since, h.Since)
	}
	s.pbx.SetBooting(false)
	r.healthy(t)
	if up := r.Health(time.Now()); !up.Since.After(noticed) || up.Since.After(time.Now()) {
		t.Errorf("all is well since %v, it was not at %v", up.Since, noticed)
	}
}

// listening notes what a Follower tells.
type listening struct {
	mu       sync.Mutex
	channels [][]ari.ChannelID
	events   []ari.EventType
	losses   []ari.LossReason
}

func (l *listening) Connected(channels []ari.Channel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]ari.ChannelID, len(channels))
	for i := range channels {
		ids[i] = channels[i].ID
	}
	l.channels = append(l.channels, ids)
}

func (l *listening) Lost(reason ari.LossReason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.losses = append(l.losses, reason)
}

func (l *listening) Event(ev *ari.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ev.Type == ari.StasisStart || ev.Type == ari.ChannelDtmfReceived {
		l.events = append(l.events, ari.EventType(strings.Clone(string(ev.Type))))
	}
}

// A listener hears what the tracker has no use for, too, and after each
// connection which channels there are.
func TestFollower_TellsItsListener(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	l := &listening{}
	r := s.follow(t, func(o *callcenter.FollowerOptions, stream *ari.StreamOptions, _ *ari.ClientOptions) {
		o.Listener = l
		stream.Filter = ari.NewFilter(append(slices.Clone(callcenter.Events), ari.StasisStart, ari.ChannelDtmfReceived), callcenter.Variables)
	})
	channel := map[string]any{"id": "pbx1-1.0", "name": "PJSIP/trunk-00000001", "state": "Up", "creationtime": "2026-11-23T03:49:05.948+0000"}
	s.pbx.Send(
		aritest.NewEvent(ari.ChannelCreated, aritest.Fields{"channel": channel}),
		aritest.NewEvent(ari.StasisStart, aritest.Fields{"channel": channel, "args": []string{"register"}}),
		aritest.NewEvent(ari.ChannelDtmfReceived, aritest.Fields{"channel": channel, "digit": "1"}),
	)
	heard := func(channels [][]ari.ChannelID) func() error {
		return func() error {
			l.mu.Lock()
			defer l.mu.Unlock()
			if diff := cmp.Diff(channels, l.channels, cmpopts.EquateEmpty()); diff != "" {
				return fmt.Errorf("connections (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]ari.EventType{ari.StasisStart, ari.ChannelDtmfReceived}, l.events); diff != "" {
				return fmt.Errorf("events (-want +got):\n%s", diff)
			}
			return nil
		}
	}
	labtest.Eventually(t, patience, heard([][]ari.ChannelID{{}}))
	if c, ok := r.CallOf("pbx1-1.0"); !ok || c.LinkedID != "pbx1-1.0" {
		t.Errorf("CallOf = %+v, %v, want the channel's call", c, ok)
	}
	s.pbx.Drop()
	labtest.Eventually(t, patience, heard([][]ari.ChannelID{{}, {"pbx1-1.0"}}))
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.losses) != 1 || l.losses[0] == ari.LossReplaced {
		t.Errorf("losses %q, want one", l.losses)
	}
}
