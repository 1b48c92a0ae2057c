// Package provider is an OpenID Connect provider for tests: a whole one, by the
// library of zitadel, with a page on which people log in.
//
//	p := provider.Start(t)
//	p.Register("http://127.0.0.1:8080")
//	p.Put(provider.Person{Subject: "1", Name: "tanaka", Password: "…", Claims: …})
//
// It listens on loopback, ends with its test, can be away for a while, and can
// change its key. Only tests import it: the provider's library is no part of
// callbackd.
package provider
