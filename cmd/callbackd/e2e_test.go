package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// fields are what a test says of a call; the others are not compared.
type fields map[string]any

const (
	registered = http.StatusCreated
	refused    = http.StatusUnprocessableEntity
)

// scenario is a story that phones play, and the calls that must come of it.
type scenario struct {
	name string
	play func(t *testing.T, w *world)
	// want are the calls in order of start, and registration what a callback
	// for each is answered with.
	want         []fields
	registration []int
}

const customer = "0312345678"

var scenarios = []scenario{
	{
		name: "answered", play: playAnswered, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "inbound", "call_center": "support", "remote_number": customer,
			"local_number": "7001", "agent": "PJSIP/2001", "outcome": "answered", "business_label": "repairs",
		}},
	},
	{
		name: "abandoned", play: playAbandoned, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "inbound", "call_center": "support", "remote_number": customer,
			"agent": nil, "outcome": "abandoned", "reason": "caller-left-queue", "answered_at": nil,
		}},
	},
	{
		name: "timed out to a ring group", play: playTimedOutToRingGroup, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "support", "agent": "PJSIP/2002", "outcome": "answered", "local_number": "7001",
		}},
	},
	{
		name: "IVR then queue", play: playIVRThenQueue, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "inbound", "call_center": "support", "local_number": "7001",
			"agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "member through a Local channel", play: playLocalMember("2003"), registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "sales", "agent": "PJSIP/2003", "agents": []any{"PJSIP/2003"},
			"outcome": "answered", "local_number": "7002",
		}},
	},
	{
		name: "member through a Local channel that is optimised away", play: playLocalMember("2004"), registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "sales", "agent": "PJSIP/2004", "agents": []any{"PJSIP/2004"}, "outcome": "answered",
		}},
	},
	{
		name: "in the name of a call center", play: playInTheNameOf, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "outbound", "call_center": "support", "remote_number": customer,
			"local_number": "7001", "agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "plain to the outside", play: playToTheOutside, registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "outbound", "call_center": nil, "remote_number": customer,
			"local_number": "2001", "agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "to the outside, busy", play: playOutsideBusy, registration: []int{refused},
		want: []fields{{"kind": "terminal", "direction": "outbound", "outcome": "busy", "remote_number": customer}},
	},
	{
		name: "transferred from the queue to a phone by REFER", play: playQueueToPhone, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "support", "agent": "PJSIP/2001",
			"agents": []any{"PJSIP/2001", "PJSIP/2002"}, "outcome": "answered",
		}},
	},
	{
		name: "transferred from the queue to a phone by feature code", play: playQueueToPhoneByCode, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "support", "agent": "PJSIP/2001",
			"agents": []any{"PJSIP/2001", "PJSIP/2002"}, "outcome": "answered",
		}},
	},
	{
		name: "transferred from a phone to the queue", play: playPhoneToQueue, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "inbound", "call_center": "support", "local_number": "7001",
			"agent": "PJSIP/2001", "agents": []any{"PJSIP/2002", "PJSIP/2001"}, "outcome": "answered",
		}},
	},
	{
		name: "attended transfer from a phone to the queue", play: playAttendedToQueue, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "inbound", "call_center": "support", "local_number": "7001",
			"agent": "PJSIP/2001", "agents": []any{"PJSIP/2003", "PJSIP/2001"}, "outcome": "answered",
		}},
	},
	{
		name: "ring group by queue", play: playRingGroup("6002"), registration: []int{refused},
		want: []fields{{
			"kind": "ring_group", "direction": "inbound", "call_center": nil, "local_number": "6002",
			"agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "ring group by Dial", play: playRingGroup("6001"), registration: []int{refused},
		want: []fields{{
			"kind": "ring_group", "direction": "inbound", "call_center": nil, "local_number": "6001",
			"agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "plain phone", play: playPhone, registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "inbound", "remote_number": customer, "local_number": "2001",
			"agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "internal", play: playInternal, registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "internal", "remote_number": "2001", "local_number": "2002",
			"agent": "PJSIP/2002", "outcome": "answered",
		}},
	},
	{
		name: "IVR only", play: playIVROnly, registration: []int{refused},
		want: []fields{{
			"kind": "ivr", "direction": "inbound", "local_number": "7480", "agent": nil, "outcome": "abandoned",
			"reason": "caller-left-ivr",
		}},
	},
	{
		name: "withheld number", play: playWithheld, registration: []int{registered},
		want: []fields{{"kind": "call_center", "remote_number": nil, "call_center": "support", "outcome": "answered"}},
	},
	{
		name: "nobody answers the queue", play: playNobodyAnswers, registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "sales", "outcome": "missed", "reason": "queue-timeout", "agent": nil}},
	},
}

// TestCalls_OnRealAsterisk plays every scenario on a real PBX, with phones:
// the stored call is right, and a callback for it is registered or refused as
// it must be. One PBX tells in each event which call a channel belongs to,
// the other does not.
func TestCalls_OnRealAsterisk(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name    string
		without bool
	}{{"with channelvars", false}, {"without channelvars", true}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, lab.AsteriskOptions{WithoutChannelVars: mode.without, Globals: map[string]string{"QUEUE_TIMEOUT": "30"}})
			for _, s := range scenarios {
				t.Run(s.name, func(t *testing.T) { w.check(t, s) })
			}
		})
	}
}

func (w *world) check(t *testing.T, s scenario) {
	t.Cleanup(func() { // one that failed must not spoil the next
		for _, c := range w.calls(t) {
			w.seen[c["request_id"].(string)] = true
		}
	})
	s.play(t, w)
	calls := w.ended(t, len(s.want))
	for i, want := range s.want {
		got := fields{}
		for key := range want {
			got[key] = calls[i][key]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			_, detail := w.call(t, http.MethodGet, "/calls/"+calls[i]["request_id"].(string), nil)
			t.Errorf("call %d (-want +got):\n%s\n%v", i, diff, detail)
		}
		w.register(t, calls[i]["request_id"].(string), s.registration[i])
	}
	labtest.Eventually(t, patience, func() error {
		channels, err := w.pbx.Channels(t.Context())
		if err == nil && channels != 0 {
			err = fmt.Errorf("%d channels are left in the PBX", channels)
		}
		return err
	})
}

// register registers a callback for a call, which must be answered with the
// status; a second time is a conflict that names the first.
func (w *world) register(t *testing.T, requestID string, want int) {
	t.Helper()
	status, first := w.call(t, http.MethodPost, "/calls/"+requestID+"/callback", nil)
	if status != want {
		t.Errorf("registering a callback: %d, want %d: %v", status, want, first)
		return
	}
	if want == refused {
		if first["code"] != "not_call_center_call" || first["kind"] == "call_center" || first["detail"] == "" {
			t.Errorf("refusal %v: code, kind or sentence is wrong", first)
		}
		return
	}
	status, second := w.call(t, http.MethodPost, "/calls/"+requestID+"/callback", nil)
	if status != http.StatusConflict || second["callback_id"] != first["id"] {
		t.Errorf("registering again: %d %v, want 409 with id %v", status, second, first["id"])
	}
}

func playAnswered(t *testing.T, w *world) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	call := siptest.Dial(t, outside, "0355550001", sip.CallOptions{CallerNumber: customer, CallerName: "田中"})
	other := siptest.Arrives(t, agent)
	siptest.Talks(t, other)
	w.activeIsStored(t)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

// activeIsStored waits until a call is stored that is active and answered: a
// row is right while the call runs, not only after it.
func (w *world) activeIsStored(t *testing.T) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		for _, c := range w.calls(t) {
			if c["state"] == "active" && c["answered_at"] != nil && c["kind"] == "call_center" && c["agent"] == "PJSIP/2001" {
				return nil
			}
		}
		return fmt.Errorf("no call is stored as active and answered: %v", w.calls(t))
	})
}

func playAbandoned(t *testing.T, w *world) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Ignore: true})
	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	other := siptest.Arrives(t, agent)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func playTimedOutToRingGroup(t *testing.T, w *world) {
	w.queueTimeout(t, "2")
	outside := w.outside(t, sip.Behaviour{})
	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	siptest.Talks(t, call)
	agent := w.agent(t, "2002", sip.Behaviour{Ignore: true})
	siptest.Over(t, siptest.Arrives(t, agent)) // the queue gives up
	other := siptest.Arrives(t, agent)
	if err := other.Answer(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	siptest.Hears(t, other, 500)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

// queueTimeout sets for how long callers wait, for this test.
func (w *world) queueTimeout(t *testing.T, seconds string) {
	t.Helper()
	if err := w.pbx.SetGlobal(t.Context(), "QUEUE_TIMEOUT", seconds); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.pbx.SetGlobal(siptest.Within(t), "QUEUE_TIMEOUT", "30"); err != nil {
			t.Log(err) // the test's context has ended
		}
	})
}

func playIVRThenQueue(t *testing.T, w *world) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	call := siptest.Dial(t, outside, "7480", sip.CallOptions{CallerNumber: customer})
	siptest.Talks(t, call)
	siptest.Press(t, call, "1")
	other := siptest.Arrives(t, agent)
	siptest.Talks(t, other)
	siptest.Hears(t, other, 500)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func playLocalMember(extension string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, extension, sip.Behaviour{})
		call := siptest.Dial(t, outside, "7002", sip.CallOptions{CallerNumber: customer})
		other := siptest.Arrives(t, agent)
		siptest.Talks(t, other)
		// Sound goes through only once the Local channels have settled.
		siptest.Hears(t, other, 500)
		siptest.Leave(t, call)
		siptest.Over(t, other)
	}
}

func playInTheNameOf(t *testing.T, w *world) {
	outside, agent := w.outside(t, sip.Behaviour{RingFor: 100 * time.Millisecond}), w.agent(t, "2001", sip.Behaviour{})
	call := siptest.Dial(t, agent, "*7001"+customer, sip.CallOptions{})
	siptest.Talks(t, call)
	other := siptest.Arrives(t, outside)
	siptest.Hears(t, call, 500)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func playToTheOutside(t *testing.T, w *world) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	call := siptest.Dial(t, agent, customer, sip.CallOptions{})
	siptest.Talks(t, call)
	other := siptest.Arrives(t, outside)
	siptest.Hears(t, call, 500)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func playOutsideBusy(t *testing.T, w *world) {
	w.outside(t, sip.Behaviour{Refuse: 486})
	agent := w.agent(t, "2001", sip.Behaviour{})
	call := siptest.Dial(t, agent, customer, sip.CallOptions{})
	if err := call.Answered(siptest.Within(t)); !sip.IsBusy(err) {
		t.Fatalf("the call was not busy: %v", err)
	}
}

// connected brings the customer to agent 2001 by way of 7001.
func (w *world) connected(t *testing.T, number string) (call, agents *sip.Call) {
	t.Helper()
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	call = siptest.Dial(t, outside, number, sip.CallOptions{CallerNumber: customer})
	agents = siptest.Arrives(t, agent)
	siptest.Talks(t, agents)
	siptest.Hears(t, agents, 500)
	return call, agents
}

func playQueueToPhone(t *testing.T, w *world) {
	call, agents := w.connected(t, "7001")
	colleague := w.agent(t, "2002", sip.Behaviour{})
	if err := agents.Transfer(siptest.Within(t), "2002"); err != nil {
		t.Fatal(err)
	}
	siptest.Over(t, agents)
	other := siptest.Arrives(t, colleague)
	siptest.Talks(t, other)
	siptest.Hears(t, other, 500)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func playQueueToPhoneByCode(t *testing.T, w *world) {
	call, agents := w.connected(t, "7001")
	colleague := w.agent(t, "2002", sip.Behaviour{})
	siptest.Press(t, agents, "##2002")
	other := siptest.Arrives(t, colleague)
	siptest.Talks(t, other)
	siptest.Over(t, agents)
	siptest.Hears(t, other, 500)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func playPhoneToQueue(t *testing.T, w *world) {
	outside, clerk := w.outside(t, sip.Behaviour{}), w.agent(t, "2002", sip.Behaviour{})
	call := siptest.Dial(t, outside, "2002", sip.CallOptions{CallerNumber: customer})
	clerks := siptest.Arrives(t, clerk)
	siptest.Talks(t, clerks)
	siptest.Hears(t, clerks, 500)                                                               // a transfer before they are bridged is refused
	if err := clerk.SetBehaviour(sip.Behaviour{Refuse: http.StatusNotAcceptable}); err != nil { // the queue rings it too
		t.Fatal(err)
	}
	agent := w.agent(t, "2001", sip.Behaviour{})
	if err := clerks.Transfer(siptest.Within(t), "7001"); err != nil {
		t.Fatal(err)
	}
	other := siptest.Arrives(t, agent)
	siptest.Talks(t, other)
	siptest.Hears(t, other, 500)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func playAttendedToQueue(t *testing.T, w *world) {
	outside, clerk := w.outside(t, sip.Behaviour{}), w.agent(t, "2003", sip.Behaviour{})
	call := siptest.Dial(t, outside, "2003", sip.CallOptions{CallerNumber: customer})
	clerks := siptest.Arrives(t, clerk)
	siptest.Talks(t, clerks)
	agent := w.agent(t, "2001", sip.Behaviour{})
	siptest.Press(t, clerks, "*27001") // asks the agent first
	other := siptest.Arrives(t, agent)
	siptest.Talks(t, other)
	siptest.Hears(t, other, 700)
	siptest.Leave(t, clerks) // and leaves the caller with the agent
	siptest.Hears(t, other, 500)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func playRingGroup(number string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		outside := w.outside(t, sip.Behaviour{})
		agent, colleague := w.agent(t, "2001", sip.Behaviour{RingFor: 300 * time.Millisecond}), w.agent(t, "2002", sip.Behaviour{Ignore: true})
		call := siptest.Dial(t, outside, number, sip.CallOptions{CallerNumber: customer})
		siptest.Over(t, siptest.Arrives(t, colleague))
		other := siptest.Arrives(t, agent)
		siptest.Talks(t, other)
		siptest.Hears(t, other, 500)
		siptest.Leave(t, call)
		siptest.Over(t, other)
	}
}

func playPhone(t *testing.T, w *world) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	call := siptest.Dial(t, outside, "2001", sip.CallOptions{CallerNumber: customer})
	other := siptest.Arrives(t, agent)
	siptest.Talks(t, call)
	siptest.Hears(t, other, 500)
	siptest.Leave(t, other)
	siptest.Over(t, call)
}

func playInternal(t *testing.T, w *world) {
	caller, callee := w.agent(t, "2001", sip.Behaviour{}), w.agent(t, "2002", sip.Behaviour{})
	call := siptest.Dial(t, caller, "2002", sip.CallOptions{})
	other := siptest.Arrives(t, callee)
	siptest.Talks(t, call)
	siptest.Hears(t, other, 700)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func playIVROnly(t *testing.T, w *world) {
	call := siptest.Dial(t, w.outside(t, sip.Behaviour{}), "7480", sip.CallOptions{CallerNumber: customer})
	siptest.Talks(t, call)
	labtest.Eventually(t, patience, func() error {
		if call.Heard().Audio < 200*time.Millisecond {
			return fmt.Errorf("the caller does not hear the IVR")
		}
		return nil
	})
	siptest.Leave(t, call)
}

func playWithheld(t *testing.T, w *world) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer, Withheld: true})
	other := siptest.Arrives(t, agent)
	siptest.Talks(t, other)
	siptest.Hears(t, other, 500)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func playNobodyAnswers(t *testing.T, w *world) {
	w.queueTimeout(t, "1")
	call := siptest.Dial(t, w.outside(t, sip.Behaviour{}), "7002", sip.CallOptions{CallerNumber: customer})
	siptest.Talks(t, call)
	prompted(t, call, "welcome")
	siptest.Press(t, call, "*") // no callback
	siptest.Over(t, call)       // an announcement, and the PBX hangs up
}
