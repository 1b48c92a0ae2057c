package callbacks

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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

// Service registers and returns callbacks. It is safe for concurrent use.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService returns the service over a store. now is the clock that dates
// registrations; nil for the system's.
func NewService(store Store, now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	return &Service{store: store, now: now}
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
	r := registering{by: by, requestID: requestID, registration: reg, at: s.now().UTC()}
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
	var errs []error
	switch {
	case !utf8.ValidString(r.Memo) || strings.ContainsRune(r.Memo, 0):
		errs = append(errs, &FieldError{Field: "memo", Problem: "must be UTF-8 text without NUL"})
	case utf8.RuneCountInString(r.Memo) > MaxMemoLength:
		errs = append(errs, &FieldError{Field: "memo", Problem: "must be at most " + strconv.Itoa(MaxMemoLength) + " characters"})
	}
	printable := func(c rune) bool { return c >= 0x20 && c <= 0x7e }
	if len(r.IdempotencyKey) > MaxKeyLength || strings.ContainsFunc(r.IdempotencyKey, func(c rune) bool { return !printable(c) }) {
		errs = append(errs, &FieldError{
			Field:   "Idempotency-Key",
			Problem: "must be at most " + strconv.Itoa(MaxKeyLength) + " printable ASCII characters",
		})
	}
	return errors.Join(errs...)
}

// registering is one registration on its way through its transaction.
type registering struct {
	by           accounts.Principal
	requestID    callcenter.RequestID
	registration Registration
	at           time.Time
}

func (r *registering) run(ctx context.Context, tx Tx) (RegisterResult, error) {
	key := Key{Scope: r.keyScope(), Key: r.registration.IdempotencyKey}
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
	if callback.RemoteNumber != "" {
		if result.OtherOpen, err = tx.CountOpen(ctx, callback.RemoteNumber, r.by.CallCenters); err != nil {
			return RegisterResult{}, err
		}
	}
	if result.Callback, err = tx.Insert(ctx, callback); err != nil {
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
	switch {
	case !accounts.Can(r.by, accounts.ActionReadCall, call.CallCenters):
		return callcenter.ErrNotFound
	case !accounts.Can(r.by, accounts.ActionRegisterCallback, call.CallCenters):
		return accounts.ErrForbidden
	default:
		return nil
	}
}

// keyScope keeps the idempotency keys of different principals apart: a key
// is the client's own choice, and another client may choose the same.
func (r *registering) keyScope() string {
	if r.by.Kind == accounts.KindToken {
		return "token:" + strconv.FormatInt(int64(r.by.TokenID), 10)
	}
	return "account:" + r.by.Name
}

// fingerprint stands for everything in the request that the answer depends
// on.
func (r *registering) fingerprint() Fingerprint {
	// Marshalling strings cannot fail, and quotes them, so that no two
	// requests run together into one text.
	text, _ := json.Marshal([]string{"register", string(r.requestID), r.registration.Memo})
	return sha256.Sum256(text)
}
