package webhooks

import (
	"errors"
	"fmt"
	"time"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

// Errors of webhooks.
var (
	// ErrNotFound says that there is no such webhook, or none that the
	// principal may see.
	ErrNotFound = errors.New("webhook not found")
	// ErrDeliveryNotFound says that the webhook has no such delivery, or has it
	// no more.
	ErrDeliveryNotFound = errors.New("webhook delivery not found")
	// ErrInactive says that the webhook is off, so that nothing is sent.
	ErrInactive = errors.New("webhook is not active")
	// ErrTooMany says that there are MaxWebhooks already.
	ErrTooMany = errors.New("too many webhooks")
)

// StaleError says that a change was made from a version that is not the
// latest. Nothing was changed.
type StaleError struct {
	// Current is the webhook as it now is.
	Current Webhook
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("webhook has changed since: it now has version %d", e.Current.Version)
}

// Bounds of what is asked for.
const (
	// MaxWebhooks is how many there may be: each has a queue of jobs.
	MaxWebhooks = 50
	// MaxReplayed is how many deliveries are replayed at once.
	MaxReplayed = 10_000
	// MaxWaiting is up to how many deliveries that wait are counted.
	MaxWaiting = 1000
)

const (
	// RetryFor is for how long a delivery is tried, from its first try.
	RetryFor = 3 * 24 * time.Hour
	// DisableAfter is how long every try of a webhook's deliveries must have
	// failed for it to be disabled.
	DisableAfter = 3 * 24 * time.Hour
	// KeepDelivered is for how long deliveries are kept that were taken.
	KeepDelivered = 3 * 24 * time.Hour
	// KeepOthers is for how long those are kept that failed or were missed.
	KeepOthers = 7 * 24 * time.Hour
	// SecretOverlap is for how long deliveries are signed with the old secret
	// too, after a new one was made.
	SecretOverlap = 24 * time.Hour
)

// ID identifies a webhook.
type ID int64

// State says whether a webhook's changes are sent.
type State string

// The states of a webhook.
const (
	StateActive State = "active"
	// StateInactive: somebody switched it off.
	StateInactive State = "inactive"
	// StateDisabled: callbackd switched it off; see Reason.
	StateDisabled State = "disabled"
)

// States are all states of a webhook.
var States = []State{StateActive, StateInactive, StateDisabled}

// Reason says why a webhook was disabled.
type Reason string

// The reasons.
const (
	// ReasonGone: the receiver answered 410 Gone.
	ReasonGone Reason = "gone"
	// ReasonFailing: every try has failed for DisableAfter.
	ReasonFailing Reason = "failing"
)

// Webhook is a subscription to changes.
type Webhook struct {
	ID   ID
	Name string
	// URL is where changes are sent. It may hold a secret of the receiver's.
	URL   string
	Kinds []callbacks.ChangeKind
	// CallCenters are those of which changes are sent; nil for all, and then
	// also what belongs to none.
	CallCenters []string
	State       State
	// Reason and DisabledAt are set while the state is StateDisabled.
	Reason     Reason
	DisabledAt *time.Time
	// FailingSince is since when every try has failed; nil when the last one
	// did not.
	FailingSince *time.Time
	// OldSecretUntil is until when deliveries are signed with the old secret,
	// too; nil when there is none any more.
	OldSecretUntil *time.Time
	// Waiting is how many deliveries are pending, at most MaxWaiting.
	Waiting int
	// LastTry is the last request that has ended; nil when there was none, or
	// its delivery is not kept any more.
	LastTry   *LastTry
	CreatedAt time.Time
	CreatedBy string
	UpdatedAt time.Time
	UpdatedBy string
	// Version counts the changes that people made, from 1.
	Version int
}

// LastTry is a request that has ended.
type LastTry struct {
	Delivery DeliveryID
	At       time.Time
	Outcome  Outcome
	Status   int // of the answer; 0 for none
}

// NewWebhook says what webhook to create.
type NewWebhook struct {
	Name        string
	URL         string
	Kinds       []callbacks.ChangeKind
	CallCenters []string // nil for all
	Active      bool
}

// Change says what to change of a webhook; nil leaves a thing as it is.
type Change struct {
	// Version is the one that the change was made from; 0 for whichever it is.
	Version int
	Name    *string
	URL     *string
	Kinds   []callbacks.ChangeKind
	// CallCenters points to nil for all.
	CallCenters *[]string
	Active      *bool
}

// apply returns the webhook with the change.
func (c *Change) apply(w Webhook) Webhook {
	if c.Name != nil {
		w.Name = *c.Name
	}
	if c.URL != nil && *c.URL != w.URL {
		// Whether the new one fails is not known yet.
		w.URL, w.FailingSince = *c.URL, nil
	}
	if c.Kinds != nil {
		w.Kinds = c.Kinds
	}
	if c.CallCenters != nil {
		w.CallCenters = *c.CallCenters
	}
	if c.Active != nil && !(*c.Active && w.State == StateActive) {
		w.State, w.Reason, w.DisabledAt, w.FailingSince = StateInactive, "", nil, nil
		if *c.Active {
			w.State = StateActive
		}
	}
	return w
}

// DeliveryID identifies a delivery.
type DeliveryID int64

// DeliveryState is what became of a delivery.
type DeliveryState string

// The states of a delivery.
const (
	// DeliveryPending: it is to be sent, for the first time or again.
	DeliveryPending DeliveryState = "pending"
	// DeliveryDelivered: the receiver answered with a status 2xx.
	DeliveryDelivered DeliveryState = "delivered"
	// DeliveryFailed: it was given up.
	DeliveryFailed DeliveryState = "failed"
	// DeliveryMissed: the webhook was off when it should have been sent, or had
	// the call center no more.
	DeliveryMissed DeliveryState = "missed"
)

// DeliveryStates are all states of a delivery.
var DeliveryStates = []DeliveryState{DeliveryPending, DeliveryDelivered, DeliveryFailed, DeliveryMissed}

// KindPing is the kind of a delivery that tries a webhook out. It is of no
// change.
const KindPing = "ping"

// Delivery is a change that was, or is to be, sent.
type Delivery struct {
	ID      DeliveryID
	Webhook ID
	// Message is the ID by which the receiver knows the delivery.
	Message string
	// Kind is that of the change, or KindPing.
	Kind string
	// Number and At are the change's number in the log and its time; for a
	// ping 0 and the time when it was asked for.
	Number int64
	At     time.Time
	// RequestID is the call; CallbackID the callback; NodeName the PBX node,
	// as in a change.
	RequestID  callcenter.RequestID
	CallbackID callbacks.ID
	NodeName   string

	State DeliveryState
	// Tries counts requests, those that nobody answered too, since it was made
	// or replayed.
	Tries   int
	TriedAt *time.Time
	// NextTryAt is when it is tried again at the earliest; nil when it has not
	// been tried yet, or no more.
	NextTryAt *time.Time
	// Outcome is that of the last try; empty before the first.
	Outcome Outcome
	// Status is the HTTP status of the last try's answer; 0 for none.
	Status int
	// Took is how long the last try took.
	Took time.Duration
}

// change is the entry of the change log that a delivery is of, without its
// record.
func (d *Delivery) change() callbacks.Change {
	return callbacks.Change{
		Number: d.Number, At: d.At, Kind: callbacks.ChangeKind(d.Kind),
		RequestID: d.RequestID, CallbackID: d.CallbackID, NodeName: d.NodeName,
	}
}

// Outcome is how a try ended.
type Outcome string

// The outcomes.
const (
	OutcomeDelivered Outcome = "delivered"
	// OutcomeRefused: an answer that was no success.
	OutcomeRefused Outcome = "refused"
	// OutcomeGone: 410 Gone.
	OutcomeGone Outcome = "gone"
	// OutcomeRedirect: a redirect, which is not followed.
	OutcomeRedirect Outcome = "redirect"
	// OutcomeTimeout: no answer in time.
	OutcomeTimeout Outcome = "timeout"
	// OutcomeUnresolved: the host's name has no address.
	OutcomeUnresolved Outcome = "unresolved"
	// OutcomeUnreachable: no connection, or it broke off.
	OutcomeUnreachable Outcome = "unreachable"
	// OutcomeTLS: the receiver could not prove who it is.
	OutcomeTLS Outcome = "tls"
	// OutcomeForbiddenAddress: the host's address is not one that is sent to.
	OutcomeForbiddenAddress Outcome = "forbidden_address"
	// OutcomeForbiddenURL: the URL is none that is sent to by this
	// configuration, which may have changed since it was taken.
	OutcomeForbiddenURL Outcome = "forbidden_url"
	// OutcomeUnsent: the record could not be read or shown. A fault of ours.
	OutcomeUnsent Outcome = "unsent"
)

// Outcomes are all outcomes.
var Outcomes = []Outcome{
	OutcomeDelivered, OutcomeRefused, OutcomeGone, OutcomeRedirect, OutcomeTimeout, OutcomeUnresolved,
	OutcomeUnreachable, OutcomeTLS, OutcomeForbiddenAddress, OutcomeForbiddenURL, OutcomeUnsent,
}

// DeliveryFilter narrows a list of deliveries.
type DeliveryFilter struct {
	State DeliveryState // empty for any
	// Before is the last delivery of the page before; 0 for the first page.
	Before DeliveryID
	Limit  int
}
