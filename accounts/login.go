package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Authenticate returns the account that a name and password belong to, to
// begin a session with. Capitals and small letters of the name are the same.
//
// It returns ErrUnauthorized when there is no such account, or it is disabled,
// or the password is another one: neither the error nor the time taken tells
// which. It returns *RateLimitedError after too many attempts for the name, or
// from the address, whatever the password.
func (s *Service) Authenticate(ctx context.Context, name, password string, address netip.Addr) (Account, error) {
	account, err := s.authenticate(ctx, foldName(name), password, address)
	if err != nil {
		return Account{}, fmt.Errorf("log in: %w", err)
	}
	return account, nil
}

func (s *Service) authenticate(ctx context.Context, name, password string, address netip.Addr) (Account, error) {
	refund, err := s.charge(ctx, name, address)
	if err != nil {
		return Account{}, err
	}
	account, stored, err := s.passwordHash(ctx, name)
	unknown := errors.Is(err, ErrAccountNotFound)
	if err != nil && !unknown {
		return Account{}, err
	}
	if unknown || len(password) > maxPasswordBytes {
		if err := s.passwords.verifyUnknown(ctx, ""); err != nil {
			return Account{}, err
		}
		s.log.Info("login refused", slog.String("why", "unknown account or password too long"))
		return Account{}, ErrUnauthorized
	}
	ok, outdated, err := s.passwords.verify(ctx, password, stored)
	if err != nil {
		return Account{}, err
	}
	if !ok || !account.Enabled {
		s.log.Info("login refused", slog.Int64("account_id", int64(account.ID)), slog.Bool("enabled", account.Enabled))
		return Account{}, ErrUnauthorized
	}
	if err := refund(ctx); err != nil {
		return Account{}, err
	}
	if outdated {
		if err := s.rehash(ctx, account.ID, stored, password); err != nil {
			return Account{}, err
		}
	}
	return account, nil
}

// passwordHash does not trouble the store with what is no name; it may be text
// that no database takes.
func (s *Service) passwordHash(ctx context.Context, name string) (Account, string, error) {
	if !isName(name) {
		return Account{}, "", ErrAccountNotFound
	}
	return s.store.PasswordHash(ctx, name)
}

// charge counts an attempt before the password is looked at: attempts that
// are made at the same time must not all pass because none has failed yet.
// The attempt is given back by refund.
//
// The address comes first, so that whoever is at its limit cannot use up the
// limits of accounts, nor fill the store with names.
func (s *Service) charge(ctx context.Context, name string, address netip.Addr) (refund func(context.Context) error, err error) {
	charges := []loginCharge{
		{"address", addressKey(address), addressLimit},
		{"account", accountKey(name), accountLimit},
	}
	for _, c := range charges {
		if err := s.chargeOne(ctx, c); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error {
		for _, c := range charges {
			if err := s.store.RefundLogin(ctx, c.key, c.limit); err != nil {
				return fmt.Errorf("count attempts: %w", err)
			}
		}
		return nil
	}, nil
}

// loginCharge is what one attempt to log in is counted under.
type loginCharge struct {
	of    string
	key   LimitKey
	limit Limit
}

func (s *Service) chargeOne(ctx context.Context, c loginCharge) error {
	wait, err := s.store.ChargeLogin(ctx, c.key, c.limit, s.now())
	if err != nil {
		return fmt.Errorf("count attempts: %w", err)
	}
	if wait > 0 {
		s.log.Warn("login refused: too many attempts", slog.String("of", c.of))
		return &RateLimitedError{RetryAfter: wait}
	}
	return nil
}

// rehash stores the password that was just verified at today's cost.
func (s *Service) rehash(ctx context.Context, id AccountID, old, password string) error {
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.store.RehashPassword(ctx, id, old, hash)
}

// foldName returns the form of a name in which accounts have theirs.
func foldName(name string) string { return strings.ToLower(strings.TrimSpace(norm.NFKC.String(name))) }
