package accounts

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
)

// Identity is somebody whom another system has authenticated, and what it says
// of them.
type Identity struct {
	// Issuer and Subject tell people apart, for ever. Names do not: they are
	// changed, and given to others.
	Issuer, Subject string
	// Name is the name that a new account gets. Capitals count as small letters.
	Name string
	// DisplayName is the name that people read; empty for that of the account.
	DisplayName string
	Role        Role
	// CallCenters are ids of call centers, among others that are none here; nil
	// when the other system does not say.
	CallCenters []string
}

// AuthenticateElsewhere returns the account of whoever another system
// authenticates, which verify asks, to begin a session with. Who has none gets
// one; of who has one, display name, role and call centers become what the
// other system says.
//
// It returns *RateLimitedError after too many attempts from the address that
// failed, the error of verify, ErrDisabled, ErrUnauthorized when all sessions of
// the account were ended meanwhile, or ErrNameTaken when another account has the
// name: that somebody is called the same elsewhere does not make an account
// theirs. Joined *FieldError say that the other system gives names that no
// account can have, ErrEndpointTaken cannot be, and ErrLastAdmin says that there
// would be no administrator left.
func (s *Service) AuthenticateElsewhere(ctx context.Context, address netip.Addr, verify func(context.Context) (Identity, error)) (Account, error) {
	account, err := s.authenticateElsewhere(ctx, address, verify)
	if err != nil {
		return Account{}, fmt.Errorf("log in elsewhere: %w", err)
	}
	s.log.Info("logged in elsewhere", slog.Int64("account_id", int64(account.ID)))
	return account, nil
}

func (s *Service) authenticateElsewhere(ctx context.Context, address netip.Addr, verify func(context.Context) (Identity, error)) (Account, error) {
	charge := loginCharge{"address", addressKey(address), addressLimit}
	if err := s.chargeOne(ctx, charge); err != nil {
		return Account{}, err
	}
	identity, err := verify(ctx)
	if err != nil {
		return Account{}, err
	}
	account, err := s.store.AccountByIdentity(ctx, identity.Issuer, identity.Subject)
	switch {
	case errors.Is(err, ErrAccountNotFound):
		account, err = s.createFederated(ctx, &identity)
	case err == nil:
		account, err = s.adopt(ctx, &account, &identity)
	}
	if err != nil {
		return Account{}, err
	}
	return account, s.store.RefundLogin(ctx, charge.key, charge.limit)
}

// createFederated creates the account of somebody who logs in for the first
// time. Nobody knows its password; an administrator may set one.
func (s *Service) createFederated(ctx context.Context, identity *Identity) (Account, error) {
	wish := NewAccount{
		Name: foldName(identity.Name), Role: identity.Role, CallCenters: s.known(identity.CallCenters),
		Password: base64.RawURLEncoding.EncodeToString(randomBytes(keyLength)),
	}
	wish.DisplayName = cmp.Or(shorten(identity.DisplayName), wish.Name)
	if err := s.checkNew(&wish); err != nil {
		return Account{}, err
	}
	hash, err := s.passwords.hash(ctx, wish.Password)
	if err != nil {
		return Account{}, err
	}
	wish.Password = ""
	account, err := s.store.CreateFederated(ctx, identity.Issuer, identity.Subject, wish, hash, s.now().UTC())
	if errors.Is(err, ErrIdentityTaken) { // two logins at once: the other one was first
		return s.store.AccountByIdentity(ctx, identity.Issuer, identity.Subject)
	}
	if err == nil {
		s.changed(System("oidc"), &account, "created")
	}
	return account, err
}

// adopt makes an account what the other system says of its owner.
func (s *Service) adopt(ctx context.Context, account *Account, identity *Identity) (Account, error) {
	if !account.Enabled {
		return Account{}, ErrDisabled
	}
	change := AccountChange{Role: &identity.Role}
	if name := shorten(identity.DisplayName); name != "" {
		change.DisplayName = &name
	}
	if identity.CallCenters != nil {
		change.CallCenters = new(s.known(identity.CallCenters))
	}
	// That it is asked for is the operator's configuration.
	now, err := s.update(ctx, Operator(), account.ID, func(now *Account) error {
		switch {
		case !now.Enabled:
			return ErrDisabled
		case now.Generation != account.Generation:
			// Taken away from its owner, perhaps: they may try again.
			return ErrUnauthorized
		}
		return s.apply(now, &change)
	})
	if err == nil && now.Version != account.Version {
		s.changed(System("oidc"), &now, "updated")
	}
	return now, err
}

// shorten returns as much of a name as an account can have.
func shorten(name string) string {
	name = strings.TrimSpace(strings.ToValidUTF8(name, ""))
	if runes := []rune(name); len(runes) > MaxDisplayNameLength {
		return string(runes[:MaxDisplayNameLength])
	}
	return name
}

// known returns those of the ids that call centers here have. Directories have
// groups of all kinds.
func (s *Service) known(ids []string) []string {
	known := []string{}
	for _, id := range sortedSet(ids) {
		if s.checkCallCenters([]string{id}, nil) == nil && len(known) < maxCallCenters {
			known = append(known, id)
		}
	}
	return known
}

// Link makes an account that of somebody whom another system knows, who then
// logs in there. It is refused with ErrForbidden, ErrAccountNotFound, or
// ErrIdentityTaken.
func (s *Service) Link(ctx context.Context, by Principal, id AccountID, issuer, subject string) error {
	account, err := s.store.Account(ctx, id)
	if err == nil {
		err = mayManage(by, &account, false)
	}
	if err == nil && (issuer == "" || subject == "" || !isText(issuer+subject)) {
		err = &FieldError{Field: "subject", Problem: "must be what the other system has as sub"}
	}
	if err == nil {
		err = s.store.LinkIdentity(ctx, id, issuer, subject, s.now().UTC())
	}
	if err != nil {
		return fmt.Errorf("link account %d: %w", id, err)
	}
	s.changed(by, &account, "linked")
	return nil
}

// Unlink takes an account away from whoever logs in elsewhere as its owner, and
// logs them out. What remains is a password, if one was set. It is refused with
// ErrForbidden, ErrAccountNotFound, or ErrNotLinked.
func (s *Service) Unlink(ctx context.Context, by Principal, id AccountID) error {
	account, err := s.store.Account(ctx, id)
	if err == nil {
		err = mayManage(by, &account, false)
	}
	if err == nil {
		err = s.store.UnlinkIdentities(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("unlink account %d: %w", id, err)
	}
	s.changed(by, &account, "unlinked")
	return nil
}
