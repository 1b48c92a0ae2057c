package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// changesKept is how long a reader may be away and still resume; longer,
	// and it is told to load everything anew.
	changesKept = 7 * 24 * time.Hour
	// forgetEvery is how often older changes are removed, forgetAtOnce how many
	// in one transaction, forgetTimeout what bounds each.
	forgetEvery   = time.Hour
	forgetAtOnce  = 5000
	forgetTimeout = time.Minute
)

// keepForgetting removes old changes until the context ends. Without it the
// log would outgrow all else: every call changes several times.
func (f *Feed) keepForgetting(ctx context.Context) {
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		if _, err := f.Forget(ctx, time.Now().Add(-changesKept)); err != nil && ctx.Err() == nil {
			f.db.log.WarnContext(ctx, "old changes cannot be removed", slog.Any("err", err), slog.Duration("retry_in", forgetEvery))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Forget removes the changes before a time, but for the newest of all, which
// holds the log's place, and returns how many. Several daemons may do so at
// once.
func (f *Feed) Forget(ctx context.Context, before time.Time) (removed int64, err error) {
	for {
		n, err := f.forgetSome(ctx, before)
		if err != nil {
			return removed, fmt.Errorf("remove changes before %s: %w", before.UTC().Format(time.RFC3339), err)
		}
		removed += n
		if n < forgetAtOnce {
			return removed, nil
		}
	}
}

// forgetSome removes the first changes of the log. They are in the order of
// their times, so no index of these is needed.
func (f *Feed) forgetSome(ctx context.Context, before time.Time) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, forgetTimeout)
	defer cancel()
	tag, err := f.db.pool.Exec(ctx, `
		DELETE FROM changes
		WHERE changed_at < @before AND number < (SELECT max(number) FROM changes) AND number IN (
			SELECT number FROM changes ORDER BY number LIMIT @limit)`,
		pgx.StrictNamedArgs{"before": before, "limit": forgetAtOnce})
	if err != nil {
		return 0, err
	}
	return tag.RowsAffected(), nil
}
