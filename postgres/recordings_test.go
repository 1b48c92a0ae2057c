package postgres_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/postgres"
	"callbackd/recording"
)

func recordingsOf(t testing.TB, db *postgres.DB, id callcenter.RequestID) []recording.Recording {
	t.Helper()
	found, err := db.Recordings().ListByCall(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A call's recordings are there with it, whatever is saved how often, and are
// looked for once it has ended.
func TestRecordings_AppearWithTheirCall(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	call := newCall(1)
	call.Recordings = []string{"/rec/b.wav", "/rec/a.wav", "/rec/a.wav", "", strings.Repeat("x", 1025)}
	save(t, db, call)
	save(t, db, call)
	if jobs := count(t, pool, `SELECT count(*) FROM river_job`); jobs != 0 {
		t.Errorf("%d jobs while the call goes on, want none", jobs)
	}
	call.Recordings = append(call.Recordings, "after-transfer.wav")
	save(t, db, call)
	save(t, db, ended(call))
	save(t, db, ended(call))

	want := func(id recording.ID, name string) recording.Recording {
		return recording.Recording{
			ID: id, RequestID: call.RequestID, Node: "pbx1", Kind: recording.KindCall, State: recording.StateExpected,
			Name: name, CallCenters: call.CallCenters, Agents: call.Agents,
		}
	}
	got := recordingsOf(t, db, call.RequestID)
	if diff := cmp.Diff([]recording.Recording{want(1, "/rec/a.wav"), want(2, "/rec/b.wav"), want(3, "after-transfer.wav")}, got); diff != "" {
		t.Errorf("recordings (-want +got):\n%s", diff)
	}
	if jobs := count(t, pool, `SELECT count(DISTINCT args->>'id') FROM river_job WHERE kind = 'recording_ingest' AND queue = 'recordings_pbx1'`); jobs != 3 {
		t.Errorf("%d recordings are looked for, want 3", jobs)
	}
	if jobs := count(t, pool, `SELECT count(*) FROM river_job`); jobs != 3 {
		t.Errorf("%d jobs, want 3", jobs)
	}
	if one, err := db.Recordings().Get(t.Context(), got[1].ID); err != nil || !cmp.Equal(one, got[1]) {
		t.Errorf("Get = %+v, %v", one, err)
	}
	if _, err := db.Recordings().Get(t.Context(), 99); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("Get of nothing: %v", err)
	}
	if _, err := db.Recordings().Waveform(t.Context(), got[0].ID); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("Waveform of what is not ready: %v", err)
	}
}

// What the events of the PBX show as a call's recording becomes a message when
// it is expected as one, and the other way round stays one.
func TestRecordings_Expect(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	call := newCall(1)
	call.Recordings = []string{"message.wav"}
	save(t, db, call)
	callback, err := register(t.Context(), db, call.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	message := recording.Expected{
		RequestID: call.RequestID, Node: "pbx1", Kind: recording.KindMessage, CallbackID: int64(callback.ID), Name: "message.wav",
	}
	var ids []recording.ID
	for range 2 {
		id, err := db.Recordings().Expect(t.Context(), message)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	save(t, db, ended(call))
	asCall := message
	asCall.Kind, asCall.CallbackID = recording.KindCall, 0
	if _, err := db.Recordings().Expect(t.Context(), asCall); err != nil {
		t.Fatal(err)
	}
	got := recordingsOf(t, db, call.RequestID)
	if len(got) != 1 || got[0].Kind != recording.KindMessage || got[0].CallbackID != int64(callback.ID) || got[0].ID != ids[0] || ids[1] != ids[0] {
		t.Errorf("recordings = %+v with ids %v, want one message of callback %d", got, ids, callback.ID)
	}
	if jobs := count(t, connect(t, url), `SELECT count(*) FROM river_job`); jobs != 1 {
		t.Errorf("%d jobs, want 1", jobs)
	}
	message.RequestID = "nobody"
	if _, err := db.Recordings().Expect(t.Context(), message); !errors.Is(err, callcenter.ErrNotFound) {
		t.Errorf("Expect of a call that is not stored: %v", err)
	}
	for _, name := range []string{"", "a\x00b", "\xff", strings.Repeat("x", 1025)} {
		message.Name = name
		if _, err := db.Recordings().Expect(t.Context(), message); err == nil {
			t.Errorf("Expect of %.10q succeeded", name)
		}
	}
}

func count(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// A callback says what can be played, wherever it is read, and the change log
// when that changes.
func TestRecordings_CallbacksSayWhatCanBePlayed(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	call := ended(newCall(1))
	call.Recordings = []string{"call.wav"}
	save(t, db, call)
	callback, err := register(t.Context(), db, call.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	id, err := db.Recordings().Expect(t.Context(), recording.Expected{
		RequestID: call.RequestID, Node: "pbx1", Kind: recording.KindMessage, CallbackID: int64(callback.ID), Name: "message.wav",
	})
	if err != nil {
		t.Fatal(err)
	}
	of := map[recording.Kind]recording.ID{recording.KindCall: recordingsOf(t, db, call.RequestID)[0].ID, recording.KindMessage: id}
	ready := recording.Ready{At: start, Size: 44, Waveform: recording.Waveform{Duration: 1500 * time.Millisecond, PeaksPerSecond: 20, Peaks: []float32{0, 0.5, 1, 7}}}
	last := lastChange(t, db)
	for _, step := range []struct {
		name    string
		do      func() error
		want    callbacks.Recording
		changes []callbacks.ChangeKind
	}{
		{"expected", func() error { return nil }, "", nil},
		{"growing", func() error {
			return db.Recordings().SaveGrowing(t.Context(), of[recording.KindCall], recording.Seen{At: start, Size: 1})
		}, "", nil},
		{"missing", func() error {
			return db.Recordings().SaveMissing(t.Context(), of[recording.KindMessage], recording.CauseAbsent)
		}, "", []callbacks.ChangeKind{callbacks.ChangeCall, callbacks.ChangeCallback}},
		{"missing again", func() error {
			return db.Recordings().SaveMissing(t.Context(), of[recording.KindMessage], recording.CauseAbsent)
		}, "", nil},
		{
			"the call's is ready", func() error { return db.Recordings().SaveReady(t.Context(), of[recording.KindCall], ready) },
			callbacks.RecordingCall,
			[]callbacks.ChangeKind{callbacks.ChangeCall, callbacks.ChangeCallback},
		},
		{
			"the message is ready", func() error { return db.Recordings().SaveReady(t.Context(), of[recording.KindMessage], ready) },
			callbacks.RecordingMessage,
			[]callbacks.ChangeKind{callbacks.ChangeCall, callbacks.ChangeCallback},
		},
		{
			"what is ready stays so", func() error { return db.Recordings().SaveReady(t.Context(), of[recording.KindMessage], ready) },
			callbacks.RecordingMessage, nil,
		},
		{"expired", func() error {
			n, err := db.Recordings().Expire(t.Context(), "pbx1", "support", 1, time.Now().Add(time.Hour), start, 10)
			if n != 2 {
				t.Errorf("%d recordings expired, want 2", n)
			}
			return err
		}, "", []callbacks.ChangeKind{callbacks.ChangeCall, callbacks.ChangeCallback}},
		{"what has expired stays so", func() error { return db.Recordings().SaveReady(t.Context(), of[recording.KindCall], ready) }, "", nil},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		changes, err := db.Feed().Changes(t.Context(), last, 10)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []callbacks.ChangeKind
		for _, change := range changes {
			kinds, last = append(kinds, change.Kind), change.Number
			if change.Callback != nil && change.Callback.Recording != step.want {
				t.Errorf("%s: the change tells of %q, want %q", step.name, change.Callback.Recording, step.want)
			}
		}
		if diff := cmp.Diff(step.changes, kinds); diff != "" {
			t.Errorf("%s: changes (-want +got):\n%s", step.name, diff)
		}
		one, err := db.Callbacks().Callback(t.Context(), callback.ID)
		if err != nil || one.Recording != step.want || one.Version != callback.Version {
			t.Errorf("%s: %q of version %d, %v; want %q", step.name, one.Recording, one.Version, err, step.want)
		}
		list, _, err := db.Callbacks().List(t.Context(), callbacks.Query{Limit: 10})
		if err != nil || len(list) != 1 || list[0].Recording != step.want {
			t.Errorf("%s: list %+v, %v; want %q", step.name, list, err, step.want)
		}
	}
}

func TestRecordings_Waveform(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	call := ended(newCall(1))
	save(t, db, call)
	id := recordingsOf(t, db, call.RequestID)[0].ID
	want := recording.Waveform{Duration: 1234567 * time.Microsecond, PeaksPerSecond: 2.5, Peaks: []float32{0, 0.2, 1}}
	if err := db.Recordings().SaveReady(t.Context(), id, recording.Ready{At: start, Size: 44, Converted: true, Waveform: want}); err != nil {
		t.Fatal(err)
	}
	got, err := db.Recordings().Waveform(t.Context(), id)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("waveform: %v (-want +got):\n%s", err, diff)
	}
	r, err := db.Recordings().Get(t.Context(), id)
	if err != nil || r.State != recording.StateReady || !r.Converted || r.Duration != want.Duration || r.Size != 44 ||
		!r.ReadyAt.Equal(start) || !r.FoundAt.Equal(start) {
		t.Errorf("recording = %+v, %v", r, err)
	}
}
