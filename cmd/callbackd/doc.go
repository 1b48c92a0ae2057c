// Command callbackd follows calls on Asterisk over ARI and keeps the callbacks
// that agents owe to the callers of call centers.
//
// One file holds one subcommand, as a function newXCommand that returns it;
// root.go lists them. daemon.go and the files that it leads to wire what serve
// runs. Only this package knows all others.
//
// Exit codes: 0 when done, 1 when something went wrong, 2 when the command
// line was wrong. The first SIGINT or SIGTERM asks for a clean end, which is
// also exit code 0; the second ends the process at once, with exit code 3.
package main
