package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"callbackd/callcenter"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

// openOwn is open on a server of the test's own, to be paused and killed.
func openOwn(t *testing.T, options lab.PostgresOptions) (*lab.Postgres, *postgres.DB, string) {
	t.Helper()
	server := labtest.Postgres(t, options)
	if err := server.Template(t.Context(), postgres.Migrate); err != nil {
		t.Fatal(err)
	}
	url, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return server, db, url
}

// A database that goes away under the program is told from a request that is
// wrong, and what was open works again when it is back.
func TestIsUnavailable_DatabaseGoesAway(t *testing.T) {
	t.Parallel()
	server, db, url := openOwn(t, lab.PostgresOptions{Durable: true})
	feed := run(t, db)
	save(t, db, newCall(1))

	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := db.Ready(ctx); !postgres.IsUnavailable(err) {
		t.Errorf("paused: Ready = %v, want it unavailable", err)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}

	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	for range 20 { // once for each connection of the pool, and more
		if err := db.Calls().SaveCalls(t.Context(), []callcenter.Call{newCall(2)}); !postgres.IsUnavailable(err) {
			t.Fatalf("killed: SaveCalls = %v, want it unavailable", err)
		}
	}
	if _, err := postgres.Open(t.Context(), url, postgres.Options{}); !postgres.IsUnavailable(err) {
		t.Errorf("killed: Open = %v, want it unavailable", err)
	}

	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	labtest.Eventually(t, 20*time.Second, func() error { return db.Ready(t.Context()) })
	save(t, db, newCall(2))
	if seen := follow(t, feed, 2); len(seen) != 2 {
		t.Errorf("a reader sees %d changes, want 2", len(seen))
	}
	awaitListener(t, connect(t, url), 0)
}

func TestIsUnavailable(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	save(t, db, phoneCall(1))
	pool := connect(t, url)
	_, violation := pool.Exec(t.Context(), insertCallback, phoneCall(1).RequestID)
	_, cut := pool.Exec(t.Context(), `SELECT pg_terminate_backend(pg_backend_pid())`)
	_, slow := pool.Exec(t.Context(), `SET statement_timeout = 1; SELECT pg_sleep(1)`)
	_, readOnly := pool.Exec(t.Context(), `BEGIN READ ONLY; DELETE FROM tokens`)
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"nil":                 {nil, false},
		"constraint":          {violation, false},
		"cut":                 {cut, true},
		"statement time-out":  {slow, true},
		"read-only replica":   {readOnly, true},
		"context timed out":   {fmt.Errorf("wait: %w", context.DeadlineExceeded), true},
		"context cancelled":   {context.Canceled, false},
		"disk full":           {&pgconn.PgError{Code: "53100"}, true},
		"too many clients":    {&pgconn.PgError{Code: "53300"}, true},
		"deadlock":            {&pgconn.PgError{Code: "40P01"}, true},
		"starting up":         {&pgconn.PgError{Code: "57P03"}, true},
		"syntax":              {&pgconn.PgError{Code: "42601"}, false},
		"schema":              {&postgres.SchemaError{Have: 1, Want: 2}, false},
		"something else":      {errors.New("x"), false},
		"call is not there":   {callcenter.ErrNotFound, false},
		"undefined character": {&pgconn.PgError{Code: "22021"}, false},
	} {
		if got := postgres.IsUnavailable(test.err); got != test.want {
			t.Errorf("%s: IsUnavailable(%v) = %t, want %t", name, test.err, got, test.want)
		}
	}
	db.Close()
	if err := db.Ready(t.Context()); !postgres.IsUnavailable(err) {
		t.Errorf("Ready of a closed database = %v, want it unavailable", err)
	}
}

// A database that hangs holds up who asks it; that it does is known soon, and
// without asking, and that it answers again too.
func TestDB_WatchTellsOfOutages(t *testing.T) {
	t.Parallel()
	server, db, url := openOwn(t, lab.PostgresOptions{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- db.Watch(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	becomes := func(away bool) {
		t.Helper()
		labtest.Eventually(t, 20*time.Second, func() error {
			if err := db.Away(); (err != nil) != away {
				return fmt.Errorf("it is said to be away: %t, want %t", err != nil, away)
			}
			return nil
		})
	}
	// Connections that are cut are no outage: it can be connected to.
	cutter, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer cutter.Close(t.Context()) //nolint:errcheck // the server is killed before
	watchers := map[int]bool{}
	labtest.Eventually(t, 20*time.Second, func() error {
		if err := db.Away(); err != nil {
			t.Fatal(err)
		}
		var pid int
		if err := cutter.QueryRow(t.Context(), `
			SELECT pid FROM pg_stat_activity WHERE application_name = 'callbackd' AND query = '-- ping'`).Scan(&pid); err != nil {
			return err
		}
		watchers[pid] = true
		if len(watchers) < 3 {
			_, err = cutter.Exec(t.Context(), "SELECT pg_terminate_backend($1)", pid)
			return errors.Join(err, fmt.Errorf("the watch came back %d times, want 3", len(watchers)))
		}
		return nil
	})
	// Whether the first answer came cannot be seen: an outage must come first.
	for name, outage := range map[string]struct{ begin, end func() error }{
		"hangs":  {server.Pause, server.Resume},
		"killed": {server.Kill, func() error { return server.Restart(t.Context()) }},
	} {
		if err := outage.begin(); err != nil {
			t.Fatal(err)
		}
		becomes(true)
		if err := db.Away(); !postgres.IsUnavailable(err) {
			t.Errorf("%s: %v, want it to say that the database is away", name, err)
		}
		if err := outage.end(); err != nil {
			t.Fatal(err)
		}
		becomes(false)
	}
}
