package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/ari"
	"callbackd/ari/aritest"
	"callbackd/callcenter"
	"callbackd/lab"
	"callbackd/lab/labtest"
)

// TestAlerts_OnFakeFaults does as TestAlerts_OnRealFaults with what only a fake
// PBX does when it is asked to. The long version, for which see -soak, adds what
// takes minutes.
func TestAlerts_OnFakeFaults(t *testing.T) {
	t.Parallel()
	server := labtest.Postgres(t, lab.PostgresOptions{})
	if err := server.Template(t.Context(), migrate); err != nil {
		t.Fatal(err)
	}
	database, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w, pbx := newFakeWorldIn(t, database)
	w.start(t)
	p := startPrometheus(t, w.daemon.ops.Addr().String(), alertsHurry)
	p.allIsWell(t)

	pbx.SendText(`{"type": "ChannelCreated", "channel": "what is this?"}`)
	p.fires(t, "CallbackdEventsUndecodable", true)
	w.missRecordings(t, pbx, 1)
	p.fires(t, "CallbackdRecordingsMissing", true)
	hearsLate(t, pbx, 100, func() { p.fires(t, "CallbackdStoringLate", true) })
	p.fires(t, "CallbackdStoringLate", false)
	p.fires(t, "CallbackdRecordingsMissing", false)
	p.fires(t, "CallbackdEventsUndecodable", false)
	if *soakFor == 0 {
		return
	}

	// The daemon waits longer each time that its connection broke soon.
	patient := startPrometheus(t, w.daemon.ops.Addr().String(), alertsHurry/6)
	patient.allIsWell(t)
	w.breaksOften(t, pbx, patient)
	patient.fires(t, "CallbackdReconnecting", false)
	for range 12 {
		w.readsNothing(t)
	}
	overfeeds(t, pbx, p)
	p.fires(t, "CallbackdReadersCut", false)
	drowns(t, server, pbx, p)

	pbx.Hang("/") // so nothing can be asked for that proves that events arrive
	p.fires(t, "CallbackdEventsUnproven", true)
	pbx.Hang("")
	p.fires(t, "CallbackdEventsUnproven", false)
}

// missRecordings makes five calls whose recordings never come, and has it be an
// hour since they were expected.
func (w *world) missRecordings(t *testing.T, pbx *aritest.Server, from int) {
	t.Helper()
	const calls = 5
	trace, err := aritest.LoadTrace("../../ari/testdata/cc-answered.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		events := trace.Render(aritest.Rendering{Instance: from + i, At: time.Now().Add(-time.Hour)})
		if err := pbx.Play(t.Context(), 0, events); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it was for this
	labtest.Eventually(t, 3*patience, func() error {
		changed, err := conn.Exec(t.Context(), "UPDATE recordings SET expected_at = expected_at - interval '1 hour'")
		if err == nil && changed.RowsAffected() < calls {
			err = fmt.Errorf("%d recordings are expected, want %d", changed.RowsAffected(), calls)
		}
		return err
	})
}

// hearsLate plays calls that ended long ago, by a clock that is right, until a
// function returns.
func hearsLate(t *testing.T, pbx *aritest.Server, from int, until func()) {
	t.Helper()
	trace, err := aritest.LoadTrace("../../ari/testdata/cc-answered.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	played := make(chan struct{})
	go func() {
		defer close(played)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i := from; ctx.Err() == nil; i++ {
			for _, event := range trace.Render(aritest.Rendering{Instance: i, At: time.Now().Add(-time.Minute)}) {
				// Of another call, so that it is seen what the time is.
				now := trace.Render(aritest.Rendering{Instance: from - 1, At: time.Now()})[0]
				pbx.Send(event, now)
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}()
	until()
	stop()
	<-played
}

// readsNothing asks for the event stream and does not read it.
func (w *world) readsNothing(t *testing.T) {
	t.Helper()
	host := strings.TrimSuffix(strings.TrimPrefix(w.api, "http://"), "/api/v1")
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) //nolint:errcheck // it was to be cut
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", host, w.token); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, len("HTTP/1.1 200"))
	if _, err := conn.Read(first); err != nil || string(first) != "HTTP/1.1 200" {
		t.Fatalf("GET /events: %q, %v", first, err)
	}
}

// overfeeds makes calls until readers are cut that read nothing: what lies on
// the way to them holds some megabytes.
func overfeeds(t *testing.T, pbx *aritest.Server, p *prometheusServer) {
	t.Helper()
	const calls = 1000
	from := 10_000
	labtest.Eventually(t, 6*patience, func() error {
		if err := pbx.Play(t.Context(), 0, callsAtOnce(t, from, calls)); err != nil {
			return err
		}
		from += calls
		names, err := p.firing(t)
		if err == nil && !slices.Contains(names, "CallbackdReadersCut") {
			err = fmt.Errorf("after %d calls: firing: %q", from, names)
		}
		return err
	})
}

// breaksOften has the connection break as soon as it is followed, until the
// alert fires.
func (w *world) breaksOften(t *testing.T, pbx *aritest.Server, p *prometheusServer) {
	t.Helper()
	broken := -1.0
	labtest.Eventually(t, 3*patience, func() error {
		if n := w.metric(t, `callbackd_ari_reconnects_total{node="pbx1"}`); n > broken {
			broken = n
			pbx.Drop()
		}
		names, err := p.firing(t)
		if err == nil && !slices.Contains(names, "CallbackdReconnecting") {
			err = fmt.Errorf("broken %v times: firing: %q", broken+1, names)
		}
		return err
	})
}

// drowns stops the database and makes more calls than may wait for it, and then
// more events than may wait for that.
func drowns(t *testing.T, server *lab.Postgres, pbx *aritest.Server, p *prometheusServer) {
	t.Helper()
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	resumed := false
	resume := func() {
		if resumed {
			return
		}
		resumed = true
		if err := server.Resume(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(resume)
	for i := range callcenter.DefaultMaxPending + ari.DefaultQueueEvents*3/4 {
		id := fmt.Sprintf("flood.%d", i)
		pbx.Send(aritest.NewEvent(ari.ChannelCreated, aritest.Fields{"channel": map[string]any{
			"id": id, "name": fmt.Sprintf("PJSIP/trunk-%08x", i), "state": "Ring", "channelvars": map[string]any{"CHANNEL(linkedid)": id},
		}}))
	}
	p.fires(t, "CallbackdQueueFilling", true)
	resume()
	p.fires(t, "CallbackdQueueFilling", false)
}

// breakJournal puts a file where a journal's directory was, until the function
// that it returns is called.
func breakJournal(t *testing.T, directory string) (mend func()) {
	t.Helper()
	aside := directory + ".aside"
	if err := os.Rename(directory, aside); err != nil {
		t.Fatal(err)
	}
	writeFile(t, directory, "", 0o600)
	return func() {
		t.Helper()
		if err := os.Remove(directory); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(aside, directory); err != nil {
			t.Fatal(err)
		}
	}
}

// allIsWell waits until Prometheus has seen the daemon some times, and no alert
// fires. What is counted before is not seen to grow.
func (p *prometheusServer) allIsWell(t *testing.T) {
	t.Helper()
	labtest.Eventually(t, 3*patience, func() error {
		query := url.Values{"query": {`count_over_time(up{job="callbackd"}[1m]) > 3`}}
		status, body, err := request(t.Context(), http.MethodGet, p.url+"/api/v1/query?"+query.Encode(), "", nil)
		if err != nil || status != http.StatusOK || !bytes.Contains(body, []byte(`"instance"`)) {
			return fmt.Errorf("Prometheus has not seen the daemon: %d %s, %w", status, body, err)
		}
		names, err := p.firing(t)
		if err == nil && len(names) > 0 {
			err = fmt.Errorf("all is well, but %q fire", names)
		}
		return err
	})
}
