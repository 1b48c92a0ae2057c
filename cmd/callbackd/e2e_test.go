package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callbackd/lab"
	"callbackd/lab/labtest"
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
