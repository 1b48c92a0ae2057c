package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
)

// ChargeLogin implements accounts.Store. It is one statement, so attempts at
// the same time are counted one after another.
func (a *Accounts) ChargeLogin(ctx context.Context, key accounts.LimitKey, limit accounts.Limit, at time.Time) (wait time.Duration, err error) {
	if err := a.forgetLimits(ctx, at); err != nil {
		return 0, err
	}
	// After this attempt the bucket must be empty within the time that a full
	// one takes.
	full := at.Add(time.Duration(limit.Burst) * limit.Interval)
	_, err = scalar[time.Time](ctx, a.db.pool, `
		INSERT INTO login_limits AS l (key, empty_at)
		VALUES (@key, @at::timestamptz + @interval::interval)
		ON CONFLICT (key) DO UPDATE
		SET empty_at = greatest(l.empty_at, @at) + @interval::interval
		WHERE greatest(l.empty_at, @at) + @interval::interval <= @full
		RETURNING empty_at`, pgx.StrictNamedArgs{"key": key[:], "at": at, "interval": limit.Interval, "full": full})
	if err == nil {
		return 0, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return 0, err
	}
	emptyAt, err := scalar[time.Time](ctx, a.db.pool, `
		SELECT empty_at FROM login_limits WHERE key = @key`, pgx.StrictNamedArgs{"key": key[:]})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, err
	}
	// It may have been refunded since; then the next attempt may come soon.
	return max(emptyAt.Add(limit.Interval).Sub(full), time.Second), nil
}

// RefundLogin implements accounts.Store.
func (a *Accounts) RefundLogin(ctx context.Context, key accounts.LimitKey, limit accounts.Limit) error {
	_, err := a.db.pool.Exec(ctx, `
		UPDATE login_limits SET empty_at = empty_at - @interval::interval
		WHERE key = @key`, pgx.StrictNamedArgs{"key": key[:], "interval": limit.Interval})
	return err
}

// forgetLimits deletes some rows that say no more than none would. It waits
// for nobody, so that attempts cannot wait for each other in a circle.
func (a *Accounts) forgetLimits(ctx context.Context, at time.Time) error {
	_, err := a.db.pool.Exec(ctx, `
		DELETE FROM login_limits
		WHERE key IN (
			SELECT key FROM login_limits
			WHERE empty_at < @at
			ORDER BY empty_at LIMIT 100
			FOR UPDATE SKIP LOCKED
		)`, pgx.StrictNamedArgs{"at": at})
	if err != nil {
		return fmt.Errorf("forget old attempts: %w", err)
	}
	return nil
}
