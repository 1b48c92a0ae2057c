package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"callbackd/callcenter"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

// take takes a node over, or fails.
func take(t *testing.T, db *postgres.DB, holder string) *postgres.Lease {
	t.Helper()
	lease := db.Lease("pbx1", holder)
	if _, err := lease.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	return lease
}

func TestLease_OneAtATime(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	runsOut := func() { exec(t, pool, `UPDATE leases SET held_until = now()`) }
	by := func(want string) {
		t.Helper()
		if got := nodes(t, db, "pbx1")[0].FollowedBy; got != want {
			t.Errorf("the node is followed by %q, want %q", got, want)
		}
	}
	by("")
	first := take(t, db, "a/1")
	by("a/1")
	second := db.Lease("pbx1", "b/1")
	if _, err := second.Take(t.Context()); !errors.Is(err, callcenter.ErrHeld) {
		t.Errorf("a node that is followed was taken over: %v", err)
	}
	if _, err := db.Lease("pbx2", "b/1").Take(t.Context()); err != nil {
		t.Errorf("another node: %v", err)
	}

	// Late, but nobody else wanted it.
	runsOut()
	by("")
	if err := first.Renew(t.Context()); err != nil {
		t.Errorf("renew late: %v", err)
	}
	if _, err := second.Take(t.Context()); !errors.Is(err, callcenter.ErrHeld) {
		t.Errorf("a node whose lease was renewed was taken over: %v", err)
	}
	runsOut()
	second = take(t, db, "b/1")
	by("b/1")
	for _, keep := range []func(context.Context) error{first.Renew, first.Release} {
		if err := keep(t.Context()); !errors.Is(err, callcenter.ErrSuperseded) {
			t.Errorf("the first has it still: %v", err)
		}
	}
	by("b/1")
	if err := second.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	by("")
	take(t, db, "a/2")
}

// Of many that ask at once, one gets it.
func TestLease_Race(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	const daemons = 32
	answers := make(chan error, daemons)
	for range daemons {
		go func() {
			_, err := db.Lease("pbx1", "a").Take(t.Context())
			answers <- err
		}()
	}
	got := 0
	for range daemons {
		switch err := <-answers; {
		case err == nil:
			got++
		case !errors.Is(err, callcenter.ErrHeld):
			t.Error(err)
		}
	}
	if got != 1 {
		t.Errorf("%d took the node over, want one", got)
	}
}

// Whoever lost the lease, or never had it, writes nothing.
func TestLease_Fences(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	held := take(t, db, "a/1")
	at := start.Add(time.Hour)
	gap := callcenter.Gap{Node: "pbx1", From: start, To: &at, Why: "broken"}
	writes := map[string]func(*postgres.Calls, context.Context) error{
		"SaveCalls": func(c *postgres.Calls, ctx context.Context) error {
			return c.SaveCalls(ctx, []callcenter.Call{newCall(1)})
		},
		"SaveCalls with a recording to find": func(c *postgres.Calls, ctx context.Context) error {
			return c.SaveCalls(ctx, []callcenter.Call{ended(newCall(2))})
		},
		"SaveGap":    func(c *postgres.Calls, ctx context.Context) error { return c.SaveGap(ctx, gap) },
		"SaveRepair": func(c *postgres.Calls, ctx context.Context) error { return c.SaveRepair(ctx, gap) },
		"SaveProven": func(c *postgres.Calls, ctx context.Context) error { return c.SaveProven(ctx, "pbx1", start) },
		"SaveNode": func(c *postgres.Calls, ctx context.Context) error {
			return c.SaveNode(ctx, callcenter.NodeReport{Node: "pbx1", State: callcenter.NodeConnected, Since: start})
		},
	}
	written := func() (rows int) {
		t.Helper()
		err := pool.QueryRow(t.Context(), `
			SELECT (SELECT count(*) FROM calls) + (SELECT count(*) FROM gaps) + (SELECT count(*) FROM nodes) + (SELECT count(*) FROM changes)`).Scan(&rows)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	exec(t, pool, `UPDATE leases SET held_until = now()`)
	take(t, db, "b/1")
	for what, write := range writes {
		for whose, calls := range map[string]*postgres.Calls{"lost": held.Calls(), "never had": db.Lease("pbx1", "c/1").Calls()} {
			if err := write(calls, t.Context()); !errors.Is(err, callcenter.ErrSuperseded) {
				t.Errorf("%s by whoever %s the lease: %v", what, whose, err)
			}
		}
	}
	if n := written(); n != 0 {
		t.Errorf("%d rows were written", n)
	}
	exec(t, pool, `UPDATE leases SET held_until = now()`)
	calls := take(t, db, "a/2").Calls()
	for what, write := range writes {
		if err := write(calls, t.Context()); err != nil {
			t.Errorf("%s with the lease: %v", what, err)
		}
	}
	if n := written(); n < len(writes) {
		t.Errorf("%d rows were written, want more", n)
	}
}

// A daemon that pauses in the middle of a transaction holds up neither who
// takes over nor, as it comes back, what that one wrote.
func TestLease_PausedWithinATransaction(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	paused := take(t, db, "a/1")
	begun, goOn := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- paused.PauseWriting(t.Context(), begun, goOn) }()
	<-begun
	at := time.Now()
	labtest.Eventually(t, 5*time.Second, func() error {
		_, err := db.Lease("pbx1", "b/1").Take(t.Context())
		return err
	})
	t.Logf("taken over after %v", time.Since(at).Round(time.Millisecond))
	close(goOn)
	if err := <-ended; err == nil {
		t.Error("the paused transaction was committed")
	}
	if got := nodes(t, db, "pbx1")[0]; got.State != callcenter.NodeUnknown {
		t.Errorf("the paused daemon has written %+v", got)
	}
}

// A node is handed over to the one that waits for it and is ready, at once, and
// to no other; only that one is told that it was.
func TestLease_HandOver(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	is := func(want bool, got bool, err error) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("got %v %v, want %v", got, err, want)
		}
	}
	yes := func(got bool, err error) { t.Helper(); is(true, got, err) }
	no := func(got bool, err error) { t.Helper(); is(false, got, err) }
	held := func(l *postgres.Lease) {
		t.Helper()
		if _, err := l.Take(t.Context()); !errors.Is(err, callcenter.ErrHeld) {
			t.Errorf("a node that is followed was taken over: %v", err)
		}
	}
	// A machine may be so slow that what lasts seconds has run out.
	lasts := func() {
		exec(t, pool, `UPDATE leases SET held_until = now() + interval '1 hour'`)
		exec(t, pool, `UPDATE handovers SET heir_until = now() + interval '1 hour'`)
	}
	ctx := t.Context()
	old := take(t, db, "a/1")
	heir, third := db.Lease("pbx1", "b/1"), db.Lease("pbx1", "b/1")

	// There must be one that waits, is offered the node, and is ready.
	no(old.HasHeir(ctx))
	no(old.Offer(ctx))
	no(heir.StandBy(ctx))
	lasts()
	yes(old.HasHeir(ctx))
	no(third.StandBy(ctx))
	if err := heir.Ready(ctx); !errors.Is(err, callcenter.ErrHeld) {
		t.Errorf("ready for what was not offered: %v", err)
	}
	yes(old.Offer(ctx))
	yes(heir.IsOffered(ctx))
	no(old.Offer(ctx)) // it is already
	yes(heir.StandBy(ctx))
	lasts()
	no(third.StandBy(ctx))
	no(third.IsOffered(ctx))
	no(old.IsHeirReady(ctx))
	no(old.HandOver(ctx))
	held(heir)
	if err := heir.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	yes(old.IsHeirReady(ctx))
	held(heir)
	exec(t, pool, `UPDATE leases SET held_until = now()`) // as after a while without a database
	yes(old.HandOver(ctx))
	held(third)
	if err := old.Release(ctx); err != nil {
		t.Errorf("release what was handed over: %v", err)
	}
	held(third)
	yes(heir.Take(ctx))
	no(heir.IsOffered(ctx))
	if err := old.Renew(ctx); !errors.Is(err, callcenter.ErrSuperseded) {
		t.Errorf("renew what was handed over: %v", err)
	}
	no(old.Offer(ctx))

	// One that has died in the middle is taken over from as ever.
	no(heir.HasHeir(ctx))
	no(third.StandBy(ctx))
	lasts()
	yes(heir.Offer(ctx))
	yes(third.StandBy(ctx))
	lasts()
	if err := third.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	yes(third.IsOffered(ctx))
	exec(t, pool, `UPDATE leases SET held_until = now()`)
	no(third.Take(ctx))
	no(heir.HandOver(ctx))

	// When the one that it was offered to is not heard of any more, it is
	// offered to the next.
	fourth, fifth := db.Lease("pbx1", "d/1"), db.Lease("pbx1", "e/1")
	no(fourth.StandBy(ctx))
	lasts()
	yes(third.Offer(ctx))
	exec(t, pool, `UPDATE handovers SET heir_until = now()`)
	no(fifth.StandBy(ctx))
	lasts()
	no(fourth.IsOffered(ctx))
	yes(third.Offer(ctx))
	yes(fifth.StandBy(ctx))

	// Nor does one wait for what somebody else has taken.
	exec(t, pool, `UPDATE leases SET held_until = now()`)
	take(t, db, "f/1")
	no(fifth.IsOffered(ctx))
	lasts()
	no(fourth.StandBy(ctx)) // in place of the fifth
	lasts()
	no(fifth.StandBy(ctx))
	no(fourth.IsOffered(ctx))
	exec(t, pool, `UPDATE leases SET held_until = now()`)
	yes(take(t, db, "g/1").Offer(ctx)) // to the fourth
	yes(fourth.StandBy(ctx))
}
