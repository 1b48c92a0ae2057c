package main

import (
	"errors"
	"testing"
	"time"

	"callbackd/accounts/oidc"
	"callbackd/configs"
	"callbackd/lab/provider"
)

// TestDoctor_RealProvider: of a provider that knows callbackd nothing is at
// fault, and what is configured otherwise is found.
func TestDoctor_RealProvider(t *testing.T) {
	t.Parallel()
	p := provider.Start(t)
	p.Register("http://127.0.0.1:8080")
	c := configs.OIDC{
		Issuer: p.URL, ClientID: provider.ClientID, ClientSecret: configs.NewSecret(provider.ClientSecret),
		PublicURL: "http://127.0.0.1:8080", Scopes: []string{"profile"},
	}
	findings := examineSignOn(t.Context(), &c)
	if n := count(findings, levelFault) + count(findings, levelWarning); n != 0 {
		t.Errorf("of a good provider: %+v", findings)
	}
	for _, good := range []string{p.URL + " answers", "has nothing against client_id callbackd and its secret", "redirect URI http://127.0.0.1:8080/sso/callback, after logout http://127.0.0.1:8080/"} {
		found(t, findings, levelGood, "oidc", good)
	}

	wrong := c
	wrong.ClientSecret = configs.NewSecret("of somebody else")
	found(t, examineSignOn(t.Context(), &wrong), levelFault, "oidc", "does not take client_id callbackd with its secret")
	wrong = c
	wrong.ClientID = "nobody"
	found(t, examineSignOn(t.Context(), &wrong), levelFault, "oidc", "does not take client_id nobody")
	wrong = c
	wrong.Issuer += "/"
	found(t, examineSignOn(t.Context(), &wrong), levelFault, "oidc", "letter by letter")
	wrong.Issuer = p.URL + "/other"
	found(t, examineSignOn(t.Context(), &wrong), levelFault, "oidc", "404")
	p.Away(true)
	found(t, examineSignOn(t.Context(), &c), levelFault, "oidc", "502")
	if findings := examineSignOn(t.Context(), &configs.OIDC{}); len(findings) != 0 {
		t.Errorf("without a provider: %+v", findings)
	}
}

func TestJudgeSignOn(t *testing.T) {
	t.Parallel()
	c := configs.OIDC{Issuer: "https://login.test", ClientID: "callbackd", PublicURL: "https://callbackd.test", Scopes: []string{"profile"}}
	for name, test := range map[string]struct {
		change func(d *oidc.Description)
		level  level
		want   string
	}{
		"sound":            {func(*oidc.Description) {}, levelGood, "redirect URI https://callbackd.test/sso/callback"},
		"another issuer":   {func(d *oidc.Description) { d.Issuer = "https://login.test/" }, levelFault, `calls itself "https://login.test/"`},
		"no authorization": {func(d *oidc.Description) { d.Authorization = "" }, levelFault, "names no authorization_endpoint"},
		"no token":         {func(d *oidc.Description) { d.Token = "" }, levelFault, "names no token_endpoint"},
		"no keys":          {func(d *oidc.Description) { d.Keys = "" }, levelFault, "names no jwks_uri"},
		"no logout":        {func(d *oidc.Description) { d.EndSession = "" }, levelWarning, "names no end_session_endpoint"},
		"symmetric":        {func(d *oidc.Description) { d.Algorithms = []string{"HS256", "none"} }, levelFault, "signs ID tokens with HS256, none"},
		"keys unreadable":  {func(d *oidc.Description) { d.KeysErr = errors.New("no\nroute") }, levelFault, "cannot be read: no route"},
		"no signing key":   {func(d *oidc.Description) { d.SigningKeys = 0 }, levelFault, "no key for signatures"},
		"plain PKCE":       {func(d *oidc.Description) { d.Challenges = []string{"plain"} }, levelWarning, "does not say that it checks PKCE"},
		"no word of PKCE":  {func(d *oidc.Description) { d.Challenges = nil }, levelWarning, "does not say that it checks PKCE"},
		"ahead":            {func(d *oidc.Description) { d.Skew = 5 * time.Minute }, levelFault, "5m0s ahead of ours: nobody"},
		"a little behind":  {func(d *oidc.Description) { d.Skew = -time.Minute }, levelWarning, "1m0s behind ours"},
		"wrong secret":     {func(d *oidc.Description) { d.Client = errors.New("401") }, levelFault, "does not take client_id callbackd with its secret: 401"},
		"silent about it":  {func(d *oidc.Description) { d.ClientErr = errors.New("500") }, levelWarning, "is not known: 500"},
		"no such scope":    {func(d *oidc.Description) { d.Scopes = []string{"openid", "email"} }, levelWarning, "does not name the scope profile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := oidc.Description{
				Issuer: "https://login.test", Authorization: "https://login.test/a", Token: "https://login.test/t", Keys: "https://login.test/k",
				EndSession: "https://login.test/e", Algorithms: []string{"RS256"}, Challenges: []string{"plain", "S256"},
				Scopes: []string{"openid", "profile"}, SigningKeys: 1,
			}
			test.change(&d)
			findings := judgeSignOn(&c, &d, nil)
			found(t, findings, test.level, "oidc", test.want)
			if n := count(findings, levelFault) + count(findings, levelWarning); (n == 0) != (test.level == levelGood) || n > 1 {
				t.Errorf("%d things are wrong: %+v", n, findings)
			}
		})
	}
	found(t, judgeSignOn(&c, nil, errors.New("away")), levelFault, "oidc", "away")
}
