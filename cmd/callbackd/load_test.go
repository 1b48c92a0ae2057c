package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"callbackd/ari/aritest"
	"callbackd/lab"
	"callbackd/lab/labtest"
)

// loadLong makes the short version of TestLoad the long one, which measures.
var loadLong = flag.Bool("load", false, "TestLoad: measure how much load the daemon bears, beside the limit that the database sets; takes some minutes")

// loadWorld is a daemon, a process of its own, before a fake PBX, whose database
// tells when it committed what.
type loadWorld struct {
	*busyWorld
	fake  *aritest.Server
	trace *aritest.Trace
	ends  *endings
	// calls is how many were made so far, limits how often the limit was measured,
	// and probes how many calls were written beside it.
	calls, limits, probes int
}

func newLoadWorld(t *testing.T) *loadWorld {
	t.Helper()
	var database string
	if *loadLong {
		database = durableDatabase(t)
	} else {
		database = databases.New(t)
	}
	w, pbx := newFakeWorldIn(t, database)
	return &loadWorld{busyWorld: busy(t, w), fake: pbx, trace: unrecorded(t)}
}

// durableDatabase is one of a server that writes to the disk what it commits, and
// notes when it did.
func durableDatabase(t *testing.T) string {
	t.Helper()
	server := labtest.Postgres(t, lab.PostgresOptions{Durable: true, Settings: map[string]string{"track_commit_timestamp": "on"}})
	database, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	return database
}

// unrecorded is an answered call of a call center that nobody records: looking
// for recordings is work of another kind, at a pace of its own.
func unrecorded(t *testing.T) *aritest.Trace {
	t.Helper()
	text, err := os.ReadFile("../../ari/testdata/cc-answered.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	without := strings.NewReplacer(`"MixMonitor"`, `"NoOp"`, `"MIXMONITOR_FILENAME"`, `"OTHER"`).Replace(string(text))
	trace, err := aritest.ReadTrace(strings.NewReader(without))
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// TestLoad has one daemon bear more and more calls, measures how late their rows
// and their events in the stream are and what it takes of the machine, and writes
// the same rows without it, which is the limit. The short version makes sure that
// all of it works, and that nothing is lost.
func TestLoad(t *testing.T) {
	t.Parallel()
	rates, lasts, most, turns, active := []int{20}, 2*time.Second, 40, 1, 100
	if *loadLong {
		rates, lasts, most, turns, active = []int{10, 50, 100, 200, 300, 400, 600}, 8*time.Second, 1500, 3, 10_000
		loadOfPhones(t)
	}
	l := newLoadWorld(t)
	l.ends = readEndings(t, l.busyWorld)
	l.climb(t, rates, func(rate int) loadResult { return l.bear(t, rate, lasts) })
	l.saturate(t, most, turns)
	l.memory(t, active)
}

// climb measures one rate after the other until the daemon falls behind.
func (l *loadWorld) climb(t *testing.T, rates []int, bear func(rate int) loadResult) {
	t.Helper()
	var results []loadResult
	for _, rate := range rates {
		r := bear(rate)
		results = append(results, r)
		if !r.keptUp() {
			break
		}
	}
	t.Logf("what so many calls a second come to:\n%s", loadTable(results))
	if r := &results[0]; r.gaps > 0 {
		t.Errorf("%d calls a second came to %d gaps", r.rate, r.gaps)
	}
}

// memory measures what so many active calls take of the daemon's memory.
func (l *loadWorld) memory(t *testing.T, active int) {
	t.Helper()
	use := func() (heap, resident float64) {
		resident = l.metric(t, "process_resident_memory_bytes")
		l.collect(t)
		return l.metric(t, "go_memstats_heap_alloc_bytes"), resident
	}
	heap, resident := use()
	for made := 0; made < active; {
		some := min(100, active-made)
		for range some {
			l.calls++
			events := l.trace.Render(aritest.Rendering{Instance: l.calls, At: time.Now()})
			end := slices.IndexFunc(events, func(e aritest.Event) bool { return strings.Contains(e.Raw, `"ChannelHangupRequest"`) })
			if err := l.fake.Play(t.Context(), 0, events[:end]); err != nil {
				t.Fatal(err)
			}
		}
		made += some
		labtest.Eventually(t, 6*patience, func() error {
			var n int
			if l.query(t, "SELECT count(*) FROM calls WHERE state = 'active' AND answered_at IS NOT NULL", &n); n != made {
				return fmt.Errorf("%d calls are active, want %d", n, made)
			}
			return nil
		})
	}
	fullHeap, fullResident := use()
	t.Logf("%d active calls: %.0f bytes of heap each; resident %.1f MB, which were %.1f: %.0f bytes each", active,
		(fullHeap-heap)/float64(active), fullResident/1e6, resident/1e6, (fullResident-resident)/float64(active))
}

// loadOfPhones has phones call a real Asterisk, up to what the machine bears.
func loadOfPhones(t *testing.T) {
	t.Helper()
	w := newWorldIn(t, lab.AsteriskOptions{CallDetails: true, Globals: map[string]string{"QUEUE_TIMEOUT": "60"}}, durableDatabase(t))
	l := &loadWorld{busyWorld: busy(t, w)}
	l.forgotten = map[string]bool{}
	l.ends = readEndings(t, l.busyWorld)
	l.traffic = newTraffic(t, w, 1)
	l.climb(t, []int{5, 10, 20, 40, 60, 80}, func(rate int) loadResult {
		l.traffic.every = time.Second / time.Duration(rate)
		return l.measure(t, rate, func(time.Time) (int, time.Duration, time.Time) {
			calls, hungUp := l.phonesCall(t, rate)
			return calls, 0, hungUp
		})
	})
}

// phonesCall has phones call for a while, and waits until what is stored is what
// Asterisk recorded. In the end all hang up at once, which is no such rate of
// calls any more: hungUp is when they do.
func (l *loadWorld) phonesCall(t *testing.T, rate int) (calls int, hungUp time.Time) {
	t.Helper()
	l.traffic.start()
	passes(t, 10*time.Second)
	hungUp = time.Now()
	l.traffic.stop()
	all, lost, why := l.compare(t, false)
	for began := time.Now(); lost > 0 && time.Since(began) < patience; all, lost, why = l.compare(t, false) {
		passes(t, 100*time.Millisecond)
	}
	if lost > 0 {
		t.Logf("at %d calls a second %d of %d are not stored as Asterisk recorded them: %v", rate, lost, all, why)
	}
	calls, l.compared = all-l.compared, all
	return calls, hungUp
}
