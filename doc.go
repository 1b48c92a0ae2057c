// Package callbackd is the house that everything else lives in; it holds no
// code of its own, only the test that keeps the house in order.
//
// callbackd observes the calls of Asterisk PBX nodes and keeps the callbacks
// that agents owe to the callers of call centers. It never sits in a call's
// way: when it is down, people still talk.
//
//	cmd/callbackd   the program: one file a subcommand, and the wiring
//	demo            everything, private and throw-away, with phones that call
//	api             HTTP: the contract, authentication, the stream of events
//	attendant       talks to callers who ask for a callback
//	webhooks        sends other systems what changes
//	postgres        the stores behind all of them
//	callbacks       callbacks: the rules and the service
//	recording       recordings: library, playback, pacing
//	accounts        accounts, roles, API tokens
//	phonebook       the shared phone book, normalisation of numbers
//	callcenter      calls: what ARI events mean
//	ari             Asterisk's REST interface; no call-center word in it
//	sip             the SIP side: probing the PBX, phones for demo and tests
//	configs         configuration, and the samples that are published
//	workspace       the web page
//	lab, ari/aritest, sip/siptest  surroundings for the demo and the tests
//
// A call travels upwards from ari through callcenter to postgres and api;
// imports point only downwards. What each folder may import, and why, is the
// table in architecture_test.go.
package callbackd
