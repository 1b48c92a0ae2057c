// Package callbacks keeps the calls that must be returned.
//
// The rule that everything turns on: a callback can be registered only for a
// call-center call, and only once. [Allowed] and [New] are that rule without
// any I/O; [Service] applies it within one transaction that holds the call,
// so that two registrations for one call cannot both succeed and a callback's
// ID is only ever taken by one that was registered. The database schema
// states the same rule a second time, for whatever gets past this package.
//
// # Who sees what
//
// Every method of the service takes the principal that asks. Package accounts
// decides; what a principal may not see is answered like what does not exist.
//
// # Errors
//
// Refusals are values to be asked for with errors.Is and errors.AsType:
// [ErrNotFound], callcenter.ErrNotFound, [*NotCallCenterCallError],
// [*ExistsError], [ErrKeyReused], [*FieldError] and accounts.ErrForbidden. A
// refused registration changes nothing. Whoever serves the registration
// counts it: this package knows no metrics.
package callbacks
