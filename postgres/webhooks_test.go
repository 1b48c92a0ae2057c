package postgres_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/postgres"
	"callbackd/webhooks"
)

// newWebhook makes a webhook with so many deliveries of each state, in turns
// but for those that were delivered, which are the oldest.
func newWebhook(t *testing.T, db *postgres.DB, url string, each int) webhooks.Webhook {
	t.Helper()
	webhook, err := db.Webhooks().CreateWebhook(t.Context(), webhooks.NewWebhook{
		Name: "test", URL: "https://example.com/", Kinds: callbacks.ChangeKinds, Active: true,
	}, webhooks.Secret("secret"), "test")
	if err != nil {
		t.Fatal(err)
	}
	pool := connect(t, url)
	exec(t, pool, `
		INSERT INTO webhook_deliveries (webhook_id, change, kind, happened_at, subject, request_id, state, tried_at, outcome, settled_at)
		SELECT $1, n, 'call', now(), 'call' || n, 'call' || n, state, CASE WHEN state <> 'missed' THEN now() + n * interval '1 ms' END,
			CASE state WHEN 'delivered' THEN 'delivered' WHEN 'failed' THEN 'refused' END, CASE WHEN state <> 'pending' THEN now() END
		FROM generate_series(1, 4 * $2::int) AS n, LATERAL (
			SELECT CASE WHEN n <= $2 THEN 'delivered' ELSE (ARRAY['failed', 'missed', 'pending'])[n % 3 + 1] END) AS s (state)`, int64(webhook.ID), each)
	exec(t, pool, `ANALYZE webhook_deliveries`)
	return webhook
}

// A page of deliveries is read from an index, whichever they are and however
// far down: not one of them is read that is not shown.
func TestWebhooks_DeliveriesByIndex(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	const each = 3000
	webhook := newWebhook(t, db, url, each)
	for _, state := range append([]webhooks.DeliveryState{""}, webhooks.DeliveryStates...) {
		index := "using webhook_deliveries_of_state"
		if state == "" {
			index = "using webhook_deliveries_list"
		}
		for _, before := range []webhooks.DeliveryID{0, each / 2} {
			filter := webhooks.DeliveryFilter{State: state, Before: before, Limit: 51}
			plan, err := postgres.ExplainDeliveries(t.Context(), db.Webhooks(), webhook.ID, filter)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(plan, index) || strings.Contains(plan, "Filter: ") || strings.Contains(plan, "Sort") {
				t.Errorf("%+v is read by\n%s", filter, plan)
			}
		}
	}
	got, err := db.Webhooks().Webhook(t.Context(), webhook.ID)
	if err != nil || got.Waiting != webhooks.MaxWaiting {
		t.Errorf("%d wait (%v), want %d, which stands for more", got.Waiting, err, webhooks.MaxWaiting)
	}
	if last := got.LastTry; last == nil || last.Outcome != webhooks.OutcomeRefused || last.Delivery < 4*each-3 {
		t.Errorf("the last try is %+v, want one of the last deliveries", last)
	}
}

// Several administrators who have all sent again that failed, at once, have it
// sent once.
func TestWebhooks_ReplayedByMany(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	const each = 600
	webhook := newWebhook(t, db, url, each)
	var sum atomic.Int64
	group, ctx := errgroup.WithContext(t.Context())
	for range 4 {
		group.Go(func() error {
			n, err := db.Webhooks().ReplaySince(ctx, webhook.ID, start.AddDate(-10, 0, 0), webhooks.MaxReplayed)
			sum.Add(int64(n))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := sum.Load(); n != 2*each {
		t.Errorf("replayed %d deliveries, want %d", n, 2*each)
	}
	if n := count(t, connect(t, url), `SELECT count(*) FROM river_job WHERE kind = 'webhook_delivery'`); n != 2*each {
		t.Errorf("%d jobs, want %d", n, 2*each)
	}
}

// Whoever may manage a webhook by now, because it was taken to fewer call
// centers, has nothing sent of the others: not what waits, nor what was sent or
// failed before.
func TestWebhooks_FewerCallCenters(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	store, pool := db.Webhooks(), connect(t, url)
	webhook := newWebhook(t, db, url, 0)
	other := newCall(1)
	other.CallCenter, other.CallCenters = "sales", []string{"sales"}
	save(t, db, newCall(2), other)
	for _, call := range []callcenter.Call{newCall(2), other} {
		callback, err := register(t.Context(), db, call.RequestID)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, pool, `
			INSERT INTO webhook_deliveries (webhook_id, change, kind, happened_at, subject, request_id, callback_id, state, settled_at)
			SELECT $1, row_number() OVER () + $3, kind, now(), $2, $2, CASE kind WHEN 'callback' THEN $3::bigint END, state, CASE state WHEN 'failed' THEN now() END
			FROM unnest(ARRAY['call', 'callback']) AS kind, unnest(ARRAY['pending', 'failed']) AS state`,
			int64(webhook.ID), string(call.RequestID), int64(callback.ID)*100)
	}
	exec(t, pool, `UPDATE webhook_deliveries SET callback_id = callback_id / 100`)
	exec(t, pool, `INSERT INTO webhook_deliveries (webhook_id, change, kind, happened_at, subject, node, state) VALUES ($1, 9, 'node', now(), 'node:pbx1', 'pbx1', 'pending')`, int64(webhook.ID))
	_, err := store.UpdateWebhook(t.Context(), webhook.ID, "test", func(w webhooks.Webhook) (webhooks.Webhook, error) {
		w.CallCenters = []string{"support"}
		return w, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	of := func(state string, call callcenter.Call) int {
		t.Helper()
		return count(t, pool, `SELECT count(*) FROM webhook_deliveries WHERE state = $1 AND request_id = $2`, state, string(call.RequestID))
	}
	if own, others := of("pending", newCall(2)), of("pending", other); own != 2 || others != 0 {
		t.Errorf("%d and %d deliveries wait, want 2 and none of the other call center", own, others)
	}
	if n := count(t, pool, `SELECT count(*) FROM webhook_deliveries WHERE state = 'pending' AND kind = 'node'`); n != 1 {
		t.Errorf("%d deliveries of the node wait, want one", n)
	}
	n, err := store.ReplaySince(t.Context(), webhook.ID, start.AddDate(-10, 0, 0), webhooks.MaxReplayed)
	if others := of("pending", other); err != nil || n != 2 || others != 0 {
		t.Errorf("%d deliveries are replayed (%v), %d of the other call center; want 2 and none", n, err, others)
	}
	list, err := store.Deliveries(t.Context(), webhook.ID, webhooks.DeliveryFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, delivery := range list {
		_, err := store.Replay(t.Context(), webhook.ID, delivery.ID)
		if got := errors.Is(err, webhooks.ErrDeliveryNotFound); got != (delivery.RequestID == other.RequestID) || err != nil && !got {
			t.Errorf("replay of %s %q: %v", delivery.Kind, delivery.RequestID, err)
		}
	}
}
