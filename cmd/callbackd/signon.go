package main

import (
	"callbackd/accounts"
	"callbackd/accounts/oidc"
	"callbackd/api"
	"callbackd/configs"
)

// newSignOn returns how people log in elsewhere; nil when they cannot.
func newSignOn(c *configs.OIDC) api.SignOn {
	if !c.Enabled() {
		return nil
	}
	return newProvider(c)
}

// newProvider returns the provider that a configuration names. It has to know
// where it sends browsers back to, and where when they have logged out.
func newProvider(c *configs.OIDC) *oidc.Provider {
	return oidc.New(oidc.Options{
		Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), Scopes: c.Scopes,
		RedirectURL: c.PublicURL + api.SignOnReturn, AfterLogout: c.PublicURL + "/",
		Claims: oidc.Claims{
			Account: c.Claims.Account, Name: c.Claims.Name, Roles: c.Claims.Roles, CallCenters: c.Claims.CallCenters,
			ByRole: map[accounts.Role][]string{
				accounts.RoleAgent: c.Roles.Agent, accounts.RoleSupervisor: c.Roles.Supervisor, accounts.RoleAdmin: c.Roles.Admin,
			},
		},
	})
}
