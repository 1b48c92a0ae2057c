// Package oidc has people log in with an OpenID Connect provider, by the
// authorization code flow with PKCE.
//
//	provider := oidc.New(oidc.Options{Issuer: issuer, ClientID: id, …})
//
//	address, attempt, err := provider.Begin(ctx)           // send the browser there, keep attempt with it
//	identity, err := provider.Finish(ctx, attempt, answer) // when it comes back
//	account, err := service.AuthenticateElsewhere(…)       // of package accounts
//
// # Guarantees
//
//   - The provider is asked when somebody logs in, and not before: callbackd
//     starts without it, and passwords work without it. What it says of itself
//     is kept; its keys are read again when one is unknown.
//   - An answer counts only in the browser that asked (state), once asked
//     (nonce), and with a secret that never left callbackd and that browser
//     (PKCE). The ID token's signature, issuer, audience, times and, if there,
//     the hash of the access token are verified. Clocks may be two minutes apart.
//   - Every request to the provider is bounded in time and size. Redirects are
//     not followed.
package oidc
