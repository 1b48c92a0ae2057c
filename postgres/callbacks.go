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

// Callbacks stores callbacks.
type Callbacks struct{ db *DB }

var _ callbacks.Store = (*Callbacks)(nil)

// Callbacks returns the store of callbacks.
func (db *DB) Callbacks() *Callbacks { return &Callbacks{db: db} }

// Callback implements callbacks.Store.
func (c *Callbacks) Callback(ctx context.Context, id callbacks.ID) (callbacks.Callback, error) {
	return getCallback(ctx, c.db.pool, id)
}

// Transact implements callbacks.Store.
func (c *Callbacks) Transact(ctx context.Context, f func(ctx context.Context, tx callbacks.Tx) error) error {
	return pgx.BeginFunc(ctx, c.db.pool, func(tx pgx.Tx) error {
		t := &callbackTx{tx: tx}
		if err := f(ctx, t); err != nil {
			return err
		}
		return t.logChanges(ctx)
	})
}

// callbackTx implements callbacks.Tx.
type callbackTx struct {
	tx pgx.Tx
	// changed are the callbacks to be logged when all else is done.
	changed []int64
}

func (t *callbackTx) LockKey(ctx context.Context, key callbacks.Key) (callbacks.Answer, bool, error) {
	// There is no row yet that could be locked. Two keys with the same hash
	// only wait for each other.
	_, err := t.tx.Exec(ctx, `
		SELECT pg_advisory_xact_lock(hashtext('callbackd.idempotency_keys'), hashtext(@scope || ' ' || @key))`,
		pgx.StrictNamedArgs{"scope": key.Scope, "key": key.Key})
	if err != nil {
		return callbacks.Answer{}, false, fmt.Errorf("lock idempotency key: %w", err)
	}
	type answerRow struct {
		Fingerprint []byte `db:"fingerprint"`
		CallbackID  int64  `db:"callback_id"`
		OtherOpen   int    `db:"other_open"`
	}
	row, err := collectOne[answerRow](ctx, t.tx, `
		SELECT fingerprint, callback_id, other_open
		FROM idempotency_keys
		WHERE scope = @scope AND key = @key`, pgx.StrictNamedArgs{"scope": key.Scope, "key": key.Key})
	if errors.Is(err, pgx.ErrNoRows) {
		return callbacks.Answer{}, false, nil
	}
	if err != nil {
		return callbacks.Answer{}, false, fmt.Errorf("read idempotency key: %w", err)
	}
	return callbacks.Answer{
		Fingerprint: callbacks.Fingerprint(row.Fingerprint),
		Callback:    callbacks.ID(row.CallbackID), OtherOpen: row.OtherOpen,
	}, true, nil
}

func (t *callbackTx) SaveAnswer(ctx context.Context, key callbacks.Key, answer callbacks.Answer, at time.Time) error {
	_, err := t.tx.Exec(ctx, `
		INSERT INTO idempotency_keys (scope, key, fingerprint, callback_id, other_open, created_at)
		VALUES (@scope, @key, @fingerprint, @callback_id, @other_open, @at)`,
		pgx.StrictNamedArgs{
			"scope": key.Scope, "key": key.Key, "fingerprint": answer.Fingerprint[:],
			"callback_id": answer.Callback, "other_open": answer.OtherOpen, "at": at,
		})
	if err != nil {
		return fmt.Errorf("save idempotency key: %w", err)
	}
	return nil
}

func (t *callbackTx) LockCall(ctx context.Context, id callcenter.RequestID) (callcenter.Call, error) {
	// FOR UPDATE and nothing weaker: it conflicts also with the lock that a
	// foreign key takes, so that not even an import can insert a callback for
	// the call between the look and the insertion.
	call, err := getCall(ctx, t.tx, id, "FOR UPDATE")
	if err != nil {
		return callcenter.Call{}, fmt.Errorf("lock call: %w", err)
	}
	return call, nil
}

func (t *callbackTx) CallbackOf(ctx context.Context, id callcenter.RequestID) (callbacks.ID, bool, error) {
	callback, err := scalar[int64](ctx, t.tx, `
		SELECT id FROM callbacks WHERE request_id = @request_id`, pgx.StrictNamedArgs{"request_id": string(id)})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read callback of call: %w", err)
	}
	return callbacks.ID(callback), true, nil
}

func (t *callbackTx) Callback(ctx context.Context, id callbacks.ID) (callbacks.Callback, error) {
	return getCallback(ctx, t.tx, id)
}

func (t *callbackTx) CountOpen(ctx context.Context, remoteNumber string, callCenters []string) (int, error) {
	count, err := scalar[int](ctx, t.tx, `
		SELECT count(*)
		FROM callbacks b JOIN calls c USING (request_id)
		WHERE b.status = 'open' AND b.remote_number = @remote_number
			AND (@call_centers::text[] IS NULL OR c.call_centers && @call_centers::text[])`,
		pgx.StrictNamedArgs{"remote_number": remoteNumber, "call_centers": callCenters})
	if err != nil {
		return 0, fmt.Errorf("count open callbacks of a number: %w", err)
	}
	return count, nil
}

func (t *callbackTx) Insert(ctx context.Context, callback callbacks.Callback) (callbacks.Callback, error) {
	id, err := scalar[int64](ctx, t.tx, `
		INSERT INTO callbacks (request_id, origin, status, assignee, memo, registered_at, registered_by,
			completed_at, completed_by, remote_number, contact_number,
			call_center, business_label, local_number, version)
		VALUES (@request_id, @origin, @status, @assignee, @memo, @registered_at, @registered_by,
			@completed_at, @completed_by, @remote_number, @contact_number,
			@call_center, @business_label, @local_number, @version)
		RETURNING id`, pgx.StrictNamedArgs{
		"request_id": callback.RequestID, "origin": callback.Origin, "status": callback.Status,
		"assignee": orNull(callback.Assignee), "memo": callback.Memo,
		"registered_at": callback.RegisteredAt, "registered_by": callback.RegisteredBy,
		"completed_at": callback.CompletedAt, "completed_by": orNull(callback.CompletedBy),
		"remote_number": orNull(callback.RemoteNumber), "contact_number": orNull(callback.ContactNumber),
		"call_center": callback.CallCenter, "business_label": orNull(callback.BusinessLabel),
		"local_number": orNull(callback.LocalNumber), "version": callback.Version,
	})
	if err != nil {
		return callbacks.Callback{}, fmt.Errorf("insert callback: %w", err)
	}
	_, err = t.tx.Exec(ctx, `
		INSERT INTO callback_history (callback_id, version, action, changed_at, changed_by, from_values, to_values)
		SELECT id, version, 'register', registered_at, registered_by, '{}',
			jsonb_build_object('origin', origin, 'status', status, 'assignee', assignee,
				'memo', memo, 'contact_number', contact_number)
		FROM callbacks
		WHERE id = @id`, pgx.StrictNamedArgs{"id": id})
	if err != nil {
		return callbacks.Callback{}, fmt.Errorf("insert callback history: %w", err)
	}
	t.changed = append(t.changed, id)
	// As it was stored, with what the database rounds.
	return getCallback(ctx, t.tx, callbacks.ID(id))
}

// logChanges writes the entries of the change log. It must be the
// transaction's last statement: from here on all other writers wait.
func (t *callbackTx) logChanges(ctx context.Context) error {
	if len(t.changed) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		INSERT INTO changes (kind, request_id, callback_id, call_centers)
		SELECT 'callback', b.request_id, b.id, c.call_centers
		FROM callbacks b JOIN calls c USING (request_id)
		WHERE b.id = ANY (@ids)
		ORDER BY b.id`, pgx.StrictNamedArgs{"ids": t.changed})
	if err != nil {
		return fmt.Errorf("log changes: %w", err)
	}
	return nil
}

// callbackColumns are the columns of a callbackRow, from callbacks b and
// calls c.
const callbackColumns = `b.id, b.request_id, b.origin, b.status, b.assignee, b.memo,
	b.registered_at, b.registered_by, b.completed_at, b.completed_by,
	b.remote_number, b.contact_number, b.call_center, c.call_centers,
	b.business_label, b.local_number, b.version`

type callbackRow struct {
	ID            int64      `db:"id"`
	RequestID     string     `db:"request_id"`
	Origin        string     `db:"origin"`
	Status        string     `db:"status"`
	Assignee      optional   `db:"assignee"`
	Memo          string     `db:"memo"`
	RegisteredAt  time.Time  `db:"registered_at"`
	RegisteredBy  string     `db:"registered_by"`
	CompletedAt   *time.Time `db:"completed_at"`
	CompletedBy   optional   `db:"completed_by"`
	RemoteNumber  optional   `db:"remote_number"`
	ContactNumber optional   `db:"contact_number"`
	CallCenter    string     `db:"call_center"`
	CallCenters   []string   `db:"call_centers"`
	BusinessLabel optional   `db:"business_label"`
	LocalNumber   optional   `db:"local_number"`
	Version       int        `db:"version"`
}

func (r *callbackRow) callback() callbacks.Callback {
	return callbacks.Callback{
		ID:            callbacks.ID(r.ID),
		RequestID:     callcenter.RequestID(r.RequestID),
		Origin:        callbacks.Origin(r.Origin),
		Status:        callbacks.Status(r.Status),
		Assignee:      string(r.Assignee),
		Memo:          r.Memo,
		RegisteredAt:  r.RegisteredAt,
		RegisteredBy:  r.RegisteredBy,
		CompletedAt:   r.CompletedAt,
		CompletedBy:   string(r.CompletedBy),
		RemoteNumber:  string(r.RemoteNumber),
		ContactNumber: string(r.ContactNumber),
		CallCenter:    r.CallCenter,
		CallCenters:   r.CallCenters,
		BusinessLabel: string(r.BusinessLabel),
		LocalNumber:   string(r.LocalNumber),
		Version:       r.Version,
	}
}

// getCallback returns a callback, or callbacks.ErrNotFound.
func getCallback(ctx context.Context, q querier, id callbacks.ID) (callbacks.Callback, error) {
	row, err := collectOne[callbackRow](ctx, q, `
		SELECT `+callbackColumns+`
		FROM callbacks b JOIN calls c USING (request_id)
		WHERE b.id = @id`, pgx.StrictNamedArgs{"id": int64(id)})
	if errors.Is(err, pgx.ErrNoRows) {
		return callbacks.Callback{}, callbacks.ErrNotFound
	}
	if err != nil {
		return callbacks.Callback{}, fmt.Errorf("read callback: %w", err)
	}
	return row.callback(), nil
}
