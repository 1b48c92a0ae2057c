package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/recording"
)

// Playback stores grants, the budgets of sound, and listening receipts.
type Playback struct{ db *DB }

var _ recording.PlaybackStore = (*Playback)(nil)

// Playback returns the store of playback.
func (db *DB) Playback() *Playback { return &Playback{db: db} }

// expiredGrantsKept is how long a grant is known to have expired, rather than
// not known.
const expiredGrantsKept = time.Hour

// CreateGrant implements recording.PlaybackStore.
func (p *Playback) CreateGrant(ctx context.Context, grant recording.Grant, hash recording.GrantHash, keep int) (recording.Grant, error) {
	if err := p.forget(ctx, grant.CreatedAt.Add(-expiredGrantsKept)); err != nil {
		return recording.Grant{}, err
	}
	err := pgx.BeginFunc(ctx, p.db.pool, func(tx pgx.Tx) error {
		// The lock makes requests of one account take turns, so that they
		// count each other's grants.
		version, err := scalar[int](ctx, tx, `
			SELECT a.version FROM accounts a
			JOIN sessions s ON s.account_id = a.id
			WHERE a.id = @account_id AND a.enabled AND s.id = @session_id
			FOR NO KEY UPDATE OF a`, pgx.StrictNamedArgs{
			"account_id": int64(grant.AccountID), "session_id": int64(grant.SessionID),
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return accounts.ErrUnauthorized
		}
		if err != nil {
			return fmt.Errorf("lock account: %w", err)
		}
		grant.AccountVersion = version
		id, err := scalar[int64](ctx, tx, `
			INSERT INTO playback_grants (hash, session_id, account_id, account_version, recording_id, created_at, expires_at)
			VALUES (@hash, @session_id, @account_id, @account_version, @recording_id, @created_at, @expires_at)
			RETURNING id`, pgx.StrictNamedArgs{
			"hash": hash[:], "session_id": int64(grant.SessionID), "account_id": int64(grant.AccountID),
			"account_version": version, "recording_id": int64(grant.RecordingID),
			"created_at": grant.CreatedAt, "expires_at": grant.ExpiresAt,
		})
		if violates(err, "playback_grants_session_id_fkey") {
			return accounts.ErrUnauthorized // it ended just now
		}
		if err != nil {
			return fmt.Errorf("insert grant: %w", err)
		}
		grant.ID = recording.PlayID(id)
		_, err = tx.Exec(ctx, `
			DELETE FROM playback_grants
			WHERE account_id = @account_id AND id <= (
				SELECT id FROM playback_grants WHERE account_id = @account_id
				ORDER BY id DESC OFFSET @keep LIMIT 1
			)`, pgx.StrictNamedArgs{"account_id": int64(grant.AccountID), "keep": keep})
		if err != nil {
			return fmt.Errorf("delete grants that are too many: %w", err)
		}
		return nil
	})
	if err != nil {
		return recording.Grant{}, err
	}
	return grant, nil
}

// forget deletes some of what says no more than nothing would: grants that
// expired long ago, and budgets that are full again. It waits for nobody.
func (p *Playback) forget(ctx context.Context, expiredBefore time.Time) error {
	_, err := p.db.pool.Exec(ctx, `
		DELETE FROM playback_grants
		WHERE id IN (
			SELECT id FROM playback_grants WHERE expires_at <= @before
			LIMIT 100 FOR UPDATE SKIP LOCKED
		)`, pgx.StrictNamedArgs{"before": expiredBefore})
	if err != nil {
		return fmt.Errorf("delete expired grants: %w", err)
	}
	full := max(recording.RecordingPace.Full(), recording.AccountPace.Full())
	_, err = p.db.pool.Exec(ctx, `
		DELETE FROM playback_budgets
		WHERE (account_id, recording_id) IN (
			SELECT account_id, recording_id FROM playback_budgets
			WHERE at <= clock_timestamp() - @full::interval
			LIMIT 100 FOR UPDATE SKIP LOCKED
		)`, pgx.StrictNamedArgs{"full": full})
	if err != nil {
		return fmt.Errorf("delete full budgets: %w", err)
	}
	return nil
}

// GrantByHash implements recording.PlaybackStore.
func (p *Playback) GrantByHash(ctx context.Context, hash recording.GrantHash) (recording.Grant, int, error) {
	type row struct {
		ID             int64     `db:"id"`
		SessionID      int64     `db:"session_id"`
		AccountID      int64     `db:"account_id"`
		AccountVersion int       `db:"account_version"`
		RecordingID    int64     `db:"recording_id"`
		CreatedAt      time.Time `db:"created_at"`
		ExpiresAt      time.Time `db:"expires_at"`
		VersionNow     int       `db:"version_now"`
	}
	r, err := collectOne[row](ctx, p.db.pool, `
		SELECT g.id, g.session_id, g.account_id, g.account_version, g.recording_id, g.created_at, g.expires_at,
			a.version AS version_now
		FROM playback_grants g
		JOIN accounts a ON a.id = g.account_id
		WHERE g.hash = @hash`, pgx.StrictNamedArgs{"hash": hash[:]})
	if errors.Is(err, pgx.ErrNoRows) {
		return recording.Grant{}, 0, recording.ErrPlaybackNotFound
	}
	if err != nil {
		return recording.Grant{}, 0, err
	}
	return recording.Grant{
		ID: recording.PlayID(r.ID), SessionID: accounts.SessionID(r.SessionID), AccountID: accounts.AccountID(r.AccountID),
		AccountVersion: r.AccountVersion, RecordingID: recording.ID(r.RecordingID), CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt,
	}, r.VersionNow, nil
}

// RenewGrant implements recording.PlaybackStore.
func (p *Playback) RenewGrant(ctx context.Context, id recording.PlayID, until time.Time) error {
	tag, err := p.db.pool.Exec(ctx, `
		UPDATE playback_grants SET expires_at = greatest(expires_at, @until)
		WHERE id = @id`, pgx.StrictNamedArgs{"id": int64(id), "until": until})
	if err == nil && tag.RowsAffected() == 0 {
		err = recording.ErrPlaybackNotFound
	}
	return err
}

// budgetRow is an account's budget for a recording, or for all (0).
type budgetRow struct {
	RecordingID int64         `db:"recording_id"`
	Burst       time.Duration `db:"burst"`
	Seeks       time.Duration `db:"seeks"`
	At          *time.Time    `db:"at"` // nil for a new row, which is full
	Now         time.Time     `db:"now"`
}

func (r *budgetRow) budget() recording.Budget {
	if r.At == nil {
		return recording.Budget{}
	}
	return recording.Budget{Burst: r.Burst, Seeks: r.Seeks, At: *r.At}
}

// ChangeBudgets implements recording.PlaybackStore.
func (p *Playback) ChangeBudgets(ctx context.Context, account accounts.AccountID, id recording.ID,
	decide func(b recording.Budgets, now time.Time) recording.Budgets,
) error {
	return pgx.BeginFunc(ctx, p.db.pool, func(tx pgx.Tx) error {
		// The rows are made if need be and locked in one order, the account's
		// first; and the clock is read when both are.
		rows, err := collect[budgetRow](ctx, tx, `
			INSERT INTO playback_budgets AS b (account_id, recording_id)
			VALUES (@account_id, 0), (@account_id, @recording_id)
			ON CONFLICT (account_id, recording_id) DO UPDATE SET account_id = excluded.account_id
			RETURNING b.recording_id, b.burst_ns AS burst, b.seeks_ns AS seeks, b.at, clock_timestamp() AS now`,
			pgx.StrictNamedArgs{"account_id": int64(account), "recording_id": int64(id)})
		if err != nil {
			return fmt.Errorf("lock budgets: %w", err)
		}
		if len(rows) != 2 {
			return fmt.Errorf("lock budgets: %d rows, want 2", len(rows))
		}
		all, own := rows[0], rows[1]
		if all.RecordingID != 0 {
			all, own = own, all
		}
		now := own.Now
		if all.Now.After(now) {
			now = all.Now
		}
		after := decide(recording.Budgets{Recording: own.budget(), Account: all.budget()}, now)
		_, err = tx.Exec(ctx, `
			UPDATE playback_budgets b SET burst_ns = n.burst, seeks_ns = n.seeks, at = n.at
			FROM (VALUES
				(0::bigint, @all_burst::bigint, @all_seeks::bigint, @all_at::timestamptz),
				(@recording_id, @own_burst, @own_seeks, @own_at)
			) AS n (recording_id, burst, seeks, at)
			WHERE b.account_id = @account_id AND b.recording_id = n.recording_id`, pgx.StrictNamedArgs{
			"account_id": int64(account), "recording_id": int64(id),
			"all_burst": int64(after.Account.Burst), "all_seeks": int64(after.Account.Seeks), "all_at": after.Account.At,
			"own_burst": int64(after.Recording.Burst), "own_seeks": int64(after.Recording.Seeks), "own_at": after.Recording.At,
		})
		if err != nil {
			return fmt.Errorf("store budgets: %w", err)
		}
		return nil
	})
}
