package callcenter_test

import (
	"strconv"
	"testing"
	"time"

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
		{"basic", "mixing", true},
		{"stasis", "mixing", true},
		{"stasis", "holding", false},
		{"base", "mixing", false},
		{"parking", "holding", false},
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

// TestTracker_OriginatedCalls: who is dialled first, by click to call or by a
// dialler, is who calls. That phone's answer is not yet an answer.
func TestTracker_OriginatedCalls(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, first, app, data, second, status, want string }{
		{
			"click to call, busy", "PJSIP/2001-1", "Dial", "PJSIP/0312345678@trunk,60", "PJSIP/trunk-2", "BUSY",
			"outbound terminal cc= of [] remote=0312345678 local=2001 agent=PJSIP/2001 busy/busy",
		},
		{
			"click to call, answered", "PJSIP/2001-1", "Dial", "PJSIP/0312345678@trunk,60", "PJSIP/trunk-2", "ANSWER",
			"outbound terminal cc= of [] remote=0312345678 local=2001 agent=PJSIP/2001 answered/cleared",
		},
		{
			"dialler, no agent", "PJSIP/trunk-1", "Queue", "support,t", "PJSIP/2001-2", "CANCEL",
			"outbound call_center cc=support of [support] remote= local=7001 agent= missed/no-answer",
		},
		{
			"dialler, answered", "PJSIP/trunk-1", "Queue", "support,t", "PJSIP/2001-2", "ANSWER",
			"outbound call_center cc=support of [support] remote= local=7001 agent=PJSIP/2001 answered/cleared",
		},
		{
			"announcement", "PJSIP/2001-1", "Playback", "fire-alarm", "", "",
			"internal ivr cc= of [] remote= local= agent=PJSIP/2001 answered/cleared",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newScript(t, tracePlan())
			first := s.channel("0", tc.first, "Down")
			s.linked["0"] = "0"
			first.Vars = s.channel("0", tc.first, "Down").Vars
			first.Caller.Number = "2001"
			s.dials(nil, &first, "")
			s.dials(nil, &first, "ANSWER")
			s.runs(&first, tc.app, tc.data)
			if tc.second != "" {
				second := s.channel("1", tc.second, "Down")
				s.apply(ari.Event{Type: ari.ChannelCreated, Channel: second})
				s.apply(ari.Event{Type: ari.Dial, Caller: first, Peer: second, DialString: "0312345678@trunk"})
				s.dials(&first, &second, tc.status)
				s.ends(&second)
			}
			s.ends(&first)
			expect(t, s.one(), tc.want)
		})
	}
}

// TestTracker_OutgoingCallSentToAQueue: the agent is who answered for the call
// center that the call counts for, not who placed the call.
func TestTracker_OutgoingCallSentToAQueue(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	clerk := s.arrives("0", "PJSIP/2003-1", "2003", "from-internal", "0312345678")
	s.runs(&clerk, "Dial", "PJSIP/0312345678@trunk")
	customer := s.channel("1", "PJSIP/trunk-2", "Down")
	s.apply(ari.Event{Type: ari.ChannelCreated, Channel: customer})
	s.apply(ari.Event{Type: ari.Dial, Caller: clerk, Peer: customer, DialString: "0312345678@trunk"})
	s.dials(&clerk, &customer, "ANSWER")
	s.ends(&clerk) // a blind transfer
	customer.Dialplan = ari.DialplanPosition{Context: "from-internal", Exten: "7001"}
	s.runs(&customer, "Queue", "support")
	expect(t, s.one(), "outbound call_center cc=support of [support] remote=0312345678 local=7001 agent=PJSIP/2003 /")
	agent := s.rings(&customer, "2", "PJSIP/2001-3")
	s.dials(&customer, &agent, "ANSWER")
	s.ends(&agent, &customer)
	expect(t, s.one(), "outbound call_center cc=support of [support] remote=0312345678 local=7001 agent=PJSIP/2001 answered/cleared")
}

// TestTracker_CallerJoinedToAnOlderInternalCall: an agent asks a colleague,
// and then connects a caller who came later. The older linkedid wins, which is
// that of the call between the phones; the other party is the caller.
func TestTracker_CallerJoinedToAnOlderInternalCall(t *testing.T) {
	t.Parallel()
	everyMode(t, func(t *testing.T, s *script) {
		phone := s.arrives("0", "PJSIP/2001-1", "2001", "from-internal", "2003")
		s.runs(&phone, "Dial", "PJSIP/2003")
		colleague := s.rings(&phone, "1", "PJSIP/2003-2")
		s.dials(&phone, &colleague, "ANSWER")
		s.bridges("a", phone, colleague)
		caller := s.arrives("2", "PJSIP/trunk-3", "0312345678", "from-trunk", "7001")
		s.runs(&caller, "Queue", "support")
		s.bridges("b", colleague, caller)
		s.ends(&phone)
		s.hangsUp(&caller)
		s.ends(&caller, &colleague)
		calls := s.result()
		expect(t, calls[0], "inbound call_center cc=support of [support] remote=0312345678 local=7001 agent=PJSIP/2003 answered/caller-hung-up")
		expect(t, calls[1], "inbound call_center cc=support of [support] remote=0312345678 local=7001 agent= abandoned/merged")
	})
}

// TestTracker_OutgoingCallOfANumberlessPhone: the number dialled is the other
// side's, and never ours.
func TestTracker_OutgoingCallOfANumberlessPhone(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	phone := s.arrives("0", "PJSIP/2001-1", "", "from-internal", "0312345678")
	s.runs(&phone, "Dial", "PJSIP/0312345678@trunk")
	customer := s.channel("1", "PJSIP/trunk-2", "Down")
	s.apply(ari.Event{Type: ari.ChannelCreated, Channel: customer})
	s.apply(ari.Event{Type: ari.Dial, Caller: phone, Peer: customer, DialString: "0312345678@trunk"})
	expect(t, s.one(), "outbound terminal cc= of [] remote=0312345678 local= agent=PJSIP/2001 /")
}

// TestTracker_LocalNamesComeAgain: Asterisk counts Local channels from nought
// after a restart. The new pair is not of the call that had the name before.
func TestTracker_LocalNamesComeAgain(t *testing.T) {
	t.Parallel()
	for name, linked := range map[string]map[string]string{
		"with channelvars":    {"0": "0", "1": "0", "2": "0", "3": "0", "10": "10", "11": "10", "12": "10", "13": "10"},
		"without channelvars": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScript(t, tracePlan())
			s.linked = linked
			const pair = "Local/2003@agents-00000000"
			member := func(n int, queue string) {
				id := func(i int) string { return strconv.Itoa(n + i) }
				caller := s.arrives(id(0), "PJSIP/trunk-1", "0312345678", "from-trunk", "5000")
				s.runs(&caller, "Queue", queue)
				first := s.channel(id(1), pair+";1", "Down")
				s.apply(ari.Event{Type: ari.ChannelCreated, Channel: first})
				second := s.channel(id(2), pair+";2", "Ring")
				second.Dialplan = ari.DialplanPosition{Context: "agents", Exten: "9999"}
				s.apply(ari.Event{Type: ari.ChannelCreated, Channel: second})
				s.dials(&caller, &first, "")
				s.runs(&second, "Dial", "PJSIP/2003")
				phone := s.rings(&second, id(3), "PJSIP/2003-1")
				s.dials(&second, &phone, "ANSWER")
				s.dials(&caller, &first, "ANSWER")
				s.ends(&phone, &second, &first, &caller)
			}
			member(0, "support")
			member(10, "ringgroup6002")
			calls := s.result()
			if len(calls) != 2 || len(calls[0].Legs) != 4 || len(calls[1].Legs) != 4 {
				t.Fatalf("%d calls, want 2 with 4 legs each: %+v", len(calls), calls)
			}
			for _, l := range calls[1].Legs {
				if l.CallCenter != "" {
					t.Errorf("leg %s of a ring group's call is of call center %s", l.Endpoint, l.CallCenter)
				}
			}
		})
	}
}

// TestTracker_AnsweredBeforeASnapshot: that a leg was answered is first seen in
// a snapshot, whose time is only as good as two clocks agree. Dial's word, when
// it comes after all, is better, were it later.
func TestTracker_AnsweredBeforeASnapshot(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7001")
	s.runs(&caller, "Queue", "support")
	agent := s.rings(&caller, "1", "PJSIP/2001-2")
	agent.State = "Up"
	s.tracker.Resync(callcenter.Snapshot{
		At: s.at.Add(900 * time.Millisecond), Channels: []ari.Channel{caller, agent},
		Bridges: []ari.Bridge{{ID: "a", Class: "basic", Type: "mixing", Channels: []ari.ChannelID{caller.ID, agent.ID}}},
	})
	if c := s.one(); c.Agent != "PJSIP/2001" || c.AnsweredAt == nil {
		t.Errorf("the snapshot shows the agent with the caller: %s", facts(c))
	}
	s.dials(&caller, &agent, "ANSWER")
	if c := s.one(); !c.AnsweredAt.Equal(s.at) {
		t.Errorf("answered at %v, want Dial's %v", c.AnsweredAt, s.at)
	}
}

// TestTracker_ChosenChannelIDs: the ID of a channel that a program originates
// may be any word. Which of two calls is older is then seen by their beginning.
func TestTracker_ChosenChannelIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"zzz", "aaa"} {
		s := newScript(t, tracePlan())
		phone := s.channel("0", "PJSIP/2001-1", "Down")
		phone.ID, phone.CreationTime = ari.ChannelID(id), s.at
		phone.Vars = []ari.Variable{{Name: "CHANNEL(linkedid)", Value: id}}
		s.dials(nil, &phone, "")
		phone.State = "Up"
		s.dials(nil, &phone, "ANSWER")
		s.linked["1"] = "1"
		caller := s.arrives("1", "PJSIP/trunk-2", "0312345678", "from-trunk", "7001")
		s.runs(&caller, "Queue", "support")
		s.bridges("a", phone, caller)
		caller.Vars = []ari.Variable{{Name: "CHANNEL(linkedid)", Value: id}} // the older one's
		s.hangsUp(&caller)
		s.ends(&phone, &caller)
		calls := s.result()
		if len(calls) != 2 || calls[0].LinkedID != id || calls[1].MergedInto != calls[0].RequestID || !calls[0].CallbackAllowed() {
			t.Errorf("%s: %+v", id, calls)
		}
	}
}

// TestTracker_WhoEndedTheCall: not who refused it, nor who left it to others.
func TestTracker_WhoEndedTheCall(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7001")
	s.runs(&caller, "Queue", "support")
	refuses := s.rings(&caller, "1", "PJSIP/2002-2")
	s.hangsUp(&refuses)
	s.dials(&caller, &refuses, "BUSY")
	s.ends(&refuses)
	agent := s.rings(&caller, "2", "PJSIP/2001-3")
	s.dials(&caller, &agent, "ANSWER")
	s.hangsUp(&agent) // having transferred the call
	s.ends(&agent)
	s.runs(&caller, "Dial", "PJSIP/2003")
	colleague := s.rings(&caller, "3", "PJSIP/2003-4")
	s.dials(&caller, &colleague, "ANSWER")
	s.hangsUp(&caller)
	s.hangsUp(&colleague) // he does not wait until Asterisk ends it
	s.ends(&caller, &colleague)
	expect(t, s.one(), "inbound call_center cc=support of [support] remote=0312345678 local=7001 agent=PJSIP/2001 answered/caller-hung-up")
}
