package recording_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/callcenter"
	"callbackd/recording"
)

func TestKeeper_States(t *testing.T) {
	t.Parallel()
	const (
		expected, growing, ready, missing = recording.StateExpected, recording.StateGrowing, recording.StateReady, recording.StateMissing
		soon, late                        = time.Second, 2 * time.Minute
	)
	a := newArchive(t)
	type step struct {
		write []byte // nil for nothing new
		after time.Duration
		state recording.State
		cause recording.Cause
	}
	for _, test := range []struct {
		name  string
		file  string
		steps []step
	}{
		{"whole", "whole.wav", []step{{wav(8000, 1000), 0, ready, ""}, {nil, late, ready, ""}}},
		{"in a folder", "2026/通話/1.wav", []step{{wav(8, 1000), 0, ready, ""}}},
		{"late", "late.wav", []step{{nil, 0, expected, ""}, {nil, soon, expected, ""}, {wav(8, 1), soon, ready, ""}}},
		{"never", "never.wav", []step{{nil, 0, expected, ""}, {nil, late, missing, "absent"}, {nil, late, missing, "absent"}}},
		{"empty", "empty.wav", []step{{[]byte{}, 0, growing, ""}, {nil, late, missing, "empty"}}},
		{"header only", "header.wav", []step{{wav(0, 0), 0, growing, ""}, {nil, late, missing, "header_only"}}},
		{"truncated", "cut.wav", []step{{wav(8000, 1)[:1000], 0, growing, ""}, {nil, late, missing, "truncated"}}},
		{"copied slowly", "slow.wav", []step{{wav(8000, 1)[:1000], 0, growing, ""}, {wav(8000, 1), soon, ready, ""}}},
		{"being written", "grows.wav", []step{{unclosed(100), 0, growing, ""}, {unclosed(200), soon, growing, ""}, {wav(300, 1), soon, ready, ""}}},
		{"never closed", "killed.wav", []step{{unclosed(800), 0, growing, ""}, {nil, late, ready, ""}}},
		{"no sound at all", "page.wav", []step{{[]byte("<html>not here</html>"), 0, growing, ""}, {nil, late, missing, "not_audio"}}},
		{"unknown format", "mp3.wav", []step{{[]byte("ID3, an MP3 file"), 0, missing, "unsupported"}}},
		{"u-law", "raw.ulaw", []step{{bytes.Repeat([]byte{0x00}, 800), 0, growing, ""}, {nil, 10 * time.Second, ready, ""}}},
		{"out of the library", "../x.wav", []step{{nil, 0, missing, "out_of_reach"}}},
	} {
		r := a.call(t, nil, "/rec/"+test.file)[0]
		for i, step := range test.steps {
			if step.write != nil {
				a.write(t, test.file, step.write)
				at := a.now.Add(step.after) // the clock of the files goes with the test's
				if err := os.Chtimes(filepath.Join(a.dir, test.file), at, at); err != nil {
					t.Fatal(err)
				}
			}
			got := a.want(t, r.ID, step.after, step.state, step.cause)
			if t.Failed() {
				t.Fatalf("%s, step %d", test.name, i+1)
			}
			if step.state == ready && (got.FoundAt == nil || got.ReadyAt == nil || got.Size != int64(len(a.hear(t, got)))) {
				t.Errorf("%s: %+v, want times and size", test.name, got)
			}
		}
	}
}

// What is played is PCM WAV, whatever was recorded.
func TestKeeper_Converts(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	gsm := tone(t, "gsm")
	for _, test := range []struct {
		name      string
		data      []byte
		converted bool
		want      []byte        // what is played; nil to compare the duration only
		duration  time.Duration // to 50 ms
	}{
		{"a.wav", wav(8000, 1000), false, wav(8000, 1000), time.Second},
		{"a.ulaw", bytes.Repeat([]byte{0x00}, 8000), true, wav(8000, -32124), time.Second},
		{"a.alaw", bytes.Repeat([]byte{0x2a}, 4000), true, wav(4000, -32256), time.Second / 2},
		{"a.sln", wav(4000, 7)[44:], true, wav(4000, 7), time.Second / 2},
		{"a.sln16", wav(16000, 7)[44:], true, nil, time.Second},
		{"unclosed.wav", unclosed(800), true, wav(800, 100), time.Second / 10},
		{"a.gsm", gsm, true, nil, time.Second},
		{"a.WAV", tone(t, "wav", "-e", "gsm-full-rate"), true, nil, time.Second},
	} {
		a.write(t, test.name, test.data)
		r, again := a.look(t, a.call(t, nil, test.name)[0].ID, 2*time.Minute)
		if r.State != recording.StateReady || r.Converted != test.converted || again {
			t.Errorf("%s: %+v, want it ready, copied: %t", test.name, r, test.converted)
			continue
		}
		heard := a.hear(t, r)
		if test.want != nil && !bytes.Equal(heard, test.want) {
			t.Errorf("%s: %d bytes are played that begin with %x, want %d that begin with %x", test.name, len(heard), heard[:min(60, len(heard))], len(test.want), test.want[:60])
		}
		if string(heard[:4]) != "RIFF" || int64(len(heard)) != r.Size {
			t.Errorf("%s: %d bytes are played, want %d of a WAV", test.name, len(heard), r.Size)
		}
		if diff := (r.Duration - test.duration).Abs(); diff > 50*time.Millisecond {
			t.Errorf("%s lasts %s, want %s", test.name, r.Duration, test.duration)
		}
		if waveform, err := a.db.Recordings().Waveform(t.Context(), r.ID); err != nil || waveform.Duration != r.Duration || len(waveform.Peaks) == 0 {
			t.Errorf("%s: waveform %+v, %v", test.name, waveform, err)
		}
	}
}

// Every program that decodes GSM and is installed gives the same length; one
// that is broken, or none, is told apart from a broken file.
func TestKeeper_Decoders(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.write(t, "a.gsm", tone(t, "gsm"))
	found := 0
	for _, name := range recording.DecoderNames() {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		found++
		a.options.Decoder = recording.FindDecoder(func(wanted string) (string, error) {
			if wanted != name {
				return "", exec.ErrNotFound
			}
			return path, nil
		})
		a.Keeper = recording.NewKeeper(a.options)
		r := a.want(t, a.call(t, nil, "a.gsm")[0].ID, time.Minute, recording.StateReady, "")
		if diff := (r.Duration - time.Second).Abs(); diff > 50*time.Millisecond {
			t.Errorf("%s: it lasts %s, want a second", name, r.Duration)
		}
	}
	if found == 0 {
		t.Error("neither sox nor ffmpeg is installed: run make deps")
	}
	for _, path := range []string{"false", "cat"} {
		a.options.Decoder = recording.FindDecoder(func(string) (string, error) { return exec.LookPath(path) })
		a.Keeper = recording.NewKeeper(a.options)
		a.want(t, a.call(t, nil, "a.gsm")[0].ID, time.Minute, recording.StateMissing, recording.CauseUnsupported)
	}
	a.options.Decoder = recording.Decoder{}
	a.Keeper = recording.NewKeeper(a.options)
	r := a.want(t, a.call(t, nil, "a.gsm")[0].ID, time.Minute, recording.StateMissing, recording.CauseUnsupported)

	// And when somebody installs one, the next sweep finds it.
	a.options.Decoder = recording.FindDecoder(exec.LookPath)
	a.Keeper = recording.NewKeeper(a.options)
	a.sweep(t)
	a.want(t, r.ID, 0, recording.StateReady, "")
}

// While a call goes on its recording is left alone, also that of another call
// which a transfer joined to it.
func TestKeeper_CallsThatGoOn(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.write(t, "shared.wav", unclosed(8000))
	younger := a.call(t, nil, "shared.wav")[0]
	older := a.call(t, goesOn, "shared.wav")[0]
	if r, again := a.look(t, older.ID, time.Hour); again || r.State != recording.StateExpected {
		t.Errorf("the recording of a call that goes on: %+v, looked at again: %t", r, again)
	}
	a.want(t, younger.ID, time.Hour, recording.StateGrowing, "")
	a.write(t, "shared.wav", wav(16000, 1))
	a.want(t, younger.ID, 0, recording.StateReady, "")
	if again, err := a.Ingest(t.Context(), 4711); again != 0 || err != nil {
		t.Errorf("Ingest of nothing: %s, %v", again, err)
	}
}

// A sweep finds files without a call, and recordings that turn up late.
func TestKeeper_Sweep(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	for _, name := range []string{"ours.wav", "of-ari.wav", "sub/nobodys.wav", "nobodys.wav"} {
		a.write(t, name, wav(100, 1))
	}
	ids := map[string]recording.ID{}
	for _, name := range []string{"/rec/ours.wav", "of-ari.wav", "/rec/late.wav", "/rec/never.wav", "/elsewhere/x.wav"} {
		ids[name] = a.call(t, nil, name)[0].ID
		a.look(t, ids[name], 0)
	}
	a.want(t, ids["/rec/late.wav"], 2*time.Minute, recording.StateMissing, recording.CauseAbsent)
	a.want(t, ids["/rec/never.wav"], 2*time.Minute, recording.StateMissing, recording.CauseAbsent)
	// A job that was lost must not be the end of it.
	lost := a.call(t, nil, "/rec/lost.wav")[0].ID
	for _, name := range []string{"late.wav", "lost.wav"} {
		a.write(t, name, wav(100, 1))
	}
	before := a.count(t, `SELECT count(*) FROM changes`)
	a.sweep(t)
	for _, name := range []string{"/rec/ours.wav", "of-ari.wav", "/rec/late.wav"} {
		a.want(t, ids[name], 0, recording.StateReady, "")
	}
	a.want(t, lost, 0, recording.StateReady, "")
	if logged := a.count(t, `SELECT count(*) FROM changes`) - before; logged != 2 {
		t.Errorf("%d changes were logged, want the two that turned up", logged)
	}
	stocks, err := a.db.Recordings().Stocks(t.Context(), []string{"none", "pbx1"})
	if err != nil {
		t.Fatal(err)
	}
	zero := map[recording.State]int64{recording.StateExpected: 0, recording.StateGrowing: 0}
	want := []recording.Stock{{Node: "none", States: zero}, {
		Node: "pbx1", SweptAt: a.now.Truncate(time.Microsecond), CallsWithoutFile: 1, WithoutCall: recording.Amount{Files: 2, Bytes: 2 * 244},
		States: map[recording.State]int64{recording.StateReady: 4, recording.StateMissing: 2, recording.StateExpected: 0, recording.StateGrowing: 0},
	}}
	if diff := cmp.Diff(want, stocks); diff != "" {
		t.Errorf("stocks (-want +got):\n%s", diff)
	}
	// A library that is away is no library without files.
	if err := os.Rename(a.dir, a.dir+".away"); err != nil {
		t.Fatal(err)
	}
	a.sweep(t)
	if looked := a.count(t, `SELECT count(*) FROM recording_audit WHERE action = 'sweep' AND (details->>'looked')::boolean`); looked != 1 {
		t.Errorf("%d sweeps looked, want 1 of 2", looked)
	}
	a.want(t, ids["/rec/never.wav"], 0, recording.StateMissing, recording.CauseUnreadable)
	if err := os.Rename(a.dir+".away", a.dir); err != nil {
		t.Fatal(err)
	}
}

// What is too old expires at once, and its files go, but for one that a
// younger call still needs.
func TestKeeper_Retire(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.keep = map[string]int{"support": 30}
	for _, name := range []string{"old.wav", "shared.wav", "other.wav", "young.wav"} {
		a.write(t, name, wav(800, 1))
	}
	a.write(t, "old.ulaw", make([]byte, 800))
	sales := func(c *callcenter.Call) { c.CallCenter, c.CallCenters = "sales", []string{"sales", "support"} }
	old := a.call(t, nil, "/rec/old.wav", "/rec/old.ulaw", "/rec/shared.wav", "/rec/gone.wav")
	other := a.call(t, sales, "/rec/other.wav")
	for _, r := range append(old, other...) {
		a.look(t, r.ID, 2*time.Minute)
	}
	a.now = a.now.Add(29 * 24 * time.Hour)
	young := a.call(t, nil, "/rec/young.wav", "/rec/shared.wav")
	for _, r := range young {
		a.want(t, r.ID, time.Minute, recording.StateReady, "")
	}
	a.retire(t) // a day too early
	if n := a.count(t, `SELECT count(*) FROM recordings WHERE state = 'expired'`); n != 0 {
		t.Errorf("%d recordings expired before their time", n)
	}
	before := a.count(t, `SELECT count(*) FROM changes`)
	a.now = a.now.Add(25 * time.Hour)
	a.retire(t)
	a.retire(t)
	for _, r := range old {
		a.want(t, r.ID, 0, recording.StateExpired, "")
		if _, err := a.db.Recordings().Waveform(t.Context(), r.ID); !errors.Is(err, recording.ErrNotFound) {
			t.Errorf("waveform of the expired %s: %v", r.Name, err)
		}
	}
	for _, r := range append(young, other...) {
		a.want(t, r.ID, 0, recording.StateReady, "")
	}
	files, err := filepath.Glob(filepath.Join(a.dir, "*"))
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if diff := cmp.Diff([]string{"other.wav", "shared.wav", "young.wav"}, files); err != nil || diff != "" {
		t.Errorf("files that are left: %v (-want +got):\n%s", err, diff)
	}
	if copies, err := filepath.Glob(filepath.Join(a.copies, "*", "*")); err != nil || len(copies) != 0 {
		t.Errorf("copies that are left: %v, %v", copies, err)
	}
	if logged := a.count(t, `SELECT count(*) FROM changes`) - before; logged != 1 {
		t.Errorf("%d changes were logged, want one of the call", logged)
	}
	for action, want := range map[string]int{"expire": 4, "purge": 3} {
		if got := a.count(t, `SELECT count(*) FROM recording_audit WHERE action = $1`, action); got != want {
			t.Errorf("%d audit entries of %s, want %d", got, action, want)
		}
	}

	// The last that needs the file takes it along.
	a.now = a.now.Add(31 * 24 * time.Hour)
	a.retire(t)
	if _, err := os.Stat(filepath.Join(a.dir, "shared.wav")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file that two calls had: %v", err)
	}
}

// A file that cannot be removed is hidden all the same, and tried again.
func TestKeeper_RetireWhatCannotBeRemoved(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.keep = map[string]int{"support": 1}
	a.write(t, "a.wav", wav(800, 1))
	r := a.call(t, nil, "/rec/a.wav")[0]
	a.want(t, r.ID, 0, recording.StateReady, "")
	a.now = a.now.Add(25 * time.Hour)
	if err := os.Rename(a.dir, a.dir+".away"); err != nil {
		t.Fatal(err)
	}
	a.retire(t)
	a.want(t, r.ID, 0, recording.StateExpired, "")
	if n := a.count(t, `SELECT count(*) FROM recordings WHERE purged_at IS NOT NULL`); n != 0 {
		t.Error("it counts as purged")
	}
	if err := os.Rename(a.dir+".away", a.dir); err != nil {
		t.Fatal(err)
	}
	a.retire(t)
	if n := a.count(t, `SELECT count(*) FROM recordings WHERE purged_at IS NOT NULL`); n != 1 {
		t.Error("it was not purged")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Retire(ctx, "pbx1"); err == nil {
		t.Error("Retire with a cancelled context succeeded")
	}
}
