package labtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"callbackd/lab"
)

// startPatience bounds the start of a part. It is generous, as the first start
// of Asterisk on a machine fetches it.
const startPatience = 5 * time.Minute

// Databases gives databases out of one server, which starts with the first.
type Databases struct {
	migrate func(ctx context.Context, url string) error
	once    sync.Once
	server  *lab.Postgres
	err     error
}

// NewDatabases returns a giver of databases that migrate has prepared; nil
// leaves them empty.
func NewDatabases(migrate func(ctx context.Context, url string) error) *Databases {
	return &Databases{migrate: migrate}
}

// Run runs the tests and stops the server, and returns the exit code. It is to
// be called by TestMain.
func (d *Databases) Run(m *testing.M) int {
	code := m.Run()
	if d.server != nil {
		if err := d.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
			return max(code, 1)
		}
	}
	return code
}

// New returns the address of a database for this test alone. It is dropped at
// the test's end.
func (d *Databases) New(t testing.TB) string {
	t.Helper()
	d.once.Do(d.start)
	if d.err != nil {
		t.Fatal(d.err)
	}
	url, err := d.server.Database(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, d.server.LogTail(20))
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startPatience)
		defer cancel()
		if err := d.server.Drop(ctx, url); err != nil {
			t.Error(err)
		}
	})
	return url
}

func (d *Databases) start() {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	if d.server, d.err = lab.StartPostgres(ctx, lab.PostgresOptions{}); d.err != nil {
		return
	}
	if d.migrate != nil {
		d.err = d.server.Template(ctx, d.migrate)
	}
}

// Postgres starts a server for this test alone, to be restarted, paused and
// killed. Tests that only need a database take one of [Databases].
func Postgres(t testing.TB, options lab.PostgresOptions) *lab.Postgres {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	p, err := lab.StartPostgres(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of PostgreSQL:\n%s", p.LogTail(50))
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Asterisk starts a PBX for this test alone, and shows its log when the test
// fails.
func Asterisk(t testing.TB, options lab.AsteriskOptions) *lab.Asterisk {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	a, err := lab.StartAsterisk(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of Asterisk %s:\n%s", a.Name, a.LogTail(50))
		}
		// In order it takes most of a second, which no test looks at.
		if err := errors.Join(a.Kill(), a.Stop()); err != nil {
			t.Error(err)
		}
	})
	return a
}

// Eventually waits until check returns nil. When it does not within the time,
// the test fails with check's last word, which should say what is missing.
func Eventually(t testing.TB, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("after %s: %v", within, err)
		}
	}
}
