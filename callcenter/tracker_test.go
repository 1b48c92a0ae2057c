package callcenter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/ari"
	"callbackd/callcenter"
)

func TestTracker_CountsForTheLastWhoseAgentAnswered(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7001")
	s.runs(&caller, "Queue", "support,t,,,30")
	agent := s.rings(&caller, "1", "PJSIP/2001-2")
	s.dials(&caller, &agent, "ANSWER")
	s.bridges("a", agent, caller)
	s.ends(&agent)
	s.runs(&caller, "Queue", "SALES,t") // Asterisk does not distinguish capitals
	expect(t, s.one(), "inbound call_center cc=support of [support sales] remote=0312345678 local=7001 agent=PJSIP/2001 /")
	other := s.rings(&caller, "2", "PJSIP/2003-3")
	s.dials(&caller, &other, "ANSWER")
	expect(t, s.one(), "inbound call_center cc=sales of [support sales] remote=0312345678 local=7003 agent=PJSIP/2003 /")
	s.hangsUp(&caller)
	s.ends(&other, &caller)
	c := s.one()
	expect(t, c, "inbound call_center cc=sales of [support sales] remote=0312345678 local=7003 agent=PJSIP/2003 answered/caller-hung-up")
	if want := []string{"PJSIP/2001", "PJSIP/2003"}; !slices.Equal(c.Agents, want) {
		t.Errorf("agents = %v, want %v", c.Agents, want)
	}
}

func TestTracker_EnteringAQueueIsEnoughAndStays(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7480")
	s.runs(&caller, "Queue", "sales,t")
	s.runs(&caller, "Dial", "PJSIP/2001&PJSIP/2002,20") // overflow to a ring group
	a, b := s.rings(&caller, "1", "PJSIP/2001-2"), s.rings(&caller, "2", "PJSIP/2002-3")
	s.dials(&caller, &a, "NOANSWER")
	s.dials(&caller, &b, "NOANSWER")
	s.ends(&a, &b)
	s.ends(&caller)
	expect(t, s.one(), "inbound call_center cc=sales of [sales] remote=0312345678 local=7003 agent= missed/no-answer")
}

func TestTracker_QueueThatIsConfiguredNowhere(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/trunk-1", "", "from-trunk", "0355550009")
	s.runs(&caller, "BackGround", "welcome")
	s.runs(&caller, "Queue", "secret-queue,t")
	s.hangsUp(&caller)
	s.ends(&caller)
	c := s.one()
	expect(t, c, "inbound unknown cc= of [] remote= local=0355550009 agent= abandoned/caller-left-queue")
	i := slices.IndexFunc(c.Receipt, func(s callcenter.Signal) bool { return s.Rule == callcenter.RuleUnknownQueue })
	if i < 0 || c.Receipt[i].Value != "secret-queue" {
		t.Errorf("the receipt does not name the queue: %+v", c.Receipt)
	}
}

func TestTracker_DialKinds(t *testing.T) {
	t.Parallel()
	for devices, want := range map[string]callcenter.Kind{
		"PJSIP/2001,20,tT":      callcenter.KindTerminal,
		"PJSIP/2001&PJSIP/2002": callcenter.KindRingGroup,
		"PJSIP/2001/sip:a@192.0.2.1&PJSIP/2001/sip:b@192.0.2.2": callcenter.KindTerminal, // two contacts, one phone
		"PJSIP/0312345678@trunk,60":                             callcenter.KindTerminal,
		"Local/1@x/n&Local/2@x/n":                               callcenter.KindRingGroup,
		"SIP/100 & SIP/101":                                     callcenter.KindRingGroup,
	} {
		s := newScript(t, tracePlan())
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "5000")
		s.runs(&caller, "Dial", devices)
		s.ends(&caller)
		if got := s.one().Kind; got != want {
			t.Errorf("Dial(%s): %s, want %s", devices, got, want)
		}
	}
}

func TestTracker_MemberChannelsDoNotDialExtensions(t *testing.T) {
	t.Parallel()
	// The member's channel copies the caller's extension into its own context.
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "6002")
	s.runs(&caller, "Queue", "ringgroup6002")
	member := s.rings(&caller, "1", "PJSIP/2001-2")
	member.Dialplan = ari.DialplanPosition{Context: "from-internal", Exten: "7001"}
	s.runs(&member, "AppQueue", "(Outgoing Line)")
	s.dials(&caller, &member, "ANSWER")
	s.ends(&caller, &member)
	expect(t, s.one(), "inbound ring_group cc= of [] remote=0312345678 local=6002 agent=PJSIP/2001 answered/cleared")
}

func TestTracker_ContextsLimitExtensions(t *testing.T) {
	t.Parallel()
	plan := tracePlan()
	plan.Contexts = []string{"from-trunk"}
	s := newScript(t, plan)
	caller := s.arrives("0", "PJSIP/2001-1", "2001", "somewhere-else", "7001")
	if got := s.one().Kind; got != callcenter.KindUnknown {
		t.Errorf("kind = %s in a context that is not configured, want unknown", got)
	}
	caller.Dialplan.Context = "from-trunk"
	s.runs(&caller, "NoOp", "")
	if got := s.one().Kind; got != callcenter.KindCallCenter {
		t.Errorf("kind = %s in a configured context, want call_center", got)
	}
}

func TestTracker_VariableThatNamesNoCallCenter(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/2001-1", "2001", "from-internal", "0312345678")
	s.apply(ari.Event{Type: ari.ChannelVarset, Channel: caller, Variable: "__CALLBACKD_CALL_CENTER", Value: "7009"})
	s.runs(&caller, "Dial", "PJSIP/0312345678@trunk")
	c := s.one()
	if c.Kind != callcenter.KindTerminal || !slices.ContainsFunc(c.Receipt, func(s callcenter.Signal) bool {
		return s.Rule == callcenter.RuleUnknownVariable && s.Value == "7009"
	}) {
		t.Errorf("kind %s, receipt %+v; want a terminal's call that names 7009", c.Kind, c.Receipt)
	}
}

// The dialplan that asks for a callback in a call center's name says with it
// whose call it is.
func TestTracker_RequestNamesTheCallCenter(t *testing.T) {
	t.Parallel()
	plan := tracePlan()
	plan.Application = "callbackd"
	for data, want := range map[string]callcenter.Signal{
		"callbackd,register,support":       {Rule: callcenter.RuleCallCenterRequest, Kind: callcenter.KindCallCenter, CallCenter: "support", Value: "support"},
		"callbackd,register,7001,message":  {Rule: callcenter.RuleCallCenterRequest, Kind: callcenter.KindCallCenter, CallCenter: "support", Value: "7001"},
		"callbackd,register,suport":        {Rule: callcenter.RuleUnknownRequest, Kind: callcenter.KindUnknown, Value: "suport"},
		"callbackd,register":               {Rule: callcenter.RuleUnknownRequest, Kind: callcenter.KindUnknown},
		"another-program,register,support": {},
		"callbackd,status,support":         {},
	} {
		s := newScript(t, plan)
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "s")
		s.runs(&caller, "Stasis", data)
		c, ok := s.tracker.CallOf(caller.ID)
		if !ok {
			t.Fatalf("%s: no call of the channel", data)
		}
		var got callcenter.Signal
		if len(c.Receipt) > 0 {
			got = c.Receipt[0]
			got.At, got.Event, got.Channel = time.Time{}, "", ""
		}
		if diff := cmp.Diff(want, got); diff != "" || len(c.Receipt) > 1 || c.CallbackAllowed() != (want.CallCenter != "") {
			t.Errorf("%s: %+v (-want +got):\n%s", data, c.Receipt, diff)
		}
	}
}

func TestPlan_CallCenterOf(t *testing.T) {
	t.Parallel()
	plan := tracePlan()
	for name, want := range map[string]string{"support": "support", "7001": "support", "7009": "", "": ""} {
		if got, ok := plan.CallCenterOf(name); got.ID != want || ok != (want != "") {
			t.Errorf("CallCenterOf(%q) = %q, %v, want %q", name, got.ID, ok, want)
		}
	}
}

func TestTracker_OutboundNumberIsWhatTheTrunkGot(t *testing.T) {
	t.Parallel()
	for dialString, want := range map[string]string{
		"trunk/sip:0312345678@192.0.2.1:5080":            "0312345678",
		"0312345678@trunk":                               "0312345678",
		"g0/0312345678":                                  "0312345678",
		"trunk/sip:+81312345678@192.0.2.1;transport=tcp": "+81312345678",
		"trunk": "",
	} {
		s := newScript(t, tracePlan())
		caller := s.arrives("0", "PJSIP/2001-1", "2001", "from-internal", "90312345678") // with a prefix
		s.runs(&caller, "Dial", "PJSIP/"+dialString)
		trunk := s.channel("1", "PJSIP/trunk-2", "Down")
		s.apply(ari.Event{Type: ari.ChannelCreated, Channel: trunk})
		s.apply(ari.Event{Type: ari.Dial, Caller: caller, Peer: trunk, DialString: dialString})
		if c := s.one(); c.RemoteNumber != want || c.Direction != callcenter.DirectionOutbound || c.LocalNumber != "2001" || c.Agent != "PJSIP/2001" {
			t.Errorf("%s: %s, want remote number %q", dialString, facts(c), want)
		}
	}
}

func TestTracker_OutcomesOfUnansweredCalls(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status   string
		hungUp   bool
		want     string
		whenHung string
	}{
		{"BUSY", false, "busy/busy", ""},
		{"BUSY", true, "busy/busy", ""}, // he hung up on the busy tone
		{"CONGESTION", false, "failed/congestion", ""},
		{"CHANUNAVAIL", false, "failed/unreachable", ""},
		{"NOANSWER", false, "missed/no-answer", ""},
		{"CANCEL", true, "abandoned/caller-hung-up", ""},
	} {
		s := newScript(t, tracePlan())
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "2001")
		s.runs(&caller, "Dial", "PJSIP/2001,20")
		phone := s.rings(&caller, "1", "PJSIP/2001-2")
		s.dials(&caller, &phone, tc.status)
		if tc.hungUp {
			s.hangsUp(&caller)
		}
		s.ends(&phone, &caller)
		if c := s.one(); fmt.Sprintf("%s/%s", c.Outcome.Result, c.Outcome.Reason) != tc.want {
			t.Errorf("%s, hung up %v: %+v, want %s", tc.status, tc.hungUp, c.Outcome, tc.want)
		}
	}
}

// TestTracker_AttendedTransferMergesCalls: an agent of the older call calls
// somebody else and connects the two. The older linkedid wins; the younger
// call's row stays, ends, and points to the older, which is from now on what
// the younger was.
func TestTracker_AttendedTransferMergesCalls(t *testing.T) {
	t.Parallel()
	for _, channelVars := range []bool{true, false} {
		s := newScript(t, tracePlan())
		if channelVars {
			s.linked = map[string]string{"0": "0", "1": "0", "2": "2", "3": "2"}
		}
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "2001")
		s.runs(&caller, "Dial", "PJSIP/2001")
		phone := s.rings(&caller, "1", "PJSIP/2001-2")
		s.dials(&caller, &phone, "ANSWER")
		s.bridges("a", phone, caller)
		second := s.arrives("2", "PJSIP/2001-3", "2001", "from-internal", "7001")
		s.runs(&second, "Queue", "support")
		agent := s.rings(&second, "3", "PJSIP/2002-4")
		s.dials(&second, &agent, "ANSWER")
		s.bridges("b", agent, second)
		if got := s.result(); len(got) != 2 || got[0].Kind != callcenter.KindTerminal || got[1].Kind != callcenter.KindCallCenter {
			t.Fatalf("channelvars %v: before the transfer: %+v", channelVars, got)
		}
		if channelVars {
			s.linked["3"] = "0"
			agent = s.channel("3", "PJSIP/2002-4", "Up")
		}
		s.bridges("a", caller, agent)
		s.ends(&phone, &second)
		younger := s.result()[1]
		older := s.result()[0]
		if younger.State != callcenter.StateEnded || younger.MergedInto != older.RequestID || !younger.CallbackAllowed() {
			t.Errorf("channelvars %v: the younger call is %s, merged into %q, callback allowed %v",
				channelVars, younger.State, younger.MergedInto, younger.CallbackAllowed())
		}
		if older.State != callcenter.StateActive || older.Kind != callcenter.KindCallCenter {
			t.Errorf("channelvars %v: the older call is %s, %s", channelVars, older.State, older.Kind)
		}
		s.hangsUp(&caller)
		s.ends(&caller, &agent)
		older = s.result()[0]
		expect(t, older, "inbound call_center cc=support of [support] remote=0312345678 local=7001 agent=PJSIP/2002 answered/caller-hung-up")
		if i := slices.IndexFunc(older.Receipt, func(s callcenter.Signal) bool { return s.MergedFrom == younger.RequestID }); i < 0 {
			t.Errorf("channelvars %v: the receipt does not say where the signal came from: %+v", channelVars, older.Receipt)
		}
	}
}

func TestTracker_OriginatedWithoutChannelVars(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	phone := s.channel("0", "PJSIP/2001-1", "Down")
	s.apply(ari.Event{Type: ari.ChannelCreated, Channel: phone})
	if got := s.result(); len(got) != 0 {
		t.Fatalf("a channel of nobody knows which call became %+v", got)
	}
	s.dials(nil, &phone, "")
	untied := s.tracker.Untied(time.Time{})
	if want := []ari.ChannelID{phone.ID}; !slices.Equal(untied, want) {
		t.Fatalf("untied = %v, want %v", untied, want)
	}
	s.tracker.Tie(phone.ID, string(phone.ID), s.at)
	s.dials(nil, &phone, "ANSWER")
	phone.Dialplan = ari.DialplanPosition{Context: "from-internal", Exten: "0312345678"}
	s.runs(&phone, "Dial", "PJSIP/0312345678@trunk")
	trunk := s.rings(&phone, "1", "PJSIP/trunk-2")
	s.dials(&phone, &trunk, "ANSWER")
	s.ends(&trunk, &phone)
	if c := s.one(); c.Direction != callcenter.DirectionOutbound || c.Kind != callcenter.KindTerminal || len(c.Legs) != 2 {
		t.Errorf("%s with %d legs", facts(c), len(c.Legs))
	}
}

func TestTracker_LabelBy(t *testing.T) {
	t.Parallel()
	plan := tracePlan()
	plan.CallCenters[0].Label = "of-the-desk"
	plan.Labels = []callcenter.Label{{ID: "of-the-desk"}, {ID: "of-the-number", DIDs: []string{"03-5555-0001"}}, {ID: "of-the-dialplan"}}
	for _, tc := range []struct{ did, variable, want string }{
		{"7001", "", "of-the-desk"},
		{"0355550001", "", "of-the-number"},
		{"0355550001", "of-the-dialplan", "of-the-dialplan"},
		{"0355550001", "nonsense", "of-the-number"},
	} {
		s := newScript(t, plan)
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", tc.did)
		if tc.variable != "" {
			s.apply(ari.Event{Type: ari.ChannelVarset, Channel: caller, Variable: "_CALLBACKD_LABEL", Value: tc.variable})
		}
		s.runs(&caller, "Queue", "support")
		if got := s.one().BusinessLabel; got != tc.want {
			t.Errorf("did %s, variable %q: label %q, want %q", tc.did, tc.variable, got, tc.want)
		}
	}
}

func TestTracker_Recordings(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7001")
	s.runs(&caller, "MixMonitor", "/rec/a.wav,b")
	s.apply(ari.Event{Type: ari.ChannelVarset, Channel: caller, Variable: "MIXMONITOR_FILENAME", Value: "/rec/a.wav"})
	s.apply(ari.Event{Type: ari.ChannelVarset, Channel: caller, Variable: "MIXMONITOR_FILENAME", Value: "/rec/b.wav"})
	s.apply(ari.Event{Type: ari.RecordingStarted, Recording: ari.Recording{Name: "live", Format: "wav", TargetURI: "channel:" + string(caller.ID)}})
	if got, want := s.one().Recordings, []string{"/rec/a.wav", "/rec/b.wav", "live.wav"}; !slices.Equal(got, want) {
		t.Errorf("recordings = %v, want %v", got, want)
	}
}

func TestNewTracker_RefusesContradictions(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*callcenter.Plan){
		`extension "7001" is taken`: func(p *callcenter.Plan) { p.RingGroups[0].Extension = "7001" },
		`queue "Support" is taken`:  func(p *callcenter.Plan) { p.RingGroups[0].Queues = []string{"Support"} },
	} {
		plan := tracePlan()
		change(plan)
		if _, err := callcenter.NewTracker("pbx1", plan); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("NewTracker: %v, want %q in it", err, what)
		}
	}
}

func TestNewRequestID(t *testing.T) {
	t.Parallel()
	a := callcenter.NewRequestID("pbx1", "pbx1-1795405579.0")
	if diff := cmp.Diff(callcenter.RequestID("rkgpblkg1oepvekldo412uimvsc"), a); diff != "" {
		t.Errorf("request IDs have changed, and with them every stored one (-want +got):\n%s", diff)
	}
	if b := callcenter.NewRequestID("pbx", "1pbx1-1795405579.0"); a == b || len(b) > 64 {
		t.Errorf("two calls have the ID %s", a)
	}
}
