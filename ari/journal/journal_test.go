package journal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"callbackd/ari"
)

// epoch is when the tests' journals begin.
var epoch = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return epoch.Add(time.Duration(seconds * float64(time.Second)))
}

func newJournal(t *testing.T, folder string, change func(*Options)) *Journal {
	t.Helper()
	o := Options{
		Folder: folder, Node: "pbx1", MaxBytes: MinBytes, MaxAge: 24 * time.Hour,
		Metrics: NewMetrics(prometheus.NewRegistry()),
	}
	if change != nil {
		change(&o)
	}
	j, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// event is the n-th event.
func event(n int) string {
	return fmt.Sprintf(`{"type":"ChannelVarset","variable":"N","value":"%d"}`, n)
}

// read returns what a journal tells, a line an entry.
func read(t *testing.T, folder string, from, to time.Time) []string {
	t.Helper()
	var told []string
	for entry, err := range Read(folder, from, to) {
		if err != nil {
			t.Fatal(err)
		}
		if g := entry.Gap; g != nil {
			told = append(told, fmt.Sprintf("gap %s–%s %s", since(g.From), since(g.To), g.Why))
			continue
		}
		told = append(told, string(entry.Raw))
	}
	return told
}

func since(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Sub(epoch).String()
}

func tells(t *testing.T, folder string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, read(t, folder, time.Time{}, time.Time{})); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

func TestJournal_IsReadAsItWas(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "journal", "pbx1")
	j := newJournal(t, folder, nil)
	j.Event(at(0.5), []byte(event(0))) // before the subscriptions were complete
	j.Connected(at(1))
	j.Event(at(2), []byte(event(1)))
	j.turn(at(3), true)
	j.Lost(at(6), at(4), ari.LossSilent)
	j.Connected(at(7))
	j.Event(at(8), []byte("{\"type\":\"Dial\",\r\n \"peer\":{}}"))
	j.turn(at(9), true)
	if err := j.end(at(10)); err != nil {
		t.Fatal(err)
	}
	j.Event(at(11), []byte(event(2)))
	j.turn(at(12), true) // a piece that goes on
	j.Lost(at(13), at(13), ari.LossStopped)
	j.turn(at(14), true)
	if j.piece != nil {
		t.Error("the piece goes on though the stream has ended")
	}
	other := newJournal(t, folder, nil) // another process
	other.Connected(at(20))
	other.Event(at(21), []byte(event(3)))
	other.turn(at(22), true)
	tells(t, folder,
		event(0), "gap –1s beginning", event(1), "gap 4s–7s silent", `{"type":"Dial",   "peer":{}}`, event(2),
		"gap 13s–20s stopped", event(3), "gap 22s– broken-off") // it is still written
	for path, want := range map[string]os.FileMode{folder: 0o700, filepath.Join(folder, other.piece.name): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s is %v, want %v", path, got, want)
		}
	}
}

func TestRead_Interval(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	j := newJournal(t, folder, nil)
	j.Connected(at(0))
	for n := range 5 { // a piece a minute
		j.Event(at(float64(60*n)+1), []byte(event(n)))
		j.turn(at(float64(60*n)+2), true)
		if err := j.end(at(float64(60*n) + 59)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"gap –1m2s beginning", event(1), event(2), "gap 2m59s– end"}
	if diff := cmp.Diff(want, read(t, folder, at(70), at(130))); diff != "" {
		t.Errorf("pieces of the second and third minute (-want +got):\n%s", diff)
	}
	for _, err := range Read(t.TempDir(), time.Time{}, time.Time{}) {
		if err == nil || !strings.Contains(err.Error(), "no piece") {
			t.Errorf("an empty folder gives %v, want an error that says so", err)
		}
	}
}

// TestRead_BrokenOff: whatever of a piece is left after a kill is read up to
// where it breaks off, and what comes after it is too.
func TestRead_BrokenOff(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	j := newJournal(t, folder, nil)
	j.Connected(at(1))
	const flushes, each = 8, 10
	safe := make([]int64, 0, flushes) // the size after each flush
	for n := range flushes {
		for i := range each {
			j.Event(at(float64(n)), []byte(event(n*each+i)))
		}
		j.turn(at(float64(n)+2), true)
		safe = append(safe, j.piece.size)
	}
	name := filepath.Join(folder, j.piece.name)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	next := newJournal(t, folder, nil)
	next.Connected(at(100))
	next.Event(at(101), []byte(event(-1)))
	next.turn(at(102), true)
	for size := range len(whole) + 1 {
		if err := os.WriteFile(name, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		told := read(t, folder, time.Time{}, time.Time{})
		got := 0
		for _, line := range told {
			if line == event(got) {
				got++
			}
		}
		want := 0
		for _, s := range safe {
			if int64(size) >= s {
				want += each
			}
		}
		if got < want {
			t.Fatalf("of %d bytes %d events are read, want %d at least", size, got, want)
		}
		if last := told[len(told)-3:]; !strings.HasPrefix(last[0], "gap ") || !strings.Contains(last[0], "–1m40s ") || last[1] != event(-1) {
			t.Fatalf("of %d bytes the end is %v, want a gap and the next piece", size, last)
		}
	}
	// Bytes that were overwritten are no reason to stop either.
	for range 100 {
		broken := append([]byte(nil), whole...)
		broken[rand.IntN(len(broken))] ^= byte(1 + rand.IntN(255))
		if err := os.WriteFile(name, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if told := read(t, folder, time.Time{}, time.Time{}); told[len(told)-2] != event(-1) {
			t.Fatalf("after a broken piece the next is not read: %v", told[len(told)-2:])
		}
	}
}

// TestJournal_DiskFull: what cannot be written is dropped, counted and marked,
// and when there is room again it goes on.
func TestJournal_DiskFull(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	j := newJournal(t, folder, nil)
	j.Connected(at(1))
	j.Event(at(2), []byte(event(1)))
	j.turn(at(3), true)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	room := j.piece.file
	j.piece.file = full
	j.Event(at(4), []byte(event(2)))
	j.turn(at(5), true)
	room.Close()
	if since, why := j.Health(); why == nil || !since.Equal(at(5)) {
		t.Errorf("health: %v since %v, want no space since then", why, since)
	}
	j.Event(at(6), []byte(event(3)))
	j.turn(at(7), true) // it is not tried yet
	j.Event(at(8), []byte(event(4)))
	j.turn(at(5).Add(retryAfter), true)
	if _, why := j.Health(); why != nil {
		t.Errorf("health: %v, want that it works again", why)
	}
	j.Event(at(20), []byte(event(5)))
	j.turn(at(21), true)
	tells(t, folder, "gap –1s beginning", event(1), "gap 3s–15s broken-off", "gap 3s–8s dropped", event(5), "gap 21s– broken-off")
	if got := testutil.ToFloat64(j.o.Metrics.dropped.WithLabelValues("pbx1")); got != 3 {
		t.Errorf("%v events are counted as dropped, want 3", got)
	}
	if got := testutil.ToFloat64(j.o.Metrics.events.WithLabelValues("pbx1")); got != 2 {
		t.Errorf("%v events are counted as written, want 2", got)
	}
}

// TestJournal_NoFolder: a folder that cannot be made is tried again.
func TestJournal_NoFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(file, "pbx1")
	if err := Check(folder); err == nil {
		t.Error("Check finds nothing wrong with a folder in a file")
	}
	j := newJournal(t, folder, nil)
	j.Connected(at(1))
	j.turn(at(2), true)
	if _, why := j.Health(); why == nil {
		t.Error("nothing is wrong")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := Check(folder); err != nil {
		t.Error(err)
	}
	j.turn(at(3).Add(retryAfter), true)
	j.Event(at(20), []byte(event(1)))
	j.turn(at(21), true)
	tells(t, folder, "gap 2s–2s dropped", "gap –13s beginning", event(1), "gap 21s– broken-off")
}

// TestJournal_DiskHangs: whoever follows events does not notice.
func TestJournal_DiskHangs(t *testing.T) {
	t.Parallel()
	j := newJournal(t, t.TempDir(), nil)
	now := time.Now() // Run goes by it: an older piece would be ended at once
	j.Connected(now)
	j.turn(now, true)
	silent, pipe, err := os.Pipe() // nobody reads it
	if err != nil {
		t.Fatal(err)
	}
	file := j.piece.file
	j.piece.file = pipe
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	// What does not compress fills first the pipe and then the memory.
	const each = 1 << 20
	raw := make([]byte, each)
	source := rand.NewChaCha8([32]byte{})
	n, dropped, waiting := 0, 0, 0
	for ; n < 20*maxWaiting/each && dropped == 0; n++ {
		if _, err := source.Read(raw); err != nil {
			t.Fatal(err)
		}
		j.Event(now, raw)
		j.mu.Lock()
		dropped, waiting = j.dropped.events, len(j.lines)
		j.mu.Unlock()
	}
	if dropped == 0 || n == 1 || waiting > maxWaiting {
		t.Errorf("%d of %d events are dropped, %d bytes wait; want some, and no more than %d bytes", dropped, n, waiting, maxWaiting)
	}
	if since, why := j.Health(); why == nil || !since.Equal(now) {
		t.Errorf("health: %v since %v, want that the disk does not keep up", why, since)
	}
	if got := testutil.ToFloat64(j.o.Metrics.dropped.WithLabelValues("pbx1")); got == 0 {
		t.Error("no dropped event is counted while the disk hangs")
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(stopTimeout + 20*time.Second):
		t.Error("Run does not end while the disk hangs")
	}
	silent.Close()
	pipe.Close()
	file.Close()
}

// TestJournal_IsBounded: the oldest pieces go first, and nothing that is none.
func TestJournal_IsBounded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	strange := filepath.Join(folder, "20200101T000000.000Z-notes.txt")
	if err := os.WriteFile(strange, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	const most = 1 << 20
	j := newJournal(t, folder, func(o *Options) { o.pieceBytes = most / 8 })
	j.o.MaxBytes = most
	j.Connected(at(0))
	now := time.Now()
	raw := make([]byte, 4096)
	source := rand.NewChaCha8([32]byte{1})
	const n = 400
	for i := range n {
		if _, err := source.Read(raw); err != nil {
			t.Fatal(err)
		}
		j.Event(now, fmt.Appendf(nil, "%s%x", event(i), raw))
		now = now.Add(time.Second)
		j.turn(now, true)
	}
	list, err := pieces(folder)
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, p := range list {
		size += p.size
	}
	if size > most || size < most/2 {
		t.Errorf("%d pieces have %d bytes, want nearly %d", len(list), size, most)
	}
	told := read(t, folder, time.Time{}, time.Time{})
	if newest := told[len(told)-2]; !strings.HasPrefix(newest, event(n-1)) {
		t.Errorf("the newest event is %.60s, want the last", newest)
	}
	if got := testutil.ToFloat64(j.o.Metrics.gone.WithLabelValues("pbx1", removedForSize)); got == 0 {
		t.Error("no removed piece is counted")
	}
	// And then all for their age, but the one that is written.
	j.Event(now, []byte(event(n)))
	j.turn(now, true)
	if err := j.prune(now.Add(48 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if list, err = pieces(folder); err != nil || len(list) != 1 || list[0].name != j.piece.name {
		t.Errorf("two days later there are %v: %v; want the open piece", list, err)
	}
	if _, err := os.Stat(strange); err != nil {
		t.Errorf("a file of somebody else: %v", err)
	}
}

// TestJournal_PieceRemoved: a journal that somebody removed is begun anew.
func TestJournal_PieceRemoved(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	j := newJournal(t, folder, nil)
	j.Connected(at(0))
	j.turn(at(1), true)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	j.Event(at(60), []byte(event(0)))
	j.turn(at(62), true) // is noticed, and lost
	j.Event(at(80), []byte(event(1)))
	j.turn(at(81), true)
	j.Event(at(82), []byte(event(2)))
	j.turn(at(83), true)
	told := read(t, folder, time.Time{}, time.Time{})
	if told[len(told)-2] != event(2) {
		t.Errorf("journal is %v, want the last event", told)
	}
}
