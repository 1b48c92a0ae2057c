package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

// Callbacks stores callbacks.
type Callbacks struct {
	db *DB
	// What bounds the ways to a page, see list.
	walked, gathered, named int
}

var _ callbacks.Store = (*Callbacks)(nil)

// Callbacks returns the store of callbacks.
func (db *DB) Callbacks() *Callbacks {
	return &Callbacks{db: db, walked: walked, gathered: gathered, named: namedNumbers}
}

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

// History implements callbacks.Store.
func (c *Callbacks) History(ctx context.Context, id callbacks.ID) ([]callbacks.HistoryEntry, error) {
	type historyRow struct {
		Version   int                `db:"version"`
		Action    string             `db:"action"`
		ChangedAt time.Time          `db:"changed_at"`
		ChangedBy string             `db:"changed_by"`
		From      map[string]*string `db:"from_values"`
		To        map[string]*string `db:"to_values"`
	}
	rows, err := collect[historyRow](ctx, c.db.pool, `
		SELECT version, action, changed_at, changed_by, from_values, to_values
		FROM callback_history
		WHERE callback_id = @id
		ORDER BY version`, pgx.StrictNamedArgs{"id": int64(id)})
	if err != nil {
		return nil, fmt.Errorf("read callback history: %w", err)
	}
	history := make([]callbacks.HistoryEntry, len(rows))
	for i, row := range rows {
		history[i] = callbacks.HistoryEntry{
			Version: row.Version, Action: callbacks.HistoryAction(row.Action), At: row.ChangedAt, By: row.ChangedBy,
		}
		for _, field := range slices.Sorted(maps.Keys(row.To)) {
			if row.From[field] != nil || row.To[field] != nil {
				history[i].Changes = append(history[i].Changes, callbacks.FieldChange{Field: field, From: row.From[field], To: row.To[field]})
			}
		}
	}
	return history, nil
}

// FirstAfter implements callbacks.Store.
func (c *Callbacks) FirstAfter(ctx context.Context, change int64) (callbacks.ID, bool, error) {
	id, err := scalar[int64](ctx, c.db.pool, `
		SELECT callback_id FROM changes WHERE registered AND number > @change ORDER BY number LIMIT 1`,
		pgx.StrictNamedArgs{"change": change})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("find first registration after change %d: %w", change, err)
	}
	return callbacks.ID(id), true, nil
}

// CountOpen implements callbacks.Store.
func (c *Callbacks) CountOpen(ctx context.Context, key, callCenter string, visibleTo []string) (int, error) {
	return countOpen(ctx, c.db.pool, key, callCenter, visibleTo)
}

func countOpen(ctx context.Context, q querier, key, callCenter string, visibleTo []string) (int, error) {
	if !storable(key) || !storable(callCenter) {
		return 0, nil
	}
	count, err := scalar[int](ctx, q, `
		SELECT count(*)
		FROM callbacks
		WHERE status = 'open' AND remote_key = @key
			AND (@call_center = '' OR call_center = @call_center)
			AND (@visible_to::text[] IS NULL OR call_centers && @visible_to::text[])`,
		pgx.StrictNamedArgs{"key": key, "call_center": callCenter, "visible_to": visibleTo})
	if err != nil {
		return 0, fmt.Errorf("count open callbacks of a number: %w", err)
	}
	return count, nil
}

// DisplayNames implements callbacks.Store.
func (c *Callbacks) DisplayNames(ctx context.Context, accounts []string) (map[string]string, error) {
	if len(accounts) == 0 {
		return nil, nil
	}
	type nameRow struct {
		Name        string `db:"name"`
		DisplayName string `db:"display_name"`
	}
	rows, err := collect[nameRow](ctx, c.db.pool, `
		SELECT name, display_name FROM accounts WHERE name = ANY (@names)`, pgx.StrictNamedArgs{"names": accounts})
	if err != nil {
		return nil, fmt.Errorf("read display names: %w", err)
	}
	names := make(map[string]string, len(rows))
	for _, row := range rows {
		names[row.Name] = row.DisplayName
	}
	return names, nil
}

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

// callbackColumns are the columns of a callbackRow, from callbacks b. Whether
// there is something to play is looked up by index for each row that is
// returned: with EXISTS the planner might read all recordings instead.
const callbackColumns = `b.id, b.request_id, b.origin, b.status, b.assignee, b.memo,
	b.registered_at, b.registered_by, b.completed_at, b.completed_by,
	b.remote_number, b.contact_number, b.call_center, b.call_centers,
	b.business_label, b.local_number, b.requests, coalesce(b.last_requested_at, b.registered_at) AS last_requested_at, b.version,
	coalesce(
		(SELECT r.kind FROM recordings r WHERE r.callback_id = b.id AND r.state = 'ready' LIMIT 1),
		(SELECT r.kind FROM recordings r WHERE r.request_id = b.request_id AND r.state = 'ready' AND r.kind = 'call' LIMIT 1)
	) AS recording`

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
	Requests      int        `db:"requests"`
	LastRequested time.Time  `db:"last_requested_at"`
	Version       int        `db:"version"`
	Recording     optional   `db:"recording"`
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
		Requests:      r.Requests, LastRequestedAt: r.LastRequested,
		Recording: callbacks.Recording(r.Recording),
		Version:   r.Version,
	}
}

// getCallback returns a callback, or callbacks.ErrNotFound.
func getCallback(ctx context.Context, q querier, id callbacks.ID) (callbacks.Callback, error) {
	row, err := collectOne[callbackRow](ctx, q, `
		SELECT `+callbackColumns+`
		FROM callbacks b
		WHERE b.id = @id`, pgx.StrictNamedArgs{"id": int64(id)})
	if errors.Is(err, pgx.ErrNoRows) {
		return callbacks.Callback{}, callbacks.ErrNotFound
	}
	if err != nil {
		return callbacks.Callback{}, fmt.Errorf("read callback: %w", err)
	}
	return row.callback(), nil
}
