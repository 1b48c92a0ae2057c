package lab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/lab"
	"callbackd/lab/labtest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // often cut before
	return conn
}

func TestPostgres_DatabasesAreCopiesOfTheTemplate(t *testing.T) {
	t.Parallel()
	p := labtest.Postgres(t, lab.PostgresOptions{})
	migrate := func(ctx context.Context, url string) error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "CREATE TABLE things (name text); INSERT INTO things VALUES ('migrated')")
		return errors.Join(err, conn.Close(ctx))
	}
	if err := p.Template(t.Context(), migrate); err != nil {
		t.Fatal(err)
	}

	var urls [2]string
	for i := range urls {
		url, err := p.Database(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		urls[i] = url
		conn := connect(t, url)
		if _, err := conn.Exec(t.Context(), "INSERT INTO things VALUES ('mine')"); err != nil {
			t.Fatal(err)
		}
		var got int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM things").Scan(&got); err != nil {
			t.Fatal(err)
		}
		if want := 2; got != want {
			t.Errorf("database %d: got %d things, want %d", i, got, want)
		}
	}

	if err := p.Drop(t.Context(), urls[0]); err != nil {
		t.Fatalf("drop a database that is in use: %v", err)
	}
	if conn, err := pgx.Connect(t.Context(), urls[0]); err == nil {
		t.Error("a dropped database accepts connections")
		_ = conn.Close(t.Context())
	}
}

func TestPostgres_NeverRunsAsRoot(t *testing.T) {
	t.Parallel()
	p := labtest.Postgres(t, lab.PostgresOptions{})
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == "Uid:" || f[0] == "Gid:" {
			for _, id := range f[1:] {
				if id == "0" {
					t.Errorf("got %q, want no root", strings.TrimSpace(line))
				}
			}
		}
	}
}

func TestPostgres_RestartKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*lab.Postgres) error{
		"in order":   func(*lab.Postgres) error { return nil },
		"when crash": (*lab.Postgres).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := labtest.Postgres(t, lab.PostgresOptions{Durable: true})
			url, err := p.Database(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			before := connect(t, url)
			if _, err := before.Exec(t.Context(), "CREATE TABLE kept ()"); err != nil {
				t.Fatal(err)
			}
			if err := end(p); err != nil {
				t.Fatal(err)
			}
			if err := p.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := before.Ping(t.Context()); err == nil {
				t.Error("a connection outlived the restart")
			}
			if _, err := connect(t, url).Exec(t.Context(), "SELECT FROM kept"); err != nil {
				t.Errorf("after the restart: %v", err)
			}
		})
	}
}

func TestPostgres_PauseHoldsQueriesAndConnections(t *testing.T) {
	t.Parallel()
	p := labtest.Postgres(t, lab.PostgresOptions{})
	url, err := p.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, url)
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 2)
	go func() { answered <- conn.Ping(t.Context()) }()
	go func() {
		second, err := pgx.Connect(t.Context(), url)
		if err == nil {
			err = second.Close(t.Context())
		}
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Errorf("a paused server answered (%v)", err)
	case <-time.After(300 * time.Millisecond):
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-answered; err != nil {
			t.Errorf("after the pause: %v", err)
		}
	}
}

func TestPostgres_StopsWhilePausedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	p, err := lab.StartPostgres(t.Context(), lab.PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if running(p.PID()) {
		t.Error("the server is still running")
	}
	if _, err := os.Stat(p.Folder()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there (%v)", err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stop again: %v", err)
	}
}

func TestDatabases_EachTestHasItsOwn(t *testing.T) {
	t.Parallel()
	first, second := databases.New(t), databases.New(t)
	if _, err := connect(t, first).Exec(t.Context(), "CREATE TABLE mine ()"); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, second).Exec(t.Context(), "CREATE TABLE mine ()"); err != nil {
		t.Errorf("the databases are the same: %v", err)
	}
}
