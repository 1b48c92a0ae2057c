package main

import (
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// Without the daemon the dialplan goes on by itself: who pressed the key waits
// on, and who waited in vain is told so.
func TestAttendant_Absent(t *testing.T) {
	t.Parallel()
	w := newAttended(t)
	w.stop()
	waiting := w.dials(t, "7001", "0312345671")
	w.runs(t, "0312345671", "Queue")
	siptest.Press(t, waiting, "1")
	labtest.Eventually(t, patience, func() error {
		out, err := w.pbx.CLI(t.Context(), "dialplan show globals")
		if err == nil && strings.Contains(out, "GOT=") {
			err = errors.New("a status was set")
		}
		return err
	})
	w.runs(t, "0312345671", "Queue")
	siptest.Leave(t, waiting)
	if err := w.pbx.SetGlobal(t.Context(), "QUEUE_TIMEOUT", "1"); err != nil {
		t.Fatal(err)
	}
	unanswered := w.dials(t, "7002", "0312345672")
	w.runs(t, "0312345672", "Playback")
	siptest.Leave(t, unanswered)
}

// While the database is away for a moment the caller waits; when it stays away
// the caller is told so, the dialplan goes on, and somebody is called.
func TestAttendant_DatabaseAway(t *testing.T) {
	t.Parallel()
	server := labtest.Postgres(t, lab.PostgresOptions{})
	url, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	w := newWorldIn(t, lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "60"}}, url)
	w.start(t)
	p := startPrometheus(t, w.daemon.ops.Addr().String(), alertsHurry)
	a := &attended{world: w, customers: w.outside(t, sip.Behaviour{})}
	pause := func() (resume func()) {
		if err := server.Pause(); err != nil {
			t.Fatal(err)
		}
		resume = sync.OnceFunc(func() {
			if err := server.Resume(); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(resume)
		return resume
	}

	call := a.asks(t, "0312345671")
	resume := pause()
	siptest.Press(t, call, "1")
	w.ready(t, http.StatusServiceUnavailable)
	resume()
	prompted(t, call, "registered")
	siptest.Over(t, call)
	a.hasCallback(t, "0312345671", fields{"requests": 1})

	call = a.asks(t, "0312345672")
	resume = pause()
	siptest.Press(t, call, "1")
	prompted(t, call, "failed")
	p.fires(t, "CallbackdAttendantFailing", true)
	w.runs(t, "0312345672", "Queue")
	resume()
	siptest.Leave(t, call)
	p.fires(t, "CallbackdAttendantFailing", false)
}

// A daemon that is told to stop registers whom it talks to and hands them
// back; nobody is left in Stasis. When another one takes its place it finishes
// with them, and new callers are the other one's.
func TestAttendant_Stopped(t *testing.T) {
	t.Parallel()
	w := newAttended(t)
	call := w.asks(t, "0312345671")
	w.stop()
	siptest.Over(t, call) // REGISTERED: the dialplan hangs up
	w.start(t)
	w.hasCallback(t, "0312345671", nil)

	w.child(t, testWriter{t})
	call = w.asks(t, "0312345672")
	stopped := make(chan struct{})
	w.handsOver(t, func() {
		go func() {
			defer close(stopped)
			w.stop()
		}()
	})
	next := w.asks(t, "0312345673")
	for _, c := range []*sip.Call{call, next} {
		siptest.Press(t, c, "1")
		prompted(t, c, "registered")
		siptest.Over(t, c)
	}
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("the daemon does not end")
	}
	w.start(t)
	w.hasCallback(t, "0312345672", fields{"requests": 1})
	w.hasCallback(t, "0312345673", fields{"requests": 1})
}

// Of a daemon that is killed the caller is left in Stasis, until the next one
// takes the caller up or the dialplan's time-out comes.
func TestAttendant_Killed(t *testing.T) {
	t.Parallel()
	w := newAttended(t)
	w.stop()
	if err := w.pbx.SetGlobal(t.Context(), "CALLBACK_TIMEOUT", "20"); err != nil {
		t.Fatal(err)
	}
	daemon := w.child(t, testWriter{t})
	takenUp := w.asks(t, "0312345671")
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	daemon.Wait() //nolint:errcheck // killed
	w.runs(t, "0312345671", "Stasis")
	w.start(t)
	w.followedBy(t, patience, "/"+strconv.Itoa(os.Getpid())) // for a while it is the dead one's
	prompted(t, takenUp, "welcome")
	siptest.Press(t, takenUp, "1")
	prompted(t, takenUp, "registered")
	siptest.Over(t, takenUp)
	w.hasCallback(t, "0312345671", fields{"requests": 1})
	w.stop()

	if err := w.pbx.SetGlobal(t.Context(), "CALLBACK_TIMEOUT", "3"); err != nil {
		t.Fatal(err)
	}
	daemon = w.child(t, testWriter{t})
	freed := w.asks(t, "0312345672")
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	daemon.Wait() //nolint:errcheck // killed
	w.runs(t, "0312345672", "Queue")
	siptest.Leave(t, freed)
}
