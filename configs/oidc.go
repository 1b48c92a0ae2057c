package configs

import (
	"net/url"
	"strings"
)

// OIDC says with which OpenID Connect provider people may log in, beside
// passwords. The zero value means none.
type OIDC struct {
	// Issuer is the provider's URL, below which its discovery document lies.
	Issuer   string `yaml:"issuer"`
	ClientID string `yaml:"client_id"`
	// ClientSecret is the client's secret. It is never empty after Load.
	ClientSecret Secret `yaml:"client_secret"`
	// ClientSecretFile names a file that holds the secret.
	ClientSecretFile string `yaml:"client_secret_file"`
	// Name is what the button of the login page says that one logs in with.
	Name string `yaml:"name"`
	// PublicURL is where people's browsers find callbackd, without a path.
	PublicURL string `yaml:"public_url"`
	// Scopes are asked for beside openid; "profile" when omitted.
	Scopes []string   `yaml:"scopes"`
	Claims OIDCClaims `yaml:"claims"`
	// Roles say what people are by the values of the claim Claims.Roles.
	Roles OIDCRoles `yaml:"roles"`
}

// Enabled reports whether people may log in with a provider.
func (o *OIDC) Enabled() bool { return o.Issuer != "" }

// OIDCClaims name the claims that say who somebody is. A claim within another
// is named with a dot.
type OIDCClaims struct {
	// Account becomes the account's name; "preferred_username" when omitted.
	Account string `yaml:"account"`
	// Name becomes the name that people read; "name" when omitted.
	Name string `yaml:"name"`
	// Roles holds what Roles is about; "roles" when omitted.
	Roles string `yaml:"roles"`
	// CallCenters holds ids of call centers; empty when administrators say
	// here who belongs to which.
	CallCenters string `yaml:"call_centers"`
}

// OIDCRoles are the values of a claim by the role that they give. Who has
// values of several has the strongest; who has none cannot log in.
type OIDCRoles struct {
	Agent      []string `yaml:"agent"`
	Supervisor []string `yaml:"supervisor"`
	Admin      []string `yaml:"admin"`
}

// setDefaults fills in what was left out, if there is a provider.
func (o *OIDC) setDefaults() {
	if !o.Enabled() {
		return
	}
	if o.Scopes == nil {
		o.Scopes = []string{"profile"}
	}
	for _, d := range []struct {
		value *string
		usual string
	}{
		{&o.Claims.Account, "preferred_username"}, {&o.Claims.Name, "name"}, {&o.Claims.Roles, "roles"},
	} {
		if *d.value == "" {
			*d.value = d.usual
		}
	}
}

// oidc checks how people log in with a provider.
func (v *validator) oidc(o *OIDC) {
	if !o.Enabled() {
		if (o.ClientID != "" || o.Name != "" || o.PublicURL != "") && v.sound("oidc.issuer") {
			v.report("oidc.issuer", "is missing: write the provider's URL, or leave oidc out")
		}
		return
	}
	// Tokens and passwords go there; on this machine nobody is in between.
	v.site("oidc.issuer", o.Issuer, "the URL of the provider, such as https://login.example.org/realms/office")
	ok := v.site("oidc.public_url", o.PublicURL, "where browsers find callbackd, such as https://callbackd.example.org")
	if u, err := url.Parse(o.PublicURL); ok && err == nil && u.Path != "" {
		v.report("oidc.public_url", "%s has a path: write it without, and without a slash at its end", quote(o.PublicURL))
	}
	for _, f := range []struct{ path, value, right string }{
		{"oidc.client_id", o.ClientID, "the id that the provider gave to callbackd"},
		{"oidc.name", o.Name, "what people know the provider by; it stands on the button"},
	} {
		if strings.TrimSpace(f.value) == "" && v.sound(f.path) {
			v.report(f.path, "is missing: write %s", f.right)
		}
	}
	if len(o.Roles.Agent)+len(o.Roles.Supervisor)+len(o.Roles.Admin) == 0 && v.sound("oidc.roles") {
		v.report("oidc.roles", "nobody could log in: write which values of the claim %s make an agent, a supervisor or an admin", quote(o.Claims.Roles))
	}
}

// site checks a URL that is reached safely.
func (v *validator) site(path, value, right string) bool {
	if !v.sound(path) {
		return false
	}
	u, err := url.Parse(value)
	switch {
	case value == "":
		v.report(path, "is missing: write %s", right)
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		v.report(path, "%s is not a URL: write %s", quote(value), right)
	case u.Scheme == "http" && !isLoopback(u.Host) && !isLoopback(u.Host+":80"):
		v.report(path, "%s is not encrypted, and whoever listens could log in: write https, or an address of this machine", quote(value))
	default:
		return true
	}
	return false
}
