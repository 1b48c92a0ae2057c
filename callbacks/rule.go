package callbacks

import (
	"errors"
	"fmt"
	"time"

	"callbackd/callcenter"
)

// ErrNotFound says that there is no such callback, or none that the principal
// may see.
var ErrNotFound = errors.New("callback not found")

// ErrKeyReused says that an idempotency key came with another request than
// the first time.
var ErrKeyReused = errors.New("idempotency key was used for another request")

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
		Version:       1,
	}, nil
}
