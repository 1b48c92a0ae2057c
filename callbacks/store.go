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

	// CountOpen counts the open callbacks with a remote number whose calls
	// visited one of the call centers; nil for any.
	CountOpen(ctx context.Context, remoteNumber string, callCenters []string) (int, error)

	// Insert stores a new callback with the first entry of its history, and
	// returns it with its ID.
	Insert(ctx context.Context, callback Callback) (Callback, error)
}

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
