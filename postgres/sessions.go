package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
)

// Sessions stores the sessions of people in the workspace.
type Sessions struct{ db *DB }

var _ accounts.SessionStore = (*Sessions)(nil)

// Sessions returns the store of sessions.
func (db *DB) Sessions() *Sessions { return &Sessions{db: db} }

// CreateSession implements accounts.SessionStore.
func (s *Sessions) CreateSession(ctx context.Context, session accounts.Session, hash accounts.SessionHash,
	generation int64, idleSince time.Time,
) (accounts.SessionID, error) {
	if err := s.forgetSessions(ctx, session.CreatedAt, idleSince); err != nil {
		return 0, err
	}
	// The lock waits for whoever changes the account, and is then asked anew
	// whether the row is still wanted; and whoever changes the account waits
	// for it, and then sees the session to be deleted.
	id, err := scalar[int64](ctx, s.db.pool, `
		WITH account AS (
			SELECT id FROM accounts
			WHERE id = @account_id AND enabled AND generation = @generation
			FOR SHARE
		)
		INSERT INTO sessions (hash, account_id, data, created_at, last_used_at, expires_at)
		SELECT @hash, id, @data, @created_at, @last_used_at, @expires_at FROM account
		RETURNING id`, pgx.StrictNamedArgs{
		"account_id": int64(session.AccountID), "generation": generation, "hash": hash[:], "data": session.Data,
		"created_at": session.CreatedAt, "last_used_at": session.LastUsedAt, "expires_at": session.ExpiresAt,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, accounts.ErrUnauthorized
	}
	return accounts.SessionID(id), err
}

// forgetSessions deletes some sessions that have ended by themselves. It waits
// for nobody, so that transactions cannot wait for each other in a circle.
func (s *Sessions) forgetSessions(ctx context.Context, now, idleSince time.Time) error {
	_, err := s.db.pool.Exec(ctx, `
		DELETE FROM sessions
		WHERE id IN (
			SELECT id FROM sessions
			WHERE expires_at <= @now OR last_used_at <= @idle_since
			LIMIT 100
			FOR UPDATE SKIP LOCKED
		)`, pgx.StrictNamedArgs{"now": now, "idle_since": idleSince})
	if err != nil {
		return fmt.Errorf("delete ended sessions: %w", err)
	}
	return nil
}

// SessionByHash implements accounts.SessionStore.
func (s *Sessions) SessionByHash(ctx context.Context, hash accounts.SessionHash) (accounts.Session, accounts.Account, error) {
	type row struct {
		accountRow
		SessionID        int64     `db:"session_id"`
		Data             []byte    `db:"data"`
		SessionCreatedAt time.Time `db:"session_created_at"`
		LastUsedAt       time.Time `db:"last_used_at"`
		ExpiresAt        time.Time `db:"expires_at"`
	}
	r, err := collectOne[row](ctx, s.db.pool, `
		SELECT a.*, s.id AS session_id, s.data, s.created_at AS session_created_at, s.last_used_at, s.expires_at
		FROM sessions s
		JOIN LATERAL (SELECT `+accountColumns+` FROM accounts WHERE id = s.account_id) a ON true
		WHERE s.hash = @hash`, pgx.StrictNamedArgs{"hash": hash[:]})
	if errors.Is(err, pgx.ErrNoRows) {
		return accounts.Session{}, accounts.Account{}, accounts.ErrSessionNotFound
	}
	if err != nil {
		return accounts.Session{}, accounts.Account{}, err
	}
	return accounts.Session{
		ID: accounts.SessionID(r.SessionID), AccountID: accounts.AccountID(r.ID), Data: r.Data,
		CreatedAt: r.SessionCreatedAt, LastUsedAt: r.LastUsedAt, ExpiresAt: r.ExpiresAt,
	}, r.account(), nil
}

// TouchSession implements accounts.SessionStore. Of requests at the same time
// the latest counts.
func (s *Sessions) TouchSession(ctx context.Context, id accounts.SessionID, at time.Time) error {
	_, err := s.db.pool.Exec(ctx, `
		UPDATE sessions SET last_used_at = greatest(last_used_at, @at)
		WHERE id = @id`, pgx.StrictNamedArgs{"id": int64(id), "at": at})
	return err
}

// DeleteSession implements accounts.SessionStore.
func (s *Sessions) DeleteSession(ctx context.Context, hash accounts.SessionHash) error {
	_, err := s.db.pool.Exec(ctx, `
		DELETE FROM sessions WHERE hash = @hash`, pgx.StrictNamedArgs{"hash": hash[:]})
	return err
}

// deleteSessionsOf deletes all sessions of an account. In the transaction its
// row is locked already.
func deleteSessionsOf(ctx context.Context, tx pgx.Tx, id accounts.AccountID) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM sessions WHERE account_id = @id`, pgx.StrictNamedArgs{"id": int64(id)})
	if err != nil {
		return fmt.Errorf("delete sessions: %w", err)
	}
	return nil
}
