package main

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/ari/aritest"
	"callbackd/lab/labtest"
)

// eightHours is how many calls TestFaults_LoadStaysLevel makes in the long
// version: those of eight hours with seven a second.
const eightHours = 8 * 3600 * 7

// levels are what a daemon that runs for months must not use more and more of.
type levels struct{ goroutines, files, connections, memory float64 }

// samples are levels of one daemon under the same load, in their order.
type samples []levels

// sample takes one more.
func (s *samples) sample(t *testing.T, b *busyWorld) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it only asked
	l := levels{
		goroutines: b.metric(t, "go_goroutines"), files: b.metric(t, "process_open_fds"),
		memory: b.metric(t, "process_resident_memory_bytes") / 1e6,
	}
	err = conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1", servingRole).Scan(&l.connections)
	if err != nil {
		t.Fatal(err)
	}
	*s = append(*s, l)
}

// thirds are the means of the first, the second and the last third. In the first
// of a long time everything comes to be used once, and what is kept of calls that
// have ended fills up.
func (s samples) thirds() (means [3]levels) {
	for i := range means {
		part := s[i*len(s)/3 : (i+1)*len(s)/3]
		n := float64(len(part))
		for _, l := range part {
			means[i].goroutines += l.goroutines / n
			means[i].files += l.files / n
			means[i].connections += l.connections / n
			means[i].memory += l.memory / n
		}
	}
	return means
}

// level fails the test when the last third used more than the second. What
// requests and the database's pool hold comes and goes.
func (s samples) level(t *testing.T, memory float64) {
	t.Helper()
	m := s.thirds()
	before, after := m[1], m[2]
	if after.goroutines > before.goroutines+20 || after.files > before.files+20 || after.connections > before.connections+10 ||
		after.memory > memory*before.memory {
		t.Errorf("it used %+v in the last third of the time, and %+v in the second", after, before)
	}
}

// String shows them to people: the means of the three thirds, megabytes for
// memory.
func (s samples) String() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "third\tgoroutines\tfiles\tconnections\tmemory MB")
	for i, l := range s.thirds() {
		fmt.Fprintf(w, "%d\t%.0f\t%.0f\t%.1f\t%.1f\n", i+1, l.goroutines, l.files, l.connections, l.memory)
	}
	w.Flush()
	return text.String()
}

// newFakeBusyWorld is a fake world whose daemon is a process of its own.
func newFakeBusyWorld(t *testing.T) (*world, *aritest.Server, *busyWorld) {
	t.Helper()
	w, pbx := newFakeWorld(t)
	return w, pbx, busy(t, w)
}

// busy runs a world's daemon, as a process of its own.
func busy(t *testing.T, w *world) *busyWorld {
	t.Helper()
	b := &busyWorld{t: t, world: w, folder: t.TempDir()}
	b.boot(t)
	t.Cleanup(func() { b.process.kill() })
	b.follows(t)
	return b
}

// TestFaults_LoadStaysLevel makes calls at speed, which use no more of anything
// the longer it lasts, and a row each.
func TestFaults_LoadStaysLevel(t *testing.T) {
	t.Parallel()
	w, pbx, b := newFakeBusyWorld(t)
	calls, rounds, memory := 150, 6, 2.0
	if *soakFor > 0 {
		calls, memory = 2100, 1.1
		rounds = eightHours / calls
	}
	began := time.Now()
	var used samples
	for round := range rounds {
		if err := pbx.Play(t.Context(), 0, callsAtOnce(t, 1+round*calls, calls)); err != nil {
			t.Fatal(err)
		}
		b.counts(t, (round+1)*calls)
		used.sample(t, b)
	}
	took := time.Since(began)
	t.Logf("%d calls in %v:\n%v", rounds*calls, took.Round(time.Second), used)
	w.storesAnswered(t, "pbx1", rounds*calls)
	used.level(t, memory)
}

// counts waits until the daemon has stored the ends of so many calls.
func (b *busyWorld) counts(t *testing.T, calls int) {
	t.Helper()
	labtest.Eventually(t, 6*patience, func() error {
		if n := b.sum(t, "callbackd_calls_total"); n != calls {
			return fmt.Errorf("%d calls have ended and are stored, want %d", n, calls)
		}
		return nil
	})
}
