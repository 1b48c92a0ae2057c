// Package aritest is a fake Asterisk: the part of its REST interface and
// event stream that package ari uses, on a free port of the loopback
// interface, with every fault that a real one has been seen to have.
//
//	pbx, err := aritest.New(aritest.Options{})
//	defer pbx.Close()
//	client, err := ari.NewClient(pbx.ClientOptions())
//	trace, err := aritest.LoadTrace("testdata/cc-answered.jsonl")
//	err = pbx.Play(ctx, 10, trace.Render(aritest.Rendering{Instance: 1, At: time.Now()}))
//
// # What it plays
//
// Events come from ParseEvent, NewEvent or a recorded Trace, and go out by
// Send at once or by Play in their time, ten times as fast, or as fast as the
// client takes them. A trace can be rendered any number of times as other
// calls, with other unique IDs, channel names, bridges and times, which is
// how load is made.
//
// What is sent is also what REST answers: a channel is listed from its
// ChannelCreated to its ChannelDestroyed as the last event showed it,
// ChannelVarset sets variables, bridges likewise. Snapshot and stream agree
// as they do on a PBX: an event may be sent just before or after a listing
// that shows it.
//
// # What it breaks
//
// Drop, Reset, CloseCleanly, BlackHole, SetDown, SetBooting, SetLatency, SetClock,
// SetSessionLimit, Hang, CloseUnanswered, Answer, Mute, Restart, SendText,
// SendBroken and SendLarge. A wrong password and a read-only user are matters
// of Options.Users. A second client that uses the same application name takes
// it over, and the first is told so and then hears nothing: the fake follows
// Asterisk 22 in this, in subscribeAll counting only for a new application,
// and in forgetting application and event filter with the last websocket.
//
// The websocket side is another implementation than the client's, so that
// both cannot agree on the same mistake. PONGs are counted (Pings): a client
// must never send one unasked.
package aritest
