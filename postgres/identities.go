package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
)

// AccountByIdentity implements accounts.Store.
func (a *Accounts) AccountByIdentity(ctx context.Context, issuer, subject string) (accounts.Account, error) {
	return oneAccount(ctx, a.db.pool, `
		SELECT `+accountColumns+` FROM accounts
		WHERE id = (SELECT account_id FROM account_identities WHERE issuer = @issuer AND subject = @subject)`,
		pgx.StrictNamedArgs{"issuer": issuer, "subject": subject})
}

// CreateFederated implements accounts.Store.
func (a *Accounts) CreateFederated(ctx context.Context, issuer, subject string, account accounts.NewAccount, passwordHash string, at time.Time) (accounts.Account, error) {
	var created accounts.Account
	err := pgx.BeginFunc(ctx, a.db.pool, func(tx pgx.Tx) (err error) {
		if created, err = createAccount(ctx, tx, account, passwordHash, false, at); err != nil {
			return err
		}
		return link(ctx, tx, created.ID, issuer, subject, at)
	})
	return created, err
}

// LinkIdentity implements accounts.Store.
func (a *Accounts) LinkIdentity(ctx context.Context, id accounts.AccountID, issuer, subject string, at time.Time) error {
	return link(ctx, a.db.pool, id, issuer, subject, at)
}

func link(ctx context.Context, q querier, id accounts.AccountID, issuer, subject string, at time.Time) error {
	_, err := q.Exec(ctx, `
		INSERT INTO account_identities (issuer, subject, account_id, created_at)
		VALUES (@issuer, @subject, @account_id, @at)`,
		pgx.StrictNamedArgs{"issuer": issuer, "subject": subject, "account_id": int64(id), "at": at})
	if violates(err, "account_identities_subject") || violates(err, "account_identities_account") {
		return accounts.ErrIdentityTaken
	}
	return err
}

// UnlinkIdentities implements accounts.Store.
func (a *Accounts) UnlinkIdentities(ctx context.Context, id accounts.AccountID) error {
	args := pgx.StrictNamedArgs{"id": int64(id)}
	return pgx.BeginFunc(ctx, a.db.pool, func(tx pgx.Tx) error {
		// Who logs in meanwhile has an account that is older.
		_, err := oneAccount(ctx, tx, `
			UPDATE accounts SET generation = generation + 1
			WHERE id = @id AND EXISTS (SELECT FROM account_identities WHERE account_id = @id)
			RETURNING `+accountColumns, args)
		if errors.Is(err, accounts.ErrAccountNotFound) {
			return accounts.ErrNotLinked
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM account_identities WHERE account_id = @id`, args); err != nil {
			return fmt.Errorf("delete identities: %w", err)
		}
		return deleteSessionsOf(ctx, tx, id)
	})
}
