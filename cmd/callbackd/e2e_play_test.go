package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

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
