// Package callcenter turns what Asterisk says about channels into calls: what
// kind of call each is and why, between whom, how it went and how it ended.
//
// A call is everything that shares one linkedid on one PBX node. Whether it
// is a call-center call, for which callbacks may be registered, is decided by
// [Signal]s, strongest first: the dialplan variable CALLBACKD_CALL_CENTER, the
// queue that the call entered, the extension that was dialled. The signals
// that were seen are kept with the call as its receipt.
//
// # The parts
//
//   - [Tracker] is pure. [Tracker.Apply] takes one event in, [Tracker.Changed]
//     hands out the calls that are not what they were. It keeps facts that may
//     come late and more than once (earliest times, sets, the oldest linkedid)
//     and works out kind, numbers, agent and outcome from them whenever a call
//     is handed out; so the same events give the same calls however they are
//     chunked, repeated and interleaved across calls.
//     [Tracker.ApplyCEL] takes in Asterisk's own log of channel events instead,
//     and [Tracker.Repair] fills in by it what nobody watched.
//   - [Follower] drives a tracker by the event stream of one node, and stores
//     each change through a [Store]. It is what has goroutines, a clock and
//     errors.
//   - [Canary] calls a node to prove that calls arrive. Its own are none.
//   - [Plan] is what the configuration says about a site's dialplan.
//
// A tracker is used like this:
//
//	tracker, err := callcenter.NewTracker("pbx1", plan)
//	…
//	tracker.Apply(&event) // again and again
//	for _, call := range tracker.Changed(nil) {
//		fmt.Println(call.RequestID, call.Kind, call.CallbackAllowed())
//	}
//
// # Which call a channel is part of
//
// ARI's channels do not show their linkedid by themselves. Where ari.conf
// names CHANNEL(linkedid) in channelvars, every event has it and that is the
// end of it. Otherwise the tracker goes by what ties channels together: Dial
// ties peer to caller, the halves of a Local channel have one name, and in a
// basic bridge Asterisk gives all channels the oldest linkedid among them. A
// channel that nothing ties yet is part of a provisional call, which nobody
// sees; [Tracker.Untied] names those for which Asterisk must be asked.
//
// # What a Follower guarantees
//
//   - A call's row exists within a second of its first event, and is right at
//     every moment of the call: changes wait 20 ms for others at most.
//   - Nothing that was read is dropped. While the store fails, calls are kept,
//     each as it is now, and stored later. When too many wait, events are no
//     longer read, until the stream's bound is reached and the loss is a
//     declared [Gap].
//   - After every connection the tracker is made to agree with the PBX's own
//     list of channels, before any event of the connection is applied. What
//     vanished meanwhile is closed with the outcome unknown.
//   - Where the PBX keeps a channel event log ([EventLog]), what happened in a
//     gap is looked up there when it has ended, and filled in. Else, and after
//     that, the gap is settled.
//   - A daemon that starts goes on with the calls that were active when the
//     last one stopped, and declares the time between as a gap; unless that one
//     handed the node over ([Follower.HandOver], [Follower.Prepare]), when
//     there is none.
//
// # Testing against it
//
// Tests of the tracker need no PBX: they apply events. A Follower is tested
// with ari/aritest, a fake Asterisk with faults to inject.
package callcenter
