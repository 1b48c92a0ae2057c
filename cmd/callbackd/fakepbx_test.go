package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"callbackd/ari/aritest"
	"callbackd/lab"
	"callbackd/lab/labtest"
)

// newFakeWorld is a world whose PBX is a fake one, which makes calls as fast as
// one likes. The daemon does not run yet.
func newFakeWorld(t *testing.T) (*world, *aritest.Server) {
	t.Helper()
	return newFakeWorldIn(t, databases.New(t))
}

// newFakeWorldIn is newFakeWorld with a database of the test's own.
func newFakeWorldIn(t *testing.T, database string) (*world, *aritest.Server) {
	t.Helper()
	pbx := newFakePBX(t)
	w := &world{
		pbx:      &lab.Asterisk{ARI: pbx.URL(), Password: aritest.DefaultPassword, Recordings: t.TempDir()},
		database: database, seen: map[string]bool{},
	}
	w.cfg = exampleConfig(t, w.pbx, w.database)
	w.makeToken(t)
	return w, pbx
}

func newFakePBX(t *testing.T) *aritest.Server {
	t.Helper()
	pbx, err := aritest.New(aritest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbx.Close() }) //nolint:errcheck // a fake
	return pbx
}

// callsAtOnce returns the events of so many answered calls of a call center,
// which all go on at the same time.
func callsAtOnce(t *testing.T, from, n int) []aritest.Event {
	t.Helper()
	trace, err := aritest.LoadTrace("../../ari/testdata/cc-answered.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	all := make([][]aritest.Event, n)
	for i := range n {
		all[i] = trace.Render(aritest.Rendering{Instance: from + i, At: time.Now()})
	}
	var events []aritest.Event
	for step := range trace.Len() {
		for i := range n {
			events = append(events, all[i][step])
		}
	}
	return events
}

// storesAnswered waits until so many calls of a node are stored, all of them
// answered and over, each in the change log, and no more.
func (w *world) storesAnswered(t *testing.T, node string, n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it only asked
	labtest.Eventually(t, 6*patience, func() error {
		var all, right, gaps int
		err := conn.QueryRow(t.Context(), `
			SELECT count(*), count(*) FILTER (WHERE kind = 'call_center' AND result = 'answered' AND agent = 'PJSIP/2001'
				AND logged.request_id IS NOT NULL), (SELECT count(*) FROM gaps WHERE gaps.node = $1)
			FROM calls LEFT JOIN (SELECT DISTINCT request_id FROM changes) logged USING (request_id)
			WHERE calls.node = $1`, node).Scan(&all, &right, &gaps)
		if err == nil && (all != n || right != n || gaps > 0) {
			err = fmt.Errorf("%d calls are stored, %d of them right, and %d gaps; want %d, all right, and no gap", all, right, gaps, n)
		}
		return err
	})
}

// TestFaults_EventStorm sends fifty thousand events as fast as they are taken.
func TestFaults_EventStorm(t *testing.T) {
	t.Parallel()
	w, pbx := newFakeWorld(t)
	w.start(t)
	const storm = 50_000
	events := callsAtOnce(t, 1, 1)
	calls := storm/len(events) + 1
	events = callsAtOnce(t, 1, calls)
	began := time.Now()
	if err := pbx.Play(t.Context(), 0, events); err != nil {
		t.Fatal(err)
	}
	sent := time.Since(began)
	w.storesAnswered(t, "pbx1", calls)
	t.Logf("%d events of %d calls were sent in %v and stored after %v", len(events), calls, sent.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
}

// TestFaults_SameMAC: two nodes that are clones of one machine, with the same
// entity ID, system name and unique IDs, are two.
func TestFaults_SameMAC(t *testing.T) {
	t.Parallel()
	w, first := newFakeWorld(t)
	second := newFakePBX(t)
	clone := w.cfg.PBX[0]
	clone.Name, clone.ARI.URL = "pbx2", second.URL()
	w.cfg.PBX = append(w.cfg.PBX, clone)
	w.start(t)
	const calls = 5
	for _, pbx := range []*aritest.Server{first, second} {
		if err := pbx.Play(t.Context(), 0, callsAtOnce(t, 1, calls)); err != nil {
			t.Fatal(err)
		}
	}
	w.storesAnswered(t, "pbx1", calls)
	w.storesAnswered(t, "pbx2", calls)
}

// TestFaults_NodeRenamed: under another name a node is another one. What was
// stored stays, and what its calls do from then on is stored as of new ones.
func TestFaults_NodeRenamed(t *testing.T) {
	t.Parallel()
	w, pbx := newFakeWorld(t)
	w.start(t)
	if err := pbx.Play(t.Context(), 0, callsAtOnce(t, 1, 3)); err != nil {
		t.Fatal(err)
	}
	w.storesAnswered(t, "pbx1", 3)
	w.stop()
	w.cfg.PBX[0].Name = "tokyo"
	w.start(t)
	if err := pbx.Play(t.Context(), 0, callsAtOnce(t, 1, 3)); err != nil {
		t.Fatal(err)
	}
	w.storesAnswered(t, "tokyo", 3)
	w.storesAnswered(t, "pbx1", 3)
	for _, c := range w.calls(t) {
		w.register(t, c["request_id"].(string), registered)
	}
}

// TestFaults_NodeRemoved: a call of a node that nobody follows any more, as it
// was renamed, does not go on for ever; and its caller can be called back.
func TestFaults_NodeRemoved(t *testing.T) {
	t.Parallel()
	w, pbx := newFakeWorld(t)
	w.start(t)
	events := callsAtOnce(t, 1, 1)
	if err := pbx.Play(t.Context(), 0, events[:len(events)/2]); err != nil {
		t.Fatal(err)
	}
	only := func(state string) (call map[string]any) {
		labtest.Eventually(t, patience, func() error {
			calls := w.calls(t)
			if len(calls) != 1 || calls[0]["state"] != state {
				return fmt.Errorf("the calls are %v, want one that is %s", calls, state)
			}
			call = calls[0]
			return nil
		})
		return call
	}
	before := only("active")
	w.stop()
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it was for one statement
	w.cfg.PBX[0].Name, w.cfg.PBX[0].ARI.URL = "tokyo", newFakePBX(t).URL()
	w.start(t)
	w.ready(t, http.StatusOK)
	if after := only("active"); after["node"] != "pbx1" {
		t.Errorf("the call is %v, want it as it was: its node was followed until now", after)
	}
	w.stop()
	if _, err := conn.Exec(t.Context(), `UPDATE leases SET held_until = held_until - $1::interval`, leaveAfter); err != nil {
		t.Fatal(err)
	}
	w.start(t)

	after := only("ended")
	if diff := cmp.Diff([]any{"unknown", before["kind"], before["call_center"], before["receipt"]},
		[]any{after["outcome"], after["kind"], after["call_center"], after["receipt"]}); diff != "" {
		t.Errorf("the call (-want +got):\n%s", diff)
	}
	w.register(t, after["request_id"].(string), registered)
	labtest.Eventually(t, patience, func() error {
		for _, g := range w.gaps(t) {
			if g.Node == "pbx1" && g.Why == "node-removed" && g.Settled == "unrepaired" {
				return nil
			}
		}
		return fmt.Errorf("the gaps are %+v, want a settled one of pbx1", w.gaps(t))
	})
}

// TestFaults_ShutdownWithReaders: the daemon is asked to end while many
// read the event stream, others make requests, and calls have just ended. It
// does so soon; no request is cut, and no event unwritten.
func TestFaults_ShutdownWithReaders(t *testing.T) {
	t.Parallel()
	w, pbx, b := newFakeBusyWorld(t)
	const calls = 50
	readers := 200
	if *soakFor > 0 {
		readers = 1000
	}
	var reading sync.WaitGroup
	var broken atomic.Int64
	for range readers {
		body := b.stream(t)
		reading.Go(func() {
			// The end of a stream is that of its answer, not of the connection.
			if _, err := io.Copy(io.Discard, body); err != nil {
				broken.Add(1)
			}
			body.Close()
		})
	}
	registrar := newRegistrar(t, w)
	events := callsAtOnce(t, 1, calls)
	if err := pbx.Play(t.Context(), 0, events); err != nil {
		t.Fatal(err)
	}
	labtest.Eventually(t, patience, func() error { // received, and perhaps not stored
		if n := b.sum(t, "callbackd_ari_events_total"); n < len(events) {
			return fmt.Errorf("%d of %d events were received", n, len(events))
		}
		return nil
	})
	took := b.process.terminate(t)
	reading.Wait()
	t.Logf("it ended within %v", took.Round(time.Millisecond))
	if limit := shutdownWithin(); took > limit {
		t.Errorf("it took %v to end, want at most %v", took, limit)
	}
	if n := broken.Load(); n > 0 {
		t.Errorf("%d of %d streams were cut", n, readers)
	}
	w.storesAnswered(t, "pbx1", calls)
	if a := registrar.take(); len(a.wrong) > 0 || a.cut > 0 {
		t.Errorf("requests were cut or answered wrongly: %+v", a)
	}
}

// sum adds up the series of a counter, of which there may be none yet.
func (b *busyWorld) sum(t *testing.T, counter string) int {
	t.Helper()
	_, body, err := request(t.Context(), http.MethodGet, b.ops+"/metrics", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0.0
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, counter+"{") {
			continue
		}
		of, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
		if err != nil {
			t.Fatal(err)
		}
		n += of
	}
	return int(n)
}

// stream opens the event stream and reads its beginning.
func (b *busyWorld) stream(t *testing.T) io.ReadCloser {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, b.api+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("GET /events: %s", res.Status)
	}
	return struct {
		io.Reader
		io.Closer
	}{bufio.NewReader(res.Body), res.Body}
}
