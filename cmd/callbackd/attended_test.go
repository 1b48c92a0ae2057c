package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"callbackd/configs"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// attended is a world whose callers ask for callbacks.
type attended struct {
	*world
	customers *sip.Phone
	keys      string // the file in which Asterisk notes keys
}

// withMessage is a number whose callers are asked for a message at once, in
// the name of 7002.
const withMessage = "7902"

// newAttended starts a world in which nobody answers and callers are given
// little time. Who calls 7001 waits, and may press 1.
func newAttended(t *testing.T) *attended {
	t.Helper()
	w := newStoppedWorld(t, lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "60", "CALLBACK_TIMEOUT": "60"}})
	a := &w.cfg.Attendant
	a.KeyTimeout, a.DigitTimeout, a.Attempts = configs.Duration{Duration: time.Second}, configs.Duration{Duration: time.Second}, 2
	a.Message.MaxSilence = configs.Duration{Duration: 2 * time.Second}
	w.start(t)
	keys := filepath.Join(t.TempDir(), "keys")
	w.cli(t, "logger add channel "+keys+" dtmf", "")
	w.dialplan(t, withMessage,
		"Set,CALLBACK_MESSAGE=message", `Set,"CALLBACK_ELSE=call-centers,7002,nobody"`, `Goto,"callback-request,7002,1"`)
	return &attended{world: w, customers: w.outside(t, sip.Behaviour{}), keys: keys}
}

// dialplan adds an extension for calls from outside.
func (w *world) dialplan(t *testing.T, extension string, applications ...string) {
	t.Helper()
	for i, application := range applications {
		w.cli(t, fmt.Sprintf("dialplan add extension %s,%d,%s into from-trunk", extension, i+1, application), "added")
	}
}

// prompted waits until a caller hears a prompt.
func prompted(t *testing.T, call *sip.Call, name string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if level := call.ToneLevel(lab.Prompt(name)); level < 0.5 {
			return fmt.Errorf("the prompt %q is heard at %.2f only", name, level)
		}
		return nil
	})
}

// keyed waits until Asterisk has read keys, the last ones of all callers. It
// drops those that it did not come to before the caller hung up.
func (w *attended) keyed(t *testing.T, keys string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		log, err := os.ReadFile(w.keys)
		if err != nil {
			return err
		}
		var read strings.Builder
		for _, end := range keyEnd.FindAllSubmatch(log, -1) {
			read.Write(end[1])
		}
		if !strings.HasSuffix(read.String(), keys) {
			err = fmt.Errorf("Asterisk read the keys %q, want %q last", read.String(), keys)
		}
		return err
	})
}

var keyEnd = regexp.MustCompile(`DTMF end '(.)' received`)

// runs waits until the channel of a caller runs an application.
func (w *world) runs(t *testing.T, number, application string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		out, err := w.pbx.CLI(t.Context(), "core show channels concise")
		if err != nil {
			return err
		}
		for line := range strings.Lines(out) {
			if strings.Contains(line, "!"+application+"!") && strings.Contains(line, "!"+number+"!") {
				return nil
			}
		}
		return fmt.Errorf("the caller does not run %s:\n%s", application, out)
	})
}

func (w *attended) dials(t *testing.T, extension, number string) *sip.Call {
	t.Helper()
	options := sip.CallOptions{CallerNumber: number}
	if number == "anonymous" {
		options = sip.CallOptions{Withheld: true}
	}
	call := siptest.Dial(t, w.customers, extension, options)
	siptest.Talks(t, call)
	return call
}

// asks has somebody wait in the queue of 7001 and press the key.
func (w *attended) asks(t *testing.T, number string) *sip.Call {
	t.Helper()
	call := w.dials(t, "7001", number)
	w.runs(t, number, "Queue")
	siptest.Press(t, call, "1")
	prompted(t, call, "welcome")
	return call
}

// callbacks are those in which a number occurs, newest first.
func (w *attended) callbacks(t *testing.T, number string) []map[string]any {
	t.Helper()
	status, list := w.call(t, http.MethodGet, "/callbacks?q="+url.QueryEscape(number), nil)
	if status != http.StatusOK {
		t.Fatalf("GET /callbacks: %d %v", status, list)
	}
	var items []map[string]any
	for _, item := range list["items"].([]any) {
		items = append(items, item.(map[string]any))
	}
	return items
}

// hasCallback waits until a number has one callback, with these fields.
func (w *attended) hasCallback(t *testing.T, number string, want fields) map[string]any {
	t.Helper()
	var got map[string]any
	labtest.Eventually(t, patience, func() error {
		items := w.callbacks(t, number)
		if len(items) != 1 {
			return fmt.Errorf("%d callbacks, want one: %v", len(items), items)
		}
		got = items[0]
		for name, value := range want {
			if fmt.Sprint(got[name]) != fmt.Sprint(value) {
				return fmt.Errorf("%s of the callback is %v, want %v: %v", name, got[name], value, got)
			}
		}
		return nil
	})
	return got
}

// hasNone checks that no callback came of a call that is over. The session's
// end is waited for, after which none comes.
func (w *attended) hasNone(t *testing.T, number string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if _, there := w.channelOf(t, number); there {
			return errors.New("the caller's channel is still there")
		}
		return nil
	})
	if items := w.callbacks(t, number); len(items) != 0 {
		t.Errorf("a callback was registered: %v", items)
	}
}

func (w *world) channelOf(t *testing.T, number string) (line string, there bool) {
	t.Helper()
	out, err := w.pbx.CLI(siptest.Within(t), "core show channels concise")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, "!"+number+"!") {
			return line, true
		}
	}
	return "", false
}
