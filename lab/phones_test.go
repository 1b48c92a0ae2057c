package lab_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// TestPhones plays the phones of package sip against a real PBX. The tests
// share it and go one by one, since each needs the same extensions.
func TestPhones(t *testing.T) {
	t.Parallel()
	pbx := labtest.Asterisk(t, lab.AsteriskOptions{})
	tests := []struct {
		name string
		run  func(*testing.T, *lab.Asterisk)
	}{
		{"register", testRegister},
		{"internal call", testInternalCall},
		{"from the trunk to an agent", testTrunkToAgent},
		{"busy", testBusy},
		{"caller gives up", testCallerGivesUp},
		{"key in an IVR", testKeyInIVR},
		{"blind transfer by REFER", testReferTransfer},
		{"transfer to nobody", testTransferToNobody},
		{"blind transfer by feature code", testFeatureCodeTransfer},
		{"withheld number", testWithheldNumber},
		{"to the outside", testToTheOutside},
		{"twenty calls at once", testTwentyCalls},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, pbx)
			labtest.Eventually(t, siptest.Patience, func() error {
				channels, err := pbx.Channels(t.Context())
				if err == nil && channels != 0 {
					err = fmt.Errorf("%d channels are left in the PBX", channels)
				}
				return err
			})
		})
	}
}

func testRegister(t *testing.T, pbx *lab.Asterisk) {
	phone := labtest.Agent(t, pbx, "2001", sip.PhoneOptions{})
	contact := phone.Addr().String()
	contacts := func(want bool) func() error {
		return func() error {
			shown, err := pbx.CLI(t.Context(), "pjsip show contacts")
			if err == nil && strings.Contains(shown, contact) != want {
				err = fmt.Errorf("contact %s in the PBX is not %t:\n%s", contact, want, shown)
			}
			return err
		}
	}
	labtest.Eventually(t, siptest.Patience, contacts(true))
	if err := phone.Register(siptest.Within(t)); err != nil {
		t.Errorf("register again: %v", err)
	}
	if err := phone.Unregister(siptest.Within(t)); err != nil {
		t.Errorf("unregister: %v", err)
	}
	labtest.Eventually(t, siptest.Patience, contacts(false))

	stranger := siptest.Open(t, sip.PhoneOptions{Username: "2001", Password: "wrong", Server: pbx.SIP})
	if refused, ok := errors.AsType[*sip.RefusedError](stranger.Register(siptest.Within(t))); !ok || refused.Status != 401 {
		t.Errorf("register with a wrong password: refused = %v, want 401", refused)
	}
}

func testInternalCall(t *testing.T, pbx *lab.Asterisk) {
	caller := labtest.Agent(t, pbx, "2001", sip.PhoneOptions{Sound: sip.Tone(440)})
	callee := labtest.Agent(t, pbx, "2002", sip.PhoneOptions{Sound: sip.Tone(1000)})
	call := siptest.Dial(t, caller, "2002", sip.CallOptions{})
	other := siptest.Arrives(t, callee)
	siptest.Talks(t, call)
	if got := other.CallerNumber(); got != "2001" {
		t.Errorf("caller number at the callee = %q, want 2001", got)
	}
	siptest.Hears(t, other, 440)
	siptest.Hears(t, call, 1000)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func testTrunkToAgent(t *testing.T, pbx *lab.Asterisk) {
	customer := labtest.Outside(t, pbx, sip.PhoneOptions{Sound: sip.Tone(500)})
	agent := labtest.Agent(t, pbx, "2001", sip.PhoneOptions{Sound: sip.Tone(700), Behaviour: sip.Behaviour{RingFor: 200 * time.Millisecond}})
	call := siptest.Dial(t, customer, "7001", sip.CallOptions{CallerNumber: "0312345678", CallerName: "田中"})
	siptest.Talks(t, call) // the queue answers
	other := siptest.Arrives(t, agent)
	siptest.Talks(t, other)
	if number, name := other.CallerNumber(), other.CallerName(); number != "0312345678" || name != "田中" {
		t.Errorf("caller at the agent = %q %q, want the customer's", number, name)
	}
	siptest.Hears(t, other, 500)
	siptest.Hears(t, call, 700)
	siptest.Leave(t, other)
	siptest.Over(t, call)
}

func testBusy(t *testing.T, pbx *lab.Asterisk) {
	caller := labtest.Agent(t, pbx, "2001", sip.PhoneOptions{})
	callee := labtest.Agent(t, pbx, "2002", sip.PhoneOptions{Behaviour: sip.Behaviour{Refuse: 486}})
	call := siptest.Dial(t, caller, "2002", sip.CallOptions{})
	if err := call.Answered(siptest.Within(t)); !sip.IsBusy(err) {
		t.Errorf("Answered = %v, want busy", err)
	}
	siptest.Over(t, siptest.Arrives(t, callee))
}

func testCallerGivesUp(t *testing.T, pbx *lab.Asterisk) {
	caller := labtest.Agent(t, pbx, "2001", sip.PhoneOptions{})
	callee := labtest.Agent(t, pbx, "2002", sip.PhoneOptions{Behaviour: sip.Behaviour{Ignore: true}})
	call := siptest.Dial(t, caller, "2002", sip.CallOptions{})
	if err := call.Ringing(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	other := siptest.Arrives(t, callee)
	if err := call.Cancel(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	siptest.Over(t, other)
	if err := other.Err(); !errors.Is(err, sip.ErrCancelled) {
		t.Errorf("call of the callee ended with %v, want %v", err, sip.ErrCancelled)
	}
}

func testKeyInIVR(t *testing.T, pbx *lab.Asterisk) {
	customer := labtest.Outside(t, pbx, sip.PhoneOptions{Sound: sip.Tone(500)})
	agent := labtest.Agent(t, pbx, "2001", sip.PhoneOptions{})
	call := siptest.Dial(t, customer, "7480", sip.CallOptions{})
	siptest.Talks(t, call)
	siptest.Press(t, call, "1")
	other := siptest.Arrives(t, agent)
	siptest.Talks(t, other)
	siptest.Hears(t, other, 500)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func testReferTransfer(t *testing.T, pbx *lab.Asterisk) {
	call, agents, colleague := connected(t, pbx)
	if err := agents.Transfer(siptest.Within(t), "2002"); err != nil {
		t.Fatal(err)
	}
	siptest.Over(t, agents)
	other := siptest.Arrives(t, colleague)
	siptest.Talks(t, other)
	siptest.Hears(t, other, 500)
	siptest.Hears(t, call, 900)
	siptest.Leave(t, other)
	siptest.Over(t, call)
}

func testTransferToNobody(t *testing.T, pbx *lab.Asterisk) {
	call, agents, _ := connected(t, pbx)
	if refused, ok := errors.AsType[*sip.RefusedError](agents.Transfer(siptest.Within(t), "9999")); !ok {
		t.Errorf("Transfer to an extension that does not exist: refused = %v, want a status", refused)
	}
	siptest.Hears(t, agents, 500) // they still talk
	siptest.Leave(t, agents)
	siptest.Over(t, call)
}

func testFeatureCodeTransfer(t *testing.T, pbx *lab.Asterisk) {
	call, agents, colleague := connected(t, pbx)
	siptest.Press(t, agents, "##2002")
	other := siptest.Arrives(t, colleague)
	siptest.Talks(t, other)
	siptest.Over(t, agents)
	siptest.Hears(t, other, 500)
	siptest.Hears(t, call, 900)
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func testWithheldNumber(t *testing.T, pbx *lab.Asterisk) {
	customer := labtest.Outside(t, pbx, sip.PhoneOptions{})
	agent := labtest.Agent(t, pbx, "2001", sip.PhoneOptions{})
	call := siptest.Dial(t, customer, "7001", sip.CallOptions{CallerNumber: "0312345678", Withheld: true})
	other := siptest.Arrives(t, agent)
	siptest.Talks(t, other)
	if !other.Withheld() || strings.Contains(other.CallerNumber()+other.CallerName(), "0312345678") {
		t.Errorf("caller at the agent = %q %q, want nobody", other.CallerNumber(), other.CallerName())
	}
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

func testToTheOutside(t *testing.T, pbx *lab.Asterisk) {
	outside := labtest.Outside(t, pbx, sip.PhoneOptions{Sound: sip.Tone(500)})
	agent := labtest.Agent(t, pbx, "2001", sip.PhoneOptions{Sound: sip.Tone(700)})
	for dialled, inTheNameOf := range map[string]string{"0312345678": "", "*70010312345678": "7001"} {
		call := siptest.Dial(t, agent, dialled, sip.CallOptions{})
		other := siptest.Arrives(t, outside)
		siptest.Talks(t, call)
		if got := other.Number(); got != "0312345678" {
			t.Errorf("%s (in the name of %q): number at the trunk = %q, want 0312345678", dialled, inTheNameOf, got)
		}
		siptest.Hears(t, other, 700)
		siptest.Hears(t, call, 500)
		siptest.Leave(t, other)
		siptest.Over(t, call)
	}
}

// testTwentyCalls has twenty customers wait in a queue, where each must hear
// the music.
func testTwentyCalls(t *testing.T, pbx *lab.Asterisk) {
	customer := labtest.Outside(t, pbx, sip.PhoneOptions{Sound: sip.Tone(500)})
	calls := make([]*sip.Call, 20)
	for i := range calls {
		calls[i] = siptest.Dial(t, customer, "7001", sip.CallOptions{CallerNumber: fmt.Sprintf("03123456%02d", i)})
	}
	for _, call := range calls {
		siptest.Talks(t, call)
	}
	for _, call := range calls {
		labtest.Eventually(t, siptest.Patience, func() error {
			if heard := call.Heard(); heard.Audio < time.Second {
				return fmt.Errorf("heard %v of music, want a second", heard.Audio)
			}
			return nil
		})
	}
	for _, call := range calls {
		siptest.Leave(t, call)
	}
}

// connected brings a customer at 500 Hz to agent 2001 by way of call center 7001.
// The colleague, 2002 at 900 Hz, comes only then: the queue would ring both.
func connected(t *testing.T, pbx *lab.Asterisk) (call, agents *sip.Call, colleague *sip.Phone) {
	t.Helper()
	customer := labtest.Outside(t, pbx, sip.PhoneOptions{Sound: sip.Tone(500)})
	agent := labtest.Agent(t, pbx, "2001", sip.PhoneOptions{})
	call = siptest.Dial(t, customer, "7001", sip.CallOptions{CallerNumber: "0312345678"})
	agents = siptest.Arrives(t, agent)
	siptest.Talks(t, agents)
	siptest.Hears(t, agents, 500)
	colleague = labtest.Agent(t, pbx, "2002", sip.PhoneOptions{Sound: sip.Tone(900)})
	return call, agents, colleague
}
