package callbacks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"callbackd/accounts"
	"callbackd/callcenter"
)

// ErrNoNumber refuses an automatic registration without a number that could
// be called back.
var ErrNoNumber = errors.New("no number is known to call back")

// ErrNotVisited refuses an automatic registration for a call center that the
// call has not visited, as far as it is stored.
var ErrNotVisited = errors.New("the call has not visited that call center")

// ErrReached says that nobody has to be called back for an abandoned call:
// since then, somebody of that number got through to the call center, or was
// reached by it.
var ErrReached = errors.New("the caller got through since")

// Request is a wish to be called back that no person registers: the caller
// asked for it (自動登録), or left a queue before anybody answered.
type Request struct {
	// By is what registers it, such as accounts.System("attendant").
	By accounts.Principal
	// RequestID is the call. It makes one request, however often it asks.
	RequestID callcenter.RequestID
	// CallCenter is the one whose agents are to call back. Its extension
	// becomes the local number.
	CallCenter callcenter.CallCenter
	// ContactNumber is the number that the caller wants to be called at, as it
	// is dialled; empty for the call's own.
	ContactNumber string
	// Abandoned says that the caller has left, without having asked or before
	// that was taken in. Then nothing happens when the call has a callback, and
	// ErrReached is returned when somebody of that number got through since.
	Abandoned bool
	// Since is from when on that counts for an abandoned call; zero for the
	// call's beginning.
	Since time.Time
}

// Wish is what a caller wants who is being asked about it. It is kept until
// that is over, for the case that the one who asks dies.
type Wish struct {
	Node, Channel string
	// Keeper is who asks the caller, by a random text.
	Keeper string
	// RequestID, CallCenter (its ID) and ContactNumber are those of the Request
	// that it is to become.
	RequestID     callcenter.RequestID
	CallCenter    string
	ContactNumber string
	// AskedAt is when it was kept first; the store sets it.
	AskedAt time.Time
}

// RequestResult is what an automatic registration gives.
type RequestResult struct {
	// Callback is the record after it.
	Callback Callback
	// Added says that the request was added to a callback that was there.
	Added bool
	// Repeated says that the call's request was known before, and not counted
	// again.
	Repeated bool
}

// RegisterAutomatic registers a callback without a person who does it. Where
// the number has an open callback at the call center, the request is added to
// that one, the oldest of several, instead: so a caller who asks again and
// again is one entry in the agents' list. A number counts as the same when it
// is the other's remote or contact number in any spelling. Of requests from
// one number at the same time, one makes the record.
//
// It is refused with ErrNoNumber, callcenter.ErrNotFound,
// *NotCallCenterCallError, ErrNotVisited or ErrReached. The middle three may
// also mean that what is known of the call is not stored yet: whoever has seen
// the call is right to try again for some seconds.
func (s *Service) RegisterAutomatic(ctx context.Context, request Request) (RequestResult, error) {
	r := requesting{Request: request, at: s.now().UTC(), numbers: s.numbers}
	var result RequestResult
	err := s.store.Transact(ctx, func(ctx context.Context, tx Tx) error {
		var err error
		result, err = r.run(ctx, tx)
		return err
	})
	if err != nil {
		return RequestResult{}, fmt.Errorf("register automatic callback for call %q: %w", request.RequestID, err)
	}
	return result, nil
}

// newRequested returns the callback that a request makes for its call,
// without an ID, or why there can be none.
func newRequested(call *callcenter.Call, r *Request, at time.Time) (Callback, error) {
	c, err := New(call, OriginAutomatic, "", r.By.Signature(), at)
	switch {
	case err != nil:
		return Callback{}, err
	case !call.Visited(r.CallCenter.ID):
		return Callback{}, ErrNotVisited
	}
	c.CallCenter, c.LocalNumber = r.CallCenter.ID, r.CallCenter.Extension
	if r.ContactNumber != "" {
		c.ContactNumber = r.ContactNumber
	}
	if c.ContactNumber == "" {
		return Callback{}, ErrNoNumber
	}
	return c, nil
}

// requesting is one automatic registration on its way through its
// transaction.
type requesting struct {
	Request
	at      time.Time
	numbers Numbers
}

func (r *requesting) run(ctx context.Context, tx Tx) (RequestResult, error) {
	call, err := tx.LockCall(ctx, r.RequestID)
	if err != nil {
		return RequestResult{}, err
	}
	callback, err := newRequested(&call, &r.Request, r.at)
	if err != nil {
		return RequestResult{}, err
	}
	contact := r.numbers.Spell(callback.ContactNumber)
	// The number is locked after the call, in every request, so that two of
	// them never wait for each other in a circle.
	if err := tx.LockNumber(ctx, r.CallCenter.ID, contact.Key); err != nil {
		return RequestResult{}, err
	}
	if known, found, err := tx.CallbackOfRequest(ctx, r.RequestID); err != nil || found {
		if err != nil {
			return RequestResult{}, err
		}
		return r.repeat(ctx, tx, known)
	}
	own, found, err := tx.CallbackOf(ctx, r.RequestID)
	switch {
	case err != nil:
		return RequestResult{}, err
	case found && r.Abandoned:
		current, err := tx.Callback(ctx, own)
		return RequestResult{Callback: current, Repeated: true}, err
	case found:
		return r.add(ctx, tx, own)
	}
	if r.Abandoned {
		if err := r.reached(ctx, tx, &call, contact); err != nil {
			return RequestResult{}, err
		}
	}
	// Manual changes do not take the number's lock: a callback may be completed
	// before its row is locked.
	open, found, err := tx.LockOpenCallback(ctx, r.CallCenter.ID, contact.Key)
	if err != nil {
		return RequestResult{}, err
	}
	if found {
		return r.add(ctx, tx, open)
	}
	if callback, err = tx.Insert(ctx, callback, spell(r.numbers, &callback)); err != nil {
		return RequestResult{}, err
	}
	return RequestResult{Callback: callback}, tx.InsertRequest(ctx, r.RequestID, callback.ID, r.at)
}

// reached returns ErrReached when the caller spoke to somebody since.
func (r *requesting) reached(ctx context.Context, tx Tx, call *callcenter.Call, number Spelling) error {
	numbers := append([]string{call.RemoteNumber, number.Key}, number.Forms...)
	since := call.StartedAt
	if !r.Since.IsZero() {
		since = r.Since
	}
	spoke, err := tx.SpokeSince(ctx, r.CallCenter.ID, numbers, since)
	if err == nil && spoke {
		err = ErrReached
	}
	return err
}

// add adds the request to a callback. One that was completed is open again:
// it is the call's own, whose caller still asks.
func (r *requesting) add(ctx context.Context, tx Tx, id ID) (RequestResult, error) {
	current, err := tx.LockCallback(ctx, id)
	if err != nil {
		return RequestResult{}, err
	}
	next := current
	next.Requests++
	next.LastRequestedAt = r.at
	if next.LastRequestedAt.Before(current.LastRequestedAt) {
		next.LastRequestedAt = current.LastRequestedAt // another daemon's clock
	}
	next.setStatus(StatusOpen, "", r.at)
	if next, err = r.update(ctx, tx, &current, next); err != nil {
		return RequestResult{}, err
	}
	return RequestResult{Callback: next, Added: true}, tx.InsertRequest(ctx, r.RequestID, id, r.at)
}

// repeat takes in that a call asks again. What the caller says of the number
// counts, where it is said for the callback of this very call.
func (r *requesting) repeat(ctx context.Context, tx Tx, id ID) (RequestResult, error) {
	current, err := tx.LockCallback(ctx, id)
	if err != nil {
		return RequestResult{}, err
	}
	result := RequestResult{Callback: current, Added: current.RequestID != r.RequestID, Repeated: true}
	if r.Abandoned || result.Added || r.ContactNumber == "" || r.ContactNumber == current.ContactNumber {
		return result, nil
	}
	next := current
	next.ContactNumber = r.ContactNumber
	next.setStatus(StatusOpen, "", r.at)
	result.Callback, err = r.update(ctx, tx, &current, next)
	return result, err
}

func (r *requesting) update(ctx context.Context, tx Tx, current *Callback, next Callback) (Callback, error) {
	next.Version++
	entry := HistoryEntry{
		Version: next.Version, Action: HistoryRequest, At: r.at, By: r.By.Signature(), Changes: differences(current, &next),
	}
	return tx.Update(ctx, next, spell(r.numbers, &next), entry)
}

// count is how a number stands in a callback's history.
func count(n int) string { return strconv.Itoa(n) }
