// Package lab starts the real things that callbackd works with, private and
// throw-away: an Asterisk and a PostgreSQL, each in a temporary folder, on free
// ports of the loopback address. `callbackd demo` and the tests run on it,
// nothing else does.
//
//	pbx, err := lab.StartAsterisk(ctx, lab.AsteriskOptions{})
//	if err != nil { … }
//	defer pbx.Stop()
//
//	db, err := lab.StartPostgres(ctx, lab.PostgresOptions{})
//	if err != nil { … }
//	defer db.Stop()
//	url, err := db.Database(ctx)
//
// Tests use package labtest, which does the starting, stopping and telling of
// logs for them.
//
// # What is promised
//
// Nothing outlives the program. Stop ends the process and removes its folder.
// A program that dies without Stop takes its processes with it (the kernel
// kills them, on Linux), and the next program to use lab removes the folders
// that were left.
//
// Any number of instances run side by side, in one program or in several.
// None uses root for PostgreSQL, a port that is not on the loopback address,
// or a file outside its own folder, but for one: where no Asterisk is on the
// PATH, its files are extracted once into the user's cache folder, where all
// share them.
//
// Asterisk runs on the published sample, configs/asterisk, with only the
// values of its instance.conf changed.
//
// # Missing programs
//
// A program that is not installed is an error that names the command which
// installs it. deps.sh in this folder installs all of them.
package lab
