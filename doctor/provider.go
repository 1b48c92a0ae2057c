package doctor

import (
	"context"
	"slices"
	"strings"
	"time"

	"callbackd/accounts/oidc"
	"callbackd/configs"
)

// examineSignOn looks at the provider with which people log in; at nothing when
// there is none.
func (s *Site) examineSignOn(ctx context.Context) []Finding {
	c := &s.Config.OIDC
	if !c.Enabled() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	d, err := s.Provider(c).Describe(ctx)
	return judgeSignOn(c, &d, err)
}

// judgeSignOn says what it means that a provider describes itself in a way, or
// does not.
func judgeSignOn(c *configs.OIDC, d *oidc.Description, err error) []Finding {
	e := &examined{part: "oidc"}
	if err != nil {
		e.add(Fault, "oidc.issuer in callbackd.yaml; the network; for a CA of your own SSL_CERT_FILE", "%s", err)
		return e.findings
	}
	if d.Issuer == c.Issuer {
		e.add(Good, "", "%s answers", c.Issuer)
	} else {
		e.add(Fault, "oidc.issuer: "+d.Issuer, "the provider calls itself %q, letter by letter, and not %q", d.Issuer, c.Issuer)
	}
	judgeEndpoints(e, d)
	judgeProofs(e, d)
	judgeClient(e, c, d)
	return e.findings
}

func judgeEndpoints(e *examined, d *oidc.Description) {
	for _, endpoint := range []struct{ name, address string }{
		{"authorization_endpoint", d.Authorization}, {"token_endpoint", d.Token}, {"jwks_uri", d.Keys},
	} {
		if endpoint.address == "" {
			e.add(Fault, "oidc.issuer: perhaps another one of the provider's", "the provider names no %s: nobody can log in", endpoint.name)
		}
	}
	if d.EndSession == "" {
		e.add(Warning, "the provider's logout (end_session_endpoint), if it has one",
			"the provider names no end_session_endpoint: who logs out of callbackd stays logged in there, and logs in again without a password")
	}
}

// judgeProofs is about what proves who somebody is.
func judgeProofs(e *examined, d *oidc.Description) {
	supported := func(name string) bool { return slices.Contains(oidc.Algorithms, name) }
	if len(d.Algorithms) > 0 && !slices.ContainsFunc(d.Algorithms, supported) {
		e.add(Fault, "the client at the provider: sign ID tokens with RS256 or ES256",
			"the provider signs ID tokens with %s, of which callbackd verifies none", strings.Join(d.Algorithms, ", "))
	}
	switch {
	case d.KeysErr != nil:
		e.add(Fault, "the provider, or what is between", "the keys that verify ID tokens cannot be read: %s", d.KeysErr)
	case d.Keys != "" && d.SigningKeys == 0:
		e.add(Fault, "the provider's keys", "the provider has no key for signatures at %s", d.Keys)
	}
	if !slices.Contains(d.Challenges, "S256") {
		e.add(Warning, "the client at the provider: PKCE with S256",
			"the provider does not say that it checks PKCE with S256: a code that is stolen may be redeemed by whoever has the secret")
	}
	direction := "ahead of"
	if d.Skew < 0 {
		direction = "behind"
	}
	const change = "let both machines follow one clock (chrony)"
	switch skew := d.Skew.Abs(); {
	case skew > oidc.MaxClockSkew:
		e.add(Fault, change, "the provider's clock is %s %s ours: nobody can log in", skew.Round(time.Second), direction)
	case skew > skewAllowed+time.Second: // it tells whole seconds
		e.add(Warning, change, "the provider's clock is %s %s ours", skew.Round(time.Second), direction)
	}
}

// judgeClient is about what the provider knows of callbackd.
func judgeClient(e *examined, c *configs.OIDC, d *oidc.Description) {
	switch {
	case d.Client != nil:
		e.add(Fault, "oidc.client_id, and oidc.client_secret or oidc.client_secret_file; at the provider: a confidential client",
			"the provider does not take client_id %s with its secret: %s", c.ClientID, d.Client)
	case d.ClientErr != nil:
		e.add(Warning, "oidc.client_id and the client at the provider",
			"whether the provider knows client_id %s is not known: %s", c.ClientID, d.ClientErr)
	case d.Token != "":
		e.add(Good, "", "the provider has nothing against client_id %s and its secret", c.ClientID)
	}
	for _, scope := range append([]string{"openid"}, c.Scopes...) {
		if len(d.Scopes) > 0 && !slices.Contains(d.Scopes, scope) {
			e.add(Warning, "oidc.scopes; the provider has "+strings.Join(d.Scopes, ", "), "the provider does not name the scope %s", scope)
		}
	}
	e.add(Good, "", "compare at the provider: redirect URI %s, after logout %s", d.RedirectURL, d.AfterLogout)
}
