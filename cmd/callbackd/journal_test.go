package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

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
	if code, out, problems = execute(t, "replay", "--config", config, "--diff", "--from", "2200-01-01"); code != exitTrouble {
		t.Errorf("in an interval without calls: exit code %d, %s%s; want %d", code, out, problems, exitTrouble)
	}
	otherRules := changed(t, config, "queues: [support]", "queues: [service]", `"7001"`, `"7009"`)
	abandoned := calls[0]["request_id"].(string)
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
	for entry, err := range journal.Read(journalFolder(directory, "pbx1"), time.Time{}, time.Time{}) {
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
