// Package api serves the HTTP API to the workspace and to other systems.
//
// openapi.yaml in this folder is the contract and comes first: types, routing
// and parameter decoding are generated from it (openapi.gen.go), requests are
// validated against it before a handler sees them, and a test fails when an
// operation, a status or a problem code of it was never exercised. It is
// served as it is and as a page to read. apitest is a client generated from it.
//
//	server := api.New(api.Options{Calls: …, Callbacks: …, Changes: …, Accounts: …})
//	go server.Run(ctx) // feeds the event streams; they end when it returns
//	http.Serve(listener, server.Handler())
//
// [NewOps] serves health, readiness and metrics, for a listener of its own
// that is not open to the world.
//
// # A request's way
//
// From outside to inside: metrics and log, panics, security headers, who sent
// it (what trusted proxies say of that), cross-origin protection, routing
// (unknown paths end here), language, limits of time and size,
// authentication, validation of parameters and body, and the operation's
// method. Methods return errors; error.go alone decides what a caller is told
// of them.
//
// # Who asks
//
// A caller presents a token or belongs to a session; with both, the token
// counts. A token may act for an account, named by a header, and is then the
// account within what both may do. The services decide what a caller may do;
// the operations pass it on and decide nothing, except for what has no such
// service: tokens, the plan, calls, and who may take the phone book away.
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
// A stream verifies its caller at each heartbeat, and at once when this
// process ends the session or token. An open stream counts as using its
// session.
//
// # Exports
//
// An export takes as long as its reader does, as long as each write is taken
// in time. One that fails before its first bytes is answered with a problem;
// later the connection is cut, so that a part is never taken for the whole.
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
