package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// changesKept is how long a reader may be away and still resume; longer,
	// and it is told to load everything anew.
	changesKept = 7 * 24 * time.Hour
	// keysKept is how long a request may be sent again with its idempotency
	// key. After that it is a new request, which finds the callback that is
	// there, or the version that is no longer the latest.
	keysKept = 30 * 24 * time.Hour
	// forgetEvery is how often older changes are removed, forgetAtOnce how many
	// in one transaction, forgetTimeout what bounds each.
	forgetEvery   = time.Hour
	forgetAtOnce  = 5000
	forgetTimeout = time.Minute
)

// keepForgetting removes old changes and keys until the context ends. Without
// it the log would outgrow all else: every call changes several times.
func (f *Feed) keepForgetting(ctx context.Context) {
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		now := time.Now()
		_, changes := f.Forget(ctx, now.Add(-changesKept))
		_, keys := f.ForgetKeys(ctx, now.Add(-keysKept))
		if err := errors.Join(changes, keys); err != nil && ctx.Err() == nil {
			f.db.log.WarnContext(ctx, "what is old cannot be removed", slog.Any("err", err), slog.Duration("retry_in", forgetEvery))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Forget removes the changes before a time, but for the newest of all, which
// holds the log's place, and those that webhooks are still to be sent, and
// returns how many. Several daemons may do so at once.
//
// Changes are in the order of their times, so no index of these is needed.
func (f *Feed) Forget(ctx context.Context, before time.Time) (removed int64, err error) {
	return f.forget(ctx, "changes", before, `
		DELETE FROM changes
		WHERE changed_at < @before AND number < (SELECT max(number) FROM changes)
			AND number <= coalesce(`+fannedOut+`, number) AND number IN (
			SELECT number FROM changes ORDER BY number LIMIT @limit)`)
}

// ForgetKeys removes the idempotency keys of requests before a time, and
// returns how many.
func (f *Feed) ForgetKeys(ctx context.Context, before time.Time) (removed int64, err error) {
	return f.forget(ctx, "idempotency keys", before, `
		DELETE FROM idempotency_keys
		WHERE (scope, key) IN (SELECT scope, key FROM idempotency_keys WHERE created_at < @before LIMIT @limit)`)
}

// forget runs a statement that removes forgetAtOnce rows at most, until it
// removes fewer.
func (f *Feed) forget(ctx context.Context, what string, before time.Time, sql string) (removed int64, err error) {
	some := func() (int64, error) {
		ctx, cancel := context.WithTimeout(ctx, forgetTimeout)
		defer cancel()
		tag, err := f.db.pool.Exec(ctx, sql, pgx.StrictNamedArgs{"before": before, "limit": forgetAtOnce})
		return tag.RowsAffected(), err
	}
	for {
		n, err := some()
		if err != nil {
			return removed, fmt.Errorf("remove %s before %s: %w", what, before.UTC().Format(time.RFC3339), err)
		}
		removed += n
		if n < forgetAtOnce {
			return removed, nil
		}
	}
}
