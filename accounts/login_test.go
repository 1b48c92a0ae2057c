package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"callbackd/accounts"
)

func isLimited(err error) (time.Duration, bool) {
	limited, ok := errors.AsType[*accounts.RateLimitedError](err)
	if !ok {
		return 0, false
	}
	return limited.RetryAfter, true
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sato := w.create("sato", accounts.RoleAgent, "support")
	gone := w.create("gone", accounts.RoleAgent)
	if _, err := w.accounts.Disable(t.Context(), accounts.Operator(), gone.ID); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sato", "SATO", " Sato ", "ｓａｔｏ"} {
		if got, err := w.authenticate(name, password); err != nil || got.ID != sato.ID {
			t.Errorf("log in as %q: %+v, %v", name, got, err)
		}
	}
	for _, tt := range [][2]string{
		{"sato", "wrong password"},
		{"sato", ""},
		{"sato", strings.Repeat("x", 1<<20)},
		{"sato", "\xff\x00"},
		{"gone", password},
		{"nobody", password},
		{"", password},
		{"x\x00", password},
		{"\xff", password},
		{strings.Repeat("x", 1<<20), password},
		{"' OR 1=1 --", password},
	} {
		if got, err := w.authenticate(tt[0], tt[1]); !errors.Is(err, accounts.ErrUnauthorized) || got.ID != 0 {
			t.Errorf("log in as %.20q with %.20q: %+v, %v; want ErrUnauthorized", tt[0], tt[1], got, err)
		}
	}
}

// Who is not there takes the same work as who is: each of them has to wait
// for a hash to be computed.
func TestAuthenticate_UnknownTakesTheSameWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("sato", accounts.RoleAgent)
	gone := w.create("gone", accounts.RoleAgent)
	if _, err := w.accounts.Disable(t.Context(), accounts.Operator(), gone.ID); err != nil {
		t.Fatal(err)
	}
	release := w.accounts.HoldPasswords()
	defer release()
	for _, tt := range [][2]string{
		{"sato", password},
		{"sato", "wrong"},
		{"gone", password},
		{"nobody", password},
		{"not a name", password},
		{"sato", strings.Repeat("x", 1<<16)},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := w.accounts.Authenticate(ctx, tt[0], tt[1], home)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("log in as %q while no hash can be computed: %v, want that it waits", tt[0], err)
		}
	}
}

// However many try at once, from however many addresses and processes, no more
// passwords are looked at than the account's limit allows.
func TestAuthenticate_BruteForce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("sato", accounts.RoleAgent)
	processes := []*accounts.Service{w.accounts, w.service(cheap)}
	for _, name := range []string{"sato", "nobody"} {
		var (
			mu            sync.Mutex
			tried, waited int
			group         sync.WaitGroup
		)
		for i := range 100 {
			group.Go(func() {
				address := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
				_, err := processes[i%2].Authenticate(t.Context(), name, fmt.Sprintf("guess %d", i), address)
				retryAfter, limited := isLimited(err)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case limited && retryAfter > 0 && retryAfter <= time.Minute:
					waited++
				case errors.Is(err, accounts.ErrUnauthorized):
					tried++
				default:
					t.Errorf("guess %d as %s: %v, retry after %s", i, name, err, retryAfter)
				}
			})
		}
		group.Wait()
		if tried != 10 || waited != 90 {
			t.Errorf("as %s %d passwords were looked at and %d refused, want 10 and 90", name, tried, waited)
		}
	}
	// The right one is not looked at either, or guessing could go on.
	_, err := w.authenticate("sato", password)
	retryAfter, limited := isLimited(err)
	if !limited || retryAfter != time.Minute {
		t.Errorf("the right password: %v, retry after %s, want a minute", err, retryAfter)
	}
	w.pass(time.Minute - time.Second)
	if _, err := w.authenticate("sato", password); err == nil {
		t.Error("the account is open a second too early")
	}
	w.pass(time.Second)
	for range 3 { // what is right is not counted
		if _, err := w.authenticate("sato", password); err != nil {
			t.Errorf("after a minute: %v", err)
		}
	}
	if _, err := w.authenticate("sato", "wrong again"); !errors.Is(err, accounts.ErrUnauthorized) {
		t.Errorf("a wrong one after a minute: %v", err)
	}
	if _, err := w.authenticate("sato", password); err == nil {
		t.Error("two passwords were looked at for one minute")
	}
}

// One who tries a common password on many accounts is stopped by address, and
// uses up nobody's limit from then on.
func TestAuthenticate_LimitByAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("sato", accounts.RoleAgent)
	prefix := netip.MustParsePrefix("2001:db8:1:2::/64")
	address := prefix.Addr()
	for i := range 60 {
		address = address.Next() // all of them are one machine's
		_, err := w.accounts.Authenticate(t.Context(), fmt.Sprintf("user%d", i), password, address)
		_, limited := isLimited(err)
		if limited != (i >= 50) {
			t.Fatalf("attempt %d: %v", i+1, err)
		}
	}
	for range 20 {
		_, _ = w.accounts.Authenticate(t.Context(), "sato", password, address)
	}
	if _, err := w.authenticate("sato", password); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	neighbour := netip.MustParseAddr("2001:db8:1:3::1")
	if _, err := w.accounts.Authenticate(t.Context(), "sato", password, neighbour); err != nil {
		t.Errorf("from the network beside: %v", err)
	}
	// A whole call center behind one address comes to work.
	for i := range 200 {
		if _, err := w.authenticate("sato", password); err != nil {
			t.Fatalf("login %d from one address: %v", i+1, err)
		}
	}
}

// Limits let through what a bucket does that leaks once an interval.
func TestLimits_AreABucket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := w.db.Accounts()
	round := byte(0)
	rapid.Check(t, func(t *rapid.T) {
		round++
		key := accounts.LimitKey{round}
		limit := accounts.Limit{
			Burst:    rapid.IntRange(1, 4).Draw(t, "burst"),
			Interval: time.Duration(rapid.IntRange(1, 3).Draw(t, "interval")) * time.Second,
		}
		at := w.now()
		level := time.Duration(0) // what is in the bucket, as the time until it is empty
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			passed := time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond
			at, level = at.Add(passed), max(0, level-passed)
			wait, err := store.ChargeLogin(w.t.Context(), key, limit, at)
			if err != nil {
				t.Fatal(err)
			}
			over := level + limit.Interval - time.Duration(limit.Burst)*limit.Interval
			if (wait > 0) != (over > 0) {
				t.Fatalf("at %s with %s in it: wait %s, model %s", at, level, wait, over)
			}
			if over > 0 {
				if wait != max(over, time.Second) {
					t.Fatalf("wait %s, want %s", wait, over)
				}
				continue
			}
			level += limit.Interval
			if rapid.Bool().Draw(t, "refund") {
				level -= limit.Interval
				if err := store.RefundLogin(w.t.Context(), key, limit); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestLimits_AreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 30 {
		_, _ = w.authenticate(fmt.Sprintf("user%d", i), password)
	}
	w.pass(time.Hour)
	_, _ = w.authenticate("sato", password)
	if rows := w.count("login_limits"); rows != 2 {
		t.Errorf("an hour later there are %d rows of limits, want those of the last attempt alone", rows)
	}
}

// A hash of another cost is replaced at login, and that does not log out.
func TestAuthenticate_CostIsRaised(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account := w.create("sato", accounts.RoleAgent)
	b := w.browser()
	b.login("sato")
	raised := w.service(accounts.Cost{Memory: 16, Passes: 2, Threads: 1})
	before := w.hashOf("sato")
	if _, err := raised.Authenticate(t.Context(), "sato", "wrong password", home); err == nil || w.hashOf("sato") != before {
		t.Errorf("a wrong password: %v; is the hash the same: %t", err, w.hashOf("sato") == before)
	}
	got, err := raised.Authenticate(t.Context(), "sato", password, home)
	if err != nil {
		t.Fatal(err)
	}
	after := w.hashOf("sato")
	if !strings.HasPrefix(after, "$argon2id$v=19$m=16,t=2,p=1$") || got.Generation != account.Generation || got.Version != account.Version {
		t.Errorf("hash %q, generation %d, version %d", after, got.Generation, got.Version)
	}
	if !b.in() {
		t.Error("the session ended")
	}
	if _, err := raised.Authenticate(t.Context(), "sato", password, home); err != nil || w.hashOf("sato") != after {
		t.Errorf("log in again: %v; is the hash the same: %t", err, w.hashOf("sato") == after)
	}
	// The password was set meanwhile: the old one's hash comes too late.
	if err := w.accounts.SetPassword(t.Context(), accounts.Operator(), account.ID, "another password"); err != nil {
		t.Fatal(err)
	}
	if err := w.db.Accounts().RehashPassword(t.Context(), account.ID, after, before); err != nil {
		t.Fatal(err)
	}
	if _, err := w.authenticate("sato", "another password"); err != nil {
		t.Errorf("the password that was set is lost: %v", err)
	}
}

// query asks the database without the program.
func query[T any](w *world, sql string, args ...any) T {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(w.t.Context())
	var value T
	if err := conn.QueryRow(w.t.Context(), sql, args...).Scan(&value); err != nil {
		w.t.Fatal(err)
	}
	return value
}

func (w *world) count(table string) int { return query[int](w, "SELECT count(*) FROM "+table) }

func (w *world) hashOf(name string) string {
	return query[string](w, "SELECT password_hash FROM accounts WHERE name = $1", name)
}
