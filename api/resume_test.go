package api_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

// How much the writers write: 10,000 changes in all.
const (
	callWriters, callsOfAWriter = 4, 25
	callRounds                  = 90 // each saves all calls of a writer
	callbackWriters             = 4
	changesOfAWriter            = 249 // and one registration
	allChanges                  = callWriters*callsOfAWriter*callRounds + callbackWriters*(1+changesOfAWriter)
)

// writeCalls changes a writer's calls again and again, in batches of all
// sizes.
func (w *world) writeCalls(writer int) error {
	calls := make([]callcenter.Call, callsOfAWriter)
	for round := range callRounds {
		for n := range calls {
			calls[n] = centerCall(writer*1000+n, "support")
			calls[n].Outcome.Reason = fmt.Sprintf("round-%d", round)
		}
		for rest := calls; len(rest) > 0; {
			size := min(1+rand.IntN(callsOfAWriter), len(rest))
			if err := w.db.Calls().SaveCalls(context.Background(), rest[:size]); err != nil {
				return err
			}
			rest = rest[size:]
		}
	}
	return nil
}

// writeCallbacks registers a callback and changes it again and again.
func (w *world) writeCallbacks(service *callbacks.Service, call *callcenter.Call) error {
	by := accounts.Operator()
	registered, err := service.Register(context.Background(), by, call.RequestID, callbacks.Registration{})
	if err != nil {
		return err
	}
	current := registered.Callback
	for n := range changesOfAWriter {
		memo := fmt.Sprintf("変更 %d", n)
		result, err := service.Change(context.Background(), by, current.ID, callbacks.Patch{Version: current.Version, Memo: &memo})
		if err != nil {
			return err
		}
		current = result.Callback
	}
	return nil
}

// follower is a client that keeps the state of what it was told.
type follower struct {
	last  int64
	seen  int
	state map[string]string // of a call its reason, of a callback its version and memo
}

// follow reads some events of a stream.
func (f *follower) follow(t *testing.T, r *reader, events int) {
	t.Helper()
	for range events {
		e, data := r.event()
		if e.number() <= f.last {
			t.Fatalf("event %d after %d", e.number(), f.last)
		}
		f.last = e.number()
		f.seen++
		if data.Call != nil {
			f.state[data.Call.RequestID] = *data.Call.Reason
		} else {
			f.state[strconv.FormatInt(data.Callback.ID, 10)] = fmt.Sprintf("%d %s", data.Callback.Version, data.Callback.Memo)
		}
	}
}

// Writers go on while a reader is killed and resumes at random places: in the
// end it has seen each of 10,000 changes once and in order, and has the very
// state that the database is in.
func TestEvents_ResumeWithoutGapOrRepetition(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	service := callbacks.NewService(w.db.Callbacks(), callbacks.Options{})
	returned := make([]callcenter.Call, callbackWriters)
	for n := range returned {
		returned[n] = centerCall(100_000+n, "support")
	}
	w.save(returned...)
	f := &follower{state: map[string]string{}}
	var err error
	if f.last, err = w.db.Feed().LastChange(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := f.last

	var group errgroup.Group
	var writing atomic.Bool
	writing.Store(true)
	for writer := range callWriters {
		group.Go(func() error { return w.writeCalls(writer) })
	}
	for n := range returned {
		group.Go(func() error { return w.writeCallbacks(service, &returned[n]) })
	}
	done := make(chan error, 1)
	go func() {
		err := group.Wait()
		writing.Store(false)
		done <- err
	}()
	killed := 0
	for f.seen < allChanges {
		query, header := url.Values{}, map[string]string{}
		if killed%2 == 0 {
			header["Last-Event-ID"] = strconv.FormatInt(f.last, 10)
		} else {
			query.Set("last_event_id", strconv.FormatInt(f.last, 10))
		}
		r := w.stream(token, query, header)
		f.follow(t, r, min(1+rand.IntN(300), allChanges-f.seen))
		r.close()
		if writing.Load() {
			killed++
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if killed < 5 {
		t.Errorf("the reader was killed only %d times while there was writing", killed)
	}
	w.wantState(f, first)
}

// wantState compares what a follower has with the database.
func (w *world) wantState(f *follower, first int64) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.database)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var changes int
	var last int64
	if err := conn.QueryRow(w.t.Context(), `SELECT count(*), max(number) FROM changes WHERE number > $1`, first).Scan(&changes, &last); err != nil {
		w.t.Fatal(err)
	}
	if changes != f.seen || last != f.last {
		w.t.Errorf("%d changes up to %d, the reader saw %d up to %d", changes, last, f.seen, f.last)
	}
	rows, err := conn.Query(w.t.Context(), `
		SELECT request_id, reason FROM calls WHERE reason LIKE 'round-%'
		UNION ALL SELECT id::text, version || ' ' || memo FROM callbacks`)
	if err != nil {
		w.t.Fatal(err)
	}
	want := map[string]string{}
	var key, value string
	if _, err := pgx.ForEachRow(rows, []any{&key, &value}, func() error { want[key] = value; return nil }); err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(want, f.state); diff != "" {
		w.t.Errorf("the reader's state (-database +reader):\n%s", diff)
	}
}
