package callbacks

import (
	"context"
	"crypto/sha256"
	"time"

	"callbackd/callcenter"
)

// Store keeps callbacks for the service.
type Store interface {
	// Callback returns a callback, or ErrNotFound.
	Callback(ctx context.Context, id ID) (Callback, error)

	// History returns the changes of a callback, oldest first.
	History(ctx context.Context, id ID) ([]HistoryEntry, error)

	// List returns the first callbacks after query.After that match, at most
	// query.Limit, and where the next page begins; nil when this is the last.
	List(ctx context.Context, query Query) ([]Callback, *Position, error)

	// Export calls f with all that match, query.Limit at a time, in order and
	// as they were at one moment. It returns the first error of f.
	Export(ctx context.Context, query Query, f func(batch []Callback) error) error

	// Count counts the callbacks that match, wherever the page begins.
	Count(ctx context.Context, query Query) (int64, error)

	// FirstAfter returns the first callback that was registered after a number
	// of the change log, if there is one.
	FirstAfter(ctx context.Context, change int64) (first ID, found bool, err error)

	// CountOpen counts the open callbacks of a number that count for the call
	// center, "" for any, and whose calls visited one of visibleTo, nil for
	// any. The number is given by its key, as in Spelling.
	CountOpen(ctx context.Context, key, callCenter string, visibleTo []string) (int, error)

	// DisplayNames returns the display names of those accounts that there are.
	DisplayNames(ctx context.Context, accounts []string) (map[string]string, error)

	// Transact runs f within a transaction, which is committed when f returns
	// nil, together with an entry in the change log for every callback that f
	// changed. When f returns an error, nothing has happened, and Transact
	// returns that error.
	Transact(ctx context.Context, f func(ctx context.Context, tx Tx) error) error
}

// Tx is a transaction of a Store.
type Tx interface {
	// LockKey waits for other transactions with the same key to end and
	// returns the answer that is stored under it, if there is one.
	LockKey(ctx context.Context, key Key) (answer Answer, found bool, err error)

	// SaveAnswer stores the answer under a key that was locked and had none.
	SaveAnswer(ctx context.Context, key Key, answer Answer, at time.Time) error

	// LockCall returns a call, or callcenter.ErrNotFound. Until the
	// transaction ends the call stays as it is and no other transaction can
	// insert a callback for it.
	LockCall(ctx context.Context, id callcenter.RequestID) (callcenter.Call, error)

	// CallbackOf returns the callback of a call, if it has one.
	CallbackOf(ctx context.Context, id callcenter.RequestID) (callback ID, found bool, err error)

	// Callback returns a callback, or ErrNotFound.
	Callback(ctx context.Context, id ID) (Callback, error)

	// LockCallback returns a callback, or ErrNotFound. Until the transaction
	// ends no other transaction can change it.
	LockCallback(ctx context.Context, id ID) (Callback, error)

	// CountOpen is Store.CountOpen.
	CountOpen(ctx context.Context, key, callCenter string, visibleTo []string) (int, error)

	// LockNumber waits for other transactions with the same call center and
	// number to end. The number is given by its key.
	LockNumber(ctx context.Context, callCenter, key string) error

	// LockOpenCallback returns the oldest open callback of a call center whose
	// remote or contact number has the key, if there is one. Until the
	// transaction ends no other transaction can change it.
	LockOpenCallback(ctx context.Context, callCenter, key string) (callback ID, found bool, err error)

	// CallbackOfRequest returns the callback to which the automatic request of
	// a call led, if it made one.
	CallbackOfRequest(ctx context.Context, id callcenter.RequestID) (callback ID, found bool, err error)

	// InsertRequest stores to which callback the automatic request of a call
	// led.
	InsertRequest(ctx context.Context, id callcenter.RequestID, callback ID, at time.Time) error

	// SpokeSince reports whether a call of the call center with one of these
	// remote numbers was answered after that time.
	SpokeSince(ctx context.Context, callCenter string, numbers []string, since time.Time) (bool, error)

	// Insert stores a new callback with the first entry of its history, and
	// returns it with its ID. Its registration time becomes that of the
	// callback before it if that is later.
	Insert(ctx context.Context, callback Callback, spellings Spellings) (Callback, error)

	// Update stores a callback that was locked and changed, with an entry of
	// its history.
	Update(ctx context.Context, callback Callback, spellings Spellings, entry HistoryEntry) (Callback, error)

	Assignees
}

// Assignees is what has to be known of accounts to assign a callback.
type Assignees interface {
	// LockAssignee returns what an account is, if there is one of that name.
	// Until the transaction ends the account can neither be disabled nor leave
	// a call center, so that nobody is given a callback at the moment of
	// losing the right to have it.
	LockAssignee(ctx context.Context, account string) (assignee Assignee, found bool, err error)
}

// Assignee is an account as far as it matters to assigning.
type Assignee struct {
	Enabled bool
	// CallCenters are the ids of those that the account is a member of.
	CallCenters []string
}

// Spellings are the numbers of a callback as they are found by.
type Spellings struct{ Remote, Contact Spelling }

// Key is a client's idempotency key.
type Key struct {
	// Scope is the principal that sent the key.
	Scope string
	Key   string
}

// Fingerprint stands for the request that was sent with a key.
type Fingerprint [sha256.Size]byte

// Answer is what a request with a key led to.
type Answer struct {
	Fingerprint Fingerprint
	Callback    ID
	OtherOpen   int
}
