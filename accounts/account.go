package accounts

import (
	"errors"
	"fmt"
	"time"
)

// AccountID identifies an account.
type AccountID int64

// Account is a person who works with callbacks. Accounts are disabled, never
// deleted: their names stay on records.
type Account struct {
	ID AccountID
	// Name is what the person logs in with, and what is recorded on what they
	// change. It is unique and never changes.
	Name string
	// DisplayName is the name that people read.
	DisplayName string
	Role        Role
	// CallCenters are the ids of the call centers that the account belongs to,
	// sorted; never nil. An administrator sees all, whatever stands here.
	CallCenters []string
	// Endpoint is the person's phone as Asterisk names it, such as PJSIP/2001;
	// empty for none. No two enabled accounts have the same one.
	Endpoint string
	Enabled  bool
	// HasPassword is false of who came from another system and was given no
	// password here.
	HasPassword bool
	// Version counts the changes of what stands above, from 1. A change names
	// the version that it was made from.
	Version   int
	CreatedAt time.Time

	// Generation counts how often all sessions of the account were ended at
	// once. A session can begin only in the generation in which the password
	// was verified.
	Generation int64
}

// Principal returns who the account is when it asks for something.
func (a *Account) Principal() Principal {
	p := Principal{
		Kind: KindAccount, Name: a.Name, Role: a.Role, CallCenters: a.CallCenters,
		AccountID: a.ID, DisplayName: a.DisplayName, Endpoint: a.Endpoint, HasPassword: a.HasPassword,
	}
	switch {
	case a.Role == RoleAdmin:
		p.CallCenters = nil
	case p.CallCenters == nil:
		p.CallCenters = []string{} // nil would mean all
	}
	return p
}

// NewAccount says what account to create.
type NewAccount struct {
	// Name is 1 to MaxNameLength small letters, digits and the signs . _ - @,
	// beginning with a letter or digit.
	Name string
	// DisplayName is 1 to 100 characters; the name when empty.
	DisplayName string
	Role        Role
	CallCenters []string
	// Endpoint is TECHNOLOGY/name, or empty.
	Endpoint string
	Password string
}

// AccountChange says what to change of an account. What is nil stays.
type AccountChange struct {
	// Version is the one that the change was made from.
	Version     int
	DisplayName *string
	Role        *Role
	CallCenters *[]string
	// Endpoint is the new phone; "" takes it away.
	Endpoint *string
	// Enabled false ends the account's sessions.
	Enabled *bool
}

// AccountFilter selects accounts. Its zero value selects all.
type AccountFilter struct {
	// Text must be part of the name or the display name; capitals count as
	// small letters, and space in the display name makes no difference.
	Text string
	// Roles are those wanted; none for any.
	Roles []Role
	// CallCenter is the id of one that the account must belong to.
	CallCenter string
	Enabled    *bool
	// After is the name behind which the page begins.
	After string
	// Limit is how many accounts the page may have; DefaultPageSize when 0, at
	// most MaxPageSize.
	Limit int
}

// The sizes of a page of accounts.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// AccountPage is a part of a list of accounts, in order of their names.
type AccountPage struct {
	Items []Account
	// Next is the After of the next page; empty on the last.
	Next string
}

var (
	// ErrAccountNotFound says that there is no such account, or none that the
	// principal may see.
	ErrAccountNotFound = errors.New("account not found")

	// ErrNameTaken says that an account, perhaps a disabled one, has that name.
	ErrNameTaken = errors.New("account name is taken")

	// ErrEndpointTaken says that another enabled account has that phone, so
	// that nobody could tell whose calls those of the phone are.
	ErrEndpointTaken = errors.New("endpoint is taken")

	// ErrIdentityTaken says that somebody whom another system knows has an
	// account already, or that the account is somebody else's there.
	ErrIdentityTaken = errors.New("identity is taken")

	// ErrNotLinked says that nobody whom another system knows has the account.
	ErrNotLinked = errors.New("account is nobody's elsewhere")

	// ErrDisabled says that somebody was authenticated elsewhere and the
	// account is disabled here.
	ErrDisabled = errors.New("account is disabled")

	// ErrLastAdmin says that after the change nobody could manage accounts.
	ErrLastAdmin = errors.New("the last enabled administrator must stay one")

	// ErrWrongPassword says that the current password, which a person must
	// give to change it, is another one.
	ErrWrongPassword = errors.New("wrong password")
)

// StaleError says that a change was made from a version that is not the
// latest. Nothing was changed.
type StaleError struct {
	// Current is the account as it now is.
	Current Account
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("account has changed since: it now has version %d", e.Current.Version)
}

// RateLimitedError says that there were too many attempts to log in, for this
// account or from this address. The password was not looked at.
type RateLimitedError struct {
	// RetryAfter is how long to wait before the next attempt.
	RetryAfter time.Duration
}

func (e *RateLimitedError) Error() string {
	return fmt.Sprintf("too many attempts to log in: retry after %s", e.RetryAfter)
}

// FieldError says what is wrong with one field of a request. Several are
// joined.
type FieldError struct {
	Field   string // as the API names it
	Problem string // what would be right
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }
