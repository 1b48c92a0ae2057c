package postgres

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/webhooks"
)

// Webhooks stores webhooks and what they are sent.
type Webhooks struct{ db *DB }

var _ webhooks.Store = (*Webhooks)(nil)

// Webhooks returns the store of webhooks.
func (db *DB) Webhooks() *Webhooks { return &Webhooks{db: db} }

// webhookColumns are the columns of a webhookRow.
const webhookColumns = `id, name, url, kinds, call_centers, state, reason, disabled_at, failing_since,
	CASE WHEN old_secret_until > now() THEN old_secret_until END AS old_secret_until,
	(SELECT count(*) FROM (
		SELECT FROM webhook_deliveries d WHERE d.webhook_id = webhooks.id AND d.state = 'pending' LIMIT 1000) AS pending) AS waiting,
	(SELECT jsonb_build_object('Delivery', d.id, 'At', d.tried_at, 'Outcome', d.outcome, 'Status', coalesce(d.status, 0))
	FROM webhook_deliveries d WHERE d.webhook_id = webhooks.id AND d.tried_at IS NOT NULL AND d.outcome IS NOT NULL
	ORDER BY d.tried_at DESC LIMIT 1) AS last_try,
	created_at, created_by, updated_at, updated_by, version`

type webhookRow struct {
	ID             int64                  `db:"id"`
	Name           string                 `db:"name"`
	URL            string                 `db:"url"`
	Kinds          []callbacks.ChangeKind `db:"kinds"`
	CallCenters    []string               `db:"call_centers"`
	State          string                 `db:"state"`
	Reason         optional               `db:"reason"`
	DisabledAt     *time.Time             `db:"disabled_at"`
	FailingSince   *time.Time             `db:"failing_since"`
	OldSecretUntil *time.Time             `db:"old_secret_until"`
	Waiting        int                    `db:"waiting"`
	LastTry        *webhooks.LastTry      `db:"last_try"`
	CreatedAt      time.Time              `db:"created_at"`
	CreatedBy      string                 `db:"created_by"`
	UpdatedAt      time.Time              `db:"updated_at"`
	UpdatedBy      string                 `db:"updated_by"`
	Version        int                    `db:"version"`
}

func (r *webhookRow) webhook() webhooks.Webhook {
	return webhooks.Webhook{
		ID: webhooks.ID(r.ID), Name: r.Name, URL: r.URL, Kinds: r.Kinds, CallCenters: r.CallCenters,
		State: webhooks.State(r.State), Reason: webhooks.Reason(r.Reason), DisabledAt: r.DisabledAt, FailingSince: r.FailingSince,
		OldSecretUntil: r.OldSecretUntil, Waiting: r.Waiting, LastTry: r.LastTry,
		CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy, UpdatedAt: r.UpdatedAt, UpdatedBy: r.UpdatedBy, Version: r.Version,
	}
}

// oneWebhook runs a statement that gives a webhook.
func oneWebhook(ctx context.Context, q querier, sql string, args pgx.StrictNamedArgs) (webhooks.Webhook, error) {
	row, err := collectOne[webhookRow](ctx, q, sql, args)
	if errors.Is(err, pgx.ErrNoRows) {
		return webhooks.Webhook{}, webhooks.ErrNotFound
	}
	if err != nil {
		return webhooks.Webhook{}, err
	}
	return row.webhook(), nil
}

// Webhook implements webhooks.Store.
func (s *Webhooks) Webhook(ctx context.Context, id webhooks.ID) (webhooks.Webhook, error) {
	return oneWebhook(ctx, s.db.pool, `
		SELECT `+webhookColumns+` FROM webhooks WHERE id = @id AND deleted_at IS NULL`, pgx.StrictNamedArgs{"id": int64(id)})
}

// Webhooks implements webhooks.Store.
func (s *Webhooks) Webhooks(ctx context.Context) ([]webhooks.Webhook, error) {
	rows, err := collect[webhookRow](ctx, s.db.pool, `
		SELECT `+webhookColumns+` FROM webhooks WHERE deleted_at IS NULL ORDER BY id`, nil)
	if err != nil {
		return nil, err
	}
	list := make([]webhooks.Webhook, len(rows))
	for i := range rows {
		list[i] = rows[i].webhook()
	}
	return list, nil
}

// CreateWebhook implements webhooks.Store.
func (s *Webhooks) CreateWebhook(ctx context.Context, wish webhooks.NewWebhook, secret webhooks.Secret, by string) (webhooks.Webhook, error) {
	state := webhooks.StateInactive
	if wish.Active {
		state = webhooks.StateActive
	}
	var created webhooks.Webhook
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		// Whoever else creates one waits, so that there are never too many.
		if _, err := tx.Exec(ctx, `SELECT FROM webhook_position FOR UPDATE`); err != nil {
			return err
		}
		n, err := scalar[int](ctx, tx, `SELECT count(*) FROM webhooks WHERE deleted_at IS NULL`, nil)
		if err != nil {
			return err
		}
		if n >= webhooks.MaxWebhooks {
			return webhooks.ErrTooMany
		}
		created, err = oneWebhook(ctx, tx, `
			INSERT INTO webhooks (name, url, kinds, call_centers, state, secret, created_by, updated_by, since)
			SELECT @name, @url, @kinds, @call_centers, @state, @secret, @by, @by, coalesce(max(number), 0) FROM changes
			RETURNING `+webhookColumns, pgx.StrictNamedArgs{
			"name": wish.Name, "url": wish.URL, "kinds": wish.Kinds, "call_centers": wish.CallCenters,
			"state": string(state), "secret": []byte(secret), "by": by,
		})
		return err
	})
	return created, err
}

// UpdateWebhook implements webhooks.Store.
func (s *Webhooks) UpdateWebhook(
	ctx context.Context, id webhooks.ID, by string, edit func(webhooks.Webhook) (webhooks.Webhook, error),
) (webhooks.Webhook, error) {
	var changed webhooks.Webhook
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		now, err := oneWebhook(ctx, tx, `
			SELECT `+webhookColumns+` FROM webhooks WHERE id = @id AND deleted_at IS NULL FOR NO KEY UPDATE`,
			pgx.StrictNamedArgs{"id": int64(id)})
		if err != nil {
			return err
		}
		if changed, err = edit(now); err != nil {
			return err
		}
		if changed.State != now.State {
			// Of one that was off there may be some from the moment when it was
			// switched off.
			if err := miss(ctx, tx, id); err != nil {
				return err
			}
		} else if changed.URL != now.URL {
			if err := hurry(ctx, tx, id); err != nil {
				return err
			}
		}
		changed, err = oneWebhook(ctx, tx, `
			UPDATE webhooks SET
				name = @name, url = @url, kinds = @kinds, call_centers = @call_centers, state = @state, reason = nullif(@reason, ''),
				disabled_at = @disabled_at, failing_since = @failing_since, updated_at = now(), updated_by = @by,
				version = version + 1
			WHERE id = @id
			RETURNING `+webhookColumns, pgx.StrictNamedArgs{
			"id": int64(id), "name": changed.Name, "url": changed.URL, "kinds": changed.Kinds, "call_centers": changed.CallCenters,
			"state": string(changed.State), "reason": string(changed.Reason), "disabled_at": changed.DisabledAt,
			"failing_since": changed.FailingSince, "by": by,
		})
		if err != nil || slices.Equal(changed.CallCenters, now.CallCenters) {
			return err
		}
		return missOthers(ctx, tx, id)
	})
	return changed, err
}

// miss makes what is pending of a webhook missed, but for pings.
func miss(ctx context.Context, tx pgx.Tx, id webhooks.ID) error {
	_, err := tx.Exec(ctx, `
		UPDATE webhook_deliveries SET state = 'missed', next_try_at = NULL, settled_at = now()
		WHERE webhook_id = @id AND state = 'pending' AND kind <> 'ping'`, pgx.StrictNamedArgs{"id": int64(id)})
	return err
}

// visible is whether the record of a delivery d is of a call center of its
// webhook w by now. Who manages the webhook since it has fewer may not see what
// was for the others, and says where it is sent.
const visible = `(w.call_centers IS NULL OR d.kind NOT IN ('call', 'callback')
	OR EXISTS (SELECT FROM calls c WHERE d.kind = 'call' AND c.request_id = d.request_id AND c.call_centers && w.call_centers)
	OR EXISTS (SELECT FROM callbacks b WHERE d.kind = 'callback' AND b.id = d.callback_id AND b.call_centers && w.call_centers))`

// missOthers makes what is pending of a webhook missed that is of call centers
// which it has no more.
func missOthers(ctx context.Context, tx pgx.Tx, id webhooks.ID) error {
	_, err := tx.Exec(ctx, `
		UPDATE webhook_deliveries d SET state = 'missed', next_try_at = NULL, settled_at = now()
		FROM webhooks w
		WHERE w.id = @id AND d.webhook_id = @id AND d.state = 'pending' AND NOT `+visible, pgx.StrictNamedArgs{"id": int64(id)})
	return err
}

// hurry makes due at once what waits for its next try, but for what is being
// sent.
func hurry(ctx context.Context, tx pgx.Tx, id webhooks.ID) error {
	_, err := tx.Exec(ctx, `
		UPDATE webhook_deliveries SET next_try_at = now()
		WHERE webhook_id = @id AND state = 'pending' AND next_try_at > now() AND outcome IS NOT NULL`, pgx.StrictNamedArgs{"id": int64(id)})
	return err
}

// DeleteWebhook implements webhooks.Store. Its deliveries may be millions: they
// go later.
func (s *Webhooks) DeleteWebhook(ctx context.Context, id webhooks.ID, by string) error {
	tag, err := s.db.pool.Exec(ctx, `
		UPDATE webhooks SET deleted_at = now(), url = '', secret = '', old_secret = NULL, old_secret_until = NULL,
			updated_at = now(), updated_by = @by
		WHERE id = @id AND deleted_at IS NULL`, pgx.StrictNamedArgs{"id": int64(id), "by": by})
	if err == nil && tag.RowsAffected() == 0 {
		err = webhooks.ErrNotFound
	}
	return err
}

// RotateSecret implements webhooks.Store.
func (s *Webhooks) RotateSecret(ctx context.Context, id webhooks.ID, secret webhooks.Secret, overlap time.Duration, by string) (webhooks.Webhook, error) {
	return oneWebhook(ctx, s.db.pool, `
		UPDATE webhooks SET secret = @secret, old_secret = secret, old_secret_until = now() + @overlap::interval,
			updated_at = now(), updated_by = @by
		WHERE id = @id AND deleted_at IS NULL
		RETURNING `+webhookColumns, pgx.StrictNamedArgs{"id": int64(id), "secret": []byte(secret), "overlap": overlap, "by": by})
}

// deliveryColumns are the columns of a deliveryRow.
const deliveryColumns = `d.id, d.webhook_id, d.message, d.kind, d.change, d.happened_at, d.request_id, d.callback_id, d.node,
	d.state, d.tries, d.tried_at, d.next_try_at, d.outcome, d.status, d.took_us`

type deliveryRow struct {
	ID         int64      `db:"id"`
	Webhook    int64      `db:"webhook_id"`
	Message    string     `db:"message"`
	Kind       string     `db:"kind"`
	Change     *int64     `db:"change"`
	HappenedAt time.Time  `db:"happened_at"`
	RequestID  optional   `db:"request_id"`
	CallbackID *int64     `db:"callback_id"`
	Node       optional   `db:"node"`
	State      string     `db:"state"`
	Tries      int        `db:"tries"`
	TriedAt    *time.Time `db:"tried_at"`
	NextTryAt  *time.Time `db:"next_try_at"`
	Outcome    optional   `db:"outcome"`
	Status     *int       `db:"status"`
	TookMicros *int64     `db:"took_us"`
}

func (r *deliveryRow) delivery() webhooks.Delivery {
	d := webhooks.Delivery{
		ID: webhooks.DeliveryID(r.ID), Webhook: webhooks.ID(r.Webhook), Message: r.Message, Kind: r.Kind, At: r.HappenedAt,
		RequestID: callcenter.RequestID(r.RequestID), NodeName: string(r.Node),
		State: webhooks.DeliveryState(r.State), Tries: r.Tries, TriedAt: r.TriedAt, NextTryAt: r.NextTryAt,
		Outcome: webhooks.Outcome(r.Outcome),
	}
	if r.Change != nil {
		d.Number = *r.Change
	}
	if r.CallbackID != nil {
		d.CallbackID = callbacks.ID(*r.CallbackID)
	}
	if r.Status != nil {
		d.Status = *r.Status
	}
	if r.TookMicros != nil {
		d.Took = time.Duration(*r.TookMicros) * time.Microsecond
	}
	return d
}

// Deliveries implements webhooks.Store.
func (s *Webhooks) Deliveries(ctx context.Context, id webhooks.ID, filter webhooks.DeliveryFilter) ([]webhooks.Delivery, error) {
	return listDeliveries(ctx, s.db.pool, id, filter)
}

// listDeliveries walks an index from where the page begins. Its columns are
// compared, and sorted by, as a row, which leaves no other way: by conditions on
// each, the planner may well walk all deliveries in search of those of a webhook
// or a state, since it cannot know that they lie far down.
func listDeliveries(ctx context.Context, q querier, id webhooks.ID, filter webhooks.DeliveryFilter) ([]webhooks.Delivery, error) {
	where, order := `(d.webhook_id, d.id) < (@id, @before) AND (d.webhook_id, d.id) > (@id, 0)`, `d.webhook_id DESC, d.id DESC`
	args := pgx.StrictNamedArgs{"id": int64(id), "before": int64(math.MaxInt64), "limit": filter.Limit}
	if filter.Before != 0 {
		args["before"] = int64(filter.Before)
	}
	if filter.State != "" {
		where = `(d.webhook_id, d.state, d.id) < (@id, @state, @before) AND (d.webhook_id, d.state, d.id) > (@id, @state, 0)`
		order, args["state"] = `d.webhook_id DESC, d.state DESC, d.id DESC`, string(filter.State)
	}
	rows, err := collect[deliveryRow](ctx, q, `
		SELECT `+deliveryColumns+` FROM webhook_deliveries d
		WHERE `+where+`
		ORDER BY `+order+`
		LIMIT @limit`, args)
	if err != nil {
		return nil, err
	}
	list := make([]webhooks.Delivery, len(rows))
	for i := range rows {
		list[i] = rows[i].delivery()
	}
	return list, nil
}

// Delivery implements webhooks.Store.
func (s *Webhooks) Delivery(ctx context.Context, id webhooks.ID, delivery webhooks.DeliveryID) (webhooks.Delivery, error) {
	row, err := collectOne[deliveryRow](ctx, s.db.pool, `
		SELECT `+deliveryColumns+` FROM webhook_deliveries d WHERE d.id = @delivery AND d.webhook_id = @id`,
		pgx.StrictNamedArgs{"id": int64(id), "delivery": int64(delivery)})
	if errors.Is(err, pgx.ErrNoRows) {
		return webhooks.Delivery{}, webhooks.ErrDeliveryNotFound
	}
	if err != nil {
		return webhooks.Delivery{}, err
	}
	return row.delivery(), nil
}

// Ping implements webhooks.Store.
func (s *Webhooks) Ping(ctx context.Context, id webhooks.ID) (webhooks.Delivery, error) {
	return s.sendOne(ctx, `
		INSERT INTO webhook_deliveries AS d (webhook_id, kind, happened_at, subject, state)
		SELECT id, 'ping', now(), 'ping', 'pending' FROM webhooks WHERE id = @id AND deleted_at IS NULL
		RETURNING d.subject, `+deliveryColumns, pgx.StrictNamedArgs{"id": int64(id)}, webhooks.ErrNotFound)
}

// Replay implements webhooks.Store.
func (s *Webhooks) Replay(ctx context.Context, id webhooks.ID, delivery webhooks.DeliveryID) (webhooks.Delivery, error) {
	return s.sendOne(ctx, `
		UPDATE webhook_deliveries d SET `+anew+`
		FROM webhooks w
		WHERE d.id = @delivery AND d.webhook_id = @id AND w.id = @id AND `+visible+`
		RETURNING d.subject, `+deliveryColumns, pgx.StrictNamedArgs{"id": int64(id), "delivery": int64(delivery)},
		webhooks.ErrDeliveryNotFound)
}

// anew makes a delivery one that has not been tried, but for what came of it.
// One that somebody is sending now is not claimed twice: it ends as it does.
const anew = `
	state = 'pending', settled_at = NULL, first_tried_at = NULL, tries = 0,
	next_try_at = CASE WHEN d.state = 'pending' AND d.next_try_at > now() AND d.outcome IS NULL THEN d.next_try_at END`

// sendOne runs a statement that gives a delivery, and has it sent.
func (s *Webhooks) sendOne(ctx context.Context, sql string, args pgx.StrictNamedArgs, none error) (webhooks.Delivery, error) {
	type subjectRow struct {
		Subject string `db:"subject"`
		deliveryRow
	}
	var delivery webhooks.Delivery
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		row, err := collectOne[subjectRow](ctx, tx, sql, args)
		if errors.Is(err, pgx.ErrNoRows) {
			return none
		}
		if err != nil {
			return err
		}
		delivery = row.delivery()
		return s.db.jobs.deliver(ctx, tx, []deliverArgs{{Webhook: row.Webhook, Subject: row.Subject, Delivery: row.ID, Round: time.Now().UnixMicro()}})
	})
	return delivery, err
}

// ReplaySince implements webhooks.Store. What somebody else is replaying is
// passed over, or it would be sent twice.
func (s *Webhooks) ReplaySince(ctx context.Context, id webhooks.ID, since time.Time, limit int) (n int, err error) {
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		jobs, err := collect[deliverArgs](ctx, tx, `
			UPDATE webhook_deliveries d SET `+anew+`
			WHERE d.id IN (
				SELECT d.id FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
				WHERE d.webhook_id = @id AND d.state IN ('failed', 'missed') AND d.kind <> 'ping' AND d.happened_at >= @since AND `+visible+`
				ORDER BY d.id
				LIMIT @limit
				FOR UPDATE OF d SKIP LOCKED)
			RETURNING d.webhook_id, d.subject, d.id, (extract(epoch FROM now()) * 1000000)::bigint AS round`,
			pgx.StrictNamedArgs{"id": int64(id), "since": since, "limit": limit})
		if err != nil {
			return err
		}
		n = len(jobs)
		return s.db.jobs.deliver(ctx, tx, jobs)
	})
	return n, err
}
