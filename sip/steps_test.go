package sip_test

import (
	"runtime"
	"testing"
	"time"

	"callbackd/sip/siptest"
)

// wait polls and reports in the test, without ending it: it is for any goroutine.
func wait(t *testing.T, what string, done func() bool) bool {
	t.Helper()
	ctx := siptest.Within(t)
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
