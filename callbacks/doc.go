// Package callbacks keeps the calls that must be returned.
//
// The rule that everything turns on: a callback can be registered only for a
// call-center call, and only once. [Allowed] and [New] are that rule without
// any I/O; [Service] applies it within one transaction that holds the call,
// so that two registrations for one call cannot both succeed and a callback's
// ID is only ever taken by one that was registered. The database schema
// states the same rule a second time, for whatever gets past this package.
//
// # Changes
//
// [Service.Claim] and [Service.Change] make a change from the version that the
// principal saw. [Claim] and [Patch.Apply] are their rules without any I/O;
// the service applies them to the record while it is locked. So of many who
// change one version, one succeeds and the others are told what the record
// became. Every change is in [Service.History] and in the change log. Callbacks
// are never deleted.
//
// An assignee is asked for through [Assignees], in the same transaction: its
// account stays as it is until the assignment is done.
//
// # Requests
//
// [Service.RegisterAutomatic] registers what no person does: the caller asked
// for a callback, or abandoned the call. The rule is the same, in the program
// and in the schema. A number that has an open callback at the call center has
// the request added to it; each call makes one request, so asking again after
// a fault does no harm.
//
// # Lists
//
// [Service.List] gives a [Filter]'s callbacks page by page. What is typed to
// find callbacks goes through names too, which are not stored with them: those
// of call centers and business labels come from the configuration, those of
// numbers from the phone book and those of assignees from their accounts, all
// as they are now. Numbers are found in every spelling; [InRegion] knows how.
//
// Times of registration follow the IDs, even when the clocks of two daemons
// differ: a registration is dated no earlier than the one before it.
//
// [Service.Export] gives whole lists, as they were at one moment, and [CSV]
// writes them for spreadsheets.
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
// [*ExistsError], [*StaleError], [*AssigneeError], [ErrUnassigned],
// [ErrKeyReused], [ErrNoNumber], [ErrNotVisited], [ErrReached], [*FieldError]
// and accounts.ErrForbidden. A refused request
// changes nothing. Whoever serves requests counts them: this package knows no
// metrics.
package callbacks
