package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
)

// Tokens stores API tokens.
type Tokens struct{ db *DB }

var _ accounts.TokenStore = (*Tokens)(nil)

// Tokens returns the store of API tokens.
func (db *DB) Tokens() *Tokens { return &Tokens{db: db} }

// tokenColumns are the columns of a tokenRow.
const tokenColumns = `id, name, role, call_centers, may_act_for, created_at, expires_at, last_used_at, revoked_at`

type tokenRow struct {
	ID          int64      `db:"id"`
	Name        string     `db:"name"`
	Role        string     `db:"role"`
	CallCenters []string   `db:"call_centers"`
	MayActFor   bool       `db:"may_act_for"`
	CreatedAt   time.Time  `db:"created_at"`
	ExpiresAt   *time.Time `db:"expires_at"`
	LastUsedAt  *time.Time `db:"last_used_at"`
	RevokedAt   *time.Time `db:"revoked_at"`
}

func (r *tokenRow) token() accounts.Token {
	return accounts.Token{
		ID: accounts.TokenID(r.ID), Name: r.Name, Role: accounts.Role(r.Role), CallCenters: r.CallCenters,
		MayActFor: r.MayActFor, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, LastUsedAt: r.LastUsedAt, RevokedAt: r.RevokedAt,
	}
}

// CreateToken implements accounts.TokenStore.
func (t *Tokens) CreateToken(ctx context.Context, token accounts.NewToken, hash accounts.TokenHash, at time.Time) (accounts.Token, error) {
	row, err := collectOne[tokenRow](ctx, t.db.pool, `
		INSERT INTO tokens (name, hash, role, call_centers, may_act_for, created_at, expires_at)
		VALUES (@name, @hash, @role, @call_centers, @may_act_for, @at, @expires_at)
		RETURNING `+tokenColumns, pgx.StrictNamedArgs{
		"name": token.Name, "hash": hash[:], "role": token.Role, "call_centers": token.CallCenters,
		"may_act_for": token.MayActFor, "at": at, "expires_at": token.ExpiresAt,
	})
	if violates(err, "tokens_name") {
		return accounts.Token{}, accounts.ErrTokenNameTaken
	}
	if err != nil {
		return accounts.Token{}, err
	}
	return row.token(), nil
}

// TokenByHash implements accounts.TokenStore.
func (t *Tokens) TokenByHash(ctx context.Context, hash accounts.TokenHash) (accounts.Token, error) {
	row, err := collectOne[tokenRow](ctx, t.db.pool, `
		SELECT `+tokenColumns+` FROM tokens WHERE hash = @hash`, pgx.StrictNamedArgs{"hash": hash[:]})
	if errors.Is(err, pgx.ErrNoRows) {
		return accounts.Token{}, accounts.ErrTokenNotFound
	}
	if err != nil {
		return accounts.Token{}, err
	}
	return row.token(), nil
}

// AccountByName implements accounts.TokenStore.
func (t *Tokens) AccountByName(ctx context.Context, name string) (accounts.Account, error) {
	return t.db.Accounts().AccountByName(ctx, name)
}

// TouchToken implements accounts.TokenStore. Of requests at the same time the
// latest counts.
func (t *Tokens) TouchToken(ctx context.Context, id accounts.TokenID, at time.Time) error {
	_, err := t.db.pool.Exec(ctx, `
		UPDATE tokens SET last_used_at = greatest(last_used_at, @at)
		WHERE id = @id`, pgx.StrictNamedArgs{"id": int64(id), "at": at})
	return err
}

// RevokeToken implements accounts.TokenStore.
func (t *Tokens) RevokeToken(ctx context.Context, id accounts.TokenID, at time.Time) error {
	tag, err := t.db.pool.Exec(ctx, `
		UPDATE tokens SET revoked_at = coalesce(revoked_at, @at)
		WHERE id = @id`, pgx.StrictNamedArgs{"id": int64(id), "at": at})
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return accounts.ErrTokenNotFound
	}
	return nil
}

// ListTokens implements accounts.TokenStore.
func (t *Tokens) ListTokens(ctx context.Context) ([]accounts.Token, error) {
	rows, err := collect[tokenRow](ctx, t.db.pool, `SELECT `+tokenColumns+` FROM tokens ORDER BY id`, nil)
	if err != nil {
		return nil, err
	}
	tokens := make([]accounts.Token, len(rows))
	for i := range rows {
		tokens[i] = rows[i].token()
	}
	return tokens, nil
}
