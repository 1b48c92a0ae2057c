package attendant

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

// AbandonedStore finds calls that were abandoned.
type AbandonedStore interface {
	// AbandonedCalls returns the inbound calls that count for one of the call
	// centers, were abandoned and stored after a time, show a number, and have
	// neither a callback nor a request, oldest first.
	AbandonedCalls(ctx context.Context, callCenters []string, since time.Time) ([]callcenter.Call, error)
}

// AbandonedOptions say which abandoned calls become callbacks. All but the
// Logger, the Metrics and OnRegistered are mandatory.
type AbandonedOptions struct {
	Store     AbandonedStore
	Registrar Registrar
	// Waits returns how long a caller must have waited, for each call center
	// whose abandoned calls become callbacks, with the call center itself.
	Waits        func() []AbandonedWait
	OnRegistered func()
	Metrics      *Metrics
	Logger       *slog.Logger
	// Every is the time between two looks; a second if 0.
	Every time.Duration
}

// AbandonedWait is how long a caller of a call center must have waited.
type AbandonedWait struct {
	CallCenter callcenter.CallCenter
	After      time.Duration
}

const (
	// abandonedEvery is how often it is looked for calls that were stored in
	// abandonedRecent, and abandonedAll how often for those of
	// abandonedHorizon: calls that a daemon left when it stopped.
	abandonedEvery   = time.Second
	abandonedRecent  = 30 * time.Second
	abandonedAll     = time.Minute
	abandonedHorizon = time.Hour
	// abandonedTimeout bounds each look.
	abandonedTimeout = 10 * time.Second
)

// What came of an abandoned call, in metrics.
const (
	abandonedRegistered = "registered"
	abandonedAdded      = "added"
	abandonedReached    = "reached"
	abandonedFailed     = "failed"
)

var abandonedResults = []string{abandonedRegistered, abandonedAdded, abandonedReached, abandonedFailed}

// Abandoned registers callbacks for callers who left a queue before anybody
// answered, where the configuration says so, and unless somebody of that
// number got through since. Any number of daemons may do it at once: a call
// makes one request.
type Abandoned struct{ o AbandonedOptions }

// NewAbandoned returns what registers abandoned calls. It does nothing until
// Run.
func NewAbandoned(o AbandonedOptions) *Abandoned {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Every == 0 {
		o.Every = abandonedEvery
	}
	return &Abandoned{o}
}

// Run looks for abandoned calls until ctx ends.
func (a *Abandoned) Run(ctx context.Context) error {
	tick := time.NewTicker(a.o.Every)
	defer tick.Stop()
	var all time.Time
	// done are the calls that were dealt with and still are in the horizon.
	done := map[callcenter.RequestID]time.Time{}
	for {
		span := abandonedRecent
		if time.Since(all) >= abandonedAll {
			span, all = abandonedHorizon, time.Now()
		}
		a.look(ctx, span, done)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look registers the calls of a span that are not done yet.
func (a *Abandoned) look(ctx context.Context, span time.Duration, done map[callcenter.RequestID]time.Time) {
	waits := map[string]AbandonedWait{}
	var ids []string
	for _, w := range a.o.Waits() {
		waits[w.CallCenter.ID] = w
		ids = append(ids, w.CallCenter.ID)
	}
	if len(ids) == 0 {
		return
	}
	now := time.Now()
	for id, at := range done {
		if now.Sub(at) > 2*abandonedHorizon {
			delete(done, id)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, abandonedTimeout)
	defer cancel()
	calls, err := a.o.Store.AbandonedCalls(ctx, ids, now.Add(-span))
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			a.o.Logger.Warn("abandoned calls cannot be looked for", slog.Any("err", err))
		}
		return
	}
	for i := range calls {
		c := &calls[i]
		if _, known := done[c.RequestID]; known {
			continue
		}
		wait := waits[c.CallCenter]
		if waited(c) < wait.After || a.register(ctx, c, wait.CallCenter) {
			done[c.RequestID] = now
		}
	}
}

// register registers a call, and reports whether it is done with.
func (a *Abandoned) register(ctx context.Context, c *callcenter.Call, center callcenter.CallCenter) bool {
	result, err := a.o.Registrar.RegisterAutomatic(ctx, callbacks.Request{
		By: accounts.System("abandoned"), RequestID: c.RequestID, CallCenter: center, Abandoned: true,
	})
	switch {
	case errors.Is(err, callbacks.ErrReached):
		a.o.Metrics.abandonedCall(abandonedReached)
		return true
	case err != nil:
		if !errors.Is(err, context.Canceled) {
			a.o.Metrics.abandonedCall(abandonedFailed)
			a.o.Logger.Warn("an abandoned call was not registered", slog.String("request_id", string(c.RequestID)), slog.Any("err", err))
		}
		return false
	case result.Repeated:
		return true // another daemon was faster
	case result.Added:
		a.o.Metrics.abandonedCall(abandonedAdded)
		return true
	}
	a.o.Metrics.abandonedCall(abandonedRegistered)
	if a.o.OnRegistered != nil {
		a.o.OnRegistered()
	}
	return true
}

// waited is how long the caller waited, from entering the call center's queue
// to the call's end.
func waited(c *callcenter.Call) time.Duration {
	from := c.StartedAt
	for _, s := range c.Receipt {
		if s.CallCenter == c.CallCenter && s.Rule == callcenter.RuleCallCenterQueue {
			from = s.At
			break
		}
	}
	if c.EndedAt == nil {
		return 0
	}
	return c.EndedAt.Sub(from)
}
