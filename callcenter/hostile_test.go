package callcenter_test

import (
	"testing"

	"callbackd/ari"
	"callbackd/callcenter"
)

// TestTracker_QueueRunByAnotherApplication: ExecIf, AGI and dialplans in Lua
// run Queue without a ChannelDialplan for it.
func TestTracker_QueueRunByAnotherApplication(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "8001")
	s.runs(&caller, "ExecIf", "1?Queue(support,t)")
	caller.Dialplan.AppName, caller.Dialplan.AppData = "Queue", "support,t"
	s.hangsUp(&caller)
	s.ends(&caller)
	expect(t, s.one(), "inbound call_center cc=support of [support] remote=0312345678 local=7001 agent= abandoned/caller-left-queue")
}

func TestTracker_ArgumentsAreCutAsAsteriskCuts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		app, data string
		want      callcenter.Kind
	}{
		{"Queue", `"support",t`, callcenter.KindCallCenter},
		{"Queue", `sup\port,t`, callcenter.KindCallCenter},
		{"Queue", `(support,t)`, callcenter.KindUnknown},
		{"Queue", "", callcenter.KindUnknown},
		{"Dial", `"PJSIP/2001&PJSIP/2002",20`, callcenter.KindRingGroup},
		{"Dial", `PJSIP/2001,20,b(PJSIP/2002&PJSIP/2003)`, callcenter.KindTerminal},
		{"RetryDial", "busy,5,3,PJSIP/2001,20", callcenter.KindTerminal},
		{"RetryDial", "busy,5,3,PJSIP/2001&PJSIP/2002,20", callcenter.KindRingGroup},
	} {
		s := newScript(t, tracePlan())
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "5000")
		s.runs(&caller, tc.app, tc.data)
		s.ends(&caller)
		if got := s.one().Kind; got != tc.want {
			t.Errorf("%s(%s): %s, want %s", tc.app, tc.data, got, tc.want)
		}
	}
}

// everyMode runs a test with and without channelvars. With them Asterisk's
// word for a channel's call comes late: a bridge that joins two calls changes
// it without an event.
func everyMode(t *testing.T, test func(t *testing.T, s *script)) {
	t.Helper()
	for name, linked := range map[string]map[string]string{
		"with channelvars":    {"0": "0", "1": "0", "2": "2", "3": "2"},
		"without channelvars": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScript(t, tracePlan())
			s.linked = linked
			test(t, s)
		})
	}
}

// TestTracker_PickedUpInAQueue: a phone that picks up what rings for an agent
// is put in the agent's place, where the dialplan's position is the caller's.
// It did not call the call center, it answered for it, though Queue does not
// say so.
func TestTracker_PickedUpInAQueue(t *testing.T) {
	t.Parallel()
	everyMode(t, func(t *testing.T, s *script) {
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7001")
		s.runs(&caller, "Queue", "support,t")
		agent := s.rings(&caller, "1", "PJSIP/2001-2")
		picker := s.arrives("2", "PJSIP/2003-3", "2003", "from-internal", "*8")
		picker.State = "Up"
		s.runs(&picker, "PickupChan", "PJSIP/2001")
		picker.Dialplan.Exten = "7001"
		s.runs(&picker, "AppQueue", "(Outgoing Line)")
		s.ends(&agent)
		s.bridges("a", picker, caller)

		calls := s.result()
		if len(calls) != 2 {
			t.Fatalf("%d calls, want 2: %+v", len(calls), calls)
		}
		if c := calls[1]; c.CallbackAllowed() || c.State != callcenter.StateEnded || c.MergedInto != calls[0].RequestID {
			t.Errorf("the picker's own call: %s, %s, merged into %q; want one that ended, is merged and is no call center's",
				facts(c), c.State, c.MergedInto)
		}
		s.hangsUp(&caller)
		s.ends(&picker, &caller)
		expect(t, s.result()[0], "inbound call_center cc=support of [support] remote=0312345678 local=7001 agent=PJSIP/2003 answered/caller-hung-up")
	})
}

// TestTracker_ParkedCall: who fetches a parked call has talked to the caller.
func TestTracker_ParkedCall(t *testing.T) {
	t.Parallel()
	everyMode(t, func(t *testing.T, s *script) {
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7480")
		s.runs(&caller, "Park", "default")
		fetcher := s.arrives("2", "PJSIP/2002-3", "2002", "from-internal", "701")
		fetcher.State = "Up"
		s.runs(&fetcher, "ParkedCall", "default,701")
		s.bridges("a", caller, fetcher)
		s.hangsUp(&caller)
		s.ends(&caller, &fetcher)
		expect(t, s.result()[0], "inbound unknown cc= of [] remote=0312345678 local=7480 agent=PJSIP/2002 answered/caller-hung-up")
	})
}

// TestTracker_BridgesThatJoinCalls: basic ones and ARI's mixing ones do;
// conferences, parking lots and holding bridges do not.
func TestTracker_BridgesThatJoinCalls(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		class, typ string
		joins      bool
	}{
		{"basic", "mixing", true}, {"stasis", "mixing", true},
		{"stasis", "holding", false}, {"base", "mixing", false}, {"parking", "holding", false},
	} {
		s := newScript(t, tracePlan())
		a := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "5000")
		b := s.arrives("1", "PJSIP/trunk-2", "0698765432", "from-trunk", "5000")
		s.apply(ari.Event{Type: ari.ChannelEnteredBridge, Channel: b, Bridge: ari.Bridge{
			ID: "x", Class: tc.class, Type: tc.typ, Channels: []ari.ChannelID{a.ID, b.ID},
		}})
		calls := s.result()
		if len(calls) != 2 || (calls[1].MergedInto == calls[0].RequestID) != tc.joins {
			t.Errorf("%s, %s: %d calls, the younger merged into %q; joined must be %v", tc.class, tc.typ, len(calls), calls[1].MergedInto, tc.joins)
		}
	}
}
