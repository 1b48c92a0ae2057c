// Package postgres stores calls, callbacks, recordings, accounts, sessions,
// tokens, webhooks and the change log in PostgreSQL, and has work done in the
// background.
//
//	db, err := postgres.Open(ctx, url, postgres.Options{Log: log})
//	if err != nil { … }               // *SchemaError: run `callbackd migrate`
//	defer db.Close()
//	tracker := callcenter.NewService(db.Calls(), …)
//	service := callbacks.NewService(db.Callbacks(), callbacks.Options{…})
//	tokens  := accounts.NewTokens(db.Tokens(), nil)
//	feed    := db.Feed()              // feed.Run(ctx) beside the servers
//
// # Guarantees
//
// What is written together is committed together: a record, its history and
// its entry in the change log. Saving calls is idempotent: only rows that
// differ are written and logged. Whatever is written, a callback exists only
// for a call-center call and once a call; the schema holds that by itself.
// Times are rounded to microseconds and come back in UTC. Text that
// PostgreSQL cannot hold is repaired when calls are saved, and finds nothing
// when it is searched for.
//
// # The change log
//
// Changes have numbers in the order of their commits, so a reader that
// remembers the last number it saw misses nothing and sees nothing twice; see
// migrations/00003_changes.sql for how. [Feed] reads it and tells when there
// is something to read. LISTEN/NOTIFY carries no data: a lost notification
// costs at most a second.
//
// # Jobs
//
// What is to be done later, looking for the recordings of an ended call for
// one, becomes a job in the transaction that makes it necessary. River hands
// jobs out to the daemons that run [Jobs]: each is done by one of them, again
// after an error, and by another when that daemon dies.
//
// # Schema
//
// The migrations are part of the program and are applied by [Migrate] only.
// [Open] refuses a schema that is older or newer than the program.
//
// # Locks
//
// All transactions take locks in one order, so that they cannot wait for each
// other in a circle: idempotency key, calls by request ID, callbacks, accounts,
// the callback number, recordings, jobs, phones by endpoint, nodes, and at last
// the change log. Those of webhooks take other locks alone: the position,
// webhooks, deliveries and jobs.
package postgres
