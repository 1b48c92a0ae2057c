package lab_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
)

// phonePatience is what a busy machine needs at most for one step of a call.
const phonePatience = 15 * time.Second

// TestPhones plays the phones of package sip against a real PBX. The tests
// share it and go one by one, since each needs the same extensions.
func TestPhones(t *testing.T) {
	t.Parallel()
	pbx := labtest.Asterisk(t, lab.AsteriskOptions{})
	tests := []struct {
		name string
		run  func(*testing.T, office)
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
			test.run(t, office{pbx})
			labtest.Eventually(t, phonePatience, func() error {
				channels, err := pbx.Channels(t.Context())
				if err == nil && channels != 0 {
					err = fmt.Errorf("%d channels are left in the PBX", channels)
				}
				return err
			})
		})
	}
}

func testRegister(t *testing.T, o office) {
	phone := o.agent(t, "2001", sip.PhoneOptions{})
	contact := phone.Addr().String()
	contacts := func(want bool) func() error {
		return func() error {
			shown, err := o.pbx.CLI(t.Context(), "pjsip show contacts")
			if err == nil && strings.Contains(shown, contact) != want {
				err = fmt.Errorf("contact %s in the PBX is not %t:\n%s", contact, want, shown)
			}
			return err
		}
	}
	labtest.Eventually(t, phonePatience, contacts(true))
	if err := phone.Register(within(t)); err != nil {
		t.Errorf("register again: %v", err)
	}
	if err := phone.Unregister(within(t)); err != nil {
		t.Errorf("unregister: %v", err)
	}
	labtest.Eventually(t, phonePatience, contacts(false))

	stranger := openPhone(t, sip.PhoneOptions{Username: "2001", Password: "wrong", Server: o.pbx.SIP})
	if refused, ok := errors.AsType[*sip.RefusedError](stranger.Register(within(t))); !ok || refused.Status != 401 {
		t.Errorf("register with a wrong password: refused = %v, want 401", refused)
	}
}

func testInternalCall(t *testing.T, o office) {
	caller := o.agent(t, "2001", sip.PhoneOptions{Sound: sip.Tone(440)})
	callee := o.agent(t, "2002", sip.PhoneOptions{Sound: sip.Tone(1000)})
	call := dial(t, caller, "2002", sip.CallOptions{})
	other := arrives(t, callee)
	talks(t, call)
	if got := other.CallerNumber(); got != "2001" {
		t.Errorf("caller number at the callee = %q, want 2001", got)
	}
	hears(t, other, 440)
	hears(t, call, 1000)
	leave(t, call)
	over(t, other)
}

func testTrunkToAgent(t *testing.T, o office) {
	customer := o.outside(t, sip.PhoneOptions{Sound: sip.Tone(500)})
	agent := o.agent(t, "2001", sip.PhoneOptions{Sound: sip.Tone(700), Behaviour: sip.Behaviour{RingFor: 200 * time.Millisecond}})
	call := dial(t, customer, "7001", sip.CallOptions{CallerNumber: "0312345678", CallerName: "田中"})
	talks(t, call) // the queue answers
	other := arrives(t, agent)
	talks(t, other)
	if number, name := other.CallerNumber(), other.CallerName(); number != "0312345678" || name != "田中" {
		t.Errorf("caller at the agent = %q %q, want the customer's", number, name)
	}
	hears(t, other, 500)
	hears(t, call, 700)
	leave(t, other)
	over(t, call)
}

func testBusy(t *testing.T, o office) {
	caller := o.agent(t, "2001", sip.PhoneOptions{})
	callee := o.agent(t, "2002", sip.PhoneOptions{Behaviour: sip.Behaviour{Refuse: 486}})
	call := dial(t, caller, "2002", sip.CallOptions{})
	if err := call.Answered(within(t)); !sip.IsBusy(err) {
		t.Errorf("Answered = %v, want busy", err)
	}
	over(t, arrives(t, callee))
}

func testCallerGivesUp(t *testing.T, o office) {
	caller := o.agent(t, "2001", sip.PhoneOptions{})
	callee := o.agent(t, "2002", sip.PhoneOptions{Behaviour: sip.Behaviour{Ignore: true}})
	call := dial(t, caller, "2002", sip.CallOptions{})
	if err := call.Ringing(within(t)); err != nil {
		t.Fatal(err)
	}
	other := arrives(t, callee)
	if err := call.Cancel(within(t)); err != nil {
		t.Fatal(err)
	}
	over(t, other)
	if err := other.Err(); !errors.Is(err, sip.ErrCancelled) {
		t.Errorf("call of the callee ended with %v, want %v", err, sip.ErrCancelled)
	}
}

func testKeyInIVR(t *testing.T, o office) {
	customer := o.outside(t, sip.PhoneOptions{Sound: sip.Tone(500)})
	agent := o.agent(t, "2001", sip.PhoneOptions{})
	call := dial(t, customer, "7480", sip.CallOptions{})
	talks(t, call)
	press(t, call, "1")
	other := arrives(t, agent)
	talks(t, other)
	hears(t, other, 500)
	leave(t, call)
	over(t, other)
}

func testReferTransfer(t *testing.T, o office) {
	call, agents, colleague := o.connect(t)
	if err := agents.Transfer(within(t), "2002"); err != nil {
		t.Fatal(err)
	}
	over(t, agents)
	other := arrives(t, colleague)
	talks(t, other)
	hears(t, other, 500)
	hears(t, call, 900)
	leave(t, other)
	over(t, call)
}

func testTransferToNobody(t *testing.T, o office) {
	call, agents, _ := o.connect(t)
	if refused, ok := errors.AsType[*sip.RefusedError](agents.Transfer(within(t), "9999")); !ok {
		t.Errorf("Transfer to an extension that does not exist: refused = %v, want a status", refused)
	}
	hears(t, agents, 500) // they still talk
	leave(t, agents)
	over(t, call)
}

func testFeatureCodeTransfer(t *testing.T, o office) {
	call, agents, colleague := o.connect(t)
	press(t, agents, "##2002")
	other := arrives(t, colleague)
	talks(t, other)
	over(t, agents)
	hears(t, other, 500)
	hears(t, call, 900)
	leave(t, call)
	over(t, other)
}

func testWithheldNumber(t *testing.T, o office) {
	customer := o.outside(t, sip.PhoneOptions{})
	agent := o.agent(t, "2001", sip.PhoneOptions{})
	call := dial(t, customer, "7001", sip.CallOptions{CallerNumber: "0312345678", Withheld: true})
	other := arrives(t, agent)
	talks(t, other)
	if !other.Withheld() || strings.Contains(other.CallerNumber()+other.CallerName(), "0312345678") {
		t.Errorf("caller at the agent = %q %q, want nobody", other.CallerNumber(), other.CallerName())
	}
	leave(t, call)
	over(t, other)
}

func testToTheOutside(t *testing.T, o office) {
	outside := o.outside(t, sip.PhoneOptions{Sound: sip.Tone(500)})
	agent := o.agent(t, "2001", sip.PhoneOptions{Sound: sip.Tone(700)})
	for dialled, inTheNameOf := range map[string]string{"0312345678": "", "*70010312345678": "7001"} {
		call := dial(t, agent, dialled, sip.CallOptions{})
		other := arrives(t, outside)
		talks(t, call)
		if got := other.Number(); got != "0312345678" {
			t.Errorf("%s (in the name of %q): number at the trunk = %q, want 0312345678", dialled, inTheNameOf, got)
		}
		hears(t, other, 700)
		hears(t, call, 500)
		leave(t, other)
		over(t, call)
	}
}

// testTwentyCalls has twenty customers wait in a queue, where each must hear
// the music.
func testTwentyCalls(t *testing.T, o office) {
	customer := o.outside(t, sip.PhoneOptions{Sound: sip.Tone(500)})
	calls := make([]*sip.Call, 20)
	for i := range calls {
		calls[i] = dial(t, customer, "7001", sip.CallOptions{CallerNumber: fmt.Sprintf("03123456%02d", i)})
	}
	for _, call := range calls {
		talks(t, call)
	}
	for _, call := range calls {
		labtest.Eventually(t, phonePatience, func() error {
			if heard := call.Heard(); heard.Audio < time.Second {
				return fmt.Errorf("heard %v of music, want a second", heard.Audio)
			}
			return nil
		})
	}
	for _, call := range calls {
		leave(t, call)
	}
}

// office is a PBX and its phones.
type office struct{ pbx *lab.Asterisk }

// agent opens a registered phone, which queues ring.
func (o office) agent(t *testing.T, extension string, options sip.PhoneOptions) *sip.Phone {
	t.Helper()
	options.Username, options.Password, options.Server = extension, o.pbx.PhonePassword, o.pbx.SIP
	phone := openPhone(t, options)
	if err := phone.Register(within(t)); err != nil {
		t.Fatal(err)
	}
	labtest.Rings(t, o.pbx, extension)
	return phone
}

// outside opens the far end of the trunk.
func (o office) outside(t *testing.T, options sip.PhoneOptions) *sip.Phone {
	t.Helper()
	options.Username, options.Server, options.Listen = "outside", o.pbx.SIP, o.pbx.Trunk
	options.Headers = map[string]string{lab.TrunkHeader: lab.TrunkHeaderValue}
	return openPhone(t, options)
}

// connect brings a customer at 500 Hz to agent 2001 by way of call center 7001.
// The colleague, 2002 at 900 Hz, comes only then: the queue would ring both.
func (o office) connect(t *testing.T) (call, agents *sip.Call, colleague *sip.Phone) {
	t.Helper()
	customer := o.outside(t, sip.PhoneOptions{Sound: sip.Tone(500)})
	agent := o.agent(t, "2001", sip.PhoneOptions{})
	call = dial(t, customer, "7001", sip.CallOptions{CallerNumber: "0312345678"})
	agents = arrives(t, agent)
	talks(t, agents)
	hears(t, agents, 500)
	colleague = o.agent(t, "2002", sip.PhoneOptions{Sound: sip.Tone(900)})
	return call, agents, colleague
}

func openPhone(t *testing.T, options sip.PhoneOptions) *sip.Phone {
	t.Helper()
	phone, err := sip.OpenPhone(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := phone.Close(); err != nil {
			t.Error(err)
		}
	})
	return phone
}

func dial(t *testing.T, phone *sip.Phone, number string, options sip.CallOptions) *sip.Call {
	t.Helper()
	call, err := phone.Call(t.Context(), number, options)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

func arrives(t *testing.T, phone *sip.Phone) *sip.Call {
	t.Helper()
	select {
	case call := <-phone.Incoming():
		return call
	case <-within(t).Done():
		t.Fatal("no call reached the phone")
		return nil
	}
}

func talks(t *testing.T, call *sip.Call) {
	t.Helper()
	if err := call.Answered(within(t)); err != nil {
		t.Fatalf("call was not answered: %v", err)
	}
}

func hears(t *testing.T, call *sip.Call, hertz float64) {
	t.Helper()
	labtest.Eventually(t, phonePatience, func() error {
		if call.ToneLevel(hertz) > 0.9 {
			return nil
		}
		heard, level := call.DominantTone()
		return fmt.Errorf("heard %v Hz at %.2f in %+v, want %v Hz", heard, level, call.Heard(), hertz)
	})
}

func press(t *testing.T, call *sip.Call, keys string) {
	t.Helper()
	if err := call.SendDTMF(within(t), keys); err != nil {
		t.Fatal(err)
	}
}

func leave(t *testing.T, call *sip.Call) {
	t.Helper()
	if err := call.Hangup(within(t)); err != nil {
		t.Fatal(err)
	}
}

func over(t *testing.T, call *sip.Call) {
	t.Helper()
	select {
	case <-call.Done():
	case <-within(t).Done():
		t.Fatal("call did not end")
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), phonePatience)
	t.Cleanup(cancel)
	return ctx
}
