package webhooks_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/lab/labtest"
	"callbackd/webhooks"
)

// While a delivery of one call fails, those after it wait, and other calls go
// on; then all come, in order, signed, and with the IDs that they had.
func TestCourier_OrderPerCall(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	var well atomic.Bool
	r := newReceiver(t, func(got received) (int, string) {
		if got.Call == "a" && !well.Load() {
			return http.StatusInternalServerError, ""
		}
		return http.StatusOK, ""
	})
	s.changes("before")
	webhook, secret := s.subscribe(r.URL + "/hook?of=test")
	r.verify(secret)
	s.run(nil)
	s.changes("a", "b", "a", "a", "b")
	r.takes("b", 3, 6)
	labtest.Eventually(t, patience, func() error {
		if n := len(r.all()); n < 5 {
			return fmt.Errorf("%d requests, want three tries of call a", n)
		}
		return nil
	})
	if failing := s.get(webhook.ID).FailingSince; failing == nil {
		t.Error("the webhook is not failing")
	}
	s.changes("a")
	well.Store(true)
	r.takes("a", 2, 4, 5, 7)
	ids := map[int64]string{}
	for _, got := range r.all() {
		if before, ok := ids[got.Change]; ok && before != got.ID {
			t.Errorf("change %d has the IDs %s and %s", got.Change, before, got.ID)
		}
		ids[got.Change] = got.ID
		if got.Type != "call" || got.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(got.header.Get("User-Agent"), "callbackd/") {
			t.Errorf("request of type %q with header %v", got.Type, got.header)
		}
		if got.Call == "before" {
			t.Error("a change before the webhook was sent")
		}
	}
	done := webhooks.DeliveryDelivered
	list := s.states(webhook.ID, done, done, done, done, done, done)
	if d := list[0]; d.Tries < 3 || d.Outcome != webhooks.OutcomeDelivered || d.Status != 200 || d.TriedAt == nil || d.NextTryAt != nil {
		t.Errorf("the delivery is %+v", d)
	}
	if failing := s.get(webhook.ID).FailingSince; failing != nil {
		t.Error("the webhook is still failing")
	}
}

// Several daemons send each change once, and in order.
func TestCourier_SeveralDaemons(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	r := newReceiver(t, nil)
	webhook, secret := s.subscribe(r.URL, "support")
	r.verify(secret)
	for range 3 {
		s.run(nil)
	}
	want := map[string][]int64{}
	for i := range 60 {
		call := fmt.Sprintf("call-%d", i%7)
		s.changes(call)
		want[call] = append(want[call], int64(i+1))
	}
	for call, changes := range want {
		r.takes(call, changes...)
	}
	if n := len(r.all()); n != 60 {
		t.Errorf("%d requests, want 60", n)
	}
	if n := len(s.deliveries(webhook.ID)); n != 60 {
		t.Errorf("%d deliveries, want 60", n)
	}
}

// A webhook gets what it asks for, and only of its call centers.
func TestCourier_OnlyWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	r := newReceiver(t, nil)
	sales, _ := s.subscribe(r.URL, "sales")
	all, _ := s.subscribe(r.URL)
	for _, sql := range []string{
		`INSERT INTO changes (kind, request_id, call_centers) VALUES ('call', 'a', '{support}')`,
		`INSERT INTO changes (kind, request_id, callback_id, call_centers) VALUES ('callback', 'b', 7, '{support,sales}')`,
		`INSERT INTO changes (kind, request_id, call_centers) VALUES ('call', 'c', '{}')`,
		`INSERT INTO changes (kind, node, call_centers) VALUES ('node', 'pbx1', '{}')`,
	} {
		if _, err := s.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	s.run(nil)
	done := webhooks.DeliveryDelivered
	s.states(all.ID, done, done, done, done)
	list := s.states(sales.ID, done, done)
	if list[0].Kind != "callback" || list[0].CallbackID != 7 || list[0].RequestID != "b" || list[1].Kind != "node" || list[1].NodeName != "pbx1" {
		t.Errorf("deliveries %+v", list)
	}
}

// A receiver that says 410 gets nothing more until it is switched on again;
// what it missed can be replayed.
func TestCourier_GoneAndReplay(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	var gone atomic.Bool
	gone.Store(true)
	r := newReceiver(t, func(received) (int, string) {
		if gone.Load() {
			return http.StatusGone, ""
		}
		return http.StatusAccepted, ""
	})
	webhook, secret := s.subscribe(r.URL)
	r.verify(secret)
	s.run(nil)
	s.changes("a")
	s.states(webhook.ID, webhooks.DeliveryFailed)
	labtest.Eventually(t, patience, func() error {
		if w := s.get(webhook.ID); w.State != webhooks.StateDisabled || w.Reason != webhooks.ReasonGone || w.DisabledAt == nil {
			return fmt.Errorf("the webhook is %+v", w)
		}
		return nil
	})
	s.changes("a", "b")
	list := s.states(webhook.ID, webhooks.DeliveryFailed, webhooks.DeliveryMissed, webhooks.DeliveryMissed)
	operator := accounts.Operator()
	if _, err := s.service.ReplaySince(t.Context(), operator, webhook.ID, time.Time{}); !errors.Is(err, webhooks.ErrInactive) {
		t.Errorf("replay of one that is off: %v", err)
	}
	gone.Store(false)
	if w, err := s.service.Change(t.Context(), operator, webhook.ID, webhooks.Change{Active: new(true)}); err != nil ||
		w.State != webhooks.StateActive || w.Reason != "" || w.DisabledAt != nil || w.FailingSince != nil {
		t.Fatalf("switched on: %+v, %v", w, err)
	}
	if n, err := s.service.ReplaySince(t.Context(), operator, webhook.ID, list[1].At); err != nil || n != 2 {
		t.Fatalf("replayed %d, %v, want 2", n, err)
	}
	r.takes("a", 2)
	r.takes("b", 3)
	if _, err := s.service.Replay(t.Context(), operator, webhook.ID, list[0].ID); err != nil {
		t.Fatal(err)
	}
	r.takes("a", 2, 1)
	if _, err := s.service.Replay(t.Context(), operator, webhook.ID, 1<<40); !errors.Is(err, webhooks.ErrDeliveryNotFound) {
		t.Errorf("replay of what is not there: %v", err)
	}
	if all := r.all(); all[0].ID != all[len(all)-1].ID {
		t.Errorf("the replayed delivery has the ID %s, before %s", all[len(all)-1].ID, all[0].ID)
	}
}

// A delivery that is refused for too long is given up, and a webhook of which
// all are, is disabled. What waited behind is missed.
func TestCourier_LongFailure(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	r := newReceiver(t, func(got received) (int, string) {
		if got.Call == "good" {
			return http.StatusOK, ""
		}
		return http.StatusBadRequest, ""
	})
	webhook, _ := s.subscribe(r.URL)
	stop := s.run(func(o *webhooks.CourierOptions) { o.RetryFor = time.Millisecond })
	s.changes("bad", "bad", "good")
	s.states(webhook.ID, webhooks.DeliveryFailed, webhooks.DeliveryFailed, webhooks.DeliveryDelivered)
	if w := s.get(webhook.ID); w.State != webhooks.StateActive {
		t.Errorf("the webhook is %+v", w)
	}
	stop()
	s.run(func(o *webhooks.CourierOptions) { o.DisableAfter = time.Millisecond })
	s.changes("bad", "bad")
	s.states(webhook.ID, webhooks.DeliveryFailed, webhooks.DeliveryFailed, webhooks.DeliveryDelivered,
		webhooks.DeliveryMissed, webhooks.DeliveryMissed)
	if w := s.get(webhook.ID); w.State != webhooks.StateDisabled || w.Reason != webhooks.ReasonFailing {
		t.Errorf("the webhook is %+v", w)
	}
}

// A receiver that asks for time is left alone for so long.
func TestCourier_RetryAfter(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	r := newReceiver(t, func(received) (int, string) { return http.StatusServiceUnavailable, "3600" })
	webhook, _ := s.subscribe(r.URL)
	s.run(nil)
	s.changes("a")
	labtest.Eventually(t, patience, func() error {
		d := s.deliveries(webhook.ID)
		if len(d) != 1 || d[0].Outcome != webhooks.OutcomeRefused || d[0].Status != http.StatusServiceUnavailable {
			return fmt.Errorf("deliveries %+v", d)
		}
		if wait := d[0].NextTryAt.Sub(*d[0].TriedAt); wait < time.Hour || wait > time.Hour+patience {
			t.Errorf("it waits for %s, want an hour", wait)
		}
		return nil
	})
	// Somebody who knows better has it sent at once.
	if _, err := s.service.Replay(t.Context(), accounts.Operator(), webhook.ID, s.deliveries(webhook.ID)[0].ID); err != nil {
		t.Fatal(err)
	}
	labtest.Eventually(t, patience, func() error {
		if n := len(r.all()); n < 2 {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
}

// While a secret is exchanged either is right.
func TestCourier_Rotation(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	r := newReceiver(t, nil)
	webhook, old := s.subscribe(r.URL)
	s.run(nil)
	rotated, secret, err := s.service.RotateSecret(t.Context(), accounts.Operator(), webhook.ID)
	if err != nil || rotated.OldSecretUntil == nil || secret.Reveal() == old {
		t.Fatalf("rotated: %+v, %v", rotated, err)
	}
	for i, secret := range []string{old, secret.Reveal()} {
		r.verify(secret)
		s.changes("a")
		r.takes("a", []int64{1, 2}[:i+1]...)
	}
	if _, err := s.pool.Exec(t.Context(), `UPDATE webhooks SET old_secret_until = now()`); err != nil {
		t.Fatal(err)
	}
	s.changes("a")
	r.takes("a", 1, 2, 3)
	for i, want := range []int{2, 2, 1} {
		if got := strings.Fields(r.all()[i].header.Get("webhook-signature")); len(got) != want {
			t.Errorf("request %d has %d signatures, want %d", i+1, len(got), want)
		}
	}
}

// A ping is sent once, whatever comes of it, and also to a webhook that is off.
func TestCourier_Ping(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	r := newReceiver(t, func(received) (int, string) { return http.StatusTeapot, "" })
	webhook, secret := s.subscribe(r.URL)
	r.verify(secret)
	operator := accounts.Operator()
	if _, err := s.service.Change(t.Context(), operator, webhook.ID, webhooks.Change{Active: new(false)}); err != nil {
		t.Fatal(err)
	}
	s.run(nil)
	ping, err := s.service.Ping(t.Context(), operator, webhook.ID)
	if err != nil || ping.State != webhooks.DeliveryPending || ping.Kind != webhooks.KindPing {
		t.Fatalf("ping %+v, %v", ping, err)
	}
	d := s.states(webhook.ID, webhooks.DeliveryFailed)[0]
	if d.Outcome != webhooks.OutcomeRefused || d.Status != http.StatusTeapot || d.Tries != 1 || d.Message != ping.Message {
		t.Errorf("delivery %+v", d)
	}
	if got := r.all(); len(got) != 1 || got[0].Type != "ping" || !strings.HasSuffix(string(got[0].body), `"data":{}}`) {
		t.Errorf("requests %+v", got)
	}
}

// A ping goes before what waits, however much that is.
func TestCourier_PingGoesFirst(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	r := newReceiver(t, nil)
	webhook, _ := s.subscribe(r.URL)
	for i := range 200 {
		s.changes(fmt.Sprint("call-", i))
	}
	for more := true; more; {
		var err error
		if more, err = s.db.Webhooks().FanOut(t.Context(), 500); err != nil {
			t.Fatal(err)
		}
	}
	ping, err := s.service.Ping(t.Context(), accounts.Operator(), webhook.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.run(nil)
	labtest.Eventually(t, patience, func() error {
		if n := len(r.all()); n != 201 {
			return fmt.Errorf("%d requests, want 201", n)
		}
		return nil
	})
	// As many as are sent at once may be before it.
	if at := slices.IndexFunc(r.all(), func(got received) bool { return got.Type == webhooks.KindPing }); at > 10 {
		t.Errorf("the ping came after %d others", at)
	}
	labtest.Eventually(t, patience, func() error {
		got, err := s.service.Delivery(t.Context(), accounts.Operator(), webhook.ID, ping.ID)
		if err == nil && got.State != webhooks.DeliveryDelivered {
			err = fmt.Errorf("the ping is %+v", got)
		}
		return err
	})
	if _, err := s.service.Delivery(t.Context(), accounts.Operator(), webhook.ID+1, ping.ID); !errors.Is(err, webhooks.ErrNotFound) {
		t.Errorf("the ping of another webhook: %v", err)
	}
}

// What waits for a receiver that fails is sent at once to another one, which
// has the time before it that the other had used up.
func TestCourier_AnotherURL(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	bad := newReceiver(t, func(received) (int, string) { return http.StatusServiceUnavailable, "3600" })
	good := newReceiver(t, nil)
	webhook, _ := s.subscribe(bad.URL)
	s.run(nil)
	s.changes("a", "b", "a")
	labtest.Eventually(t, patience, func() error {
		if w := s.get(webhook.ID); w.FailingSince == nil || w.Waiting != 3 || w.LastTry == nil || w.LastTry.Status != http.StatusServiceUnavailable {
			return fmt.Errorf("the webhook is %+v", w)
		}
		for _, d := range s.deliveries(webhook.ID)[:2] {
			if d.Outcome != webhooks.OutcomeRefused {
				return fmt.Errorf("delivery %+v", d)
			}
		}
		return nil
	})
	failing := s.get(webhook.ID).FailingSince
	operator := accounts.Operator()
	if w, err := s.service.Change(t.Context(), operator, webhook.ID, webhooks.Change{Active: new(true)}); err != nil || w.FailingSince == nil {
		t.Errorf("one that was on is switched on: it fails since %v (%v), want %v", w.FailingSince, err, failing)
	}
	if w, err := s.service.Change(t.Context(), operator, webhook.ID, webhooks.Change{URL: &good.URL}); err != nil || w.FailingSince != nil {
		t.Fatalf("changed to %+v, %v", w, err)
	}
	good.takes("a", 1, 3)
	good.takes("b", 2)
	// What was taken is noted a moment later.
	done := webhooks.DeliveryDelivered
	s.states(webhook.ID, done, done, done)
	if w := s.get(webhook.ID); w.Waiting != 0 || w.LastTry == nil || w.LastTry.Outcome != webhooks.OutcomeDelivered {
		t.Errorf("the webhook is %+v", w)
	}
}

// What a daemon was sending when it died, another one sends again, when the
// time is over in which the first could have; and what a daemon was sending
// when it stopped, at once.
func TestCourier_DiesWhileSending(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	begun, leave := make(chan struct{}), make(chan struct{})
	var tries atomic.Int32
	r := newReceiver(t, func(received) (int, string) {
		if tries.Add(1) == 1 {
			close(begun)
			<-leave
		}
		return http.StatusOK, ""
	})
	t.Cleanup(func() { close(leave) })
	webhook, secret := s.subscribe(r.URL)
	r.verify(secret)
	stop := s.run(nil)
	s.changes("a", "a")
	<-begun
	stop()
	if d := s.deliveries(webhook.ID); d[0].State != webhooks.DeliveryPending || d[0].Tries != 1 {
		t.Errorf("deliveries after the stop: %+v", d)
	}
	// As if it had been killed: nobody gave the delivery back.
	if _, err := s.pool.Exec(t.Context(), `
		UPDATE webhook_deliveries SET next_try_at = now() + interval '2 seconds' WHERE next_try_at IS NOT NULL`); err != nil {
		t.Fatal(err)
	}
	s.run(nil)
	r.takes("a", 1, 2)
	if d := s.deliveries(webhook.ID)[0]; d.Tries != 2 {
		t.Errorf("delivery %+v", d)
	}
}

// Deliveries about which nothing more is done are removed after a while, and
// those of a webhook that was taken away with it.
func TestStore_Forgets(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	r := newReceiver(t, nil)
	kept, _ := s.subscribe(r.URL)
	gone, _ := s.subscribe(r.URL)
	stop := s.run(nil)
	s.changes("a", "b")
	done := webhooks.DeliveryDelivered
	s.states(kept.ID, done, done)
	s.states(gone.ID, done, done)
	stop()
	_, err := s.pool.Exec(t.Context(), `UPDATE webhook_deliveries SET settled_at = now() - interval '4 days',
		state = CASE WHEN request_id = 'a' THEN 'delivered' ELSE 'failed' END`)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.service.Delete(t.Context(), accounts.Operator(), gone.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.service.Get(t.Context(), accounts.Operator(), gone.ID); !errors.Is(err, webhooks.ErrNotFound) {
		t.Errorf("what was taken away: %v", err)
	}
	if more, err := s.db.Webhooks().Forget(t.Context(), webhooks.KeepDelivered, webhooks.KeepOthers, 100); more || err != nil {
		t.Fatalf("Forget = %t, %v", more, err)
	}
	if left := s.deliveries(kept.ID); len(left) != 1 || left[0].RequestID != "b" {
		t.Errorf("left are %+v", left)
	}
	var n int
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM webhook_deliveries WHERE webhook_id = $1`, gone.ID).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d deliveries of the other are left, %v", n, err)
	}
	ids, err := s.db.Webhooks().IDs(t.Context())
	if err != nil || !slices.Equal(ids, []webhooks.ID{kept.ID}) {
		t.Errorf("webhooks %v, %v", ids, err)
	}
}
