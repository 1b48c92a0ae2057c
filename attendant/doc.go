// Package attendant talks to callers who ask for a callback, and registers it.
//
// The dialplan sends a caller here by
//
//	Stasis(callbackd,register,CALL CENTER[,message])
//
// where the first argument is the application's name in the configuration and
// CALL CENTER the id or extension of one that is configured. The caller hears
// which number will be called, confirms it by 1 or keys in another after 2
// (with a withheld number there is no other way), leaves a message if the
// dialplan asks for one, hears that the callback is registered, and is handed
// back to the dialplan, where CALLBACKD_STATUS says what came of it.
//
// # What holds whatever happens
//
//   - Nobody is trapped. Every state of the dialogue has a timer, and every
//     session ends in handing the channel back, even when events are lost, the
//     database is away, or the daemon stops. Only a daemon that dies leaves
//     callers behind: the next one takes them up from the beginning, when a
//     message that is being recorded is at its end, and until then TIMEOUT of
//     the dialplan frees them, see configs/asterisk.
//   - A caller who hangs up as soon as a number is known is registered, with
//     what was said so far. The number is known from the beginning when it is
//     not withheld, and else when what was keyed in is complete. That holds, too,
//     when the daemon has died before: the number is kept in the database while
//     it is talked about ([Wishes]), and the next daemon registers those who have
//     left, unless somebody of that number got through since.
//   - A call makes one request, however often it comes here (package callbacks
//     sees to it): so a session that begins anew after a fault does no harm.
//   - Calls are followed by another goroutine, which is never held up: a
//     session that does not take its events in time is ended, and its caller
//     handed back.
//
// # The parts
//
// The dialogue is pure: events in, commands out; tests feed it any sequence.
// A session drives one dialogue by one channel's events, a clock and requests
// of Asterisk. [Attendant] is all sessions of a node; it is a
// callcenter.Listener. [Abandoned] registers callbacks for calls that were
// abandoned, which takes no dialogue.
//
// An ARI user that is read-only cannot do any of it, not even hand a channel
// back; the log says so, and the dialplan's TIMEOUT frees the caller.
//
// No number is logged.
package attendant
