package oidc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	upstream "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"callbackd/accounts"
)

// Claims say which claims tell what. One within another is named with a dot.
type Claims struct {
	Account, Name, Roles string
	// CallCenters is empty when the provider says nothing about them.
	CallCenters string
	// ByRole are the values of Roles that give a role.
	ByRole map[accounts.Role][]string
}

// identify returns who somebody is, by the claims of the ID token; where they
// are not there, the provider is asked for more.
func (p *Provider) identify(ctx context.Context, found *discovered, proof *upstream.IDToken, token *oauth2.Token) (accounts.Identity, error) {
	var claims map[string]any
	if err := proof.Claims(&claims); err != nil {
		return accounts.Identity{}, fmt.Errorf("%w: read the claims: %w", ErrRefused, err)
	}
	if found.UserInfoEndpoint() != "" && !p.o.Claims.complete(claims) {
		info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return accounts.Identity{}, failure("ask for user info", err)
		}
		if info.Subject != proof.Subject { // else somebody could be given another's claims
			return accounts.Identity{}, fmt.Errorf("%w: the user info is of somebody else", ErrRefused)
		}
		var more map[string]any
		if err := info.Claims(&more); err != nil {
			return accounts.Identity{}, fmt.Errorf("%w: read the user info: %w", ErrRefused, err)
		}
		for name, value := range more {
			if _, signed := claims[name]; !signed {
				claims[name] = value
			}
		}
	}
	identity := accounts.Identity{
		Issuer: proof.Issuer, Subject: proof.Subject,
		Name: first(claims, p.o.Claims.Account), DisplayName: first(claims, p.o.Claims.Name),
		Role: p.o.Claims.role(claims),
	}
	if p.o.Claims.CallCenters != "" {
		identity.CallCenters = append([]string{}, texts(claims, p.o.Claims.CallCenters)...)
	}
	if identity.Role == "" {
		return accounts.Identity{}, fmt.Errorf("%w: claim %q has %d values", ErrNoRole, p.o.Claims.Roles, len(texts(claims, p.o.Claims.Roles)))
	}
	return identity, nil
}

// complete reports whether all claims that are looked at are there.
func (c *Claims) complete(claims map[string]any) bool {
	for _, name := range []string{c.Account, c.Name, c.Roles, c.CallCenters} {
		if name != "" && len(texts(claims, name)) == 0 {
			return false
		}
	}
	return true
}

// role returns the strongest role that the claims give; empty for none.
func (c *Claims) role(claims map[string]any) accounts.Role {
	values := texts(claims, c.Roles)
	for _, role := range slices.Backward(accounts.Roles) {
		for _, value := range c.ByRole[role] {
			if slices.Contains(values, value) {
				return role
			}
		}
	}
	return ""
}

// texts returns the values of a claim, which is a text or a list of texts.
func texts(claims map[string]any, name string) []string {
	value, ok := claims[name]
	if outer, inner, nested := strings.Cut(name, "."); !ok && nested {
		if within, isObject := claims[outer].(map[string]any); isObject {
			return texts(within, inner)
		}
	}
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		var all []string
		for _, v := range value {
			if text, isText := v.(string); isText {
				all = append(all, text)
			}
		}
		return all
	default:
		return nil
	}
}

func first(claims map[string]any, name string) string {
	if all := texts(claims, name); len(all) > 0 {
		return all[0]
	}
	return ""
}
