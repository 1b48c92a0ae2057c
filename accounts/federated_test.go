package accounts_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"callbackd/accounts"
)

// interrupted is a store in which something happens right after an account was
// found by its owner's identity.
type interrupted struct {
	accounts.Store
	happens func()
}

func (s interrupted) AccountByIdentity(ctx context.Context, issuer, subject string) (accounts.Account, error) {
	account, err := s.Store.AccountByIdentity(ctx, issuer, subject)
	if err == nil {
		s.happens()
	}
	return account, err
}

// Whose account is taken away while they log in has it no longer, and changes
// nothing of it.
func TestService_UnlinkedWhileLoggingIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	suzuki := w.create("suzuki", accounts.RoleAgent, "support")
	const issuer, subject = "https://id.example.com", "7"
	if err := w.accounts.Link(t.Context(), accounts.Operator(), suzuki.ID, issuer, subject); err != nil {
		t.Fatal(err)
	}
	service := accounts.NewService(accounts.Options{Now: w.now, Cost: cheap, Store: interrupted{w.db.Accounts(), func() {
		if err := w.accounts.Unlink(t.Context(), accounts.Operator(), suzuki.ID); err != nil {
			t.Error(err)
		}
	}}})
	account, err := service.AuthenticateElsewhere(t.Context(), netip.IPv6Loopback(), func(context.Context) (accounts.Identity, error) {
		return accounts.Identity{Issuer: issuer, Subject: subject, Name: "tanaka", DisplayName: "田中", Role: accounts.RoleAdmin}, nil
	})
	if !errors.Is(err, accounts.ErrUnauthorized) {
		t.Errorf("logged in to %+v (%v), want ErrUnauthorized", account, err)
	}
	now, err := w.accounts.Get(t.Context(), accounts.Operator(), suzuki.ID)
	if err != nil || now.Role != accounts.RoleAgent || now.DisplayName != suzuki.DisplayName {
		t.Errorf("the account is %+v (%v), want it as it was", now, err)
	}
}
