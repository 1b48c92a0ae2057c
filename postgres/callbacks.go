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
