package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"callbackd/ari/journal"
	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/lab"
	"callbackd/lab/labtest"
)

// keepsJournal makes the daemon of a world keep all events, and returns where.
func (w *world) keepsJournal(t *testing.T) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "journal")
	w.cfg.PBX[0].Journal = configs.Journal{Directory: directory, KeepDays: 1, MaxSize: configs.MinSize}
	return directory
}

// TestReplay_JournalOfAKilledDaemon: what a daemon kept until it was killed, and
// another after it, gives the calls that they stored, by the same rules; and by
// others just the difference.
func TestReplay_JournalOfAKilledDaemon(t *testing.T) {
	t.Parallel()
	w := newStoppedWorld(t, lab.AsteriskOptions{})
	directory := w.keepsJournal(t)
	config := w.configFile(t, t.TempDir())
	first := w.child(t, testWriter{t})
	w.followedBy(t, patience, "/"+strconv.Itoa(first.Process.Pid))
	t.Run("first call", func(t *testing.T) { playAbandoned(t, w) })
	// What is on disk now is what a kill leaves.
	var printed string
	labtest.Eventually(t, patience, func() error {
		code, out, problems := execute(t, "replay", "--mask", "--config", config)
		if code != exitOK || strings.Count(out, `"state":"ended"`) != 1 {
			return fmt.Errorf("replay ends with %d and prints %s%s", code, out, problems)
		}
		printed = out
		return nil
	})
	if strings.Contains(printed, customer) || !strings.Contains(printed, `"remote_number":"********78"`) || strings.Contains(printed, "incomplete") {
		t.Errorf("replay prints %s; want a call that is complete, without telephone number", printed)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.Wait() //nolint:errcheck // killed
	w.start(t)
	w.followedBy(t, patience, "/"+strconv.Itoa(os.Getpid()))
	t.Run("second call", func(t *testing.T) { playOutsideBusy(t, w) })
	calls := w.ended(t, 2)
	w.stop()

	code, out, problems := execute(t, "replay", "--config", config, "--diff")
	if code != exitOK || out != "" || !strings.Contains(problems, "2 calls are the same, 0 differ, 0 were left out") {
		t.Errorf("with the same rules: exit code %d, %s%s", code, out, problems)
	}
	// So say the commands of the document, of another day.
	hour := func(d time.Duration) string { return time.Now().Add(d).Format(time.RFC3339) }
	documented := strings.NewReplacer("2026-11-23T09:00", hour(-time.Hour), "2026-11-23T10:00", hour(time.Hour)).
		Replace(block(t, readFile(t, "../../docs/operations.md"), "sh", "callbackd replay"))
	for line := range strings.Lines(documented) {
		args := strings.Fields(line)[1:]
		if code, out, problems = execute(t, append(args, "--config", config)...); code != exitOK {
			t.Errorf("%s: exit code %d, %s%s", line, code, out, problems)
		}
	}
	if code, out, problems = execute(t, "replay", "--config", config, "--diff", "--from", "2200-01-01"); code != exitTrouble {
		t.Errorf("in an interval without calls: exit code %d, %s%s; want %d", code, out, problems, exitTrouble)
	}
	otherRules := changed(t, config, "queues: [support]", "queues: [service]", `"7001"`, `"7009"`)
	abandoned := calls[0]["request_id"].(string)
	tellsEvents(t, config, abandoned)
	code, out, problems = execute(t, "replay", "--config", otherRules, "--diff", directory)
	if code != exitFailure || strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, abandoned+" ") ||
		!strings.Contains(out, "kind call_center -> unknown, callback_allowed true -> false, rule call_center_queue -> unknown_queue, call_center support -> -") {
		t.Errorf("with a queue renamed: exit code %d, %s%s", code, out, problems)
	}

	// A trace that lacks the second call.
	trace := filepath.Join(t.TempDir(), "first.jsonl")
	writeTrace(t, directory, trace, calls[1]["started_at"].(string))
	code, out, problems = execute(t, "replay", "--config", config, "--diff", "--json", "--from", time.Now().Add(-time.Hour).Format(time.RFC3339),
		"--to", time.Now().Add(time.Hour).Format(time.RFC3339), trace)
	var d callDiff
	if err := json.Unmarshal([]byte(out), &d); code != exitFailure || err != nil || d.What != diffOnlyStored || d.RequestID != callcenter.RequestID(calls[1]["request_id"].(string)) {
		t.Errorf("with a call that the events do not have: exit code %d, %s%s", code, out, problems)
	}
}

// tellsEvents holds what `call` tells of the events of an abandoned call.
func tellsEvents(t *testing.T, config, call string) {
	t.Helper()
	code, told, problems := execute(t, "call", "--config", config, call)
	entered := regexp.MustCompile(`(?m)^.*  event +ChannelDialplan .*\n.*  signal +call_center_queue says call_center support`)
	if code != exitOK || !entered.MatchString(told) || !strings.Contains(told, `"number":"`+customer+`"`) {
		t.Errorf("the story: exit code %d; it lacks the event that made it a call of a call center, or the caller:\n%s%s", code, told, problems)
	}
	code, told, problems = execute(t, "call", "--config", config, "--mask", "--json", call)
	var story callStory
	if err := json.Unmarshal([]byte(told), &story); code != exitOK || err != nil || story.Journal == nil {
		t.Fatalf("the story in JSON: exit code %d, %v, %s%s", code, err, told, problems)
	}
	decided := 0
	for _, e := range story.Journal.Events {
		decided += len(e.Decided)
	}
	if decided == 0 || story.Journal.Problem != "" || len(story.Journal.Gaps) > 0 {
		t.Errorf("%d signals stand at their events, problem %q, gaps %+v", decided, story.Journal.Problem, story.Journal.Gaps)
	}
	if strings.Contains(told, customer) || !strings.Contains(told, story.Call.LinkedID) {
		t.Errorf("masked, the story names the caller, or not the channels:\n%s", told)
	}
}

// Of an event no number is left, and no name of a person; the rest is.
func TestMaskEvent(t *testing.T) {
	t.Parallel()
	raw := `{"type":"ChannelVarset","value":"0312345678","channel":{"id":"1767225600.17","name":"PJSIP/trunk-00000017",` +
		`"caller":{"name":"田中 太郎","number":"+81312345678"},"connected":{"name":"","number":""}},"big":312345678,"0312345678":[true,null,1.5]}`
	want := `{"type":"ChannelVarset","value":"********78","channel":{"id":"1767225600.17","name":"PJSIP/trunk-******17",` +
		`"caller":{"name":"(5 characters)","number":"+*********78"},"connected":{"name":"","number":""}},"big":"*******78","********78":[true,null,1.5]}`
	if got := string(maskEvent(jsontext.Value(raw))); got != want {
		t.Errorf("masked event:\n%s\nwant\n%s", got, want)
	}
	if got := string(maskEvent(jsontext.Value(`{"number":"0312345678"`))); strings.Contains(got, "0312345678") {
		t.Errorf("an event that breaks off shows %s", got)
	}
	if got := printableJSON(jsontext.Value("{\"a\":\"\u202e\U000e0001x\"}")); got != `{"a":"\u202e\udb40\udc01x"}` {
		t.Errorf("for a terminal: %s", got)
	}
}

// changed writes a copy of a file with texts replaced.
func changed(t *testing.T, file string, replacements ...string) string {
	t.Helper()
	text := strings.NewReplacer(replacements...).Replace(readFile(t, file))
	other := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return other
}

// writeTrace writes the events of a journal that are from before a time.
func writeTrace(t *testing.T, directory, trace, before string) {
	t.Helper()
	end, err := time.Parse(time.RFC3339, before)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for entry, err := range journal.Read(filepath.Join(directory, "pbx1"), time.Time{}, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		var ev struct {
			Timestamp string `json:"timestamp"`
		}
		if entry.Gap != nil || json.Unmarshal(entry.Raw, &ev) != nil {
			continue
		}
		if at, err := time.Parse("2006-01-02T15:04:05.000-0700", ev.Timestamp); err == nil && at.Before(end) {
			text.Write(append(entry.Raw, '\n'))
		}
	}
	if err := os.WriteFile(trace, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
