package ari

import "time"

// MessageKind says what a Message tells.
type MessageKind uint8

// The kinds of messages. Connected and Lost alternate; events come only
// between them.
const (
	// MessageConnected begins a connection: from here on all events come,
	// until Lost. What happened before is not told: the consumer lists
	// channels and bridges now, and then applies the events that follow.
	MessageConnected MessageKind = iota + 1
	// MessageEvent is an event that the filter wants.
	MessageEvent
	// MessageLost ends a connection and begins a gap.
	MessageLost
)

// Message is what a Stream delivers.
type Message struct {
	Kind MessageKind
	// Epoch numbers the connections of a Stream, from 1.
	Epoch int
	// At is when this process received the event, completed the connection,
	// or noticed the loss.
	At time.Time

	// Type and Raw are the event's type and JSON text, for Decode.
	Type EventType
	Raw  string

	// Info is, on Connected, the Asterisk that answers.
	Info *AsteriskInfo

	// Since is, on Lost, the last time when anything was received: the gap
	// begins there, not when it was noticed.
	Since time.Time
	// Reason and Err say, on Lost, why.
	Reason LossReason
	Err    error
}

// LossReason is why a connection ended, in one word of a bounded set.
type LossReason string

// The reasons for which a connection ends.
const (
	// LossClosed is a proper close by Asterisk.
	LossClosed LossReason = "closed"
	// LossBroken is a connection that was reset, ended in the middle, or
	// carried something that is no websocket frame.
	LossBroken LossReason = "broken"
	// LossSilent is a connection over which nothing came any more, not even
	// answers to PING.
	LossSilent LossReason = "silent"
	// LossOverflow is a consumer too slow for the queue.
	LossOverflow LossReason = "overflow"
	// LossOversized is an event above the read limit.
	LossOversized LossReason = "oversized"
	// LossReplaced is another client that took the application's name.
	LossReplaced LossReason = "replaced"
	// LossUnproven is a connection that answers PING but no longer brings
	// events.
	LossUnproven LossReason = "unproven"
	// LossStopped is the end of Run's context.
	LossStopped LossReason = "stopped"
)

// LossReasons are all reasons, for those who count them.
func LossReasons() []LossReason {
	return []LossReason{
		LossClosed, LossBroken, LossSilent, LossOverflow,
		LossOversized, LossReplaced, LossUnproven, LossStopped,
	}
}

// lossError carries a reason through the cancellation of a connection.
type lossError struct {
	reason LossReason
	err    error
	since  time.Time // zero: the last time anything was received
}

func (e *lossError) Error() string { return string(e.reason) + ": " + e.err.Error() }
func (e *lossError) Unwrap() error { return e.err }
