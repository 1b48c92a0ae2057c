package main

import (
	"context"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
	"callbackd/postgres"
	"callbackd/webhooks"
)

// webhooks makes one that is well, one that fails and one that was disabled,
// each with twice as many deliveries as there are callbacks. Nothing is sent:
// none is due, and they begin with changes that never come.
func (s *seeded) webhooks(ctx context.Context, db *postgres.DB, conn *pgx.Conn) error {
	if s.callbacks == 0 {
		return nil
	}
	for _, wish := range []webhooks.NewWebhook{
		{Name: "CRM連携", URL: "https://crm.example.co.jp/hooks/callbackd", CallCenters: []string{"support"}},
		{
			Name: "社内ダッシュボードと日報の集計(" + seedLongName + ")",
			URL:  "https://dashboard.internal.example.co.jp/integrations/telephony/callbackd/v2/receive?tenant=tokyo&key=b1946ac92492d2347c6235b4d2611184",
		},
		{Name: "旧CRM", URL: "https://old-crm.example.co.jp/hook", CallCenters: []string{"support", "sales"}},
	} {
		wish.Kinds, wish.Active = []callbacks.ChangeKind{callbacks.ChangeCallback}, true
		webhook, err := db.Webhooks().CreateWebhook(ctx, wish, webhooks.Secret("invented"), "admin")
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, `
			INSERT INTO webhook_deliveries (webhook_id, change, kind, happened_at, subject, request_id, callback_id, state,
				tries, first_tried_at, tried_at, next_try_at, settled_at, outcome, status, took_us)
			SELECT w, 1000000 + n, 'callback', at, 'seeded' || n % $2, 'seeded' || n % $2, n % $2 + 1, state,
				CASE state WHEN 'pending' THEN 4 WHEN 'failed' THEN 19 WHEN 'missed' THEN 0 ELSE 1 END,
				at, CASE WHEN state <> 'missed' THEN at + interval '1 second' END, CASE state WHEN 'pending' THEN now() + interval '6 hours' END,
				CASE WHEN state <> 'pending' THEN now() END,
				CASE WHEN state = 'delivered' THEN 'delivered' WHEN state = 'missed' THEN NULL WHEN w = 3 THEN 'gone'
					ELSE (ARRAY['refused', 'timeout', 'forbidden_address'])[n % 3 + 1] END,
				CASE WHEN state = 'delivered' THEN 204 WHEN state = 'missed' THEN NULL WHEN w = 3 THEN 410 WHEN n % 3 = 0 THEN 502 END,
				CASE WHEN state <> 'missed' THEN 41000 + n % 100 * 977 END
			FROM generate_series(1, 2 * $2::int) AS n, LATERAL (SELECT $1::bigint AS w, $3::timestamptz - (2 * $2 - n) * interval '11 seconds' AS at,
				CASE WHEN $1 = 2 AND n > 2 * $2 - 5 THEN 'pending' WHEN $1 = 3 AND n > 2 * $2 - 3 THEN 'missed'
					WHEN $1 = 3 AND n = 2 * $2 - 3 OR $1 = 2 AND n % 3 = 0 THEN 'failed' ELSE 'delivered' END AS state) AS x`,
			int64(webhook.ID), s.callbacks, s.base)
		if err != nil {
			return err
		}
	}
	_, err := conn.Exec(ctx, `
		UPDATE webhooks SET since = 1000000000000,
			failing_since = CASE id WHEN 2 THEN $1::timestamptz - interval '5 hours' WHEN 3 THEN $1 END,
			state = CASE id WHEN 3 THEN 'disabled' ELSE state END, reason = CASE id WHEN 3 THEN 'gone' END,
			disabled_at = CASE id WHEN 3 THEN $1 END`, s.base)
	return err
}
