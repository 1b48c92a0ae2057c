package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/configs"
	"callbackd/lab/labtest"
)

// goesOn is no fault: what follows is compared with it. What the daemon uses
// stays as it is, however long it lasts.
func (b *busyWorld) goesOn(t *testing.T, lasts time.Duration) {
	var used samples
	for began := time.Now(); time.Since(began) < lasts; {
		passes(t, lasts/60)
		used.sample(t, b)
	}
	if *soakFor > 0 {
		t.Logf("in %v of calls:\n%v", lasts, used)
		used.level(t, 1.1)
	}
}

func (b *busyWorld) daemonKilled(t *testing.T, _ time.Duration) {
	b.process.kill()
	b.boot(t)
}

func (b *busyWorld) daemonRestarted(t *testing.T, _ time.Duration) {
	if took, limit := b.process.terminate(t), shutdownWithin(); took > limit {
		t.Errorf("the daemon took %v to end, want at most %v", took, limit)
	}
	b.boot(t)
}

// daemonUpgraded starts another daemon beside the one that follows, and then
// ends that one. Of the PBX's events none may go unseen, not even for a moment.
// On a machine that is so busy that it takes too long the node is taken over
// instead, which is tried again.
func (b *busyWorld) daemonUpgraded(t *testing.T, _ time.Duration) {
	for range 3 {
		before := b.gaps(t)
		old := b.process
		b.boot(t)
		b.follows(t)
		b.waitsForTheNode(t)
		old.terminate(t)
		b.follows(t)
		if !b.is(t, handedOver) {
			continue
		}
		if after := b.gaps(t); after != before {
			t.Errorf("%d gaps after the node was handed over, want the %d of before", after, before)
		}
		return
	}
	t.Error("the node was not handed over")
}

// handedOver asks whether the last that became of a node is that it was handed
// over.
const handedOver = "SELECT h.state = 'done' AND l.term = h.term + 1 FROM handovers h JOIN leases l USING (node)"

func (w *world) waitsForTheNode(t *testing.T) {
	t.Helper()
	w.eventually(t, "SELECT EXISTS (SELECT FROM handovers WHERE heir_until > clock_timestamp() AND state IS NULL)")
}

// handsOver waits until a daemon waits for the node, has the one that follows
// it end, and holds that it hands the node over.
func (w *world) handsOver(t *testing.T, end func()) {
	t.Helper()
	w.waitsForTheNode(t)
	end()
	w.eventually(t, handedOver)
}

// eventually waits until a question has the answer that it is so.
func (w *world) eventually(t *testing.T, question string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if !w.is(t, question) {
			return fmt.Errorf("it is not so: %s", question)
		}
		return nil
	})
}

// is asks the database whether something is so.
func (w *world) is(t *testing.T, question string) (is bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it was for this
	if err := conn.QueryRow(t.Context(), question).Scan(&is); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	return is
}

func (b *busyWorld) gaps(t *testing.T) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it was for this
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM gaps").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// shutdownWithin is how long the daemon may take to end when it is asked to. Not
// even the short version may fail for what else a machine does.
func shutdownWithin() time.Duration {
	if *soakFor == 0 {
		return patience
	}
	return 5 * time.Second
}

func (b *busyWorld) databaseStopped(t *testing.T, lasts time.Duration) {
	if err := b.server.Kill(); err != nil {
		t.Fatal(err)
	}
	passes(t, lasts)
	b.databaseRestarted(t, 0)
}

func (b *busyWorld) databaseRestarted(t *testing.T, _ time.Duration) {
	if err := b.server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (b *busyWorld) databaseCut(t *testing.T, _ time.Duration) {
	b.sql(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+servingRole+"'")
}

// databaseSlow makes each statement take a tenth of a second more.
func (b *busyWorld) databaseSlow(t *testing.T, lasts time.Duration) {
	b.toDatabase.slow(100 * time.Millisecond)
	defer b.toDatabase.slow(0)
	passes(t, lasts)
}

func (b *busyWorld) databaseHangs(t *testing.T, lasts time.Duration) {
	if err := b.server.Pause(); err != nil {
		t.Fatal(err)
	}
	passes(t, lasts)
	if err := b.server.Resume(); err != nil {
		t.Fatal(err)
	}
}

// databaseFull has each statement that writes fail as when the disk is full:
// what can be read is read. A file system that is really full takes the right
// to mount one.
func (b *busyWorld) databaseFull(t *testing.T, lasts time.Duration) {
	b.registrar.waiting.Store(false)
	b.registrar.idle.Store(true)
	labtest.Eventually(t, patience, func() error {
		if !b.registrar.waiting.Load() {
			return errors.New("there is no call to register a callback for")
		}
		return nil
	})
	b.sql(t, `
		CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			RAISE EXCEPTION 'could not extend file "base/1/1": No space left on device' USING ERRCODE = 'disk_full';
		END $$;
		DO $$
		DECLARE name text;
		BEGIN
			FOR name IN SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition LOOP
				EXECUTE 'CREATE TRIGGER is_full BEFORE INSERT OR UPDATE ON ' || name || ' FOR EACH STATEMENT EXECUTE FUNCTION is_full()';
			END LOOP;
		END $$`)
	before := b.registrar.refused()
	b.registrar.idle.Store(false)
	passes(t, lasts)
	labtest.Eventually(t, patience, func() error {
		if b.registrar.refused() == before {
			return errors.New("no registration was refused")
		}
		return nil
	})
	b.sql(t, "DROP FUNCTION is_full() CASCADE")
}

// databaseFailsOver has the server die and a standby take its place, which the
// daemon knows by its URL.
func (b *busyWorld) databaseFailsOver(t *testing.T, lasts time.Duration) {
	standby, err := b.server.Standby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := standby.Stop(); err != nil {
			b.t.Error(err)
		}
	})
	b.cfg.Database.URL = configs.NewSecret(at(t, serving(t, b.database), b.server.Address(), standby.Address()))
	b.daemonRestarted(t, 0)
	b.follows(t)
	passes(t, time.Second)
	if err := b.server.Kill(); err != nil {
		t.Fatal(err)
	}
	passes(t, lasts)
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.server, b.database = standby, at(t, b.database, standby.Address())
}

func (b *busyWorld) linkCut(t *testing.T, lasts time.Duration) {
	b.toPBX.cut()
	passes(t, lasts)
	b.toPBX.heal()
}

// linkBlackHole is what a half-open connection is to the daemon, too: nobody
// answers, and nobody says so.
func (b *busyWorld) linkBlackHole(t *testing.T, lasts time.Duration) {
	b.toPBX.blackHole()
	passes(t, lasts)
	b.toPBX.heal()
}

func (b *busyWorld) pbxCrashed(t *testing.T, lasts time.Duration) {
	if err := b.pbx.Kill(); err != nil {
		t.Fatal(err)
	}
	passes(t, lasts)
	if err := b.pbx.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// sql runs statements as the database's owner.
func (b *busyWorld) sql(t *testing.T, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it was for this
	if _, err := conn.Exec(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}
