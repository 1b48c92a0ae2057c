package webhooks

import (
	"context"
	"time"

	"callbackd/callbacks"
)

// Store keeps webhooks for the service.
type Store interface {
	// Webhook returns a webhook, or ErrNotFound.
	Webhook(ctx context.Context, id ID) (Webhook, error)
	// Webhooks returns all webhooks in order of their IDs.
	Webhooks(ctx context.Context) ([]Webhook, error)
	// CreateWebhook stores a webhook, which gets the changes that come after,
	// and returns it. It returns ErrTooMany when there are MaxWebhooks.
	CreateWebhook(ctx context.Context, wish NewWebhook, secret Secret, by string) (Webhook, error)
	// UpdateWebhook stores a webhook as edit returns it from what it is, and
	// returns it; or ErrNotFound, or the error of edit. What was pending of one
	// that is switched off, or on again, is missed; what waits for its next try
	// of one with another URL is due at once.
	UpdateWebhook(ctx context.Context, id ID, by string, edit func(Webhook) (Webhook, error)) (Webhook, error)
	// DeleteWebhook takes a webhook away, with its deliveries.
	DeleteWebhook(ctx context.Context, id ID, by string) error
	// RotateSecret gives a webhook a new secret. The one that it has is the old
	// one for so long.
	RotateSecret(ctx context.Context, id ID, secret Secret, overlap time.Duration, by string) (Webhook, error)
	// Ping has a delivery made that is of no change.
	Ping(ctx context.Context, id ID) (Delivery, error)
	// Deliveries returns the newest deliveries of a webhook first.
	Deliveries(ctx context.Context, id ID, filter DeliveryFilter) ([]Delivery, error)
	// Delivery returns a delivery of a webhook, or ErrDeliveryNotFound.
	Delivery(ctx context.Context, id ID, delivery DeliveryID) (Delivery, error)
	// Replay has a delivery of a webhook sent again, whatever became of it, or
	// returns ErrDeliveryNotFound, also for one of a call center that the webhook
	// has no more.
	Replay(ctx context.Context, id ID, delivery DeliveryID) (Delivery, error)
	// ReplaySince has the deliveries sent again that failed or were missed, of
	// changes since a time, oldest first, at most limit, and returns how many; but
	// for those of call centers that the webhook has no more. Of several that ask
	// at once each delivery is replayed for one.
	ReplaySince(ctx context.Context, id ID, since time.Time, limit int) (int, error)
}

// Claimed is a delivery that is to be tried now, by whoever claimed it.
type Claimed struct {
	Delivery
	URL     string
	Secrets []Secret
	// FirstTriedAt is when it was tried first.
	FirstTriedAt time.Time
}

// Verdict is what follows from a try.
type Verdict struct {
	Try
	// State is what the delivery becomes.
	State DeliveryState
	// Wait is how long it is until the next try, of one that stays pending.
	Wait time.Duration
}

// WorkStore keeps the deliveries for the courier.
type WorkStore interface {
	// IDs returns those of all webhooks.
	IDs(ctx context.Context) ([]ID, error)
	// FanOut stores deliveries of the changes that came since the last time,
	// at most limit, with the jobs to send them, and reports whether there are
	// more. Any number of daemons may do so at once.
	FanOut(ctx context.Context, limit int) (more bool, err error)
	// Due has jobs made for deliveries whose next try is due, or that whoever
	// claimed them did not settle in time; at most limit.
	Due(ctx context.Context, limit int) error
	// Claim returns the first pending delivery of a subject of a webhook, when
	// it is due, and nobody else gets it for so long; found is false when
	// there is none.
	Claim(ctx context.Context, id ID, subject string, lease time.Duration) (claimed Claimed, found bool, err error)
	// Record adds its record, as it is now, to a change.
	Record(ctx context.Context, change callbacks.Change) (callbacks.Change, error)
	// Settle stores the verdict on a delivery that was claimed, and since when
	// its webhook is failing. It disables a webhook that is gone, or has been
	// failing for so long, and reports that it did.
	Settle(ctx context.Context, claimed *Claimed, verdict Verdict, disableAfter time.Duration) (disabled Reason, err error)
	// Release gives a claimed delivery back: it is due at once.
	Release(ctx context.Context, id DeliveryID) error
	// Forget removes deliveries about which nothing has been done for so long,
	// and what is left of webhooks that were taken away; at most limit, and
	// reports whether there may be more.
	Forget(ctx context.Context, delivered, others time.Duration, limit int) (more bool, err error)
	// Situation counts.
	Situation(ctx context.Context) (Situation, error)
}

// Situation is how webhooks are.
type Situation struct {
	// Webhooks are how many there are of each state.
	Webhooks map[State]int
	// OldestPending is the age of the oldest delivery that is to be sent; 0
	// when there is none.
	OldestPending time.Duration
	// Waiting is how many changes no deliveries were made of yet.
	Waiting int64
}
