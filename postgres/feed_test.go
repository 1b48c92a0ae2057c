package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"callbackd/callbacks"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

const insertChange = `INSERT INTO changes (kind, request_id, call_centers) VALUES ('call', $1, '{}') RETURNING number`

// run runs a feed until the test ends.
func run(t *testing.T, db *postgres.DB) *postgres.Feed {
	t.Helper()
	feed := db.Feed()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- feed.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return feed
}

func TestFeed_ChangesCarryTheRecords(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	feed := db.Feed()
	call, phone := newCall(1), phoneCall(2)
	save(t, db, call, phone)
	callback, err := register(t.Context(), db, call.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := feed.Changes(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []callbacks.Change{
		{Number: 1, Kind: callbacks.ChangeCall, RequestID: call.RequestID, CallCenters: call.CallCenters, Call: &call},
		{Number: 2, Kind: callbacks.ChangeCall, RequestID: phone.RequestID, Call: &phone},
		{
			Number: 3, Kind: callbacks.ChangeCallback, RequestID: call.RequestID, CallbackID: callback.ID,
			CallCenters: call.CallCenters, Callback: &callback,
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(callbacks.Change{}, "At")); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if got, err := feed.Changes(t.Context(), 1, 1); err != nil || len(got) != 1 || got[0].Number != 2 {
		t.Errorf("one change after the first: %v, %v", got, err)
	}
}

// A call that visits another call center takes its callback along: readers
// there are told of the callback too, and those who knew it before that it is
// the call that changed, and nothing else.
func TestFeed_CallbackOfACallThatVisitsAnotherCallCenter(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	call, other := newCall(1), newCall(2)
	save(t, db, call, other)
	callback, err := register(t.Context(), db, call.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := register(t.Context(), db, other.RequestID); err != nil {
		t.Fatal(err)
	}
	last := lastChange(t, db)
	call.CallCenters = []string{"sales", "support", "repairs"}
	other.LastEventAt = other.LastEventAt.Add(time.Second)
	save(t, db, call, other, newCall(3))
	call.LastEventAt = call.LastEventAt.Add(time.Minute)
	save(t, db, call)
	changes, err := db.Feed().Changes(t.Context(), last, 10)
	if err != nil {
		t.Fatal(err)
	}
	var told []callbacks.Change
	for _, change := range changes {
		if change.Kind == callbacks.ChangeCallback {
			told = append(told, change)
		}
	}
	if len(changes) != 5 || len(told) != 1 {
		t.Fatalf("%d changes with %d callbacks, want 5 with 1: %+v", len(changes), len(told), changes)
	}
	if told[0].CallbackID != callback.ID || told[0].Callback == nil || told[0].Callback.Version != callback.Version {
		t.Errorf("told of %+v, want callback %d as it is", told[0], callback.ID)
	}
	if diff := cmp.Diff(call.CallCenters, told[0].CallCenters); diff != "" {
		t.Errorf("who is told (-want +got):\n%s", diff)
	}
}

// A writer that draws its number first and commits last must not put a
// change behind a reader's back: whoever comes after it waits.
func TestFeed_LateCommitIsNotSkipped(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	late, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Rollback(context.Background()) //nolint:errcheck // committed below
	var first int64
	if err := late.QueryRow(t.Context(), insertChange, "late").Scan(&first); err != nil {
		t.Fatal(err)
	}

	quick := make(chan int64, 1)
	go func() {
		var number int64
		if err := pool.QueryRow(t.Context(), insertChange, "quick").Scan(&number); err != nil {
			t.Error(err)
		}
		quick <- number
	}()
	labtest.Eventually(t, 10*time.Second, func() error {
		var waiting int
		err := pool.QueryRow(t.Context(), `
			SELECT count(*) FROM pg_locks
			WHERE locktype = 'advisory' AND NOT granted
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waiting)
		if err == nil && waiting != 1 {
			err = fmt.Errorf("%d writers wait, want 1", waiting)
		}
		return err
	})
	if last := lastChange(t, db); last != 0 {
		t.Errorf("a reader sees change %d before any committed", last)
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if second := <-quick; second <= first {
		t.Errorf("the writer that waited has number %d, not above %d", second, first)
	}
}

// Readers that follow the log while many writers commit in any order, keep
// their transactions open, or roll back see every committed change once, in
// order.
func TestFeed_EveryChangeOnceInOrder(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	feed := run(t, db)
	const writers, each, readers = 8, 40, 4
	committed := make(chan string, writers*each)
	var writing sync.WaitGroup
	for w := range writers {
		pool := connect(t, url)
		writing.Go(func() {
			for i := range each {
				id := fmt.Sprintf("w%d-%d", w, i)
				err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
					if _, err := tx.Exec(t.Context(), insertChange, id); err != nil {
						return err
					}
					// Stay open for a while after drawing the number.
					if _, err := tx.Exec(t.Context(), `SELECT pg_sleep($1)`, rand.Float64()/300); err != nil {
						return err
					}
					if i%5 == 4 {
						return errRollBack
					}
					return nil
				})
				switch {
				case err == nil:
					committed <- id
				case !errors.Is(err, errRollBack):
					t.Error(err)
				}
			}
		})
	}
	const total = writers * each * 4 / 5
	seen := make([][]string, readers)
	var reading sync.WaitGroup
	for r := range readers {
		reading.Go(func() { seen[r] = follow(t, feed, total) })
	}
	writing.Wait()
	reading.Wait()
	close(committed)
	want := map[string]int{}
	for id := range committed {
		want[id]++
	}
	for r := range readers {
		got := map[string]int{}
		for _, id := range seen[r] {
			got[id]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("reader %d (-committed +seen):\n%s", r, diff)
		}
	}
}

var errRollBack = errors.New("roll back")

// follow reads changes as the documentation of Feed says until it has seen
// as many as it should, or time is up.
func follow(t *testing.T, feed *postgres.Feed, total int) []string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var seen []string
	var last int64
	for len(seen) < total {
		wake := feed.Wake()
		changes, err := feed.Changes(ctx, last, 7)
		if err != nil {
			t.Error(err)
			return seen
		}
		for _, change := range changes {
			if change.Number <= last {
				t.Errorf("change %d after %d", change.Number, last)
			}
			last = change.Number
			seen = append(seen, string(change.RequestID))
		}
		if len(changes) > 0 {
			continue
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return seen
		}
	}
	return seen
}

// Numbers are in order also for what does not come from this program.
func TestSchema_CopiedChangesTakeTheLock(t *testing.T) {
	t.Parallel()
	_, url := open(t)
	pool := connect(t, url)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background()) //nolint:errcheck // nothing to keep
	// What replication does, in which ordinary triggers are skipped.
	if _, err := tx.Exec(t.Context(), `SET LOCAL session_replication_role = replica`); err != nil {
		t.Fatal(err)
	}
	rows := pgx.CopyFromRows([][]any{{"call", "r1", []string{}}})
	if _, err := tx.CopyFrom(t.Context(), pgx.Identifier{"changes"}, []string{"kind", "request_id", "call_centers"}, rows); err != nil {
		t.Fatal(err)
	}
	var locks int
	err = tx.QueryRow(t.Context(), `
		SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()`).Scan(&locks)
	if err != nil {
		t.Fatal(err)
	}
	if locks != 1 {
		t.Errorf("%d advisory locks are held after copying changes, want 1", locks)
	}
}

func TestFeed_NotificationsWakeReaders(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	feed := run(t, db)
	pool := connect(t, url)
	awaitListener(t, pool, 0)
	// Polling alone wakes readers up once a second: ten times in five seconds
	// is the work of notifications.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for n := range 10 {
		wake := feed.Wake()
		save(t, db, newCall(n))
		select {
		case <-wake:
		case <-ctx.Done():
			t.Fatalf("wake-up %d did not come in time", n)
		}
	}
}

// A killed connection loses nothing: readers go on, and it listens again.
func TestFeed_ListeningConnectionKilled(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	feed := run(t, db)
	pool := connect(t, url)
	const rounds, each = 3, 5
	seen := make(chan []string, 1)
	go func() { seen <- follow(t, feed, rounds*each) }()
	pid := 0
	for round := range rounds {
		pid = awaitListener(t, pool, pid)
		exec(t, pool, `SELECT pg_terminate_backend($1)`, pid)
		for i := range each {
			save(t, db, newCall(round*each+i))
		}
	}
	got := map[string]bool{}
	for _, id := range <-seen {
		got[id] = true
	}
	for n := range rounds * each {
		if id := newCall(n).RequestID; !got[string(id)] {
			t.Errorf("call %d was not seen", n)
		}
	}
	awaitListener(t, pool, pid)
}

// awaitListener waits until a connection listens, other than the one before,
// and returns its process ID.
func awaitListener(t *testing.T, pool *pgxpool.Pool, before int) (pid int) {
	t.Helper()
	labtest.Eventually(t, 20*time.Second, func() error {
		err := pool.QueryRow(t.Context(), `
			SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'callbackd listen'
				AND state = 'idle' AND query <> '' AND pid <> $1`, before).Scan(&pid)
		if err != nil {
			return fmt.Errorf("find the listening connection: %w", err)
		}
		return nil
	})
	return pid
}

// The log keeps a week; the newest change stays however old it is, since the
// next number is told from it that a reader has missed nothing.
func TestFeed_ForgetsOldChanges(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	const n = 12_000 // more than are removed at once
	exec(t, pool, `INSERT INTO changes (kind, request_id, call_centers, changed_at)
		SELECT 'call', 'r', '{}', now() - interval '8 days' FROM generate_series(1, $1)`, n)
	remaining := func() (oldest, newest, count int64) {
		t.Helper()
		if err := pool.QueryRow(t.Context(), `SELECT min(number), max(number), count(*) FROM changes`).Scan(&oldest, &newest, &count); err != nil {
			t.Fatal(err)
		}
		return oldest, newest, count
	}
	feed := run(t, db)
	labtest.Eventually(t, 30*time.Second, func() error {
		if oldest, newest, count := remaining(); oldest != n || newest != n || count != 1 {
			return fmt.Errorf("%d changes are left, from %d to %d; want the newest alone", count, oldest, newest)
		}
		return nil
	})

	exec(t, pool, insertChange, "r")
	if removed, err := feed.Forget(t.Context(), time.Now().Add(-time.Hour)); err != nil || removed != 1 {
		t.Errorf("removed %d, %v; want the old one", removed, err)
	}
	if oldest, newest, _ := remaining(); oldest != n+1 || newest != n+1 {
		t.Errorf("left are %d to %d, want %d", oldest, newest, n+1)
	}
}

// A request may be sent again with its key for 30 days.
func TestFeed_ForgetsOldKeys(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	call := ended(newCall(1))
	save(t, db, call)
	callback, err := register(t.Context(), db, call.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, pool, `INSERT INTO idempotency_keys (scope, key, fingerprint, callback_id, other_open, created_at)
		SELECT 'token:1', n::text, sha256(''), $1, 0, now() - make_interval(days => n) FROM generate_series(1, 60) AS n`, callback.ID)
	run(t, db)
	labtest.Eventually(t, 30*time.Second, func() error {
		if left := count(t, pool, `SELECT count(*) FROM idempotency_keys`); left != 29 {
			return fmt.Errorf("%d keys are left, want those of 29 days", left)
		}
		return nil
	})
	if younger := count(t, pool, `SELECT count(*) FROM idempotency_keys WHERE created_at > now() - interval '30 days'`); younger != 29 {
		t.Errorf("%d young keys are left, want 29", younger)
	}
}
