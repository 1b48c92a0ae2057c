package siptest

import (
	"context"
	"errors"
	"testing"
	"time"

	"callbackd/sip"
)

// Patience is what a busy machine needs at most for one step of a call.
const Patience = 20 * time.Second

// Within returns a context that ends when a step of a call should be done.
func Within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Open opens a phone, which is closed at the test's end.
func Open(t testing.TB, options sip.PhoneOptions) *sip.Phone {
	t.Helper()
	phone, err := sip.OpenPhone(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		switch err := phone.Close(); {
		case err == nil:
		case options.Server == "":
			t.Error(err)
		default:
			// A PBX that has too much to do, or was killed, passes over requests
			// to unregister, which is no fault of what a test is about.
			t.Log(err)
		}
	})
	return phone
}

// Dial begins a call.
func Dial(t testing.TB, phone *sip.Phone, number string, options sip.CallOptions) *sip.Call {
	t.Helper()
	call, err := phone.Call(t.Context(), number, options)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

// Arrives waits for the next call that reaches a phone.
func Arrives(t testing.TB, phone *sip.Phone) *sip.Call {
	t.Helper()
	select {
	case call := <-phone.Incoming():
		return call
	case <-Within(t).Done():
		t.Fatal("no call reached the phone")
		return nil
	}
}

// Talks waits until a call is answered.
func Talks(t testing.TB, call *sip.Call) {
	t.Helper()
	if err := call.Answered(Within(t)); err != nil {
		t.Fatalf("call was not answered: %v", err)
	}
}

// Hears waits until most of what is heard in a call is a tone.
func Hears(t testing.TB, call *sip.Call, hertz float64) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := Within(t).Done(); call.ToneLevel(hertz) < 0.5; {
		select {
		case <-tick.C:
		case <-limit:
			heard, level := call.DominantTone()
			t.Fatalf("heard %v Hz at %.2f in %+v, want %v Hz: nobody is connected", heard, level, call.Heard(), hertz)
		}
	}
}

// Press sends the tones of keys. A transfer's last key may end the call before
// it is let go of.
func Press(t testing.TB, call *sip.Call, keys string) {
	t.Helper()
	if err := call.SendDTMF(Within(t), keys); err != nil && !errors.Is(err, sip.ErrEnded) {
		t.Fatal(err)
	}
}

// Leave hangs up.
func Leave(t testing.TB, call *sip.Call) {
	t.Helper()
	if err := call.Hangup(Within(t)); err != nil {
		t.Fatal(err)
	}
}

// Over waits until a call has ended.
func Over(t testing.TB, call *sip.Call) {
	t.Helper()
	select {
	case <-call.Done():
	case <-Within(t).Done():
		t.Fatal("call did not end")
	}
}
