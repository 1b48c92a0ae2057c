// Package doctor says what is wrong with a site, and which line to change: with
// the configuration, callbackd's database, each PBX and its files, and the
// OpenID Connect provider. The subcommands doctor and check print what it finds.
//
//	site := &doctor.Site{Config: cfg, Client: …, Shelf: …} // how serve reaches things
//	for _, f := range site.Examine(ctx) {
//		fmt.Println(f.Level, f.Part, f.What, f.Change)
//	}
//
// # What a finding is
//
// One Finding says one thing about one part of the site: a Fault by which calls
// or callbacks are lost, or something configured cannot work; a Warning, which
// may go wrong or looks like a slip; or what is Good, so that who reads it sees
// what was looked at. Faults and warnings name what to change, and where: a key
// of callbackd.yaml, a line of Asterisk's files, a command.
//
// # How it is found
//
// In two steps. Facts are gathered from what is really there, opened as serve
// opens it, each within a bounded time; one that cannot be had is kept as its
// error. Then they are judged: the functions judgeX take facts, do nothing
// else, and return findings. What Asterisk's files say is looked at only where
// they can be read, since ARI does not tell it.
//
// Nothing is changed, and it may be done beside serve. It takes a connection to
// the database and one to each PBX, and no event is taken from the daemon that
// follows. No password is shown: errors that hold one do not get here.
//
// # To add one
//
// Add the fact where the others of its part are gathered (nodeFacts for a PBX,
// asteriskConfig for its files, oidc.Description for a provider), what it means
// to the part's judge, and a row to the judge's test, which needs neither PBX
// nor provider. Whether it is found on a real Asterisk is tested in
// cmd/callbackd, where there is one.
package doctor
