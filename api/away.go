package api

import (
	"context"
	"errors"
	"net/http"
)

// errUnavailable marks errors of a database that is away.
var errUnavailable = errors.New("unavailable")

// awayError refuses a request because the database was found away before.
type awayError struct{ err error }

func (e *awayError) Error() string { return e.err.Error() }

func (e *awayError) Is(target error) bool { return target == errUnavailable }

// isKnownAway reports whether an error tells of nothing but an outage that was
// logged when it began.
func isKnownAway(err error) bool {
	_, known := errors.AsType[*awayError](err)
	return known
}

// foundAway returns why a request was given up while it was under way, if it
// was for an outage; nil otherwise.
func foundAway(ctx context.Context) error {
	if away, ok := errors.AsType[*awayError](context.Cause(ctx)); ok {
		return away
	}
	return nil
}

// refuseWhileAway refuses requests while the database is known to be away, and
// when it is found away while they are under way, but those that need nothing
// of it.
func (s *Server) refuseWhileAway(op *operation, next handler) handler {
	if s.options.DatabaseUp == nil || op.static() {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		up := s.options.DatabaseUp()
		if up.Err() != nil {
			return &awayError{context.Cause(up)}
		}
		if op.streams() != "" {
			return next(w, r)
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		defer context.AfterFunc(up, func() { cancel(&awayError{context.Cause(up)}) })()
		err := next(w, r.WithContext(ctx))
		if away := foundAway(ctx); err != nil && away != nil {
			return away
		}
		return err
	}
}
