package sip_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"callbackd/sip"
)

func open(t *testing.T, options sip.PhoneOptions) *sip.Phone {
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

func place(t *testing.T, from *sip.Phone, number string, options sip.CallOptions) *sip.Call {
	t.Helper()
	call, err := from.Call(t.Context(), number, options)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

func next(t *testing.T, phone *sip.Phone) *sip.Call {
	t.Helper()
	select {
	case call := <-phone.Incoming():
		return call
	case <-timeout(t).Done():
		t.Fatal("no call reached the phone")
		return nil
	}
}

func answered(t *testing.T, call *sip.Call) {
	t.Helper()
	if err := call.Answered(timeout(t)); err != nil {
		t.Fatalf("call was not answered: %v", err)
	}
}

func ended(t *testing.T, call *sip.Call) {
	t.Helper()
	select {
	case <-call.Done():
	case <-timeout(t).Done():
		t.Fatal("call did not end")
	}
}

func hangUp(t *testing.T, call *sip.Call) {
	t.Helper()
	if err := call.Hangup(timeout(t)); err != nil {
		t.Fatal(err)
	}
}

// timeout is what a busy machine needs at most for any one step.
func timeout(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// wait polls and reports in the test, without ending it: it is for any goroutine.
func wait(t *testing.T, what string, done func() bool) bool {
	t.Helper()
	ctx := timeout(t)
	for !done() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Errorf("waited in vain: %s", what)
			return false
		}
	}
	return true
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	if !wait(t, what, done) {
		t.FailNow()
	}
}

func noGoroutineLeft(t *testing.T, before int) {
	t.Helper()
	if !wait(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before }) {
		stacks := make([]byte, 1<<20)
		t.Logf("%s", stacks[:runtime.Stack(stacks, true)])
	}
}
