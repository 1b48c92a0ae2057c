package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
	"callbackd/webhooks"
)

var _ webhooks.WorkStore = (*Webhooks)(nil)

// fannedOut is up to which change of the log nothing is left to be done for
// webhooks; NULL while there are none.
const fannedOut = `(
	SELECT greatest((SELECT change FROM webhook_position), min(since))
	FROM webhooks WHERE deleted_at IS NULL
	HAVING count(*) > 0)`

// IDs implements webhooks.WorkStore.
func (s *Webhooks) IDs(ctx context.Context) ([]webhooks.ID, error) {
	type idRow struct {
		ID int64 `db:"id"`
	}
	rows, err := collect[idRow](ctx, s.db.pool, `SELECT id FROM webhooks WHERE deleted_at IS NULL ORDER BY id`, nil)
	if err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	ids := make([]webhooks.ID, len(rows))
	for i, row := range rows {
		ids[i] = webhooks.ID(row.ID)
	}
	return ids, nil
}

// FanOut implements webhooks.WorkStore. Who has the row of the position does
// it; others need not wait.
func (s *Webhooks) FanOut(ctx context.Context, limit int) (more bool, err error) {
	last, err := scalar[*int64](ctx, s.db.pool, `
		SELECT max(number) FROM changes WHERE number > `+fannedOut, nil)
	if err != nil {
		return false, fmt.Errorf("fan out to webhooks: %w", err)
	}
	if last == nil {
		return false, nil // there are no webhooks, or nothing is new
	}
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		if _, err := scalar[int64](ctx, tx, `SELECT change FROM webhook_position FOR UPDATE SKIP LOCKED`, nil); err != nil {
			return err
		}
		n, end, err := s.fanOut(ctx, tx, limit)
		more = n == limit
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE webhook_position SET change = @change`, pgx.StrictNamedArgs{"change": end})
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("fan out to webhooks: %w", err)
	}
	return more, nil
}

// fanOut stores deliveries of the next changes and returns how many changes
// that were, and the last one's number.
func (s *Webhooks) fanOut(ctx context.Context, tx pgx.Tx, limit int) (n int, end int64, err error) {
	type logRow struct {
		Changes int    `db:"changes"`
		End     *int64 `db:"last"`
		Begin   *int64 `db:"first"`
	}
	log, err := collectOne[logRow](ctx, tx, `
		SELECT count(*) AS changes, min(number) AS first, max(number) AS last
		FROM (SELECT number FROM changes WHERE number > `+fannedOut+` ORDER BY number LIMIT @limit) AS log`,
		pgx.StrictNamedArgs{"limit": limit})
	if err != nil || log.Changes == 0 {
		return 0, 0, err
	}
	jobs, err := collect[deliverArgs](ctx, tx, `
		WITH made AS (
			INSERT INTO webhook_deliveries (webhook_id, change, kind, happened_at, subject, request_id, callback_id, node, state, settled_at)
			SELECT w.id, c.number, c.kind, c.changed_at, coalesce(c.request_id, 'node:' || c.node), c.request_id, c.callback_id, c.node,
				CASE WHEN w.state = 'active' THEN 'pending' ELSE 'missed' END,
				CASE WHEN w.state <> 'active' THEN now() END
			FROM changes c
			JOIN webhooks w ON w.deleted_at IS NULL AND c.number > w.since AND c.kind = ANY (w.kinds)
				AND (w.call_centers IS NULL OR c.kind = 'node' OR w.call_centers && c.call_centers)
			WHERE c.number BETWEEN @first AND @last
			ORDER BY c.number, w.id
			ON CONFLICT ON CONSTRAINT webhook_deliveries_once DO NOTHING
			RETURNING webhook_id, subject, id, state
		)
		SELECT webhook_id, subject, min(id) AS id, 0::bigint AS round
		FROM made WHERE state = 'pending'
		GROUP BY webhook_id, subject
		ORDER BY min(id)`, pgx.StrictNamedArgs{"first": *log.Begin, "last": *log.End})
	if err != nil {
		return 0, 0, err
	}
	return log.Changes, *log.End, s.db.jobs.deliver(ctx, tx, jobs)
}

// Due implements webhooks.WorkStore. The minute is part of a job, so that one
// which died with its daemon does not stand in the way for longer.
func (s *Webhooks) Due(ctx context.Context, limit int) error {
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		jobs, err := collect[deliverArgs](ctx, tx, `
			SELECT d.webhook_id, d.subject, d.id, (extract(epoch FROM now()) / 60)::bigint AS round
			FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
			WHERE d.next_try_at <= now() AND (w.state = 'active' OR d.kind = 'ping') AND w.deleted_at IS NULL
			ORDER BY d.next_try_at
			LIMIT @limit`, pgx.StrictNamedArgs{"limit": limit})
		if err != nil {
			return err
		}
		return s.db.jobs.deliver(ctx, tx, jobs)
	})
	if err != nil {
		return fmt.Errorf("read due webhook deliveries: %w", err)
	}
	return nil
}

// Claim implements webhooks.WorkStore. Of two that ask for one delivery, the
// second finds it claimed or settled when the first has committed, and goes
// away; the first looks for the next after it has settled this one, and so
// sees every delivery whose job went away.
func (s *Webhooks) Claim(ctx context.Context, id webhooks.ID, subject string, lease time.Duration) (webhooks.Claimed, bool, error) {
	type claimedRow struct {
		deliveryRow
		FirstTriedAt time.Time `db:"first_tried_at"`
		URL          string    `db:"url"`
		Secret       []byte    `db:"secret"`
		OldSecret    []byte    `db:"old_secret"`
	}
	row, err := collectOne[claimedRow](ctx, s.db.pool, `
		UPDATE webhook_deliveries d SET
			tries = d.tries + 1, tried_at = now(), first_tried_at = coalesce(d.first_tried_at, now()),
			next_try_at = now() + @lease::interval, outcome = NULL, status = NULL, took_us = NULL
		FROM webhooks w
		WHERE d.id = (
				SELECT id FROM webhook_deliveries
				WHERE webhook_id = @id AND subject = @subject AND state = 'pending'
				ORDER BY id
				LIMIT 1)
		  AND d.state = 'pending' AND (d.next_try_at IS NULL OR d.next_try_at <= now())
		  AND w.id = d.webhook_id AND w.deleted_at IS NULL AND (w.state = 'active' OR d.kind = 'ping')
		RETURNING `+deliveryColumns+`, d.first_tried_at, w.url, w.secret,
			CASE WHEN w.old_secret_until > now() THEN w.old_secret END AS old_secret`,
		pgx.StrictNamedArgs{"id": int64(id), "subject": subject, "lease": lease})
	if errors.Is(err, pgx.ErrNoRows) {
		return webhooks.Claimed{}, false, nil
	}
	if err != nil {
		return webhooks.Claimed{}, false, fmt.Errorf("claim a delivery of webhook %d: %w", id, err)
	}
	claimed := webhooks.Claimed{
		Delivery: row.delivery(), URL: row.URL, Secrets: []webhooks.Secret{row.Secret}, FirstTriedAt: row.FirstTriedAt,
	}
	if row.OldSecret != nil {
		claimed.Secrets = append(claimed.Secrets, row.OldSecret)
	}
	return claimed, true, nil
}

// Record implements webhooks.WorkStore.
func (s *Webhooks) Record(ctx context.Context, change callbacks.Change) (callbacks.Change, error) {
	calls, err := collect[callRow](ctx, s.db.pool, `
		SELECT `+callColumns+` FROM calls WHERE request_id = @request_id AND @kind = 'call'`,
		pgx.StrictNamedArgs{"request_id": string(change.RequestID), "kind": string(change.Kind)})
	changes := []callbacks.Change{change}
	if err == nil {
		err = (&Feed{db: s.db}).attach(ctx, changes, calls)
	}
	if err != nil {
		return callbacks.Change{}, fmt.Errorf("read the record of change %d: %w", change.Number, err)
	}
	return changes[0], nil
}

// Settle implements webhooks.WorkStore. One that is no longer pending, because
// its webhook was switched off meanwhile, stays as it is unless it arrived.
func (s *Webhooks) Settle(
	ctx context.Context, claimed *webhooks.Claimed, verdict webhooks.Verdict, disableAfter time.Duration,
) (disabled webhooks.Reason, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		if disabled, err = judged(ctx, tx, claimed, verdict, disableAfter); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			UPDATE webhook_deliveries SET
				state = CASE WHEN state = 'pending' OR @state = 'delivered' THEN @state ELSE state END,
				settled_at = CASE WHEN @state = 'delivered' OR state = 'pending' AND @state <> 'pending' THEN now() ELSE settled_at END,
				next_try_at = CASE WHEN state = 'pending' AND @state = 'pending' THEN now() + @wait::interval END,
				outcome = @outcome, status = nullif(@status::integer, 0), took_us = @took
			WHERE id = @id`, pgx.StrictNamedArgs{
			"id": int64(claimed.ID), "state": string(verdict.State), "wait": verdict.Wait, "outcome": string(verdict.Outcome),
			"status": verdict.Status, "took": verdict.Took.Microseconds(),
		})
		if err != nil || disabled == "" {
			return err
		}
		return miss(ctx, tx, claimed.Webhook)
	})
	if err != nil {
		return "", fmt.Errorf("settle webhook delivery %d: %w", claimed.ID, err)
	}
	return disabled, nil
}

// judged stores what a verdict says of the webhook, and why it disables it.
func judged(
	ctx context.Context, tx pgx.Tx, claimed *webhooks.Claimed, verdict webhooks.Verdict, disableAfter time.Duration,
) (webhooks.Reason, error) {
	switch {
	case claimed.Kind == webhooks.KindPing, verdict.Outcome == webhooks.OutcomeUnsent:
		return "", nil // which says nothing of how the receiver takes changes
	case verdict.State == webhooks.DeliveryDelivered:
		_, err := tx.Exec(ctx, `
			UPDATE webhooks SET failing_since = NULL
			WHERE id = @id AND failing_since IS NOT NULL`, pgx.StrictNamedArgs{"id": int64(claimed.Webhook)})
		return "", err
	default:
		return fail(ctx, tx, claimed.Webhook, verdict.Outcome == webhooks.OutcomeGone, disableAfter)
	}
}

// fail notes that a try failed, and disables a webhook that is gone or has
// been failing for too long.
func fail(ctx context.Context, tx pgx.Tx, id webhooks.ID, gone bool, disableAfter time.Duration) (webhooks.Reason, error) {
	reason, err := scalar[string](ctx, tx, `
		UPDATE webhooks SET
			failing_since = coalesce(failing_since, now()),
			state       = CASE WHEN state = 'active' AND (@gone OR failing_since < now() - @after::interval) THEN 'disabled' ELSE state END,
			reason      = CASE WHEN state <> 'active' THEN reason WHEN @gone THEN 'gone'
			                   WHEN failing_since < now() - @after::interval THEN 'failing' END,
			disabled_at = CASE WHEN state = 'active' AND (@gone OR failing_since < now() - @after::interval) THEN now() ELSE disabled_at END
		WHERE id = @id AND state = 'active' AND (@gone OR failing_since IS NULL OR failing_since < now() - @after::interval)
		RETURNING coalesce(reason, '')`,
		pgx.StrictNamedArgs{"id": int64(id), "gone": gone, "after": disableAfter})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return webhooks.Reason(reason), err
}

// Release implements webhooks.WorkStore.
func (s *Webhooks) Release(ctx context.Context, id webhooks.DeliveryID) error {
	_, err := s.db.pool.Exec(ctx, `
		UPDATE webhook_deliveries SET next_try_at = now() WHERE id = @id AND state = 'pending'`,
		pgx.StrictNamedArgs{"id": int64(id)})
	if err != nil {
		return fmt.Errorf("release webhook delivery %d: %w", id, err)
	}
	return nil
}

// Forget implements webhooks.WorkStore.
func (s *Webhooks) Forget(ctx context.Context, delivered, others time.Duration, limit int) (more bool, err error) {
	tag, err := s.db.pool.Exec(ctx, `
		DELETE FROM webhook_deliveries WHERE id IN (
			(SELECT id FROM webhook_deliveries
			WHERE settled_at < now() - @delivered::interval AND (state = 'delivered' OR settled_at < now() - @others::interval)
			LIMIT @limit)
			UNION ALL
			(SELECT d.id FROM webhooks w JOIN webhook_deliveries d ON d.webhook_id = w.id
			WHERE w.deleted_at IS NOT NULL
			LIMIT @limit))`, pgx.StrictNamedArgs{"delivered": delivered, "others": others, "limit": limit})
	if err != nil {
		return false, fmt.Errorf("remove old webhook deliveries: %w", err)
	}
	if tag.RowsAffected() >= int64(limit) {
		return true, nil
	}
	_, err = s.db.pool.Exec(ctx, `
		DELETE FROM webhooks w
		WHERE w.deleted_at < now() - interval '1 minute' AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.webhook_id = w.id)`)
	if err != nil {
		return false, fmt.Errorf("remove old webhooks: %w", err)
	}
	return false, nil
}

// Situation implements webhooks.WorkStore.
func (s *Webhooks) Situation(ctx context.Context) (webhooks.Situation, error) {
	type situationRow struct {
		States  map[webhooks.State]int `db:"states"`
		Oldest  *time.Duration         `db:"oldest"`
		Waiting int64                  `db:"waiting"`
	}
	row, err := collectOne[situationRow](ctx, s.db.pool, `
		SELECT
			(SELECT coalesce(jsonb_object_agg(state, n), '{}')
			FROM (SELECT state, count(*) AS n FROM webhooks WHERE deleted_at IS NULL GROUP BY state) AS counted) AS states,
			(SELECT greatest(now() - d.happened_at, interval '0')
			FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
			WHERE d.state = 'pending' AND w.state = 'active' AND w.deleted_at IS NULL
			ORDER BY d.id LIMIT 1) AS oldest,
			(SELECT count(*) FROM changes WHERE number > `+fannedOut+`) AS waiting`, nil)
	if err != nil {
		return webhooks.Situation{}, fmt.Errorf("count webhooks: %w", err)
	}
	situation := webhooks.Situation{Webhooks: row.States, Waiting: row.Waiting}
	if row.Oldest != nil {
		situation.OldestPending = *row.Oldest
	}
	return situation, nil
}
