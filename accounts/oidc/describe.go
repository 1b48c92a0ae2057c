package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	upstream "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// Algorithms are those by which a provider may sign ID tokens.
var Algorithms = []string{
	upstream.RS256, upstream.RS384, upstream.RS512, upstream.ES256, upstream.ES384, upstream.ES512,
	upstream.PS256, upstream.PS384, upstream.PS512, upstream.EdDSA,
}

// MaxClockSkew is how far the clocks may be apart before nobody can log in.
const MaxClockSkew = clockSkew

// Description is what a provider says of itself and of this client, for whoever
// asks why people cannot log in. What a provider does not say is empty.
type Description struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Keys          string   `json:"jwks_uri"`
	EndSession    string   `json:"end_session_endpoint"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	Scopes        []string `json:"scopes_supported"`

	// Skew is how far the provider's clock is ahead of ours; 0 when it does not
	// tell the time.
	Skew time.Duration `json:"-"`
	// SigningKeys counts the keys for signatures; KeysErr is why they cannot be
	// had.
	SigningKeys int   `json:"-"`
	KeysErr     error `json:"-"`
	// Client is why the provider does not take this client, by its id and
	// secret; nil when it has nothing against it. ClientErr is why that is not
	// known.
	Client, ClientErr error `json:"-"`
	// RedirectURL and AfterLogout are what the provider has to know of this
	// client: it does not tell whether it does.
	RedirectURL string `json:"-"`
	AfterLogout string `json:"-"`
}

// Describe asks the provider, whatever it said before. Its error says that it
// does not answer as one.
func (p *Provider) Describe(ctx context.Context) (Description, error) {
	d := Description{RedirectURL: p.o.RedirectURL, AfterLogout: p.o.AfterLogout}
	header, err := p.get(ctx, strings.TrimSuffix(p.o.Issuer, "/")+"/.well-known/openid-configuration", &d)
	if err != nil {
		return Description{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		// The header has whole seconds.
		d.Skew = date.Sub(p.o.Now()).Round(time.Second)
	}
	if d.Keys != "" {
		var keys jose.JSONWebKeySet
		_, d.KeysErr = p.get(ctx, d.Keys, &keys)
		for i := range keys.Keys {
			if keys.Keys[i].Valid() && keys.Keys[i].Use != "enc" {
				d.SigningKeys++
			}
		}
	}
	if d.Token != "" {
		d.Client, d.ClientErr = p.tryClient(ctx, d.Token)
	}
	return d, nil
}

// get reads a JSON document.
func (p *Provider) get(ctx context.Context, address string, into any) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return nil, fmt.Errorf("%s is no description of a provider: %w", address, err)
	}
	return response.Header, nil
}

// tryClient redeems a code that nobody was given: a provider that does not know
// the client says so (RFC 6749, section 5.2), and one that does says that the
// code is wrong. Those that look at the code first say that of every client.
func (p *Provider) tryClient(ctx context.Context, address string) (client, err error) {
	config := oauth2.Config{
		ClientID: p.o.ClientID, ClientSecret: p.o.ClientSecret, RedirectURL: p.o.RedirectURL, Endpoint: oauth2.Endpoint{TokenURL: address},
	}
	_, err = config.Exchange(p.with(ctx), "callbackd-doctor", oauth2.VerifierOption(oauth2.GenerateVerifier()))
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case err == nil:
		return nil, errors.New("it takes a code that it did not give")
	case !ok:
		if wrapped, isURL := errors.AsType[*url.Error](err); isURL {
			err = wrapped
		}
		return nil, err
	case answer.ErrorCode == "invalid_grant":
		return nil, nil
	case answer.ErrorCode == "invalid_client" || answer.ErrorCode == "unauthorized_client" || answer.Response.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("it answers %d, %.100q", answer.Response.StatusCode, answer.ErrorCode), nil
	}
	return nil, fmt.Errorf("it answers %d, %.100q", answer.Response.StatusCode, answer.ErrorCode)
}
