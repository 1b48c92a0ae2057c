package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"callbackd/callbacks"
)

// What a caller wants is there for everybody but who keeps it, as it was kept
// last, until that one drops it or a day has passed.
func TestWishes(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	wishes, ctx := db.Wishes(), t.Context()
	keep := func(w callbacks.Wish) {
		t.Helper()
		if err := wishes.Keep(ctx, w); err != nil {
			t.Fatal(err)
		}
	}
	left := func(keeper string, want ...callbacks.Wish) {
		t.Helper()
		got, err := wishes.Left(ctx, "pbx1", keeper)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(callbacks.Wish{}, "AskedAt")); diff != "" {
			t.Errorf("left to all but %q (-want +got):\n%s", keeper, diff)
		}
		for _, w := range got {
			if w.AskedAt.IsZero() {
				t.Error("it is not known when a caller asked")
			}
		}
	}
	dead := callbacks.Wish{Node: "pbx1", Channel: "c1", Keeper: "dead", RequestID: "r1", CallCenter: "support"}
	keep(dead)
	elsewhere := dead
	elsewhere.Node = "pbx2"
	keep(elsewhere)
	left("dead")
	left("next", dead)
	dead.ContactNumber = "09012345678"
	keep(dead)
	left("next", dead)

	// Whoever takes the caller up keeps it from then on.
	next := dead
	next.Keeper, next.ContactNumber = "next", ""
	keep(next)
	drop := func(w callbacks.Wish) {
		t.Helper()
		if err := wishes.Drop(ctx, w); err != nil {
			t.Fatal(err)
		}
	}
	drop(dead)
	left("another", next)
	drop(next)
	left("another")

	keep(dead)
	pool := connect(t, url)
	exec(t, pool, `UPDATE callback_wishes SET asked_at = now() - interval '25 hours'`)
	left("another")
	var kept int
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM callback_wishes`).Scan(&kept); err != nil || kept != 0 {
		t.Errorf("%d wishes of yesterday are kept: %v", kept, err)
	}
}
