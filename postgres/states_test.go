package postgres_test

import (
	"testing"
	"time"

	"callbackd/lab/labtest"
	"callbackd/recording"
)

// TestStates holds the diagram in docs/states.md against what becomes of a
// recording in each state by everything that may be found out about its file.
func TestStates(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	r := db.Recordings()
	call := ended(newCall(1))
	call.Recordings = []string{"/rec/a.wav"}
	save(t, db, call)
	id := recordingsOf(t, db, call.RequestID)[0].ID

	now, ctx := time.Now(), t.Context()
	ready := recording.Ready{At: now, Waveform: recording.Waveform{Duration: time.Second, PeaksPerSecond: 1, Peaks: []float32{1}}, Size: 16044}
	happens := map[string]func() error{
		"file grows":    func() error { return r.SaveGrowing(ctx, id, recording.Seen{At: now, Size: 44}) },
		"file is whole": func() error { return r.SaveReady(ctx, id, ready) },
		"no sound":      func() error { return r.SaveMissing(ctx, id, recording.CauseAbsent) },
		"kept long enough": func() error {
			_, err := r.Expire(ctx, "pbx1", call.CallCenter, 1, now.Add(time.Hour), now, 10)
			return err
		},
	}
	// How to come to each state.
	ways := map[recording.State][]string{
		recording.StateExpected: {}, recording.StateGrowing: {"file grows"}, recording.StateReady: {"file is whole"},
		recording.StateMissing: {"no sound"}, recording.StateExpired: {"file is whole", "kept long enough"},
	}
	state := func() recording.State { return recordingsOf(t, db, call.RequestID)[0].State }
	seen := labtest.Transitions{}
	seen.Add("[*]", string(state()), "the PBX names it")
	for _, from := range recording.States {
		for word, happen := range happens {
			exec(t, pool, `UPDATE recordings SET state = 'expected', cause = NULL, found_at = NULL, ready_at = NULL, expired_at = NULL`)
			for _, step := range ways[from] {
				if err := happens[step](); err != nil {
					t.Fatal(err)
				}
			}
			if got := state(); got != from {
				t.Fatalf("%v led to %s, want %s", ways[from], got, from)
			}
			if err := happen(); err != nil {
				t.Fatal(err)
			}
			if to := state(); to != from {
				seen.Add(string(from), string(to), word)
			}
		}
	}
	seen.Holds(t, "../docs/states.md", "Recording")
}
