package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

func TestEvents_CallsAndCallbacksAsTheyHappen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	before, call := centerCall(1, "support"), centerCall(2, "support")
	w.save(before)
	token := w.token(accounts.RoleAgent, "support")
	r := w.stream(token, nil, nil)

	w.save(call)
	e, data := r.event()
	if e.name != "call" || data.Call.RequestID != string(call.RequestID) || data.Call.CallbackID != nil {
		t.Fatalf("first event: %+v, want the second call", e)
	}
	registered := decode[api.RegisteredCallback](t, w.register(&call, token, nil), http.StatusCreated)
	e, data = r.event()
	if e.name != "callback" || data.Callback.ID != registered.ID {
		t.Fatalf("second event: %+v, want callback %d", e, registered.ID)
	}
	call.Outcome.Reason = "caller-hung-up"
	w.save(call)
	if e, data = r.event(); e.name != "call" || data.Call.CallbackID == nil || *data.Call.CallbackID != registered.ID {
		t.Fatalf("third event: %+v, want the call with callback %d", e, registered.ID)
	}
}

// Whatever becomes of a callback is told, with the names that people read.
func TestEvents_EveryChangeOfACallback(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	sato := request{cookie: w.login("sato")}
	id := w.registered("support")[0].ID
	r := w.streamAs(sato, url.Values{"kinds": {"callback"}})
	decode[api.Callback](t, w.claim(sato, id, 1), http.StatusOK)
	decode[api.Callback](t, w.change(sato, id, map[string]any{"version": 2, "memo": "後で"}), http.StatusOK)
	decode[api.Callback](t, w.change(sato, id, map[string]any{"version": 3, "status": "completed"}), http.StatusOK)
	var told api.Callback
	for version := int64(2); version <= 4; version++ {
		// The record is as it was when the event was made: perhaps newer.
		_, data := r.event()
		if told = *data.Callback; told.Version < version || *told.AssigneeName != "表示名 sato" {
			t.Errorf("told of %+v, want version %d", told, version)
		}
	}
	if told.Status != api.StatusCompleted || told.Memo != "後で" {
		t.Errorf("the last is %+v", told)
	}
}

func TestEvents_KindsAndWhatTheCallerMaySee(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	sales := w.token(accounts.RoleAgent, "sales")
	r := w.stream(sales, url.Values{"kinds": {"callback"}}, nil)
	all := w.stream(w.token(accounts.RoleAdmin), url.Values{"kinds": {"call,callback"}}, nil)

	hidden, own := centerCall(1, "support"), centerCall(2, "sales")
	w.save(hidden, own, plainCall(3, callcenter.KindTerminal, callcenter.RuleTerminalDial, "PJSIP/2001"))
	admin := w.token(accounts.RoleAdmin)
	decode[api.RegisteredCallback](t, w.register(&hidden, admin, nil), http.StatusCreated)
	registered := decode[api.RegisteredCallback](t, w.register(&own, admin, nil), http.StatusCreated)
	if e, data := r.event(); e.name != "callback" || data.Callback.ID != registered.ID {
		t.Errorf("sales is told %+v, want only callback %d", e, registered.ID)
	}
	for n := range 5 {
		if e, _ := all.event(); e.number() != int64(n+1) {
			t.Errorf("event %d of the admin has number %d", n, e.number())
		}
	}
}

func TestEvents_ReloadWhenTheLogDoesNotReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for n := range 5 {
		w.save(centerCall(n, "support"))
	}
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `DELETE FROM changes WHERE number <= 3`); err != nil {
		t.Fatal(err)
	}
	token := w.token(accounts.RoleAdmin)
	for _, tt := range []struct {
		resume string
		want   []string
	}{
		{"2", []string{"reload_required 5", "call 6"}},  // 3 is gone
		{"99", []string{"reload_required 5", "call 6"}}, // of another log
		{"3", []string{"call 4", "call 5", "call 6"}},
	} {
		r := w.stream(token, nil, map[string]string{"Last-Event-ID": tt.resume})
		var got []string
		for range tt.want[:len(tt.want)-1] {
			e, _ := r.event()
			got = append(got, e.name+" "+e.id)
		}
		if diff := cmp.Diff(tt.want[:len(tt.want)-1], got); diff != "" {
			t.Errorf("resumed at %s (-want +got):\n%s", tt.resume, diff)
		}
		defer func() {
			if e, _ := r.event(); e.name+" "+e.id != "call 6" {
				t.Errorf("resumed at %s, then got %+v, want call 6", tt.resume, e)
			}
		}()
	}
	w.save(centerCall(6, "support"))
}

// A database that lost its last changes, as a standby that took over may
// have, gives their numbers again: readers are told to reload.
func TestEvents_ReloadWhenTheLogWentBack(t *testing.T) {
	t.Parallel()
	var changes *failing
	w := newWorld(t, func(o *api.Options) {
		changes = &failing{log: o.Changes, broken: make(chan struct{}, 1)}
		o.Changes = changes
	})
	r := w.stream(w.token(accounts.RoleAdmin), nil, nil)
	for n := range 3 {
		w.save(centerCall(n, "support"))
		r.event()
	}
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	changes.set(errors.New("database is failing over"))
	<-changes.broken
	if _, err := conn.Exec(t.Context(), `DELETE FROM changes WHERE number > 1; ALTER TABLE changes ALTER number RESTART WITH 2`); err != nil {
		t.Fatal(err)
	}
	changes.set(nil)
	if e, _ := r.event(); e.name != "reload_required" || e.number() != 1 {
		t.Fatalf("after the log went back: %+v, want reload_required at 1", e)
	}
	w.save(centerCall(9, "support"))
	if e, _ := r.event(); e.number() != 2 {
		t.Errorf("then %+v, want change 2", e)
	}
}

// failing is a change log that can be made to fail.
type failing struct {
	log    api.Changes
	mu     sync.Mutex
	err    error
	broken chan struct{} // gets a value when a reading failed
}

func (f *failing) LastChange(ctx context.Context) (int64, error) { return f.log.LastChange(ctx) }
func (f *failing) Wake() <-chan struct{}                         { return f.log.Wake() }

func (f *failing) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *failing) Changes(ctx context.Context, after int64, limit int) ([]callbacks.Change, error) {
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err != nil {
		select {
		case f.broken <- struct{}{}:
		default:
		}
		return nil, err
	}
	return f.log.Changes(ctx, after, limit)
}

// A reader that does not read is cut; what it read before tells where to
// resume, and nothing is missing then.
func TestEvents_SlowReaderIsCutAndResumes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.StreamWriteTimeout = 200 * time.Millisecond })
	token := w.token(accounts.RoleAdmin)
	target, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", target.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET %s/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", basePath, target.Host, token)
	w.eventually(func() error { return w.metricIs("callbackd_stream_readers", 1) })

	const changes = 400
	calls := make([]callcenter.Call, changes)
	for n := range calls {
		calls[n] = centerCall(n, "support")
	}
	w.save(calls...)
	w.eventually(func() error { return w.metricIs("callbackd_stream_cut_total", 1) })
	w.eventually(func() error { return w.metricIs("callbackd_stream_readers", 0) })

	// What had reached the reader's side before the cut is whole events and
	// perhaps a part of one, which a browser throws away.
	var last int64
	seen := 0
	count := func(e sse) bool {
		if e.id != "" {
			if e.number() != last+1 {
				t.Errorf("event %d after %d", e.number(), last)
			}
			last, seen = e.number(), seen+1
		}
		return seen < changes
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	scanEvents(bufio.NewReader(response.Body), count)
	if seen == changes {
		t.Fatal("the slow reader was not cut before the end")
	}
	r := w.stream(token, nil, map[string]string{"Last-Event-ID": strconv.FormatInt(last, 10)})
	for seen < changes {
		e, _ := r.event()
		count(e)
	}
}

func TestEvents_EndWithTheToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Heartbeat = 20 * time.Millisecond })
	secret, token, err := w.tokens.Create(t.Context(), accounts.NewToken{Name: "short-lived", Role: accounts.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	r := w.stream(secret, nil, nil)
	if e := r.next(); e.comment != "heartbeat" {
		t.Errorf("a quiet stream sends %+v, want a heartbeat", e)
	}
	if err := w.tokens.Revoke(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	r.ended()
	w.eventually(func() error { return w.metricIs("callbackd_stream_cut_total", 1) })
}

func TestEvents_EndWhenTheServerStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	r := w.stream(token, nil, nil)
	w.stop()
	r.ended()
	got := w.do(request{path: "/events", token: token})
	problem(t, got, http.StatusServiceUnavailable, "unavailable")
}

// Cutting the connection that listens costs delay and nothing else.
func TestEvents_LostListenDoesNoHarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	r := w.stream(w.token(accounts.RoleAdmin), nil, nil)
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for n := range 3 {
		w.eventually(func() error {
			cut, err := conn.Exec(t.Context(), `
				SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND query LIKE 'LISTEN%'`)
			if err == nil && cut.RowsAffected() == 0 {
				err = errors.New("nobody listens")
			}
			return err
		})
		w.save(centerCall(n, "support"))
		if e, _ := r.event(); e.number() != int64(n+1) {
			t.Fatalf("event %+v, want change %d", e, n+1)
		}
	}
}

// While the database is away requests are refused at once and streams stay;
// after it has come back they go on where they were.
func TestDatabaseAway_StreamsWaitAndRequestsAreRefused(t *testing.T) {
	t.Parallel()
	server := labtest.Postgres(t, lab.PostgresOptions{Durable: true})
	if err := server.Template(t.Context(), postgres.Migrate); err != nil {
		t.Fatal(err)
	}
	database, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldAt(t, database, func(o *api.Options) { o.Heartbeat = 20 * time.Millisecond })
	token := w.token(accounts.RoleAdmin)
	w.save(centerCall(1, "support"))
	r := w.stream(token, nil, map[string]string{"Last-Event-ID": "0"})
	if e, _ := r.event(); e.number() != 1 {
		t.Fatalf("first event %+v", e)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		got := w.do(request{path: "/calls", token: token})
		problem(t, got, http.StatusServiceUnavailable, "unavailable")
		if got.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		r.next() // a heartbeat: the stream stays
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.eventually(func() error {
		return w.db.Calls().SaveCalls(context.Background(), []callcenter.Call{centerCall(2, "support")})
	})
	// Numbers may have holes after a crash.
	if e, data := r.event(); e.number() < 2 || data.Call.RequestID != string(centerCall(2, "support").RequestID) {
		t.Errorf("after the database came back: %+v", e)
	}
}
