package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/postgres"
	"callbackd/recording"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

func TestAttendant(t *testing.T) {
	t.Parallel()
	w := newAttended(t)
	t.Run("callers", func(t *testing.T) { testCallers(t, w) })
	for status, atLeast := range map[string]float64{"REGISTERED": 8, "ADDED": 1, "NONUMBER": 1, "CANCELLED": 1, "FAILED": 1} {
		if got := w.metric(t, fmt.Sprintf(`callbackd_attendant_sessions_total{node="pbx1",status="%s"}`, status)); got < atLeast {
			t.Errorf("%v sessions ended as %s, want at least %v", got, status, atLeast)
		}
	}
	if got := w.metric(t, `callbackd_attendant_callers{node="pbx1"}`); got != 0 {
		t.Errorf("%v callers are still talked to", got)
	}
}

// testCallers has callers of all kinds ask: those who are silent at once, the
// others one after the other, as a busy machine sends keys unevenly.
func testCallers(t *testing.T, w *attended) {
	for name, play := range map[string]func(t *testing.T){
		"the number is confirmed, and the second request added": func(t *testing.T) {
			for i, prompt := range []string{"registered", "added"} {
				call := w.asks(t, "0312345671")
				siptest.Press(t, call, "1")
				prompted(t, call, prompt)
				siptest.Over(t, call)
				w.hasCallback(t, "0312345671", fields{
					"origin": "automatic", "status": "open", "call_center": "support", "local_number": "7001", "requests": i + 1,
					"registered_by": "system:attendant", "remote_number": "0312345671", "contact_number": "0312345671",
				})
			}
		},
		"another number": func(t *testing.T) {
			call := w.asks(t, "0312345672")
			siptest.Press(t, call, "2")
			prompted(t, call, "enter")
			siptest.Press(t, call, "09012345672#")
			prompted(t, call, "your-number")
			siptest.Press(t, call, "1")
			prompted(t, call, "registered")
			siptest.Over(t, call)
			w.hasCallback(t, "0312345672", fields{"remote_number": "0312345672", "contact_number": "09012345672"})
		},
		"a withheld number, and a number that cannot be called": func(t *testing.T) {
			call := w.dials(t, withMessage, "anonymous")
			prompted(t, call, "enter")
			siptest.Press(t, call, "110#")
			prompted(t, call, "invalid")
			siptest.Press(t, call, "09012345673#1")
			prompted(t, call, "leave-message")
			siptest.Press(t, call, "#")
			prompted(t, call, "registered")
			siptest.Over(t, call)
			w.hasCallback(t, "09012345673", fields{"remote_number": nil, "contact_number": "09012345673"})
		},
		"silent, with a withheld number": func(t *testing.T) {
			call := w.dials(t, withMessage, "anonymous")
			prompted(t, call, "enter")
			prompted(t, call, "no-number")
			siptest.Over(t, call) // at CALLBACK_ELSE
		},
		"silent": func(t *testing.T) {
			call := w.asks(t, "0312345674")
			for _, prompt := range []string{"confirm", "your-number", "confirm", "registered"} {
				prompted(t, call, prompt)
			}
			siptest.Over(t, call)
			w.hasCallback(t, "0312345674", nil)
		},
		"a caller who would rather wait": func(t *testing.T) {
			call := w.asks(t, "0312345675")
			siptest.Press(t, call, "*")
			prompted(t, call, "cancelled")
			w.runs(t, "0312345675", "Queue")
			siptest.Leave(t, call)
			w.hasNone(t, "0312345675")
		},
		"hang up at the welcome": func(t *testing.T) {
			siptest.Leave(t, w.asks(t, "0312345676"))
			w.hasCallback(t, "0312345676", fields{"contact_number": "0312345676"})
		},
		"hang up in the middle of another number": func(t *testing.T) {
			call := w.asks(t, "0312345677")
			siptest.Press(t, call, "2")
			prompted(t, call, "enter")
			siptest.Press(t, call, "0901")
			siptest.Leave(t, call)
			w.hasCallback(t, "0312345677", fields{"contact_number": "0312345677"})
		},
		"hang up after another number": func(t *testing.T) {
			call := w.asks(t, "0312345678")
			siptest.Press(t, call, "2")
			prompted(t, call, "enter")
			siptest.Press(t, call, "09012345678")
			w.keyed(t, "09012345678")
			siptest.Leave(t, call)
			w.hasCallback(t, "0312345678", fields{"contact_number": "09012345678"})
		},
		"hang up at the message's prompt": func(t *testing.T) {
			call := w.dials(t, withMessage, "0312345679")
			prompted(t, call, "welcome")
			siptest.Press(t, call, "1")
			prompted(t, call, "leave-message")
			siptest.Leave(t, call)
			w.hasCallback(t, "0312345679", fields{"call_center": "sales", "local_number": "7002"})
		},
		"hang up while the callback is confirmed": func(t *testing.T) {
			call := w.asks(t, "0312345670")
			siptest.Press(t, call, "1")
			prompted(t, call, "registered")
			siptest.Leave(t, call)
			w.hasCallback(t, "0312345670", nil)
		},
		"a call center that there is not": func(t *testing.T) {
			w.dialplan(t, "7999", "Answer", `Stasis,"callbackd,register,suport"`, "Set(GLOBAL(GOT)=${CALLBACKD_STATUS})", "Hangup")
			siptest.Over(t, w.dials(t, "7999", "0312345660"))
			w.cli(t, "dialplan show globals", "GOT=FAILED")
			w.hasNone(t, "0312345660")
		},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "silent") {
				t.Parallel()
			}
			play(t)
		})
	}
}

// message waits for the message of a number's callback, and returns its file.
func (w *attended) messageOf(t *testing.T, number string) (sound []byte) {
	t.Helper()
	callback := w.hasCallback(t, number, nil)
	db, err := postgres.Open(t.Context(), w.database, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	labtest.Eventually(t, patience, func() error {
		found, err := db.Recordings().ListByCall(t.Context(), callcenter.RequestID(callback["request_id"].(string)))
		if err != nil {
			return err
		}
		for _, r := range found {
			if r.Kind != recording.KindMessage {
				continue
			}
			if got, want := float64(r.CallbackID), callback["id"].(float64); got != want {
				t.Errorf("the message is that of callback %v, want %v", got, want)
			}
			sound, err = os.ReadFile(filepath.Join(w.pbx.Recordings, r.Name))
			return err
		}
		return fmt.Errorf("no message among %v", found)
	})
	return sound
}

// messageIsReady waits until the message of a number's callback can be played.
func (w *attended) messageIsReady(t *testing.T, number string) {
	t.Helper()
	callback := w.hasCallback(t, number, nil)
	labtest.Eventually(t, patience, func() error {
		status, list := w.call(t, http.MethodGet, fmt.Sprintf("/calls/%s/recordings", callback["request_id"]), nil)
		if status != http.StatusOK {
			return fmt.Errorf("GET recordings: %d %v", status, list)
		}
		for _, item := range list["items"].([]any) {
			r := item.(map[string]any)
			if r["kind"] == "message" && r["state"] == "ready" && r["callback_id"] == callback["id"] && r["duration_seconds"].(float64) > 1.5 {
				return nil
			}
		}
		return fmt.Errorf("no message is ready: %v", list)
	})
}

// said checks that a message holds the caller's tone, for so many seconds at
// least, and no tone of ours.
func said(t *testing.T, file []byte, atLeast time.Duration) {
	t.Helper()
	clip, err := sip.ReadWAV(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if clip.Duration() < atLeast || clip.Duration() > atLeast+5*time.Second {
		t.Errorf("the message is %s long, want about %s", clip.Duration(), atLeast)
	}
	if level := clip.ToneLevel(customerTone); level < 0.5 {
		t.Errorf("the caller's tone is in the message at %.2f only", level)
	}
}

// customerTone is what customers say, in Hz.
const customerTone = 500

// records has somebody leave a message, the so manieth, which is still recorded.
func (w *attended) records(t *testing.T, number string, messages int) *sip.Call {
	t.Helper()
	call := w.dials(t, withMessage, number)
	prompted(t, call, "welcome")
	siptest.Press(t, call, "1")
	prompted(t, call, "leave-message")
	labtest.Eventually(t, patience, func() error {
		files, err := filepath.Glob(filepath.Join(w.pbx.Recordings, "callbackd-*.wav"))
		long := 0
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && info.Size() > 30_000 { // two seconds
				long++
			}
		}
		if long < messages {
			err = errors.Join(err, fmt.Errorf("%d messages of two seconds among %q, want %d", long, files, messages))
		}
		return err
	})
	return call
}

func TestAttendant_Message(t *testing.T) {
	t.Parallel()
	w := newAttended(t)
	call := w.records(t, "0312345671", 1)
	siptest.Press(t, call, "#")
	prompted(t, call, "registered")
	siptest.Over(t, call)
	file := w.messageOf(t, "0312345671")
	said(t, file, 1500*time.Millisecond)
	w.messageIsReady(t, "0312345671")
	w.hasCallback(t, "0312345671", fields{"recording": "message"})

	// What was said before the caller hung up is kept.
	siptest.Leave(t, w.records(t, "0312345672", 2))
	labtest.Eventually(t, patience, func() error {
		if file = w.messageOf(t, "0312345672"); len(file) < 30_000 {
			return fmt.Errorf("the message has %d bytes", len(file))
		}
		return nil
	})
	said(t, file, 1500*time.Millisecond)
	w.messageIsReady(t, "0312345672")

	// Silence ends a message.
	call = w.dials(t, withMessage, "0312345673")
	call.Play(sip.Silence())
	prompted(t, call, "welcome")
	siptest.Press(t, call, "1")
	prompted(t, call, "leave-message")
	prompted(t, call, "registered")
	siptest.Over(t, call)
}

// Calls that were abandoned after the wait that the configuration names become
// callbacks by themselves, but for those that show no number.
func TestAttendant_Abandoned(t *testing.T) {
	t.Parallel()
	w := newStoppedWorld(t, lab.AsteriskOptions{})
	w.cfg.CallCenters[0].AutoRegister.Abandoned.After = configs.Duration{Duration: 2 * time.Second}
	w.start(t)
	a := &attended{world: w, customers: w.outside(t, sip.Behaviour{})}
	waited := func(number string, long time.Duration) {
		call := a.dials(t, "7001", number)
		w.runs(t, number, "Queue")
		labtest.Eventually(t, patience, func() error {
			if heard := call.Heard().Audio; heard < long { // the queue's music
				return fmt.Errorf("waited for %s", heard)
			}
			return nil
		})
		siptest.Leave(t, call)
	}
	waited("0312345671", 3*time.Second)
	a.hasCallback(t, "0312345671", fields{"origin": "automatic", "registered_by": "system:abandoned", "call_center": "support", "requests": 1})
	waited("0312345671", 3*time.Second)
	a.hasCallback(t, "0312345671", fields{"requests": 2})
	waited("anonymous", 3*time.Second)
	waited("0312345672", 0)
	waited("0312345673", 3*time.Second)
	a.hasCallback(t, "0312345673", nil)
	// What came before the last would have been registered before it.
	if items := a.callbacks(t, "0"); len(items) != 2 {
		t.Errorf("%d callbacks, want two: %v", len(items), items)
	}
	if got := w.metric(t, `callbackd_attendant_abandoned_total{result="registered"}`); got != 2 {
		t.Errorf("%v abandoned calls were registered, want 2", got)
	}
}
