package main

import (
	"testing"

	"callbackd/lab"
	"callbackd/sip"
)

// stories are calls as they happen where people and dialplans do what nobody
// thought of.
var stories = []story{
	{
		name: "queue run by ExecIf, abandoned", play: playAbandonedAt("8001"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "outcome": "abandoned", "reason": "caller-left-queue", "local_number": "7001"}},
	},
	{
		name: "queue with its name in quotes", play: playConnected("8002"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "outcome": "answered", "agent": "PJSIP/2001"}},
	},
	{
		name: "queue run by Exec, answered", play: playConnected("8003"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "outcome": "answered", "agent": "PJSIP/2001"}},
	},
	{
		name: "picked up in a queue", play: playPickup("7001"), registration: []int{registered, refused},
		want: []fields{
			{"kind": "call_center", "call_center": "support", "direction": "inbound", "outcome": "answered", "agent": "PJSIP/2003", "remote_number": customer},
			{"kind": "unknown", "direction": "internal", "reason": "merged"},
		},
	},
	{
		name: "picked up at a phone", play: playPickup("2001"), registration: []int{refused, refused},
		want: []fields{
			{"kind": "terminal", "direction": "inbound", "outcome": "answered", "agent": "PJSIP/2003", "remote_number": customer, "local_number": "2001"},
			{"kind": "unknown", "direction": "internal", "reason": "merged"},
		},
	},
	{
		name: "parked and fetched", play: playParked, registration: []int{registered, refused},
		want: []fields{
			{"kind": "call_center", "outcome": "answered", "agent": "PJSIP/2001", "agents": []any{"PJSIP/2001", "PJSIP/2002"}, "remote_number": customer},
			{"kind": "unknown", "direction": "internal", "reason": "merged", "agents": []any{"PJSIP/2002"}},
		},
	},
	{
		name: "transferred from queue to queue", play: playQueueToQueue, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "sales", "call_centers": []any{"support", "sales"}, "local_number": "7002",
			"agent": "PJSIP/2003", "agents": []any{"PJSIP/2001", "PJSIP/2003"}, "outcome": "answered", "remote_number": customer,
		}},
	},
	{
		name: "the customer may not transfer", play: playCustomerTransfers, registration: []int{registered},
		want: []fields{{"kind": "call_center", "agents": []any{"PJSIP/2001"}, "outcome": "answered"}},
	},
	{
		name: "outgoing call transferred to a queue", play: playOutgoingToQueue, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "outbound", "call_center": "support", "remote_number": customer, "local_number": "7001",
			"agent": "PJSIP/2001", "agents": []any{"PJSIP/2003", "PJSIP/2001"}, "outcome": "answered",
		}},
	},
	{
		name: "transferred to a phone that still rings", play: playBlondeToPhone, registration: []int{registered},
		want: []fields{{"kind": "call_center", "agent": "PJSIP/2001", "agents": []any{"PJSIP/2001", "PJSIP/2003"}, "outcome": "answered", "reason": "caller-hung-up"}},
	},
	{
		name: "transferred to a queue that still rings", play: playBlondeToQueue, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "support", "agent": "PJSIP/2001", "agents": []any{"PJSIP/2003", "PJSIP/2001"}, "outcome": "answered",
		}},
	},
	{
		name: "transferred to a busy phone, and back", play: playBusyAndBack, registration: []int{registered},
		want: []fields{{"kind": "call_center", "agents": []any{"PJSIP/2001"}, "outcome": "answered"}},
	},
	{
		name: "two agents answer at once", play: playTwoAnswer, registration: []int{registered},
		want: []fields{{"kind": "call_center", "outcome": "answered", "reason": "caller-hung-up"}},
	},
	{
		name: "refused by the agent, and tried again", play: playRefusedAndRetried, registration: []int{registered},
		want: []fields{{"kind": "call_center", "agent": "PJSIP/2001", "outcome": "answered", "reason": "caller-hung-up"}},
	},
	{
		name: "refused by the agent, and given up", play: playRefusedAndLeft, registration: []int{registered},
		want: []fields{{"kind": "call_center", "agent": nil, "outcome": "abandoned", "reason": "caller-left-queue"}},
	},
	{
		name: "left as the agent answers", play: playLeftAsAnswered, registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "state": "ended"}}, // either may be first
	},
	{
		name: "ring group first, then the queue", play: playRingGroupThenQueue, registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "local_number": "7001", "outcome": "abandoned", "reason": "caller-left-queue"}},
	},
	{
		name: "click to call", play: playClickToCall, registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "outbound", "remote_number": customer, "local_number": "2001", "agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "click to call, busy", play: playClickToCallBusy, registration: []int{refused},
		want: []fields{{"kind": "terminal", "direction": "outbound", "remote_number": customer, "answered_at": nil, "outcome": "busy"}},
	},
	{
		name: "a dialler's call that nobody takes", play: playDialler, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "outbound", "remote_number": customer, "answered_at": nil,
			"outcome": "abandoned", "reason": "caller-left-queue",
		}},
	},
	{
		name: "a queue called by nobody", play: playLocalOriginated, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "internal", "remote_number": nil, "local_number": "7001", "agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "two calls of the same parties at once", play: playTwoAtOnce, registration: []int{refused, refused},
		want: []fields{
			{"kind": "terminal", "remote_number": customer, "agent": "PJSIP/2001", "outcome": "answered", "reason": "answerer-hung-up"},
			{"kind": "terminal", "remote_number": customer, "agent": "PJSIP/2001", "outcome": "answered", "reason": "caller-hung-up"},
		},
	},
	{
		name: "forwarded from the trunk to the trunk", play: playTrunkToTrunk, registration: []int{refused},
		want: []fields{{"kind": "terminal", "direction": "inbound", "remote_number": customer, "agent": nil, "outcome": "answered"}},
	},
	{
		name: "caller's number set, queue's name in capitals", play: playConnected("8007"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "remote_number": "0699999999", "outcome": "answered"}},
	},
	{
		name: "queue that nobody knows", play: playHungUpBy("8008"), registration: []int{refused},
		want: []fields{{"kind": "unknown", "outcome": "missed", "agent": nil}},
	},
	{
		name: "RetryDial", play: playConnected("8009"), registration: []int{refused},
		want: []fields{{"kind": "terminal", "agent": "PJSIP/2001", "outcome": "answered"}},
	},
	{
		name: "caller bridged into a call of two phones", play: playBridgedIn, registration: []int{refused, refused},
		want: []fields{
			{"kind": "terminal", "direction": "inbound", "remote_number": customer, "agent": "PJSIP/2003", "outcome": "answered", "reason": "caller-hung-up"},
			{"kind": "unknown", "direction": "inbound", "remote_number": customer, "reason": "merged"},
		},
	},
	{
		name: "caller redirected to the queue", play: playRedirected("PJSIP/trunk"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "agents": []any{"PJSIP/2003", "PJSIP/2001"}, "outcome": "answered"}},
	},
	{
		name: "agent redirected to the queue", play: playRedirected("PJSIP/2003"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "agents": []any{"PJSIP/2003", "PJSIP/2001"}, "outcome": "answered"}},
	},
	{
		name: "queue's caller connected to a colleague on a second line", play: playSecondLine("7001", "2001", "2003"), registration: []int{registered, refused},
		want: []fields{
			{
				"kind": "call_center", "call_center": "support", "direction": "inbound", "remote_number": customer,
				"agent": "PJSIP/2001", "agents": []any{"PJSIP/2001", "PJSIP/2003"}, "outcome": "answered", "reason": "caller-hung-up",
			},
			{"kind": "terminal", "direction": "internal", "outcome": "answered", "reason": "merged"},
		},
	},
	{
		name: "phone's caller connected to the queue on a second line", play: playSecondLine("2003", "2003", "7001"), registration: []int{registered, registered},
		want: []fields{
			{
				"kind": "call_center", "call_center": "support", "direction": "inbound", "remote_number": customer, "local_number": "7001",
				"agent": "PJSIP/2001", "agents": []any{"PJSIP/2003", "PJSIP/2001"}, "outcome": "answered", "reason": "caller-hung-up",
			},
			{"kind": "call_center", "call_center": "support", "direction": "internal", "outcome": "answered", "reason": "merged"},
		},
	},
	{
		name: "joined by a program through ARI", play: playJoinedByARI, registration: []int{registered, registered},
		want: []fields{
			{"kind": "call_center", "direction": "inbound", "remote_number": customer, "agent": "PJSIP/2001", "outcome": "answered"},
			{"kind": "call_center", "direction": "inbound", "remote_number": customer, "reason": "merged"},
		},
	},
}

// TestStories_OnRealAsterisk plays what is rarer than the scenarios of
// TestCalls_OnRealAsterisk.
func TestStories_OnRealAsterisk(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name    string
		without bool
	}{{"with channelvars", false}, {"without channelvars", true}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, lab.AsteriskOptions{WithoutChannelVars: mode.without, Globals: map[string]string{"QUEUE_TIMEOUT": "30"}})
			w.prepareStories(t)
			on := &stage{world: w, trunk: w.outside(t, sip.Behaviour{})}
			for _, s := range stories {
				play := func(t *testing.T, _ *world) { s.play(t, on) }
				t.Run(s.name, func(t *testing.T) {
					w.check(t, scenario{name: s.name, play: play, want: s.want, registration: s.registration})
				})
			}
			t.Run("thirty calls at once", func(t *testing.T) { on.storm(t) })
		})
	}
}
