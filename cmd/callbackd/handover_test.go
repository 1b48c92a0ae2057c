package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/configs"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// contender is one of several daemons that may follow the PBX.
type contender struct {
	*serveProcess

	log *watchedLog
}

// handed says in a daemon's log that it was asked to take the node.
const handed = "the node is handed over to this daemon"

// contend starts a daemon beside others.
func (w *world) contend(t *testing.T) *contender {
	t.Helper()
	c := &contender{log: &watchedLog{Writer: testWriter{t}}}
	c.serveProcess = &serveProcess{command: w.serveCommand(t, t.TempDir()), ended: make(chan struct{})}
	c.command.Stderr = c.log
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		c.command.Wait() //nolint:errcheck // it is killed in the end
	}()
	t.Cleanup(c.kill)
	return c
}

// name is what the monitor's names of a daemon end with.
func (c *contender) name() string { return fmt.Sprintf("/%d", c.command.Process.Pid) }

// handOverWorld is a PBX that several daemons are to follow, and one more that
// nothing befalls, to compare with.
type handOverWorld struct {
	*world

	t          *testing.T // whose end is that of the daemons
	watcher    *world
	toDatabase *link
	// follows is who follows the PBX, waiting who waits for it.
	follows *contender
	waiting []*contender
	// gaps is how many there were so far.
	gaps int
}

func newHandOverWorld(t *testing.T) *handOverWorld {
	t.Helper()
	options := lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "60"}}
	events := keepEvents(t, &options)
	w := &handOverWorld{world: newStoppedWorld(t, options), t: t}
	w.repairsBy(events)
	address, err := pgx.ParseConfig(w.database)
	if err != nil {
		t.Fatal(err)
	}
	w.toDatabase = newLink(t, fmt.Sprintf("%s:%d", address.Host, address.Port))
	w.cfg.Database.URL = configs.NewSecret(at(t, serving(t, w.database), w.toDatabase.listener.Addr().String()))
	w.watcher = w.world.watcher(t)
	w.follows = w.contend(t)
	w.followedBy(t, 3*patience, w.follows.name())
	return w
}

// full has two daemons wait for the PBX.
func (w *handOverWorld) full(t *testing.T) {
	t.Helper()
	fresh := len(w.waiting)
	for len(w.waiting) < 2 {
		w.waiting = append(w.waiting, w.contend(w.t))
	}
	for _, c := range w.waiting[fresh:] {
		labtest.Eventually(t, 3*patience, func() error {
			if !serves.MatchString(c.log.String()) {
				return fmt.Errorf("%s does not serve", c.name())
			}
			return nil
		})
		c.log.says(t, "this one stands by")
	}
	w.waitsForTheNode(t)
}

// taken waits until one of those who waited follows the PBX, at most so long
// after began, with so many more gaps, which are repaired. How long it takes is
// of interest on a machine that does nothing else.
func (w *handOverWorld) taken(t *testing.T, began time.Time, gaps int) {
	t.Helper()
	labtest.Eventually(t, 2*patience, func() error {
		for i, c := range w.waiting {
			if w.is(t, fmt.Sprintf(`SELECT held_until > clock_timestamp() AND holder LIKE '%%%s' FROM leases`, c.name())) {
				w.follows, w.waiting = c, slices.Delete(w.waiting, i, i+1)
				return nil
			}
		}
		return fmt.Errorf("none of %d daemons follows the PBX", len(w.waiting))
	})
	w.followedBy(t, patience, w.follows.name())
	took, limit := time.Since(began), handOverTimeout
	t.Logf("taken over after %v", took.Round(time.Millisecond))
	if gaps > 0 {
		limit = takeover
	}
	if *soakFor > 0 && took > limit {
		t.Errorf("that is more than %v", limit)
	}
	w.gaps += gaps
	w.eventually(t, fmt.Sprintf("SELECT count(*) = %d AND bool_and(settled = 'cel') IS NOT false FROM gaps", w.gaps))
}

// stopsAt has the daemon that follows end, stops whoever brings the hand-over
// to a state, and lets that go on when meanwhile has returned.
func (w *handOverWorld) stopsAt(t *testing.T, state string, meanwhile func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	do := func(sql string) {
		if _, err := conn.Exec(context.WithoutCancel(t.Context()), sql); err != nil {
			t.Error(err)
		}
	}
	do(`SELECT pg_advisory_lock(1)`)
	do(`
		CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
		CREATE TRIGGER stop BEFORE UPDATE ON handovers FOR EACH ROW WHEN (NEW.state = '` + state + `') EXECUTE FUNCTION stop()`)
	defer func() {
		do(`SELECT pg_advisory_unlock(1)`)
		do(`DROP FUNCTION stop() CASCADE`)
		conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // it was for this
	}()
	w.leaves(t)
	w.eventually(t, stopped)
	meanwhile()
}

// stopped asks whether stopsAt has stopped somebody.
const stopped = `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)`

// forgets has the database drop what it was asked by a daemon that is stopped.
func (w *handOverWorld) forgets(t *testing.T) {
	t.Helper()
	w.is(t, `SELECT bool_and(pg_terminate_backend(pid, 5000)) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)
}

// leaves asks the daemon that follows to end.
func (w *handOverWorld) leaves(t *testing.T) {
	t.Helper()
	send(t, w.follows.command, syscall.SIGTERM)
}

// dies kills one of those who wait.
func (w *handOverWorld) dies(c *contender) {
	c.kill()
	w.waiting = slices.DeleteFunc(w.waiting, func(other *contender) bool { return other == c })
}

// Of three daemons the one that ends hands the PBX over to one of the others,
// of which no event goes unseen. Killed right afterwards, that one is replaced by
// the third, and what happened in between is repaired.
func TestFaults_HandOver(t *testing.T) {
	t.Parallel()
	w := newHandOverWorld(t)
	w.full(t)
	outside := w.outside(t, sip.Behaviour{})
	goesOn, agents := w.playQueueCall(t, outside, customer, w.agent(t, "2001", sip.Behaviour{}))
	clerk := w.agent(t, "2004", sip.Behaviour{})
	caller := w.agent(t, "2003", sip.Behaviour{})
	calls := func(during func()) { // begins before, and ends after
		call := siptest.Dial(t, caller, "2004", sip.CallOptions{})
		clerks := siptest.Arrives(t, clerk)
		siptest.Talks(t, call)
		during()
		ends(t, call, clerks)
	}

	calls(func() { w.handsOverToOne(t) })
	killed := time.Now()
	calls(w.follows.kill)
	w.taken(t, killed, 1)
	ends(t, goesOn, agents)
	w.storesWhat(t, w.watcher)
	if *soakFor == 0 {
		return
	}
	for began := time.Now(); time.Since(began) < *soakFor; {
		for _, f := range handOverFaults {
			t.Run(f.name, func(t *testing.T) {
				w.full(t)
				calls(func() { f.make(w, t) })
				w.storesWhat(t, w.watcher)
			})
			if t.Failed() {
				return
			}
		}
	}
}

// handsOverToOne has the daemon that follows end, and holds that one of the
// others takes its place. On a machine that is so busy that it takes too long the
// node is taken over instead, which is tried again.
func (w *handOverWorld) handsOverToOne(t *testing.T) {
	t.Helper()
	for range 3 {
		leaver, waiting := w.follows, slices.Clone(w.waiting)
		began := time.Now()
		w.leaves(t)
		select {
		case <-leaver.ended:
		case <-time.After(2 * patience):
			t.Fatal("the daemon does not end")
		}
		if !strings.Contains(leaver.log.String(), "the node was handed over") {
			w.taken(t, began, 1)
			w.full(t)
			continue
		}
		w.taken(t, began, 0)
		if asked := slices.DeleteFunc(waiting, func(c *contender) bool { return !strings.Contains(c.log.String(), handed) }); len(asked) != 1 {
			t.Errorf("the PBX was handed over to %d daemons, want one", len(asked))
		}
		return
	}
	t.Error("the node was not handed over")
}

// handOverFaults are what can go wrong in the middle of a hand-over.
var handOverFaults = []struct {
	name string
	make func(w *handOverWorld, t *testing.T)
}{
	{"the taker dies", func(w *handOverWorld, t *testing.T) {
		began := time.Now()
		w.stopsAt(t, "ready", func() {
			w.dies(w.taker(t))
			w.forgets(t)
		})
		w.taken(t, began, 0)
	}},
	{"the taker dies as it is ready", func(w *handOverWorld, t *testing.T) {
		began := time.Now()
		w.stopsAt(t, "ready", func() { w.dies(w.taker(t)) })
		w.taken(t, began, 1)
	}},
	{"the taker dies when it is ready", func(w *handOverWorld, t *testing.T) {
		began := time.Now()
		w.stopsAt(t, "done", func() { w.dies(w.taker(t)) })
		w.taken(t, began, 1)
	}},
	{"the leaver dies", func(w *handOverWorld, t *testing.T) {
		began := time.Now()
		w.stopsAt(t, "ready", func() {
			w.follows.kill()
			w.forgets(t)
		})
		w.taken(t, began, 1)
	}},
	{"the leaver dies when the taker is ready", func(w *handOverWorld, t *testing.T) {
		began := time.Now()
		w.stopsAt(t, "done", func() {
			w.follows.kill()
			w.forgets(t)
		})
		w.taken(t, began, 1)
	}},
	{"the leaver dies and the taker pauses", func(w *handOverWorld, t *testing.T) {
		began := time.Now()
		var taker *contender
		w.stopsAt(t, "done", func() {
			taker = w.taker(t)
			send(t, taker.command, syscall.SIGSTOP)
			w.follows.kill()
			w.forgets(t)
		})
		w.taken(t, began, 1)
		send(t, taker.command, syscall.SIGCONT)
		taker.log.says(t, "not handed over after all")
		w.waitsForTheNode(t)
	}},
	{"the database is away", func(w *handOverWorld, t *testing.T) {
		began := time.Now()
		w.stopsAt(t, "ready", func() {
			w.toDatabase.cut()
			w.forgets(t)
			passes(t, 2*time.Second)
			w.toDatabase.heal()
		})
		w.taken(t, began, 0)
	}},
	{"the database is away when the taker is ready", func(w *handOverWorld, t *testing.T) {
		began := time.Now()
		w.stopsAt(t, "done", func() {
			w.toDatabase.cut()
			w.forgets(t)
			passes(t, 2*time.Second)
			w.toDatabase.heal()
		})
		w.taken(t, began, 1)
	}},
}

// taker waits until one of those who wait was asked to take the PBX.
func (w *handOverWorld) taker(t *testing.T) *contender {
	t.Helper()
	var taker *contender
	labtest.Eventually(t, patience, func() error {
		for _, c := range w.waiting {
			if strings.Contains(c.log.String(), handed) {
				taker = c
				return nil
			}
		}
		return errors.New("nobody was asked to take the PBX")
	})
	return taker
}
