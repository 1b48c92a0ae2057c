package callcenter

import (
	"slices"
	"time"
)

// The reasons of outcomes. Each belongs to the results that are named.
const (
	reasonCallerHungUp   = "caller-hung-up"    // answered, abandoned
	reasonAnswererHungUp = "answerer-hung-up"  // answered
	reasonCleared        = "cleared"           // answered: Asterisk ended it
	reasonMerged         = "merged"            // answered, abandoned: went on in another call
	reasonCallerLeft     = "caller-left-queue" // abandoned
	reasonLeftIVR        = "caller-left-ivr"   // abandoned
	reasonQueueTimeout   = "queue-timeout"     // missed
	reasonQueueFull      = "queue-full"        // missed
	reasonNoAgents       = "no-agents"         // missed: nobody is logged in or available
	reasonNoAnswer       = "no-answer"         // missed
	reasonDialplanEnded  = "dialplan-ended"    // missed: nobody was ever called
	reasonBusy           = "busy"              // busy
	reasonUnreachable    = "unreachable"       // failed
	reasonCongestion     = "congestion"        // failed
	reasonEndNotSeen     = "end-not-seen"      // unknown
)

// Reasons are all reasons of outcomes.
var Reasons = []string{
	reasonCallerHungUp, reasonAnswererHungUp, reasonCleared, reasonMerged, reasonCallerLeft, reasonLeftIVR,
	reasonQueueTimeout, reasonQueueFull, reasonNoAgents, reasonNoAnswer, reasonDialplanEnded, reasonBusy,
	reasonUnreachable, reasonCongestion, reasonEndNotSeen,
}

// outcome is how the call, which has ended, ended.
func (c *call) outcome() Outcome {
	caller := c.caller()
	merged := c.mergedInto != ""
	switch {
	case c.endNotSeen():
		return Outcome{ResultUnknown, reasonEndNotSeen}
	case c.answeredAt() != nil:
		return Outcome{ResultAnswered, c.answeredReason(caller, merged)}
	case merged:
		return Outcome{ResultAbandoned, reasonMerged}
	}
	queued := c.has(RuleCallCenterQueue, RuleRingGroupQueue, RuleUnknownQueue)
	statuses := map[string]bool{}
	rang := false
	for _, l := range c.legs {
		statuses[l.DialStatus] = true
		rang = rang || l.RingingAt != nil || l.DialStatus == "NOANSWER"
	}
	// A caller who hangs up on a busy tone did not leave before his time: the
	// call was over already.
	if !queued && !statuses["CANCEL"] && !statuses["NOANSWER"] {
		switch {
		case statuses["BUSY"]:
			return Outcome{ResultBusy, reasonBusy}
		case statuses["CONGESTION"]:
			return Outcome{ResultFailed, reasonCongestion}
		case statuses["CHANUNAVAIL"] || statuses["INVALIDARGS"]:
			return Outcome{ResultFailed, reasonUnreachable}
		}
	}
	if caller.HungUpAt != nil {
		switch {
		case queued:
			return Outcome{ResultAbandoned, reasonCallerLeft}
		case c.kind() == KindIVR:
			return Outcome{ResultAbandoned, reasonLeftIVR}
		}
		return Outcome{ResultAbandoned, reasonCallerHungUp}
	}
	return Outcome{ResultMissed, c.missedReason(queued, rang)}
}

// endNotSeen reports whether the leg that ended last, or the one that began
// the call, vanished in a gap.
func (c *call) endNotSeen() bool {
	if c.root().Lost {
		return true
	}
	return slices.ContainsFunc(c.legs, func(l *leg) bool { return l.Lost && l.EndedAt.Equal(c.endedAt()) })
}

// answeredReason says who ended the call. Of those who talked it is who hung up
// first, but for those who were gone when others still talked: an agent who
// transferred the call did not end it.
func (c *call) answeredReason(caller *leg, merged bool) string {
	var last time.Time
	var talked []*leg
	for _, l := range c.legs {
		if l.HungUpAt == nil || l.AnsweredAt == nil && l != caller {
			continue
		}
		talked = append(talked, l)
		if l.HungUpAt.After(last) {
			last = *l.HungUpAt
		}
	}
	var first *leg
	for _, l := range talked {
		if !l.EndedAt.Before(last) && (first == nil || l.HungUpAt.Before(*first.HungUpAt)) {
			first = l
		}
	}
	switch {
	case merged:
		return reasonMerged
	case first == nil:
		return reasonCleared
	case first == caller:
		return reasonCallerHungUp
	}
	return reasonAnswererHungUp
}

func (c *call) missedReason(queued, rang bool) string {
	if queued {
		switch c.queueStatus {
		case "TIMEOUT":
			return reasonQueueTimeout
		case "FULL":
			return reasonQueueFull
		case "JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL":
			return reasonNoAgents
		}
	}
	if queued || rang {
		return reasonNoAnswer
	}
	return reasonDialplanEnded
}
