package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
)

// Accounts stores accounts and counts attempts to log in.
type Accounts struct{ db *DB }

var _ accounts.Store = (*Accounts)(nil)

// Accounts returns the store of accounts.
func (db *DB) Accounts() *Accounts { return &Accounts{db: db} }

// accountColumns are the columns of an accountRow.
const accountColumns = `id, name, display_name, role, call_centers, coalesce(endpoint, '') AS endpoint,
	enabled, has_password, generation, version, created_at`

type accountRow struct {
	ID          int64     `db:"id"`
	Name        string    `db:"name"`
	DisplayName string    `db:"display_name"`
	Role        string    `db:"role"`
	CallCenters []string  `db:"call_centers"`
	Endpoint    string    `db:"endpoint"`
	Enabled     bool      `db:"enabled"`
	HasPassword bool      `db:"has_password"`
	Generation  int64     `db:"generation"`
	Version     int       `db:"version"`
	CreatedAt   time.Time `db:"created_at"`
}

func (r *accountRow) account() accounts.Account {
	return accounts.Account{
		ID: accounts.AccountID(r.ID), Name: r.Name, DisplayName: r.DisplayName, Role: accounts.Role(r.Role),
		CallCenters: r.CallCenters, Endpoint: r.Endpoint, Enabled: r.Enabled,
		HasPassword: r.HasPassword, Generation: r.Generation, Version: r.Version, CreatedAt: r.CreatedAt,
	}
}

// oneAccount runs a query that gives one account, or
// accounts.ErrAccountNotFound.
func oneAccount(ctx context.Context, q querier, sql string, args pgx.StrictNamedArgs) (accounts.Account, error) {
	row, err := collectOne[accountRow](ctx, q, sql, args)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return accounts.Account{}, accounts.ErrAccountNotFound
	case violates(err, "accounts_name"):
		return accounts.Account{}, accounts.ErrNameTaken
	case violates(err, "accounts_endpoint"):
		return accounts.Account{}, accounts.ErrEndpointTaken
	case err != nil:
		return accounts.Account{}, err
	}
	return row.account(), nil
}

// CreateAccount implements accounts.Store.
func (a *Accounts) CreateAccount(ctx context.Context, account accounts.NewAccount, passwordHash string, at time.Time) (accounts.Account, error) {
	return createAccount(ctx, a.db.pool, account, passwordHash, true, at)
}

func createAccount(ctx context.Context, q querier, account accounts.NewAccount, passwordHash string, hasPassword bool, at time.Time) (accounts.Account, error) {
	return oneAccount(ctx, q, `
		INSERT INTO accounts (name, display_name, role, call_centers, endpoint, password_hash, has_password, created_at)
		VALUES (@name, @display_name, @role, @call_centers, nullif(@endpoint, ''), @password_hash, @has_password, @at)
		RETURNING `+accountColumns, pgx.StrictNamedArgs{
		"name": account.Name, "display_name": account.DisplayName, "role": account.Role,
		"call_centers": account.CallCenters, "endpoint": account.Endpoint, "password_hash": passwordHash, "has_password": hasPassword, "at": at,
	})
}

// Account implements accounts.Store.
func (a *Accounts) Account(ctx context.Context, id accounts.AccountID) (accounts.Account, error) {
	return oneAccount(ctx, a.db.pool, `
		SELECT `+accountColumns+` FROM accounts WHERE id = @id`, pgx.StrictNamedArgs{"id": int64(id)})
}

// AccountByName implements accounts.Store.
func (a *Accounts) AccountByName(ctx context.Context, name string) (accounts.Account, error) {
	return oneAccount(ctx, a.db.pool, `
		SELECT `+accountColumns+` FROM accounts WHERE name = @name`, pgx.StrictNamedArgs{"name": name})
}

// ListAccounts implements accounts.Store. There are as many accounts as
// people, so reading them all is cheap.
func (a *Accounts) ListAccounts(ctx context.Context, filter accounts.AccountFilter, callCenters []string) ([]accounts.Account, error) {
	conditions := []string{"name > @after"}
	args := pgx.StrictNamedArgs{"after": filter.After, "limit": filter.Limit}
	where := func(condition, name string, value any) {
		conditions = append(conditions, condition)
		args[name] = value
	}
	if filter.Text != "" {
		where(`(strpos(name, lower(@text)) > 0
			OR strpos(replace(lower(search), ' ', ''), replace(lower(fold(@text)), ' ', '')) > 0)`, "text", filter.Text)
	}
	if len(filter.Roles) > 0 {
		where("role = ANY (@roles)", "roles", filter.Roles)
	}
	if filter.CallCenter != "" {
		where("@call_center = ANY (call_centers)", "call_center", filter.CallCenter)
	}
	if filter.Enabled != nil {
		where("enabled = @enabled", "enabled", *filter.Enabled)
	}
	if callCenters != nil {
		where("call_centers && @call_centers", "call_centers", callCenters)
	}
	rows, err := collect[accountRow](ctx, a.db.pool, `
		SELECT `+accountColumns+` FROM accounts
		WHERE `+strings.Join(conditions, " AND ")+`
		ORDER BY name LIMIT @limit`, args)
	if err != nil {
		return nil, err
	}
	list := make([]accounts.Account, len(rows))
	for i := range rows {
		list[i] = rows[i].account()
	}
	return list, nil
}

// UpdateAccount implements accounts.Store.
func (a *Accounts) UpdateAccount(ctx context.Context, id accounts.AccountID,
	decide func(now accounts.Account, otherAdmins int) (accounts.Account, error),
) (accounts.Account, error) {
	var after accounts.Account
	err := pgx.BeginFunc(ctx, a.db.pool, func(tx pgx.Tx) error {
		before, otherAdmins, err := lockAccount(ctx, tx, id)
		if err != nil {
			return err
		}
		if after, err = decide(before, otherAdmins); err != nil {
			return err
		}
		after, err = oneAccount(ctx, tx, `
			UPDATE accounts
			SET display_name = @display_name, role = @role, call_centers = @call_centers,
				endpoint = nullif(@endpoint, ''), enabled = @enabled, generation = @generation, version = @version
			WHERE id = @id
			RETURNING `+accountColumns, pgx.StrictNamedArgs{
			"id": int64(id), "display_name": after.DisplayName, "role": after.Role, "call_centers": after.CallCenters,
			"endpoint": after.Endpoint, "enabled": after.Enabled, "generation": after.Generation, "version": after.Version,
		})
		if err != nil || after.Generation == before.Generation {
			return err
		}
		return deleteSessionsOf(ctx, tx, id)
	})
	if err != nil {
		return accounts.Account{}, err
	}
	return after, nil
}

// lockAccount locks an account and all enabled administrators, in one order,
// so that two of them cannot each take the other away as the one but last.
func lockAccount(ctx context.Context, tx pgx.Tx, id accounts.AccountID) (account accounts.Account, otherAdmins int, err error) {
	rows, err := collect[accountRow](ctx, tx, `
		SELECT `+accountColumns+` FROM accounts
		WHERE id = @id OR (role = 'admin' AND enabled)
		ORDER BY id
		FOR NO KEY UPDATE`, pgx.StrictNamedArgs{"id": int64(id)})
	if err != nil {
		return accounts.Account{}, 0, fmt.Errorf("lock account: %w", err)
	}
	err = accounts.ErrAccountNotFound
	for i := range rows {
		if rows[i].ID == int64(id) {
			account, err = rows[i].account(), nil
		} else {
			otherAdmins++
		}
	}
	return account, otherAdmins, err
}

// PasswordHash implements accounts.Store.
func (a *Accounts) PasswordHash(ctx context.Context, name string) (accounts.Account, string, error) {
	type row struct {
		accountRow
		PasswordHash string `db:"password_hash"`
	}
	r, err := collectOne[row](ctx, a.db.pool, `
		SELECT `+accountColumns+`, password_hash FROM accounts WHERE name = @name`, pgx.StrictNamedArgs{"name": name})
	if errors.Is(err, pgx.ErrNoRows) {
		return accounts.Account{}, "", accounts.ErrAccountNotFound
	}
	if err != nil {
		return accounts.Account{}, "", err
	}
	return r.account(), r.PasswordHash, nil
}

// SetPasswordHash implements accounts.Store.
func (a *Accounts) SetPasswordHash(ctx context.Context, id accounts.AccountID, old, hash string) (accounts.Account, error) {
	var account accounts.Account
	err := pgx.BeginFunc(ctx, a.db.pool, func(tx pgx.Tx) (err error) {
		account, err = oneAccount(ctx, tx, `
			UPDATE accounts SET password_hash = @hash, has_password = true, generation = generation + 1
			WHERE id = @id AND (@old = '' OR password_hash = @old)
			RETURNING `+accountColumns, pgx.StrictNamedArgs{"id": int64(id), "old": old, "hash": hash})
		if err != nil {
			return err
		}
		return deleteSessionsOf(ctx, tx, id)
	})
	return account, err
}

// RehashPassword implements accounts.Store.
func (a *Accounts) RehashPassword(ctx context.Context, id accounts.AccountID, old, hash string) error {
	_, err := a.db.pool.Exec(ctx, `
		UPDATE accounts SET password_hash = @hash
		WHERE id = @id AND password_hash = @old`, pgx.StrictNamedArgs{"id": int64(id), "old": old, "hash": hash})
	return err
}
