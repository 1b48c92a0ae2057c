package doctor

import (
	"errors"
	"testing"
	"time"

	"callbackd/accounts/oidc"
	"callbackd/configs"
)

func TestJudgeSignOn(t *testing.T) {
	t.Parallel()
	c := configs.OIDC{Issuer: "https://login.test", ClientID: "callbackd", PublicURL: "https://callbackd.test", Scopes: []string{"profile"}}
	for name, test := range map[string]struct {
		change func(d *oidc.Description)
		level  Level
		want   string
	}{
		"sound":            {func(*oidc.Description) {}, Good, "redirect URI https://callbackd.test/sso/callback"},
		"another issuer":   {func(d *oidc.Description) { d.Issuer = "https://login.test/" }, Fault, `calls itself "https://login.test/"`},
		"no authorization": {func(d *oidc.Description) { d.Authorization = "" }, Fault, "names no authorization_endpoint"},
		"no token":         {func(d *oidc.Description) { d.Token = "" }, Fault, "names no token_endpoint"},
		"no keys":          {func(d *oidc.Description) { d.Keys = "" }, Fault, "names no jwks_uri"},
		"no logout":        {func(d *oidc.Description) { d.EndSession = "" }, Warning, "names no end_session_endpoint"},
		"symmetric":        {func(d *oidc.Description) { d.Algorithms = []string{"HS256", "none"} }, Fault, "signs ID tokens with HS256, none"},
		"keys unreadable":  {func(d *oidc.Description) { d.KeysErr = errors.New("no\nroute") }, Fault, "cannot be read: no route"},
		"no signing key":   {func(d *oidc.Description) { d.SigningKeys = 0 }, Fault, "no key for signatures"},
		"plain PKCE":       {func(d *oidc.Description) { d.Challenges = []string{"plain"} }, Warning, "does not say that it checks PKCE"},
		"no word of PKCE":  {func(d *oidc.Description) { d.Challenges = nil }, Warning, "does not say that it checks PKCE"},
		"ahead":            {func(d *oidc.Description) { d.Skew = 5 * time.Minute }, Fault, "5m0s ahead of ours: nobody"},
		"a little behind":  {func(d *oidc.Description) { d.Skew = -time.Minute }, Warning, "1m0s behind ours"},
		"wrong secret":     {func(d *oidc.Description) { d.Client = errors.New("401") }, Fault, "does not take client_id callbackd with its secret: 401"},
		"silent about it":  {func(d *oidc.Description) { d.ClientErr = errors.New("500") }, Warning, "is not known: 500"},
		"no such scope":    {func(d *oidc.Description) { d.Scopes = []string{"openid", "email"} }, Warning, "does not name the scope profile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := oidc.Description{
				Issuer: "https://login.test", Authorization: "https://login.test/a", Token: "https://login.test/t", Keys: "https://login.test/k",
				EndSession: "https://login.test/e", Algorithms: []string{"RS256"}, Challenges: []string{"plain", "S256"},
				Scopes: []string{"openid", "profile"}, SigningKeys: 1, RedirectURL: "https://callbackd.test/sso/callback", AfterLogout: "https://callbackd.test/",
			}
			test.change(&d)
			findings := judgeSignOn(&c, &d, nil)
			found(t, findings, test.level, "oidc", test.want)
			if n := Count(findings, Fault) + Count(findings, Warning); (n == 0) != (test.level == Good) || n > 1 {
				t.Errorf("%d things are wrong: %+v", n, findings)
			}
		})
	}
	found(t, judgeSignOn(&c, nil, errors.New("away")), Fault, "oidc", "away")
}
