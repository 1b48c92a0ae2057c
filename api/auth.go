package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"callbackd/accounts"
)

// actingHeader names the account that a token acts for.
const actingHeader = "X-Callbackd-Account"

// errNoToken says that a request has neither a bearer token nor a session. It
// is answered like a token that is not valid.
var errNoToken = errors.New("no bearer token and no session")

// authenticate lets a request through that presents a valid token or belongs
// to a session.
func (s *Server) authenticate(op *operation, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		verify, err := s.verification(op, r)
		if err != nil {
			return err
		}
		principal, err := verify(r.Context())
		if err != nil {
			return err
		}
		ctx := context.WithValue(r.Context(), callerKey{}, caller{principal: principal, verify: verify})
		return next(w, r.WithContext(ctx))
	}
}

// verification returns how to find out who sent a request, now and again
// while it is answered.
func (s *Server) verification(op *operation, r *http.Request) (verification, error) {
	account, acting, err := actingFor(op, r)
	if err != nil {
		return nil, err
	}
	if len(r.Header.Values("Authorization")) == 0 {
		if _, err := r.Cookie(s.options.Sessions.CookieName()); err != nil {
			return nil, errNoToken
		}
		if acting {
			return nil, invalidField(languageFrom(r.Context()), actingHeader, openapi3.ParameterInHeader,
				"トークンと一緒に指定してください。", "Only goes with a token.")
		}
		// An event stream that is open counts as using the session.
		return func(ctx context.Context) (accounts.Principal, error) {
			return s.options.Sessions.Principal(r.WithContext(ctx))
		}, nil
	}
	bearer, err := bearerToken(r)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (accounts.Principal, error) {
		if acting {
			return s.options.Tokens.VerifyActing(ctx, bearer, account)
		}
		return s.options.Tokens.Verify(ctx, bearer)
	}, nil
}

// actingFor returns the account that the request says it is made for. It is
// validated here because authentication, which comes first, depends on it.
func actingFor(op *operation, r *http.Request) (account string, acting bool, err error) {
	values := r.Header.Values(actingHeader)
	if len(values) == 0 {
		return "", false, nil
	}
	input := op.input(r, nil)
	for _, parameter := range op.parameters {
		if parameter.In != openapi3.ParameterInHeader || parameter.Name != actingHeader {
			continue
		}
		if problem, ok := checkParameter(input, parameter, languageFrom(r.Context())); !ok {
			return "", false, &invalidError{fields: []FieldProblem{problem}}
		}
	}
	return values[0], true, nil
}

// isTokenAlone reports whether a request comes with a token that acts for nobody.
func isTokenAlone(r *http.Request) bool {
	return len(r.Header.Values("Authorization")) > 0 && len(r.Header.Values(actingHeader)) == 0
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

// verification finds out who sent a request. It holds a secret and goes
// nowhere but to the stream of that request.
type verification func(ctx context.Context) (accounts.Principal, error)

// caller is who sent a request.
type caller struct {
	principal accounts.Principal
	// verify is kept for event streams, which may outlive a token or session.
	verify verification
}

type callerKey struct{}

// callerFrom returns the zero caller, which may do nothing, for operations
// that are public.
func callerFrom(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

func principalFrom(ctx context.Context) accounts.Principal { return callerFrom(ctx).principal }

type requestKey struct{}

// requestFrom returns the request that an operation answers, for what its
// parameters do not hold: cookies and the client's address.
func requestFrom(ctx context.Context) *http.Request {
	r, _ := ctx.Value(requestKey{}).(*http.Request)
	return r
}
