package callbacks

import (
	"errors"
	"fmt"
	"time"

	"callbackd/accounts"
	"callbackd/callcenter"
)

// ErrNotFound says that there is no such callback, or none that the principal
// may see.
var ErrNotFound = errors.New("callback not found")

// ErrKeyReused says that an idempotency key came with another request than
// the first time.
var ErrKeyReused = errors.New("idempotency key was used for another request")

// ErrUnassigned refuses to complete or reopen a callback that nobody has.
var ErrUnassigned = errors.New("callback has no assignee")

// NotCallCenterCallError refuses a callback for a call that is not a
// call-center call.
type NotCallCenterCallError struct {
	// Call has the kind and the receipt, which says why it is of that kind.
	Call *callcenter.Call
}

func (e *NotCallCenterCallError) Error() string {
	return fmt.Sprintf("call %s is of kind %s, not a call-center call", e.Call.RequestID, e.Call.Kind)
}

// ExistsError refuses a second callback for a call.
type ExistsError struct {
	// ID is the callback that the call has.
	ID ID
}

func (e *ExistsError) Error() string {
	return fmt.Sprintf("the call has callback %d already", e.ID)
}

// FieldError says what is wrong with one field of a request. Several are
// joined with errors.Join.
type FieldError struct {
	// Field is the field's name in JSON, or the header's name.
	Field   string
	Problem string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// Allowed is the rule: it returns nil when a callback can be registered for
// the call, or else a *NotCallCenterCallError. Whether the call came in or
// went out, runs or ended does not matter.
func Allowed(call *callcenter.Call) error {
	if !call.CallbackAllowed() {
		return &NotCallCenterCallError{Call: call}
	}
	return nil
}

// New returns the callback for a call, without an ID, or why there can be
// none.
func New(call *callcenter.Call, origin Origin, memo, registeredBy string, at time.Time) (Callback, error) {
	if err := Allowed(call); err != nil {
		return Callback{}, err
	}
	return Callback{
		RequestID:     call.RequestID,
		Origin:        origin,
		Status:        StatusOpen,
		Memo:          memo,
		RegisteredAt:  at,
		RegisteredBy:  registeredBy,
		RemoteNumber:  call.RemoteNumber,
		ContactNumber: call.RemoteNumber,
		CallCenter:    call.CallCenter,
		CallCenters:   call.CallCenters,
		BusinessLabel: call.BusinessLabel,
		LocalNumber:   call.LocalNumber,
		Requests:      1, LastRequestedAt: at,
		Version: 1,
	}, nil
}

// Claim returns the callback as it is after a principal took it, or why it
// cannot: ErrNotFound, accounts.ErrForbidden or *StaleError. Whether the
// account may be its assignee (accounts.MayBeAssigned) is left to the caller,
// who has to look.
func Claim(current Callback, version int, by accounts.Principal) (Callback, error) {
	switch {
	case !accounts.Can(by, accounts.ActionReadCallback, current.CallCenters):
		return Callback{}, ErrNotFound
	case !accounts.Can(by, accounts.ActionClaimCallback, current.CallCenters) || by.Kind != accounts.KindAccount:
		// A token by itself is nobody who could call back.
		return Callback{}, accounts.ErrForbidden
	case version != current.Version || current.Assignee != "":
		return Callback{}, &StaleError{Current: current}
	}
	next := current
	next.Assignee = by.Name
	next.Version++
	return next, nil
}

// Apply returns the callback as it is after a principal's change, or why it
// cannot be made: ErrNotFound, accounts.ErrForbidden, *StaleError or
// ErrUnassigned. A change that changes nothing makes no version. As with
// Claim, the caller looks at the new assignee.
//
// What the principal's role can never do is refused first, for it is so
// whatever the record is now. What depends on the record is looked at only
// when the principal has seen it as it is.
func (p *Patch) Apply(current Callback, by accounts.Principal, at time.Time) (Callback, error) {
	can := func(action accounts.Action) bool { return accounts.Can(by, action, current.CallCenters) }
	switch {
	case !can(accounts.ActionReadCallback):
		return Callback{}, ErrNotFound
	case (p.Memo != nil || p.ContactNumber != nil) && !can(accounts.ActionEditCallback),
		p.Assignee != nil && !can(accounts.ActionAssignCallback),
		p.Status != nil && !can(accounts.ActionSetCallbackStatus) && !can(accounts.ActionSetOwnCallbackStatus):
		return Callback{}, accounts.ErrForbidden
	case p.Version != current.Version:
		return Callback{}, &StaleError{Current: current}
	}
	next := current
	if p.Memo != nil {
		next.Memo = *p.Memo
	}
	if p.ContactNumber != nil {
		next.ContactNumber = *p.ContactNumber
	}
	if p.Assignee != nil {
		next.Assignee = *p.Assignee
	}
	if p.Status != nil {
		own := by.Kind == accounts.KindAccount && by.Name == next.Assignee
		switch {
		case next.Assignee == "":
			return Callback{}, ErrUnassigned
		case !own && !can(accounts.ActionSetCallbackStatus):
			return Callback{}, accounts.ErrForbidden
		}
		next.setStatus(*p.Status, by.Signature(), at)
	}
	if len(differences(&current, &next)) > 0 {
		next.Version++
	}
	return next, nil
}

// setStatus completes or reopens the callback. Completing what is completed
// leaves who did it first.
func (c *Callback) setStatus(status Status, by string, at time.Time) {
	switch {
	case status == c.Status:
	case status == StatusCompleted:
		c.Status, c.CompletedAt, c.CompletedBy = status, &at, by
	default:
		c.Status, c.CompletedAt, c.CompletedBy = status, nil, ""
	}
}

// differences returns what a change made of a callback, in order of the
// fields' names. Who completed it and when is who changed the status.
func differences(from, to *Callback) []FieldChange {
	var changes []FieldChange
	compare := func(field, before, after string) {
		if before != after {
			changes = append(changes, FieldChange{Field: field, From: orNil(before), To: orNil(after)})
		}
	}
	compare("assignee", from.Assignee, to.Assignee)
	compare("contact_number", from.ContactNumber, to.ContactNumber)
	compare("memo", from.Memo, to.Memo)
	compare("requests", count(from.Requests), count(to.Requests))
	compare("status", string(from.Status), string(to.Status))
	return changes
}

// orNil is nil for an empty text.
func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
