package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	upstream "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"callbackd/accounts"
)

// Bounds of what is asked of a provider.
const (
	requestTimeout = 5 * time.Second
	maxAnswer      = 1 << 20
	// clockSkew is how far the clocks of both may be apart.
	clockSkew = 2 * time.Minute
	// askAgainAfter is how long a provider that did not answer is left alone:
	// everybody at the login page would wait for it otherwise.
	askAgainAfter = 2 * time.Second
)

var (
	// ErrUnavailable says that the provider cannot be reached, or does not
	// answer as one.
	ErrUnavailable = errors.New("the OpenID Connect provider does not answer")
	// ErrRefused says that the provider, or what came from it, does not prove
	// who somebody is.
	ErrRefused = errors.New("the OpenID Connect login is not valid")
	// ErrNoRole says that none of the claims gives a role.
	ErrNoRole = errors.New("no claim gives a role")
)

// Options say which provider it is, and what its claims mean.
type Options struct {
	// Issuer is the provider's URL.
	Issuer       string
	ClientID     string
	ClientSecret string
	// RedirectURL is where the provider sends browsers back to.
	RedirectURL string
	// AfterLogout is where it sends them when they have logged out.
	AfterLogout string
	// Scopes are asked for beside openid.
	Scopes []string
	Claims Claims
	// Now is the clock; nil for the system's.
	Now func() time.Time
}

// Provider is an OpenID Connect provider. It is safe for concurrent use.
type Provider struct {
	o      Options
	client *http.Client

	mu     sync.Mutex
	found  *discovered // nil until the provider has answered
	failed error       // the latest time it did not, at tried
	tried  time.Time
}

// discovered is what a provider says of itself.
type discovered struct {
	*upstream.Provider
	verifier   *upstream.IDTokenVerifier
	endSession string
}

// New returns a provider, which is not asked anything yet.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{o: o, client: &http.Client{
		Timeout:       requestTimeout,
		Transport:     bounded{http.DefaultTransport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// bounded ends answers that are larger than any that makes sense.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxAnswer), response.Body}
	}
	return response, err
}

// discover returns what the provider says of itself, which is asked until it
// has answered once.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if p.failed != nil && p.o.Now().Sub(p.tried) < askAgainAfter {
		return nil, p.failed
	}
	// Whoever gives up takes nothing away from those that wait behind.
	asking, cancel := context.WithTimeout(context.WithoutCancel(p.with(ctx)), requestTimeout)
	defer cancel()
	provider, err := upstream.NewProvider(asking, p.o.Issuer)
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err == nil {
		err = provider.Claims(&more)
	}
	p.tried = p.o.Now()
	if err != nil {
		p.failed = fmt.Errorf("%w: %w", ErrUnavailable, err)
		return nil, p.failed
	}
	p.found, p.failed = &discovered{Provider: provider, endSession: more.EndSession}, nil
	p.found.verifier = provider.VerifierContext(p.with(context.Background()), &upstream.Config{
		ClientID: p.o.ClientID, Now: func() time.Time { return p.o.Now().Add(-clockSkew) },
	})
	return p.found, nil
}

// with returns a context in which the provider is asked with our bounds.
func (p *Provider) with(ctx context.Context) context.Context {
	return upstream.ClientContext(ctx, p.client)
}

func (p *Provider) exchange(found *discovered) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.o.ClientID, ClientSecret: p.o.ClientSecret, Endpoint: found.Endpoint(),
		RedirectURL: p.o.RedirectURL, Scopes: append([]string{upstream.ScopeOpenID}, p.o.Scopes...),
	}
}

// Attempt is a login that was begun. It is kept with the browser, out of
// everybody else's reach.
type Attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// Begin begins a login and returns where to send the browser. It returns
// ErrUnavailable.
func (p *Provider) Begin(ctx context.Context) (address string, attempt Attempt, err error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", Attempt{}, err
	}
	attempt = Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	return p.exchange(found).AuthCodeURL(attempt.State, upstream.Nonce(attempt.Nonce), oauth2.S256ChallengeOption(attempt.Verifier)), attempt, nil
}

// Answer is what the browser brings back from the provider.
type Answer struct {
	State, Code string
	// Error is what the provider says went wrong; empty when nothing did.
	Error string
}

// Finish returns who somebody is, and the ID token that says so. It returns
// ErrRefused, ErrNoRole or ErrUnavailable.
func (p *Provider) Finish(ctx context.Context, attempt Attempt, answer Answer) (identity accounts.Identity, idToken string, err error) {
	if attempt.State == "" || subtle.ConstantTimeCompare([]byte(attempt.State), []byte(answer.State)) != 1 {
		return accounts.Identity{}, "", fmt.Errorf("%w: it was not begun in this browser", ErrRefused)
	}
	if answer.Error != "" || answer.Code == "" {
		return accounts.Identity{}, "", fmt.Errorf("%w: the provider says %.100q", ErrRefused, answer.Error)
	}
	found, err := p.discover(ctx)
	if err != nil {
		return accounts.Identity{}, "", err
	}
	ctx = p.with(ctx)
	token, err := p.exchange(found).Exchange(ctx, answer.Code, oauth2.VerifierOption(attempt.Verifier))
	if err != nil {
		return accounts.Identity{}, "", failure("redeem the code", err)
	}
	idToken, _ = token.Extra("id_token").(string)
	proof, err := found.verifier.Verify(ctx, idToken)
	if err == nil && proof.AccessTokenHash != "" {
		err = proof.VerifyAccessToken(token.AccessToken)
	}
	switch {
	case err != nil:
		return accounts.Identity{}, "", failure("verify the ID token", err)
	case subtle.ConstantTimeCompare([]byte(proof.Nonce), []byte(attempt.Nonce)) != 1:
		return accounts.Identity{}, "", fmt.Errorf("%w: the ID token is of another login", ErrRefused)
	case proof.Subject == "":
		return accounts.Identity{}, "", fmt.Errorf("%w: the ID token names nobody", ErrRefused)
	case proof.IssuedAt.After(p.o.Now().Add(clockSkew)):
		return accounts.Identity{}, "", fmt.Errorf("%w: the ID token is of %v: the clocks differ", ErrRefused, proof.IssuedAt.UTC())
	}
	identity, err = p.identify(ctx, found, proof, token)
	return identity, idToken, err
}

// failure tells a provider that is away from one that says no.
func failure(doing string, err error) error {
	meaning := ErrRefused
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		// The body, which the error shows, may hold what is nobody's business.
		err = fmt.Errorf("status %d, %.100q", answer.Response.StatusCode, answer.ErrorCode)
		if answer.Response.StatusCode >= http.StatusInternalServerError {
			meaning = ErrUnavailable
		}
	} else if isNetwork(err) {
		meaning = ErrUnavailable
	}
	return fmt.Errorf("%w: %s: %w", meaning, doing, err)
}

func isNetwork(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok || errors.Is(err, context.DeadlineExceeded)
}

// LogoutURL returns where to send a browser so that somebody is logged out
// there as well; empty when the provider has no such place, or was never asked.
func (p *Provider) LogoutURL(idToken string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found == nil || p.found.endSession == "" {
		return ""
	}
	to, err := url.Parse(p.found.endSession)
	if err != nil || to.Scheme != "https" && to.Scheme != "http" {
		return ""
	}
	query := to.Query()
	query.Set("client_id", p.o.ClientID)
	query.Set("post_logout_redirect_uri", p.o.AfterLogout)
	if idToken != "" {
		query.Set("id_token_hint", idToken)
	}
	to.RawQuery = query.Encode()
	return to.String()
}
