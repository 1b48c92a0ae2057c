package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

func (t *callbackTx) LockNumber(ctx context.Context, callCenter, key string) error {
	// No unique index could say it: manual registrations of one number are
	// records of their own, and any callback may be reopened or get another
	// contact number.
	_, err := t.tx.Exec(ctx, `
		SELECT pg_advisory_xact_lock(hashtext('callbackd.callback_requests'), hashtext(@call_center || ' ' || @key))`,
		pgx.StrictNamedArgs{"call_center": callCenter, "key": key})
	if err != nil {
		return fmt.Errorf("lock number: %w", err)
	}
	return nil
}

func (t *callbackTx) LockOpenCallback(ctx context.Context, callCenter, key string) (callbacks.ID, bool, error) {
	if key == "" || !storable(key) {
		return 0, false, nil
	}
	// The first form of a number is its key. A row that was completed while it
	// was waited for does not match any more and is left out.
	id, err := scalar[int64](ctx, t.tx, `
		SELECT id
		FROM callbacks
		WHERE status = 'open' AND call_center = @call_center AND (remote_key = @key OR contact_forms[1] = @key)
		ORDER BY id
		LIMIT 1
		FOR NO KEY UPDATE`, pgx.StrictNamedArgs{"call_center": callCenter, "key": key})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("find open callback of a number: %w", err)
	}
	return callbacks.ID(id), true, nil
}

func (t *callbackTx) CallbackOfRequest(ctx context.Context, id callcenter.RequestID) (callbacks.ID, bool, error) {
	callback, err := scalar[int64](ctx, t.tx, `
		SELECT callback_id FROM callback_requests WHERE request_id = @request_id`, pgx.StrictNamedArgs{"request_id": string(id)})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read request of call: %w", err)
	}
	return callbacks.ID(callback), true, nil
}

func (t *callbackTx) InsertRequest(ctx context.Context, id callcenter.RequestID, callback callbacks.ID, at time.Time) error {
	_, err := t.tx.Exec(ctx, `
		INSERT INTO callback_requests (request_id, callback_id, requested_at)
		VALUES (@request_id, @callback_id, @at)`,
		pgx.StrictNamedArgs{"request_id": string(id), "callback_id": int64(callback), "at": at})
	if err != nil {
		return fmt.Errorf("insert request: %w", err)
	}
	return nil
}

func (t *callbackTx) SpokeSince(ctx context.Context, callCenter string, numbers []string, since time.Time) (bool, error) {
	spoke, err := scalar[bool](ctx, t.tx, `
		SELECT EXISTS (
			SELECT FROM calls
			WHERE remote_number = ANY (@numbers) AND call_centers @> ARRAY[@call_center]
				AND kind = 'call_center' AND answered_at > @since)`,
		pgx.StrictNamedArgs{"numbers": numbers, "call_center": callCenter, "since": since})
	if err != nil {
		return false, fmt.Errorf("look whether the caller got through: %w", err)
	}
	return spoke, nil
}

// AbandonedCalls implements attendant.AbandonedStore.
func (c *Calls) AbandonedCalls(ctx context.Context, callCenters []string, since time.Time) ([]callcenter.Call, error) {
	// A call ends before it is stored, but by another clock; stored_at is when
	// it was written last. The index finds what ended lately.
	rows, err := collect[callRow](ctx, c.db.pool, `
		SELECT `+callColumns+`
		FROM calls c
		WHERE result = 'abandoned' AND kind = 'call_center' AND direction = 'inbound'
			AND ended_at > @since::timestamptz - interval '1 day' AND stored_at > @since
			AND call_center = ANY (@call_centers) AND remote_number IS NOT NULL
			AND NOT EXISTS (SELECT FROM callbacks b WHERE b.request_id = c.request_id)
			AND NOT EXISTS (SELECT FROM callback_requests r WHERE r.request_id = c.request_id)
		ORDER BY ended_at, request_id
		LIMIT 1000`, pgx.StrictNamedArgs{"since": since, "call_centers": callCenters})
	if err != nil {
		return nil, fmt.Errorf("read abandoned calls: %w", err)
	}
	return toCalls(rows), nil
}
