// Package demo runs everything, private and throw-away: package lab's
// PostgreSQL, Asterisk and people with phones, callbackd beside them, and a
// clerk who registers callbacks by its API.
//
//	err := demo.Run(ctx, demo.Options{Serve: serve, Out: os.Stdout, Err: os.Stderr, …})
//
// How callbackd is wired is not known here: Serve opens the daemon that it is
// given the configuration of. What a demo shows comes from the daemon's API and
// its metrics, so it shows what any client would see; its accounts and
// phone book alone are made in the database.
package demo
