// Package api serves the HTTP API to the workspace and to other systems.
//
// openapi.yaml in this folder is the contract and comes first: types, routing
// and parameter decoding are generated from it (openapi.gen.go), requests are
// validated against it before a handler sees them, and a test fails when an
// operation, a status or a problem code of it was never exercised.
//
//	server := api.New(api.Options{Calls: …, Callbacks: …, Changes: …, Tokens: …})
//	go server.Run(ctx) // feeds the event streams; they end when it returns
//	http.Serve(listener, server.Handler())
//
// [NewOps] serves health, readiness and metrics, for a listener of its own
// that is not open to the world.
//
// # A request's way
//
// From outside to inside: metrics and log, panics, security headers, routing
// (unknown paths end here), cross-origin protection, limits of time and size,
// language, authentication, validation, and the operation's method. Methods
// return errors; error.go alone decides what a caller is told of them.
//
// # Event streams
//
// One tail per process reads the change log and keeps its newest entries
// rendered; every stream reads from there at its own position, and from the
// change log while it is further back. A slow reader therefore costs a
// position, not a buffer: it is cut when a write does not finish in time, and
// resumes with the number of the last change that it saw. Wake-ups from the
// store only make the tail look sooner than its next poll; losing one costs
// delay and nothing else.
//
// # Duties of the caller
//
// The http.Server should set ReadHeaderTimeout, IdleTimeout and
// MaxHeaderBytes but no WriteTimeout, which would cut the event streams; the
// handler sets a deadline for every other request itself. Cancel Run's
// context before http.Server.Shutdown, which waits for streams to end.
//
// Nothing here logs or counts by a phone number, a name or a token.
package api
