package main

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
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

// Of a daemon that is killed the callers are left in Stasis, until another one
// takes them up or the dialplan's time-out comes. None is lost, wherever they
// were, nor who hangs up meanwhile.
func TestAttendant_Killed(t *testing.T) {
	t.Parallel()
	w := newAttended(t)
	w.stop()
	w.cfg.Attendant.KeyTimeout.Duration = time.Minute
	daemon := w.child(t, testWriter{t})
	w.start(t)
	w.waitsForTheNode(t)
	recording := w.records(t, "0312345673", 1)
	entering := w.asks(t, "0312345674")
	siptest.Press(t, entering, "2")
	prompted(t, entering, "enter")
	siptest.Press(t, entering, "09012345674")
	leaving := w.asks(t, "0312345675")
	confirming := w.asks(t, "0312345671")
	w.eventually(t, "SELECT count(*) = 3 AND count(*) FILTER (WHERE contact_number = '09012345674') = 1 FROM callback_wishes")
	w.dies(t, daemon)
	w.is(t, `UPDATE callback_wishes SET keeper = 'dead' RETURNING true`) // as its text is random
	recording.Play(sip.Silence())
	siptest.Leave(t, entering)
	siptest.Leave(t, leaving)
	w.followedBy(t, patience, "/"+strconv.Itoa(os.Getpid())) // for a while it is the dead one's
	w.takenUp(t, "0312345671")
	siptest.Press(t, confirming, "1")
	prompted(t, confirming, "registered")
	siptest.Over(t, confirming)
	w.takenUp(t, "0312345673") // when the message is at its end
	siptest.Press(t, recording, "1")
	prompted(t, recording, "leave-message")
	siptest.Press(t, recording, "#")
	prompted(t, recording, "registered")
	siptest.Over(t, recording)
	said(t, w.messageOf(t, "0312345673"), 1500*time.Millisecond)
	for _, number := range []string{"0312345671", "0312345673", "0312345675"} {
		w.hasCallback(t, number, fields{"requests": 1, "contact_number": number, "registered_by": "system:attendant"})
	}
	w.hasCallback(t, "0312345674", fields{"requests": 1, "contact_number": "09012345674"})
	w.stop()

	// The same once more, but that only the next start does something about it.
	if err := w.pbx.SetGlobal(t.Context(), "CALLBACK_TIMEOUT", "3"); err != nil {
		t.Fatal(err)
	}
	daemon = w.child(t, testWriter{t})
	leaving = w.asks(t, "0312345676")
	freed := w.asks(t, "0312345677")
	w.eventually(t, "SELECT count(*) = 2 FROM callback_wishes")
	w.dies(t, daemon)
	siptest.Leave(t, leaving)
	w.runs(t, "0312345677", "Queue")
	w.start(t)
	w.hasCallback(t, "0312345676", fields{"requests": 1})
	w.eventually(t, "SELECT count(*) = 0 FROM callback_wishes")
	if items := w.callbacks(t, "0312345677"); len(items) != 0 {
		t.Errorf("a caller who waits again is registered: %v", items)
	}
	siptest.Leave(t, freed)
}

// takenUp waits until another daemon talks to a caller than the one that died.
func (w *world) takenUp(t *testing.T, number string) {
	t.Helper()
	w.eventually(t, `
		SELECT EXISTS (SELECT FROM callback_wishes JOIN calls USING (request_id) WHERE remote_number = '`+number+`' AND keeper <> 'dead')`)
}

// dies kills a daemon.
func (w *world) dies(t *testing.T, daemon *exec.Cmd) {
	t.Helper()
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	daemon.Wait() //nolint:errcheck // killed
}
