package callbacks

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"callbackd/accounts"
	"callbackd/callcenter"
)

// Registration is what the registering principal says about a callback.
type Registration struct {
	// Memo is free text of at most MaxMemoLength characters.
	Memo string
	// IdempotencyKey makes a repeated registration by the same principal
	// answer like the first; 1 to MaxKeyLength printable ASCII characters,
	// empty for none.
	IdempotencyKey string
}

// MaxKeyLength is the largest length of an idempotency key.
const MaxKeyLength = 255

// RegisterResult is what a registration gives.
type RegisterResult struct {
	Callback Callback
	// OtherOpen is how many other open callbacks of the same remote number
	// there were which the principal may see; 0 for a withheld number.
	OtherOpen int
	// Replayed says that the callback was registered by an earlier request
	// with the same idempotency key.
	Replayed bool
}

// Options are what a Service needs besides its store. All are optional.
type Options struct {
	// Now is the clock that dates registrations and changes; nil for the
	// system's.
	Now func() time.Time
	// Numbers knows how numbers are spelled; nil for as they are dialled.
	Numbers Numbers
	// Book names remote numbers; nil for no names.
	Book Book
	// Names returns the names of call centers and business labels; nil for
	// none.
	Names func() Names
}

// Names are what people call the call centers and business labels, by id.
type Names struct{ CallCenters, BusinessLabels map[string]string }

// Book is the shared phone book.
type Book interface {
	// Lookup returns the names of those of the numbers that have one.
	Lookup(ctx context.Context, numbers []string) (map[string]string, error)
}

// Service registers, changes, returns and lists callbacks. It is safe for
// concurrent use.
type Service struct {
	store   Store
	now     func() time.Time
	numbers Numbers
	book    Book
	names   func() Names
}

// NewService returns the service over a store.
func NewService(store Store, options Options) *Service {
	s := &Service{store: store, now: options.Now, numbers: options.Numbers, book: options.Book, names: options.Names}
	if s.now == nil {
		s.now = time.Now
	}
	if s.numbers == nil {
		s.numbers = dialled{}
	}
	if s.names == nil {
		s.names = func() Names { return Names{} }
	}
	return s
}

// Register registers a callback for a call by hand.
//
// It is refused with a joined *FieldError for a bad registration,
// callcenter.ErrNotFound when there is no such call that the principal may
// see, accounts.ErrForbidden when it may see the call but not register,
// *NotCallCenterCallError, *ExistsError, or ErrKeyReused. Only a success is
// remembered under the idempotency key: a refused request may be repeated.
func (s *Service) Register(ctx context.Context, by accounts.Principal, requestID callcenter.RequestID, reg Registration) (RegisterResult, error) {
	if err := reg.validate(); err != nil {
		return RegisterResult{}, err
	}
	r := registering{by: by, requestID: requestID, registration: reg, at: s.now().UTC(), numbers: s.numbers}
	var result RegisterResult
	err := s.store.Transact(ctx, func(ctx context.Context, tx Tx) error {
		var err error
		result, err = r.run(ctx, tx)
		return err
	})
	if err != nil {
		return RegisterResult{}, fmt.Errorf("register callback for call %q: %w", requestID, err)
	}
	return result, nil
}

// Get returns a callback, or ErrNotFound.
func (s *Service) Get(ctx context.Context, by accounts.Principal, id ID) (Callback, error) {
	callback, err := s.store.Callback(ctx, id)
	if err == nil && !accounts.Can(by, accounts.ActionReadCallback, callback.CallCenters) {
		err = ErrNotFound
	}
	if err != nil {
		return Callback{}, fmt.Errorf("get callback %d: %w", id, err)
	}
	return callback, nil
}

// validate reports everything that is wrong with the registration at once.
func (r Registration) validate() error {
	return errors.Join(checkText("memo", r.Memo, MaxMemoLength), checkKey(r.IdempotencyKey))
}

// registering is one registration on its way through its transaction.
type registering struct {
	by           accounts.Principal
	requestID    callcenter.RequestID
	registration Registration
	at           time.Time
	numbers      Numbers
}

func (r *registering) run(ctx context.Context, tx Tx) (RegisterResult, error) {
	key := Key{Scope: keyScope(r.by), Key: r.registration.IdempotencyKey}
	if key.Key != "" {
		// The key is locked before the call, in every registration, so that
		// two of them never wait for each other in a circle.
		answer, found, err := tx.LockKey(ctx, key)
		if err != nil {
			return RegisterResult{}, err
		}
		if found {
			return r.replay(ctx, tx, answer)
		}
	}
	call, err := tx.LockCall(ctx, r.requestID)
	if err != nil {
		return RegisterResult{}, err
	}
	if err := r.authorize(&call); err != nil {
		return RegisterResult{}, err
	}
	callback, err := New(&call, OriginManual, r.registration.Memo, r.by.Signature(), r.at)
	if err != nil {
		return RegisterResult{}, err
	}
	existing, found, err := tx.CallbackOf(ctx, call.RequestID)
	if err != nil {
		return RegisterResult{}, err
	}
	if found {
		return RegisterResult{}, &ExistsError{ID: existing}
	}
	result := RegisterResult{}
	spellings := spell(r.numbers, &callback)
	if key := spellings.Remote.Key; key != "" {
		if result.OtherOpen, err = tx.CountOpen(ctx, key, "", r.by.CallCenters); err != nil {
			return RegisterResult{}, err
		}
	}
	if result.Callback, err = tx.Insert(ctx, callback, spellings); err != nil {
		return RegisterResult{}, err
	}
	if key.Key != "" {
		answer := Answer{Fingerprint: r.fingerprint(), Callback: result.Callback.ID, OtherOpen: result.OtherOpen}
		if err := tx.SaveAnswer(ctx, key, answer, r.at); err != nil {
			return RegisterResult{}, err
		}
	}
	return result, nil
}

// replay answers a request whose key was used before. The record is given as
// it is now.
func (r *registering) replay(ctx context.Context, tx Tx, answer Answer) (RegisterResult, error) {
	if answer.Fingerprint != r.fingerprint() {
		return RegisterResult{}, ErrKeyReused
	}
	callback, err := tx.Callback(ctx, answer.Callback)
	if err != nil {
		return RegisterResult{}, err
	}
	// The principal's call centers may have changed since.
	if !accounts.Can(r.by, accounts.ActionReadCallback, callback.CallCenters) {
		return RegisterResult{}, callcenter.ErrNotFound
	}
	return RegisterResult{Callback: callback, OtherOpen: answer.OtherOpen, Replayed: true}, nil
}

func (r *registering) authorize(call *callcenter.Call) error {
	if !accounts.CanReadCall(r.by, call.CallCenters, call.Agents) {
		return callcenter.ErrNotFound
	}
	// A person who sees a call only because it was theirs is to be told what
	// kind of call it was, not that they may not register it.
	if err := Allowed(call); err != nil {
		return err
	}
	if !accounts.Can(r.by, accounts.ActionRegisterCallback, call.CallCenters) {
		return accounts.ErrForbidden
	}
	return nil
}

// fingerprint stands for everything in the request that the answer depends
// on.
func (r *registering) fingerprint() Fingerprint {
	// Marshalling strings cannot fail, and quotes them, so that no two
	// requests run together into one text.
	text, _ := json.Marshal([]string{"register", string(r.requestID), r.registration.Memo})
	return sha256.Sum256(text)
}
