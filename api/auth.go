package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"callbackd/accounts"
)

// Authenticator knows API tokens; accounts.Tokens is one.
type Authenticator interface {
	// Verify returns the principal that presents a token, or
	// accounts.ErrUnauthorized.
	Verify(ctx context.Context, bearer string) (accounts.Principal, error)
}

// errNoToken says that a request has no bearer token. It is answered like a
// token that is not valid.
var errNoToken = errors.New("no bearer token")

// authenticate lets a request through that presents a valid token.
func (s *Server) authenticate(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		bearer, err := bearerToken(r)
		if err != nil {
			return err
		}
		principal, err := s.tokens.Verify(r.Context(), bearer)
		if err != nil {
			return err
		}
		ctx := context.WithValue(r.Context(), callerKey{}, caller{principal: principal, bearer: bearer})
		return next(w, r.WithContext(ctx))
	}
}

func bearerToken(r *http.Request) (string, error) {
	// Two headers would leave open which of them counts, here and in a proxy.
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", errNoToken
	}
	scheme, token, found := strings.Cut(values[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errNoToken
	}
	return token, nil
}

// caller is who sent a request. The token is kept for event streams, which
// verify it again from time to time, and goes nowhere else.
type caller struct {
	principal accounts.Principal
	bearer    string
}

type callerKey struct{}

// callerFrom returns the zero caller, which may do nothing, for operations
// that are public.
func callerFrom(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

func principalFrom(ctx context.Context) accounts.Principal { return callerFrom(ctx).principal }
