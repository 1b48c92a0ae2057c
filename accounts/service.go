package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

// Options say how accounts are kept.
type Options struct {
	Store Store
	// Now is the clock that dates accounts and decides about limits; nil for
	// the system's.
	Now func() time.Time
	// Cost is what verifying a password takes; DefaultCost when zero.
	Cost Cost
	// HasCallCenter reports whether there is a call center with that id; nil
	// when any may be.
	HasCallCenter func(id string) bool
	// Log is told about logins that were refused and what was changed, without
	// names; nil for nowhere.
	Log *slog.Logger
}

// Service manages accounts and verifies their passwords. It is safe for
// concurrent use.
type Service struct {
	store         Store
	now           func() time.Time
	passwords     *passwords
	hasCallCenter func(id string) bool
	log           *slog.Logger
}

// NewService returns the accounts of a store.
func NewService(o Options) *Service {
	s := &Service{
		store: o.Store, now: o.Now, passwords: newPasswords(o.Cost),
		hasCallCenter: o.HasCallCenter, log: o.Log,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.hasCallCenter == nil {
		s.hasCallCenter = func(string) bool { return true }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Create creates an account. It is refused with ErrForbidden, joined
// *FieldError, ErrNameTaken or ErrEndpointTaken.
func (s *Service) Create(ctx context.Context, by Principal, wish NewAccount) (Account, error) {
	account, err := s.create(ctx, by, wish)
	if err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	s.changed(by, &account, "created")
	return account, nil
}

func (s *Service) create(ctx context.Context, by Principal, wish NewAccount) (Account, error) {
	if !Can(by, ActionManageAccounts, nil) {
		return Account{}, ErrForbidden
	}
	if wish.DisplayName == "" {
		wish.DisplayName = wish.Name
	}
	wish.CallCenters = sortedSet(wish.CallCenters)
	if err := s.checkNew(&wish); err != nil {
		return Account{}, err
	}
	hash, err := s.passwords.hash(ctx, wish.Password)
	if err != nil {
		return Account{}, err
	}
	wish.Password = ""
	return s.store.CreateAccount(ctx, wish, hash, s.now().UTC())
}

// Get returns an account, or ErrAccountNotFound.
func (s *Service) Get(ctx context.Context, by Principal, id AccountID) (Account, error) {
	account, err := s.store.Account(ctx, id)
	if err == nil && !mayRead(by, &account) {
		err = ErrAccountNotFound
	}
	if err != nil {
		return Account{}, fmt.Errorf("get account %d: %w", id, err)
	}
	return account, nil
}

// GetByName is Get by the account's name.
func (s *Service) GetByName(ctx context.Context, by Principal, name string) (Account, error) {
	var account Account
	err := ErrAccountNotFound
	if name = foldName(name); isName(name) {
		account, err = s.store.AccountByName(ctx, name)
	}
	if err == nil && !mayRead(by, &account) {
		err = ErrAccountNotFound
	}
	if err != nil {
		return Account{}, fmt.Errorf("get account by name: %w", err)
	}
	return account, nil
}

// List returns a page of the accounts that the principal may see: those of
// its call centers.
func (s *Service) List(ctx context.Context, by Principal, filter AccountFilter) (AccountPage, error) {
	if filter.Limit == 0 {
		filter.Limit = DefaultPageSize
	}
	if err := checkFilter(&filter); err != nil {
		return AccountPage{}, fmt.Errorf("list accounts: %w", err)
	}
	if !by.Role.Valid() {
		return AccountPage{}, fmt.Errorf("list accounts: %w", ErrForbidden)
	}
	size := filter.Limit
	filter.Limit++ // one more tells whether there is a next page
	list, err := s.store.ListAccounts(ctx, filter, by.CallCenters)
	if err != nil {
		return AccountPage{}, fmt.Errorf("list accounts: %w", err)
	}
	page := AccountPage{Items: list}
	if len(list) > size {
		page.Items = list[:size]
		page.Next = list[size-1].Name
	}
	return page, nil
}

// Update changes an account. It is refused with ErrAccountNotFound,
// ErrForbidden, joined *FieldError, *StaleError, ErrEndpointTaken or
// ErrLastAdmin.
func (s *Service) Update(ctx context.Context, by Principal, id AccountID, change AccountChange) (Account, error) {
	account, err := s.update(ctx, by, id, func(now *Account) error {
		if change.Version != now.Version {
			return &StaleError{Current: *now}
		}
		return s.apply(now, &change)
	})
	if err != nil {
		return Account{}, fmt.Errorf("update account %d: %w", id, err)
	}
	s.changed(by, &account, "updated")
	return account, nil
}

// Disable makes an account unable to log in and ends its sessions at once. It
// is refused with ErrAccountNotFound, ErrForbidden or ErrLastAdmin.
func (s *Service) Disable(ctx context.Context, by Principal, id AccountID) (Account, error) {
	return s.setEnabled(ctx, by, id, false)
}

// Enable lets an account that was disabled log in again. It is refused with
// ErrAccountNotFound, ErrForbidden or ErrEndpointTaken.
func (s *Service) Enable(ctx context.Context, by Principal, id AccountID) (Account, error) {
	return s.setEnabled(ctx, by, id, true)
}

func (s *Service) setEnabled(ctx context.Context, by Principal, id AccountID, enabled bool) (Account, error) {
	doing, done := "enable", "enabled"
	if !enabled {
		doing, done = "disable", "disabled"
	}
	account, err := s.update(ctx, by, id, func(now *Account) error {
		return s.apply(now, &AccountChange{Enabled: &enabled})
	})
	if err != nil {
		return Account{}, fmt.Errorf("%s account %d: %w", doing, id, err)
	}
	s.changed(by, &account, done)
	return account, nil
}

// LogoutEverywhere ends all sessions of an account; those that are just
// beginning too. Everybody may do so for their own account.
func (s *Service) LogoutEverywhere(ctx context.Context, by Principal, id AccountID) error {
	account, err := s.store.UpdateAccount(ctx, id, func(now Account, _ int) (Account, error) {
		if err := mayManage(by, &now, true); err != nil {
			return Account{}, err
		}
		now.Generation++
		return now, nil
	})
	if err != nil {
		return fmt.Errorf("log account %d out everywhere: %w", id, err)
	}
	s.changed(by, &account, "logged out everywhere")
	return nil
}

// SetPassword gives an account another password, and ends its sessions. It is
// refused with ErrAccountNotFound, ErrForbidden or a *FieldError.
func (s *Service) SetPassword(ctx context.Context, by Principal, id AccountID, password string) error {
	account, err := s.store.Account(ctx, id)
	if err == nil {
		err = mayManage(by, &account, false)
	}
	if err == nil {
		err = checkPassword("password", password, account.Name)
	}
	if err == nil {
		account, err = s.storePassword(ctx, &account, "", password)
	}
	if err != nil {
		return fmt.Errorf("set password of account %d: %w", id, err)
	}
	s.changed(by, &account, "password set")
	return nil
}

// ChangePassword gives the account that asks another password, and ends all
// its sessions; with the account that it returns, a new one is to begin for
// the browser that asked. It is refused with ErrForbidden when no account asks
// by itself, a *FieldError, ErrWrongPassword, or *RateLimitedError: whoever
// finds a session must not be able to try passwords here either.
func (s *Service) ChangePassword(ctx context.Context, by Principal, current, password string, address netip.Addr) (Account, error) {
	account, err := s.changePassword(ctx, by, current, password, address)
	if err != nil {
		return Account{}, fmt.Errorf("change password: %w", err)
	}
	s.changed(by, &account, "password changed")
	return account, nil
}

func (s *Service) changePassword(ctx context.Context, by Principal, current, password string, address netip.Addr) (Account, error) {
	if by.Kind != KindAccount || by.TokenID != 0 {
		return Account{}, ErrForbidden
	}
	if err := checkPassword("new_password", password, by.Name); err != nil {
		return Account{}, err
	}
	refund, err := s.charge(ctx, by.Name, address)
	if err != nil {
		return Account{}, err
	}
	account, stored, err := s.store.PasswordHash(ctx, by.Name)
	if err != nil {
		return Account{}, err
	}
	ok, _, err := s.passwords.verify(ctx, current, stored)
	if err != nil {
		return Account{}, err
	}
	if !ok || !account.Enabled {
		return Account{}, ErrWrongPassword
	}
	if err := refund(ctx); err != nil {
		return Account{}, err
	}
	account, err = s.storePassword(ctx, &account, stored, password)
	if errors.Is(err, ErrAccountNotFound) {
		err = ErrWrongPassword // it is another one since
	}
	return account, err
}

// storePassword stores a password; with old, only if that is still the hash.
func (s *Service) storePassword(ctx context.Context, account *Account, old, password string) (Account, error) {
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return Account{}, err
	}
	return s.store.SetPasswordHash(ctx, account.ID, old, hash)
}

// update changes an account in a transaction, and keeps an administrator.
func (s *Service) update(ctx context.Context, by Principal, id AccountID, change func(now *Account) error) (Account, error) {
	return s.store.UpdateAccount(ctx, id, func(was Account, otherAdmins int) (Account, error) {
		if err := mayManage(by, &was, false); err != nil {
			return Account{}, err
		}
		now := was
		if err := change(&now); err != nil {
			return Account{}, err
		}
		if isAdmin(&was) && !isAdmin(&now) && otherAdmins == 0 {
			return Account{}, ErrLastAdmin
		}
		if was.Enabled && !now.Enabled {
			now.Generation++
		}
		if !sameRecord(&was, &now) {
			now.Version++
		}
		return now, nil
	})
}

// apply puts a change into an account, or reports what is wrong with it.
func (s *Service) apply(account *Account, change *AccountChange) error {
	known := account.CallCenters
	if change.DisplayName != nil {
		account.DisplayName = *change.DisplayName
	}
	if change.Role != nil {
		account.Role = *change.Role
	}
	if change.CallCenters != nil {
		account.CallCenters = sortedSet(*change.CallCenters)
	}
	if change.Endpoint != nil {
		account.Endpoint = *change.Endpoint
	}
	if change.Enabled != nil {
		account.Enabled = *change.Enabled
	}
	return errors.Join(s.checkRecord(account.DisplayName, account.Role, account.Endpoint), s.checkCallCenters(account.CallCenters, known))
}

func (s *Service) changed(by Principal, account *Account, what string) {
	s.log.Info("account changed", slog.String("what", what), slog.Int64("account_id", int64(account.ID)),
		slog.String("by_kind", string(by.Kind)), slog.Int64("by_account_id", int64(by.AccountID)),
		slog.Int64("by_token_id", int64(by.TokenID)))
}

// mayRead reports whether a principal sees an account: its own, those of its
// call centers, and all when it may manage them.
func mayRead(by Principal, account *Account) bool {
	return isSelf(by, account) || Can(by, ActionReadAccount, account.CallCenters)
}

// mayManage returns nil, or how a principal is refused to change an account.
func mayManage(by Principal, account *Account, orSelf bool) error {
	switch {
	case Can(by, ActionManageAccounts, nil), orSelf && isSelf(by, account):
		return nil
	case mayRead(by, account):
		return ErrForbidden
	default:
		return ErrAccountNotFound
	}
}

// isSelf reports whether an account asks for itself, and not by a token.
func isSelf(by Principal, account *Account) bool {
	return by.Kind == KindAccount && by.TokenID == 0 && by.AccountID == account.ID
}

func isAdmin(account *Account) bool { return account.Enabled && account.Role == RoleAdmin }

// sameRecord compares what a version stands for.
func sameRecord(a, b *Account) bool {
	return a.DisplayName == b.DisplayName && a.Role == b.Role && a.Endpoint == b.Endpoint &&
		a.Enabled == b.Enabled && slices.Equal(a.CallCenters, b.CallCenters)
}

// sortedSet returns the ids in order, each once, and never nil.
func sortedSet(ids []string) []string {
	set := append([]string{}, ids...)
	slices.Sort(set)
	return slices.Compact(set)
}
