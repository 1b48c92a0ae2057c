package postgres_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"callbackd/callbacks"
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
