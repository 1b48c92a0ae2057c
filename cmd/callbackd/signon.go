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

// returnURL is where the provider sends browsers back to, and afterLogoutURL
// where it does when they have logged out. The provider has to know both.
func returnURL(c *configs.OIDC) string      { return c.PublicURL + api.SignOnReturn }
func afterLogoutURL(c *configs.OIDC) string { return c.PublicURL + "/" }

func newProvider(c *configs.OIDC) *oidc.Provider {
	return oidc.New(oidc.Options{
		Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), Scopes: c.Scopes,
		RedirectURL: returnURL(c), AfterLogout: afterLogoutURL(c),
		Claims: oidc.Claims{
			Account: c.Claims.Account, Name: c.Claims.Name, Roles: c.Claims.Roles, CallCenters: c.Claims.CallCenters,
			ByRole: map[accounts.Role][]string{
				accounts.RoleAgent: c.Roles.Agent, accounts.RoleSupervisor: c.Roles.Supervisor, accounts.RoleAdmin: c.Roles.Admin,
			},
		},
	})
}
