package accounts

import (
	"context"
	"time"
)

// Store keeps accounts.
type Store interface {
	// CreateAccount returns ErrNameTaken or ErrEndpointTaken when they are.
	CreateAccount(ctx context.Context, account NewAccount, passwordHash string, at time.Time) (Account, error)

	// Account and AccountByName return ErrAccountNotFound when there is none.
	Account(ctx context.Context, id AccountID) (Account, error)
	AccountByName(ctx context.Context, name string) (Account, error)

	// AccountByIdentity returns the account of somebody whom another system
	// knows, or ErrAccountNotFound.
	AccountByIdentity(ctx context.Context, issuer, subject string) (Account, error)
	// CreateFederated is CreateAccount for such a person. It also returns
	// ErrIdentityTaken, when there is an account meanwhile.
	CreateFederated(ctx context.Context, issuer, subject string, account NewAccount, passwordHash string, at time.Time) (Account, error)
	// LinkIdentity makes an account that of somebody whom another system knows.
	// It returns ErrIdentityTaken when they have one, or it is another's.
	LinkIdentity(ctx context.Context, id AccountID, issuer, subject string, at time.Time) error

	// UnlinkIdentities makes an account that of nobody whom another system
	// knows, starts a new generation, and deletes all sessions of the account.
	// It returns ErrNotLinked when there was none.
	UnlinkIdentities(ctx context.Context, id AccountID) error

	// ListAccounts returns up to filter.Limit accounts that belong to one of
	// the call centers, nil for any, in order of their names.
	ListAccounts(ctx context.Context, filter AccountFilter, callCenters []string) ([]Account, error)

	// UpdateAccount locks an account, lets decide return what it becomes, and
	// stores that. All transactions that may take an administrator away wait
	// for each other, so that decide can rely on otherAdmins, the number of
	// other enabled administrators, until its decision is stored. When the
	// generation grew, all sessions of the account are deleted. It returns
	// ErrAccountNotFound, ErrEndpointTaken, or the error of decide, after
	// which nothing has changed.
	UpdateAccount(ctx context.Context, id AccountID, decide func(now Account, otherAdmins int) (Account, error)) (Account, error)

	// PasswordHash returns an account with its hash, or ErrAccountNotFound.
	PasswordHash(ctx context.Context, name string) (Account, string, error)

	// SetPasswordHash replaces the hash, starts a new generation, and deletes
	// all sessions of the account. It returns ErrAccountNotFound, and changes
	// nothing when old is not empty and not the stored hash any more.
	SetPasswordHash(ctx context.Context, id AccountID, old, hash string) (Account, error)

	// RehashPassword replaces the hash by another one of the same password,
	// unless old is not the stored hash any more.
	RehashPassword(ctx context.Context, id AccountID, old, hash string) error

	// ChargeLogin counts an attempt under a key. When the limit is reached it
	// counts nothing and returns how long until the next attempt may be made.
	ChargeLogin(ctx context.Context, key LimitKey, limit Limit, at time.Time) (wait time.Duration, err error)

	// RefundLogin takes an attempt back.
	RefundLogin(ctx context.Context, key LimitKey, limit Limit) error
}
