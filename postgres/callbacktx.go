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

// callbackTx implements callbacks.Tx.
type callbackTx struct {
	tx pgx.Tx
	// registered and changed are the callbacks to be logged when all else is
	// done.
	registered, changed []int64
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

func (t *callbackTx) LockCallback(ctx context.Context, id callbacks.ID) (callbacks.Callback, error) {
	row, err := collectOne[callbackRow](ctx, t.tx, `
		SELECT `+callbackColumns+` FROM callbacks b WHERE b.id = @id FOR NO KEY UPDATE`, pgx.StrictNamedArgs{"id": int64(id)})
	if errors.Is(err, pgx.ErrNoRows) {
		return callbacks.Callback{}, callbacks.ErrNotFound
	}
	if err != nil {
		return callbacks.Callback{}, fmt.Errorf("lock callback: %w", err)
	}
	return row.callback(), nil
}

func (t *callbackTx) LockAssignee(ctx context.Context, account string) (callbacks.Assignee, bool, error) {
	if !storable(account) {
		return callbacks.Assignee{}, false, nil
	}
	type assigneeRow struct {
		Enabled     bool     `db:"enabled"`
		CallCenters []string `db:"call_centers"`
	}
	// A lock that an update of the account has to wait for, and assignments
	// have not.
	row, err := collectOne[assigneeRow](ctx, t.tx, `
		SELECT enabled, call_centers FROM accounts WHERE name = @name FOR SHARE`, pgx.StrictNamedArgs{"name": account})
	if errors.Is(err, pgx.ErrNoRows) {
		return callbacks.Assignee{}, false, nil
	}
	if err != nil {
		return callbacks.Assignee{}, false, fmt.Errorf("lock assignee: %w", err)
	}
	return callbacks.Assignee{Enabled: row.Enabled, CallCenters: row.CallCenters}, true, nil
}

func (t *callbackTx) CountOpen(ctx context.Context, key, callCenter string, visibleTo []string) (int, error) {
	return countOpen(ctx, t.tx, key, callCenter, visibleTo)
}

func (t *callbackTx) Insert(ctx context.Context, callback callbacks.Callback, spellings callbacks.Spellings) (callbacks.Callback, error) {
	id, err := scalar[int64](ctx, t.tx, `
		INSERT INTO callbacks (request_id, origin, status, assignee, memo, registered_at, registered_by,
			completed_at, completed_by, remote_number, contact_number,
			call_center, business_label, local_number, version, remote_key, remote_forms, contact_forms)
		VALUES (@request_id, @origin, @status, @assignee, @memo, @registered_at, @registered_by,
			@completed_at, @completed_by, @remote_number, @contact_number,
			@call_center, @business_label, @local_number, @version, @remote_key, @remote_forms, @contact_forms)
		RETURNING id`, pgx.StrictNamedArgs{
		"request_id": callback.RequestID, "origin": callback.Origin, "status": callback.Status,
		"assignee": orNull(callback.Assignee), "memo": callback.Memo,
		"registered_at": callback.RegisteredAt, "registered_by": callback.RegisteredBy,
		"completed_at": callback.CompletedAt, "completed_by": orNull(callback.CompletedBy),
		"remote_number": orNull(callback.RemoteNumber), "contact_number": orNull(callback.ContactNumber),
		"call_center": callback.CallCenter, "business_label": orNull(callback.BusinessLabel),
		"local_number": orNull(callback.LocalNumber), "version": callback.Version,
		"remote_key": orNull(spellings.Remote.Key), "remote_forms": formsOf(spellings.Remote),
		"contact_forms": formsOf(spellings.Contact),
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
	t.registered = append(t.registered, id)
	// As it was stored, with what the database rounds.
	return getCallback(ctx, t.tx, callbacks.ID(id))
}

func (t *callbackTx) Update(ctx context.Context, callback callbacks.Callback, spellings callbacks.Spellings, entry callbacks.HistoryEntry) (callbacks.Callback, error) {
	tag, err := t.tx.Exec(ctx, `
		UPDATE callbacks
		SET status = @status, assignee = @assignee, memo = @memo, contact_number = @contact_number,
			remote_key = coalesce(@remote_key, remote_key), remote_forms = @remote_forms, contact_forms = @contact_forms,
			completed_at = @completed_at, completed_by = @completed_by,
			requests = @requests, last_requested_at = CASE WHEN @requests = 1 THEN NULL ELSE @last_requested_at::timestamptz END,
			version = @version
		WHERE id = @id AND version = @version - 1`, pgx.StrictNamedArgs{
		"id": int64(callback.ID), "version": callback.Version,
		"status": callback.Status, "assignee": orNull(callback.Assignee), "memo": callback.Memo,
		"contact_number": orNull(callback.ContactNumber), "contact_forms": formsOf(spellings.Contact),
		"remote_key": orNull(spellings.Remote.Key), "remote_forms": formsOf(spellings.Remote),
		"completed_at": callback.CompletedAt, "completed_by": orNull(callback.CompletedBy),
		"requests": callback.Requests, "last_requested_at": callback.LastRequestedAt,
	})
	if err == nil && tag.RowsAffected() != 1 {
		// The row is locked, so nobody else can have changed it.
		err = fmt.Errorf("it has not version %d", callback.Version-1)
	}
	if err != nil {
		return callbacks.Callback{}, fmt.Errorf("update callback: %w", err)
	}
	from, to := map[string]*string{}, map[string]*string{}
	for _, change := range entry.Changes {
		from[change.Field], to[change.Field] = change.From, change.To
	}
	_, err = t.tx.Exec(ctx, `
		INSERT INTO callback_history (callback_id, version, action, changed_at, changed_by, from_values, to_values)
		VALUES (@id, @version, @action, @at, @by, @from, @to)`, pgx.StrictNamedArgs{
		"id": int64(callback.ID), "version": entry.Version, "action": entry.Action, "at": entry.At, "by": entry.By,
		"from": from, "to": to,
	})
	if err != nil {
		return callbacks.Callback{}, fmt.Errorf("insert callback history: %w", err)
	}
	t.changed = append(t.changed, int64(callback.ID))
	// As it was stored, with what the database rounds.
	return getCallback(ctx, t.tx, callback.ID)
}

// formsOf returns a number's forms, never nil, which would be NULL.
func formsOf(s callbacks.Spelling) []string { return append([]string{}, s.Forms...) }

// logChanges writes the entries of the change log. It must be the
// transaction's last statement: from here on all other writers wait.
func (t *callbackTx) logChanges(ctx context.Context) error {
	if len(t.registered)+len(t.changed) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		INSERT INTO changes (kind, request_id, callback_id, call_centers, registered)
		SELECT 'callback', b.request_id, b.id, b.call_centers, coalesce(b.id = ANY (@registered), false)
		FROM callbacks b
		WHERE b.id = ANY (@registered) OR b.id = ANY (@changed)
		ORDER BY b.id`, pgx.StrictNamedArgs{"registered": t.registered, "changed": t.changed})
	if err != nil {
		return fmt.Errorf("log changes: %w", err)
	}
	return nil
}
