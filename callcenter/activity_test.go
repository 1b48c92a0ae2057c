package callcenter_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/ari"
	"callbackd/callcenter"
)

// doing is a call's activity in a line, its times as seconds after began.
func doing(c *callcenter.Call, began time.Time) string {
	a := &c.Activity
	after := func(t time.Time) string { return fmt.Sprintf("@%.1f", t.Sub(began).Seconds()) }
	var words []string
	if a.Phase != "" {
		words = append(words, string(a.Phase)+" "+a.CallCenter+after(a.Since))
	}
	for _, p := range a.Phones {
		words = append(words, strings.TrimPrefix(p.Endpoint, "PJSIP/")+" "+string(p.State)+after(p.Since))
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// doings are the activities that a trace goes through.
func doings(tb testing.TB, frames [][]byte) []string {
	tb.Helper()
	tr := newTracker(tb, tracePlan())
	var all []string
	for _, frame := range frames {
		feed(tb, tr, frame)
		for _, c := range tr.Changed(nil) {
			if line := doing(&c, c.StartedAt); len(all) == 0 || all[len(all)-1] != line {
				all = append(all, line)
			}
		}
	}
	return all
}

// What goes on in the recorded calls, from their first event to their last.
func TestTracker_Activity(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"cc-abandoned": {
			"waiting support@0.0", "waiting support@0.0, 2001 ringing@0.5",
			"2001 ringing@0.5", // the caller has left, and the phone not heard of it
			"nothing",
		},
		"cc-answered": {
			"waiting support@0.0", "waiting support@0.0, 2001 ringing@0.0", "talking support@0.1, 2001 talking@0.1",
			"2001 talking@0.1", "nothing",
		},
		"cc-transferred-to-terminal": {
			"waiting support@0.0", "waiting support@0.0, 2001 ringing@0.5", "talking support@0.6, 2001 talking@0.6",
			"waiting support@3.2", "nothing",
		},
		"ivr-timeout-to-cc": {
			"nothing", "waiting support@1.9", "waiting support@1.9, 2001 ringing@1.9", "talking support@2.0, 2001 talking@2.0",
			"2001 talking@2.0", "nothing",
		},
		"outbound-on-behalf-of-cc": {"2001 dialling@0.0", "talking support@0.1, 2001 talking@0.1", "2001 talking@0.1", "nothing"},
		"outbound-plain":           {"2001 dialling@0.0", "2001 talking@0.1", "nothing"},
		"ringgroup-answered":       {"nothing", "2001 ringing@0.0", "2001 talking@0.1", "nothing"},
		"terminal-answered":        {"nothing", "2001 ringing@0.0", "2001 talking@0.1", "nothing"},
	}
	for _, tr := range traces(t, true) {
		got := doings(t, tr.frames)
		if diff := cmp.Diff(want[tr.name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tr.name, diff)
		}
	}
}

// is fails the test unless the call does just that, with times in seconds after
// its first event.
func (s *script) is(want string) {
	s.t.Helper()
	calls := s.result()
	var got []string
	for i := range calls {
		if calls[i].State == callcenter.StateActive {
			got = append(got, doing(&calls[i], calls[0].StartedAt))
		}
	}
	if diff := cmp.Diff(want, strings.Join(got, "; ")); diff != "" {
		s.t.Errorf("active calls (-want +got):\n%s", diff)
	}
}

// A caller who is told to hold the line and comes back to the queue has waited
// since the first time; who is sent on by an agent has since the agent left.
func TestTracker_ActivitySinceWhen(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7001")
	s.is("waiting support@0.0")
	s.runs(&caller, "Queue", "support,t,,,30")
	s.runs(&caller, "Playback", "please-hold")
	s.runs(&caller, "Queue", "support,t,,,30")
	s.is("waiting support@0.0")
	agent := s.rings(&caller, "1", "PJSIP/2001-2") // 4 to 6
	s.is("waiting support@0.0, 2001 ringing@6.0")
	s.dials(&caller, &agent, "ANSWER")
	s.bridges("a", agent, caller) // 8 and 9
	s.is("talking support@7.0, 2001 talking@7.0")
	s.runs(&caller, "Queue", "sales,t,,,30") // 10
	s.ends(&agent)                           // 11
	s.is("waiting sales@11.0")
	s.runs(&caller, "Playback", "nobody-is-here")
	s.is("waiting sales@11.0")
	s.hangsUp(&caller)
	s.is("nothing")
	s.ends(&caller)
	s.is("")
}

// Who leaves a message, or asks for a callback, waits for nobody, until the
// dialplan leads back to the queue.
func TestTracker_ActivityOfWhoLeavesAMessage(t *testing.T) {
	t.Parallel()
	for _, app := range []struct{ name, data string }{
		{"VoiceMail", "7001@default,u"},
		{"MinivmRecord", "desk@example.com"},
		{"Record", "/var/messages/1.wav,3,60"},
		{"Stasis", "callbackd,register,7001,message"},
		{"Stasis", "callbackd,register,7009"},
	} {
		t.Run(app.name, func(t *testing.T) {
			t.Parallel()
			plan := tracePlan()
			plan.Application = "callbackd"
			s := newScript(t, plan)
			caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7001") // 0 and 1
			s.runs(&caller, "Queue", "support,t,,,30")                                    // 2
			s.runs(&caller, app.name, app.data)
			s.is("nothing")
			s.apply(ari.Event{Type: ari.ChannelStateChange, Channel: caller})
			s.is("nothing")
			s.runs(&caller, "Playback", "thank-you")
			s.is("nothing")
			s.runs(&caller, "Queue", "support,t,,,30")
			s.is("waiting support@0.0")
			s.runs(&caller, app.name, app.data)
			s.is("nothing")
			s.runs(&caller, "Queue", "sales,t")
			s.is("waiting sales@7.0")
		})
	}
	t.Run("sent there by an agent", func(t *testing.T) {
		t.Parallel()
		s := newScript(t, tracePlan())
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7001")
		s.runs(&caller, "Queue", "support,t")
		agent := s.rings(&caller, "1", "PJSIP/2001-2")
		s.dials(&caller, &agent, "ANSWER")
		s.runs(&caller, "VoiceMail", "2002@default")
		s.is("talking support@5.0, 2001 talking@5.0") // until the agent's channel has ended
		s.ends(&agent)
		s.is("nothing")
	})
}

func TestTracker_ActivityOfPhones(t *testing.T) {
	t.Parallel()
	t.Run("rung by a queue through Local channels", func(t *testing.T) {
		t.Parallel()
		s := newScript(t, tracePlan())
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7001")
		s.runs(&caller, "Queue", "support,t")
		half := s.rings(&caller, "1", "Local/2003@agents-1;1")
		s.is("waiting support@0.0")
		other := s.channel("2", "Local/2003@agents-1;2", "Ring")
		s.apply(ari.Event{Type: ari.ChannelCreated, Channel: other})
		phone := s.rings(&other, "3", "PJSIP/2003-3") // 6 to 8
		s.is("waiting support@0.0, 2003 ringing@8.0")
		s.dials(&other, &phone, "ANSWER")
		s.dials(&caller, &half, "ANSWER")
		s.is("talking support@9.0, 2003 talking@9.0")
	})
	t.Run("that refuses, and that is not reached", func(t *testing.T) {
		t.Parallel()
		s := newScript(t, tracePlan())
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7001")
		s.runs(&caller, "Queue", "support,t")
		busy := s.rings(&caller, "1", "PJSIP/2001-2")
		silent := s.channel("2", "PJSIP/2002-3", "Down")
		s.dials(&caller, &silent, "")
		s.dials(&caller, &busy, "BUSY")
		s.is("waiting support@0.0")
	})
	t.Run("that calls a queue", func(t *testing.T) {
		t.Parallel()
		s := newScript(t, tracePlan())
		caller := s.arrives("0", "PJSIP/2005-1", "2005", "internal", "7001")
		s.is("waiting support@0.0, 2005 dialling@0.0")
		s.runs(&caller, "Queue", "support,t")
		agent := s.rings(&caller, "1", "PJSIP/2001-2")
		s.dials(&caller, &agent, "ANSWER")
		s.is("talking support@5.0, 2005 talking@5.0, 2001 talking@5.0")
	})
	t.Run("that Asterisk has call", func(t *testing.T) {
		t.Parallel()
		s := newScript(t, tracePlan())
		s.linked["0"] = "0"
		phone := s.channel("0", "PJSIP/2001-1", "Down")
		s.apply(ari.Event{Type: ari.ChannelCreated, Channel: phone})
		s.dials(nil, &phone, "RINGING")
		s.is("2001 ringing@1.0")
		s.dials(nil, &phone, "ANSWER")
		s.is("2001 talking@2.0")
		s.runs(&phone, "Dial", "PJSIP/0312345678@trunk")
		s.is("2001 dialling@0.0")
		outside := s.rings(&phone, "1", "PJSIP/trunk-2")
		s.dials(&phone, &outside, "ANSWER")
		s.is("2001 talking@7.0")
	})
}

// A phone has left a call when its last leg there has ended.
func TestCall_Freed(t *testing.T) {
	t.Parallel()
	at := func(second int) *time.Time { return new(time.Unix(int64(second), 0).UTC()) }
	call := callcenter.Call{
		Activity: callcenter.Activity{Phones: []callcenter.Phone{{Endpoint: "PJSIP/2002", State: callcenter.PhoneTalking}}},
		Legs: []callcenter.Leg{
			{Endpoint: "PJSIP/trunk", Trunk: true, EndedAt: at(9)},
			{Endpoint: "Local/2001@agents", EndedAt: at(9)},
			{Endpoint: "PJSIP/2001", EndedAt: at(5)},
			{Endpoint: "PJSIP/2001", EndedAt: at(7)},
			{Endpoint: "PJSIP/2001", EndedAt: at(6)},
			{Endpoint: "PJSIP/2002", EndedAt: at(5)}, // and is called again
			{Endpoint: "PJSIP/2003"},
		},
	}
	if diff := cmp.Diff(map[string]time.Time{"PJSIP/2001": *at(7)}, call.Freed()); diff != "" {
		t.Errorf("freed phones (-want +got):\n%s", diff)
	}
}
