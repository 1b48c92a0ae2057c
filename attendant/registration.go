package attendant

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

const (
	// registerLimit bounds a registration with all its tries, attemptTimeout
	// each of them.
	registerLimit  = 10 * time.Second
	attemptTimeout = 4 * time.Second
)

// registered is what came of a registration.
type registered struct {
	status   Status
	callback callbacks.Callback
}

// register has the callback registered, by a goroutine that the session's
// dialogue waits for.
func (s *session) register(ctx context.Context, contact string) {
	if call, ok := s.a.o.Calls.CallOf(s.channel); ok {
		s.call = call.RequestID // it may have been merged into another meanwhile
	}
	request := callbacks.Request{
		By: accounts.System("attendant"), RequestID: s.call, CallCenter: s.wanted.center, ContactNumber: contact,
	}
	s.a.running.Go(func() { s.outcomes <- s.a.registration(ctx, request, s.log) })
}

// registration registers a callback. What may pass is waited for: calls are
// stored a moment after they are followed, and the database may be away.
func (a *Attendant) registration(ctx context.Context, request callbacks.Request, log *slog.Logger) registered {
	result, err := a.tryToRegister(ctx, request)
	switch {
	case err != nil:
		log.Error("a callback that a caller asked for was not registered",
			slog.String("request_id", string(request.RequestID)), slog.Any("err", err))
		return registered{status: StatusFailed}
	case result.Added:
		return registered{StatusAdded, result.Callback}
	}
	return registered{StatusRegistered, result.Callback}
}

// tryToRegister tries until it is known what comes of it, or registerLimit has
// passed.
func (a *Attendant) tryToRegister(ctx context.Context, request callbacks.Request) (callbacks.RequestResult, error) {
	ctx, cancel := context.WithTimeout(ctx, registerLimit)
	defer cancel()
	result, err := backoff.Retry(ctx, func() (callbacks.RequestResult, error) {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		defer cancel()
		result, err := a.o.Registrar.RegisterAutomatic(attempt, request)
		if err != nil && !passing(err, a.o.IsUnavailable) {
			err = backoff.Permanent(err)
		}
		return result, err
	}, backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: 25 * time.Millisecond, MaxInterval: time.Second, Multiplier: 2, RandomizationFactor: 0.2,
	}), backoff.WithMaxElapsedTime(registerLimit))
	if err == nil && !result.Added && !result.Repeated && a.o.OnRegistered != nil {
		a.o.OnRegistered()
	}
	return result, err
}

// passing reports whether a registration may succeed if it is tried again.
func passing(err error, isUnavailable func(error) bool) bool {
	_, kind := errors.AsType[*callbacks.NotCallCenterCallError](err)
	return kind || errors.Is(err, callcenter.ErrNotFound) || errors.Is(err, callbacks.ErrNotVisited) ||
		errors.Is(err, context.DeadlineExceeded) || isUnavailable(err)
}
