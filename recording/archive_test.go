package recording_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"callbackd/callcenter"
	"callbackd/lab/labtest"
	"callbackd/postgres"
	"callbackd/recording"
)

var databases = labtest.NewDatabases(postgres.Migrate)

func TestMain(m *testing.M) { os.Exit(databases.Run(m)) }

// archive is a keeper over a database and folders of its own, by a clock that
// the test moves on.
type archive struct {
	*recording.Keeper
	options recording.KeeperOptions
	library *recording.Library
	db      *postgres.DB
	pool    *pgxpool.Pool // bypasses the program
	dir     string
	copies  string
	now     time.Time
	calls   int
	keep    map[string]int
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	url := databases.New(t)
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	// The files have the times of the machine's clock.
	a := &archive{db: db, pool: pool, dir: t.TempDir(), copies: t.TempDir(), now: time.Now().UTC()}
	a.library = recording.NewLibrary(map[string]recording.Place{
		"pbx1": {Shelf: recording.NewDirectory(a.dir), OnPBX: "/rec", Purge: true},
	}, recording.NewCopies(a.copies))
	a.options = recording.KeeperOptions{
		Store: db.Recordings(), Library: a.library, Decoder: recording.FindDecoder(exec.LookPath),
		KeepDays: func() map[string]int { return a.keep }, Now: func() time.Time { return a.now },
		Metrics: recording.NewMetrics(prometheus.NewRegistry(), "pbx1"),
	}
	a.Keeper = recording.NewKeeper(a.options)
	return a
}

// call stores a call with recordings of these names, which has ended just now
// unless change says otherwise, and returns them.
func (a *archive) call(t *testing.T, change func(*callcenter.Call), names ...string) []recording.Recording {
	t.Helper()
	a.calls++
	linkedID := fmt.Sprint("1.", a.calls)
	call := callcenter.Call{
		RequestID: callcenter.NewRequestID("pbx1", linkedID), Node: "pbx1", LinkedID: linkedID,
		Kind: callcenter.KindCallCenter, Direction: callcenter.DirectionInbound,
		CallCenter: "support", CallCenters: []string{"support"}, Recordings: names,
		State: callcenter.StateEnded, Outcome: callcenter.Outcome{Result: callcenter.ResultAnswered},
		StartedAt: a.now, EndedAt: new(a.now), LastEventAt: a.now,
	}
	if change != nil {
		change(&call)
	}
	if err := a.db.Calls().SaveCalls(t.Context(), []callcenter.Call{call}); err != nil {
		t.Fatal(err)
	}
	found, err := a.db.Recordings().ListByCall(t.Context(), call.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func goesOn(c *callcenter.Call) {
	c.State, c.EndedAt, c.Outcome = callcenter.StateActive, nil, callcenter.Outcome{}
}

func (a *archive) write(t *testing.T, name string, data []byte) {
	t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// look has a recording looked at, some time later, and returns what it is
// then and whether it is looked at again.
func (a *archive) look(t *testing.T, id recording.ID, later time.Duration) (recording.Recording, bool) {
	t.Helper()
	a.now = a.now.Add(later)
	again, err := a.Ingest(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.db.Recordings().Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r, again > 0
}

// want checks what a look gives.
func (a *archive) want(t *testing.T, id recording.ID, later time.Duration, state recording.State, cause recording.Cause) recording.Recording {
	t.Helper()
	r, again := a.look(t, id, later)
	goesOn := state == recording.StateExpected || state == recording.StateGrowing
	if r.State != state || r.Cause != cause || again != goesOn {
		t.Errorf("after %s recording %s is %s %s, looked at again: %t; want %s %s", later, r.Name, r.State, r.Cause, again, state, cause)
	}
	return r
}

// sweep sweeps, an hour and a day later.
func (a *archive) sweep(t *testing.T) {
	t.Helper()
	a.now = a.now.Add(25 * time.Hour)
	if err := a.Sweep(t.Context(), "pbx1"); err != nil {
		t.Fatal(err)
	}
}

func (a *archive) count(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	if err := a.pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// hear returns the bytes that are played of a recording.
func (a *archive) hear(t *testing.T, r recording.Recording) []byte {
	t.Helper()
	sound, err := a.library.Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(io.NewSectionReader(sound, 0, sound.Size()))
	if err := errors.Join(err, sound.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

func (a *archive) retire(t *testing.T) {
	t.Helper()
	if err := a.Retire(t.Context(), "pbx1"); err != nil {
		t.Fatal(err)
	}
}

// wav is a file as Asterisk leaves it, with so many samples that are all the
// same.
func wav(samples int, value int16) []byte {
	size := uint32(2 * samples)
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), size+36)
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, size)
	for range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(value))
	}
	return b
}

// unclosed is the file while Asterisk writes it: its header says nothing yet.
func unclosed(samples int) []byte {
	b := wav(samples, 100)
	clear(b[4:8])
	clear(b[40:44])
	return b
}

// tone makes a second of a tone in a format, by sox.
func tone(t *testing.T, format string, options ...string) []byte {
	t.Helper()
	arguments := append(append([]string{"-n", "-r", "8000", "-c", "1"}, options...), "-t", format, "-", "synth", "1", "sine", "500")
	out, err := exec.CommandContext(t.Context(), "sox", arguments...).Output()
	if err != nil {
		t.Fatalf("sox: %v", err)
	}
	return out
}
