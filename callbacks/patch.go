package callbacks

import (
	"fmt"
	"time"
)

// MaxContactNumberLength is the largest length of a contact number in
// characters, as it is written.
const MaxContactNumberLength = 64

// Patch says what to change of a callback. What is nil stays.
type Patch struct {
	// Version is the one that the change was made from.
	Version int
	// Assignee is the name of an account; "" takes the callback away from
	// whoever has it.
	Assignee *string
	// Status completes or reopens the callback.
	Status *Status
	// Memo is the new memo, at most MaxMemoLength characters.
	Memo *string
	// ContactNumber is the number to call; "" for none that is known.
	ContactNumber *string
	// IdempotencyKey makes a repeated change by the same principal answer like
	// the first; empty for none.
	IdempotencyKey string
}

// ChangeResult is what a change gives.
type ChangeResult struct {
	// Callback is the record after the change; after a replay, as it now is.
	Callback Callback
	// Replayed says that the change was made by an earlier request with the
	// same idempotency key.
	Replayed bool
}

// StaleError refuses a change that was made from a version which is not the
// latest, and a claim of a callback that has an assignee. Nothing was
// changed.
type StaleError struct {
	// Current is the record as it now is.
	Current Callback
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("callback %d has changed since: it now has version %d", e.Current.ID, e.Current.Version)
}

// AssigneeError refuses an assignee who is not an enabled account of a call
// center that the callback belongs to. Whether there is such an account is
// not told.
type AssigneeError struct {
	// Assignee is the account's name, as it was asked for.
	Assignee string
	// CallCenter is the one that the callback counts for.
	CallCenter string
}

func (e *AssigneeError) Error() string {
	return fmt.Sprintf("%q is not an enabled account of call center %s", e.Assignee, e.CallCenter)
}

// HistoryAction says what kind of change an entry of the history is.
type HistoryAction string

// The kinds of entries.
const (
	HistoryRegister HistoryAction = "register"
	HistoryClaim    HistoryAction = "claim"
	HistoryChange   HistoryAction = "change"
	// HistoryRequest: the caller asked again.
	HistoryRequest HistoryAction = "request"
)

// HistoryEntry is one change of a callback.
type HistoryEntry struct {
	// Version is the one that the change made; 1 for the registration.
	Version int
	Action  HistoryAction
	At      time.Time
	// By is the signature of the principal that made the change.
	By string
	// Changes are the fields that changed, in order of their names.
	Changes []FieldChange
}

// FieldChange says what a field was before a change and what after. Nil is a
// field without a value, such as the assignee of an unassigned callback.
type FieldChange struct {
	// Field is the field's name in JSON: assignee, contact_number, memo, origin,
	// requests or status.
	Field    string
	From, To *string
}
