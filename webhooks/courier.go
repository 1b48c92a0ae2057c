package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"callbackd/callbacks"
)

const (
	// lookEvery is how often the change log is looked at when nothing wakes
	// the courier up, and how often for deliveries that are due.
	lookEvery = time.Second
	// atOnce is how many changes or due deliveries are taken at a time.
	atOnce = 500
	// countEvery is how often the situation is read, for the metrics.
	countEvery = 15 * time.Second
	// forgetEvery is how often old deliveries are removed, and forgetAtOnce how
	// many in one transaction.
	forgetEvery  = 10 * time.Minute
	forgetAtOnce = 5000
	// workTimeout bounds each of these, and each reading and writing of a
	// delivery.
	workTimeout = 20 * time.Second
	// leaseFor is how long a delivery belongs to who claimed it: longer than it
	// can take to read, send and settle it.
	leaseFor = workTimeout + sendTimeout + workTimeout + 5*time.Second
	// turn is how many deliveries of one subject are sent before other
	// subjects get their turn.
	turn = 20
)

// Pauses between tries: 5 s at first, three times as long each time, up to six
// hours, each more or less by a fifth, so that receivers which came back are
// not asked by everybody at once.
const (
	firstPause  = 5 * time.Second
	pauseFactor = 3
	maxPause    = 6 * time.Hour
	pauseSpread = 0.2
)

// Queues are where jobs wait that send deliveries: one for each webhook, so
// that a slow receiver holds up no other.
type Queues interface {
	// Serve works off the queues of these webhooks and of no others.
	Serve(ctx context.Context, ids []ID) error
}

// CourierOptions are what a Courier needs.
type CourierOptions struct {
	Store  WorkStore
	Queues Queues
	Sender *Sender
	// Render shows a change as the event stream does.
	Render func(ctx context.Context, change callbacks.Change) (json.RawMessage, error)
	// Wake returns a channel that is closed when there may be a new change.
	Wake    func() <-chan struct{}
	Log     *slog.Logger
	Metrics *Metrics
	// RetryFor, DisableAfter and FirstPause are the constants of these names
	// when they are 0.
	RetryFor, DisableAfter, FirstPause time.Duration
}

// Courier sends deliveries. Of any number of daemons with couriers on one
// database, one makes deliveries of a change, and one sends each.
//
// It survives being killed at any moment: that a delivery is to be sent is
// stored with the position in the change log, and that it was sent is stored
// once the receiver has said so. A delivery whose courier died is sent by
// another when the lease is over.
type Courier struct {
	options CourierOptions
	log     *slog.Logger
}

// NewCourier returns a courier.
func NewCourier(o CourierOptions) *Courier {
	for _, d := range []struct {
		value     *time.Duration
		otherwise time.Duration
	}{{&o.RetryFor, RetryFor}, {&o.DisableAfter, DisableAfter}, {&o.FirstPause, firstPause}} {
		if *d.value == 0 {
			*d.value = d.otherwise
		}
	}
	return &Courier{options: o, log: o.Log}
}

// Run makes deliveries of what changes, and has due ones sent, until the
// context ends; then it returns nil.
func (c *Courier) Run(ctx context.Context) error {
	var served, counted, forgot time.Time
	failing := false
	for ctx.Err() == nil {
		wake := c.options.Wake()
		more, err := c.look(ctx)
		if now := time.Now(); err == nil && now.Sub(served) >= lookEvery {
			served = now
			err = c.serve(ctx)
		}
		if now := time.Now(); err == nil && now.Sub(counted) > countEvery {
			counted = now
			err = c.count(ctx)
		}
		if now := time.Now(); err == nil && now.Sub(forgot) > forgetEvery {
			forgot = now
			err = c.forget(ctx)
		}
		if err != nil && ctx.Err() == nil && !failing {
			c.log.WarnContext(ctx, "webhooks are delayed: the database fails", slog.Any("err", err))
		}
		failing = err != nil
		if failing {
			wake = nil // it would come at once, again and again
		}
		if more && !failing {
			continue
		}
		select {
		case <-wake:
		case <-time.After(lookEvery):
		case <-ctx.Done():
		}
	}
	return nil
}

// look makes deliveries of changes, and has jobs made for those that are due.
func (c *Courier) look(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, workTimeout)
	defer cancel()
	if more, err = c.options.Store.FanOut(ctx, atOnce); err != nil {
		return false, err
	}
	return more, c.options.Store.Due(ctx, atOnce)
}

func (c *Courier) count(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, workTimeout)
	defer cancel()
	situation, err := c.options.Store.Situation(ctx)
	if err != nil {
		return err
	}
	c.options.Metrics.set(&situation)
	return nil
}

// serve works off the queues of those webhooks that there are now.
func (c *Courier) serve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, workTimeout)
	defer cancel()
	ids, err := c.options.Store.IDs(ctx)
	if err != nil {
		return err
	}
	return c.options.Queues.Serve(ctx, ids)
}

func (c *Courier) forget(ctx context.Context) error {
	for {
		more, err := func() (bool, error) {
			ctx, cancel := context.WithTimeout(ctx, workTimeout)
			defer cancel()
			return c.options.Store.Forget(ctx, KeepDelivered, KeepOthers, forgetAtOnce)
		}()
		if err != nil || !more {
			return err
		}
	}
}

// Deliver sends the deliveries of a subject of a webhook that are due, one
// after another, and reports whether there may be more. It does nothing while
// somebody else does so, or while the first of them waits for its next try.
func (c *Courier) Deliver(ctx context.Context, id ID, subject string) (more bool, err error) {
	for range turn {
		claimed, found, err := c.options.Store.Claim(ctx, id, subject, leaseFor)
		if err != nil || !found {
			return false, err
		}
		if err := c.deliver(ctx, &claimed); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c *Courier) deliver(ctx context.Context, claimed *Claimed) error {
	try := c.try(ctx, claimed)
	stored, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTimeout)
	defer cancel()
	if ctx.Err() != nil && try.Outcome != OutcomeDelivered {
		// The daemon ends, which says nothing about the receiver.
		return errors.Join(ctx.Err(), c.options.Store.Release(stored, claimed.ID))
	}
	c.options.Metrics.count(&try)
	disabled, err := c.options.Store.Settle(stored, claimed, c.judge(claimed, try), c.options.DisableAfter)
	if err != nil {
		return err
	}
	if disabled != "" {
		c.log.WarnContext(ctx, "a webhook is disabled", slog.Int64("webhook", int64(claimed.Webhook)),
			slog.String("reason", string(disabled)), slog.String("outcome", string(try.Outcome)), slog.Int("status", try.Status))
	}
	return nil
}

// try sends a delivery once.
func (c *Courier) try(ctx context.Context, claimed *Claimed) Try {
	body, err := c.body(ctx, claimed)
	if err != nil {
		if ctx.Err() == nil {
			c.log.WarnContext(ctx, "a webhook delivery cannot be made, it is tried again",
				slog.Int64("delivery", int64(claimed.ID)), slog.Any("err", err))
		}
		return Try{Outcome: OutcomeUnsent}
	}
	try := c.options.Sender.Send(ctx, Request{URL: claimed.URL, Message: claimed.Message, Secrets: claimed.Secrets, Body: body})
	if fault := try.Certificate; fault != nil {
		c.log.WarnContext(ctx, "the receiver of a webhook does not prove who it is", slog.Int64("webhook", int64(claimed.Webhook)),
			slog.Int64("delivery", int64(claimed.ID)), slog.String("problem", fault.Problem), slog.String("remedy", fault.Remedy))
	}
	return try
}

// Body is what is sent, in the form that Standard Webhooks recommends.
type Body struct {
	// Type is the kind of the change, or KindPing.
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of the change
	// Data is what the event stream says of the change; an empty object for a
	// ping.
	Data json.RawMessage `json:"data"`
}

func (c *Courier) body(ctx context.Context, claimed *Claimed) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, workTimeout)
	defer cancel()
	body := Body{Type: claimed.Kind, Timestamp: claimed.At.UTC(), Data: json.RawMessage("{}")}
	if claimed.Kind != KindPing {
		change, err := c.options.Store.Record(ctx, claimed.change())
		if err != nil {
			return nil, err
		}
		if body.Data, err = c.options.Render(ctx, change); err != nil {
			return nil, fmt.Errorf("render change %d: %w", change.Number, err)
		}
	}
	return json.Marshal(body)
}

// judge decides what follows from a try.
func (c *Courier) judge(claimed *Claimed, try Try) Verdict {
	verdict := Verdict{Try: try, State: DeliveryPending}
	switch {
	case try.Outcome == OutcomeDelivered:
		verdict.State = DeliveryDelivered
		return verdict
	case claimed.Kind == KindPing, try.Outcome == OutcomeGone:
		verdict.State = DeliveryFailed
		return verdict
	}
	verdict.Wait = max(c.pause(claimed.Tries), try.RetryAfter)
	if time.Since(claimed.FirstTriedAt)+verdict.Wait > c.options.RetryFor {
		verdict.State, verdict.Wait = DeliveryFailed, 0
	}
	return verdict
}

// pause is how long to wait after so many tries.
func (c *Courier) pause(tries int) time.Duration {
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: c.options.FirstPause, Multiplier: pauseFactor, MaxInterval: maxPause, RandomizationFactor: pauseSpread,
	}
	pauses.Reset()
	wait := pauses.NextBackOff()
	// After so many it is as long as can be.
	for range min(tries, 20) - 1 {
		wait = pauses.NextBackOff()
	}
	return wait
}
