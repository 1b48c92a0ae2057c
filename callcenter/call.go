package callcenter

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"callbackd/ari"
)

// RequestID is a call's unique ID for people and other systems. It is
// opaque, URL-safe and 27 characters long.
type RequestID string

// NewRequestID derives the ID from the node's name and the call's linkedid
// and from nothing else, so that replaying, restarting or repairing gives
// the same one.
func NewRequestID(node, linkedID string) RequestID {
	// The zero byte keeps ("a", "bc") and ("ab", "c") apart; neither a node's
	// name nor a linkedid can hold one.
	sum := sha256.Sum256([]byte(node + "\x00" + linkedID))
	return RequestID("r" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])))
}

// Kind says where a call went (着信先の種類).
type Kind string

// The kinds, strongest first: where several apply to a call the first of
// them is its kind.
const (
	KindCallCenter Kind = "call_center"
	KindRingGroup  Kind = "ring_group"
	KindTerminal   Kind = "terminal"
	KindIVR        Kind = "ivr"
	KindUnknown    Kind = "unknown"
)

// Kinds are all kinds, strongest first.
var Kinds = []Kind{KindCallCenter, KindRingGroup, KindTerminal, KindIVR, KindUnknown}

// Direction says who called whom (発着信).
type Direction string

// The directions. A call that came in from a trunk is inbound wherever it
// was sent on to.
const (
	DirectionInbound  Direction = "inbound"  // from a trunk
	DirectionOutbound Direction = "outbound" // to a trunk
	DirectionInternal Direction = "internal" // no trunk in it
)

// Directions are all directions.
var Directions = []Direction{DirectionInbound, DirectionOutbound, DirectionInternal}

// State says whether a call still has a channel.
type State string

// The states.
const (
	StateActive State = "active"
	StateEnded  State = "ended"
)

// Result is how a call ended.
type Result string

// The results.
const (
	ResultAnswered  Result = "answered"
	ResultAbandoned Result = "abandoned" // the caller left before an agent answered
	ResultMissed    Result = "missed"    // nobody answered until the dialplan gave up
	ResultBusy      Result = "busy"
	ResultFailed    Result = "failed"
	ResultUnknown   Result = "unknown" // its end was not seen
)

// Results are all results.
var Results = []Result{ResultAnswered, ResultAbandoned, ResultMissed, ResultBusy, ResultFailed, ResultUnknown}

// Outcome is how a call ended and why, both from a small fixed set, so that
// they can be a column, a log field and a metrics label alike. An active
// call's outcome is zero.
type Outcome struct {
	Result Result `json:"result"`
	// Reason is a short kebab-case word, such as "caller-left-queue".
	Reason string `json:"reason"`
}

// Rule names the rule of classification that a signal satisfied.
type Rule string

// The rules, strongest first. Rules that make a call a call-center call are
// the first four.
const (
	// RuleCallCenterVariable: CALLBACKD_CALL_CENTER held a call center's id
	// or extension.
	RuleCallCenterVariable Rule = "call_center_variable"
	// RuleCallCenterRequest: the dialplan asked for a callback in the name of a
	// call center, by Stasis(callbackd,register,CALL CENTER). That is the
	// dialplan's own word as CALLBACKD_CALL_CENTER is, and as strong.
	RuleCallCenterRequest Rule = "call_center_request"
	// RuleCallCenterQueue: the call entered Queue with a call center's queue.
	RuleCallCenterQueue Rule = "call_center_queue"
	// RuleCallCenterExtension: the call was dialled to a call center's
	// extension and nothing stronger was known.
	RuleCallCenterExtension Rule = "call_center_extension"

	// RuleRingGroupQueue: Queue with a queue that is listed under ring_groups,
	// or that the node's kind of dialplan makes for a ring group.
	RuleRingGroupQueue Rule = "ring_group_queue"
	// RuleRingGroupExtension: dialled to a ring group's extension.
	RuleRingGroupExtension Rule = "ring_group_extension"
	// RuleRingGroupDial: Dial with several devices, or where the node's kind of
	// dialplan calls ring groups.
	RuleRingGroupDial Rule = "ring_group_dial"

	// RuleTerminalDial: Dial with one device, or where the node's kind of
	// dialplan calls one person, who may have several.
	RuleTerminalDial Rule = "terminal_dial"
	// RuleTerminalExtension: dialled to a configured terminal.
	RuleTerminalExtension Rule = "terminal_extension"

	// RuleIVR: an application that speaks to the caller or listens for keys.
	RuleIVR Rule = "ivr_application"

	// RuleUnknownQueue: Queue with a queue that is configured nowhere. The
	// signal's Value is the queue's name.
	RuleUnknownQueue Rule = "unknown_queue"
	// RuleUnknownVariable: CALLBACKD_CALL_CENTER held what is neither a call
	// center's id nor its extension. The signal's Value is what it held.
	RuleUnknownVariable Rule = "unknown_call_center_variable"
	// RuleUnknownRequest: the dialplan asked for a callback in the name of what
	// is neither a call center's id nor its extension. The signal's Value is
	// that name.
	RuleUnknownRequest Rule = "unknown_call_center_request"
)

// Rules are all rules, strongest first.
var Rules = []Rule{
	RuleCallCenterVariable, RuleCallCenterRequest, RuleCallCenterQueue, RuleCallCenterExtension,
	RuleRingGroupQueue, RuleRingGroupExtension, RuleRingGroupDial,
	RuleTerminalDial, RuleTerminalExtension, RuleIVR, RuleUnknownQueue, RuleUnknownVariable, RuleUnknownRequest,
}

// Signal is one piece of evidence for what kind of call a call is: what was
// seen, when, on which channel, and by which rule it counts. A call's
// signals, in the order in which they were seen, are its receipt.
type Signal struct {
	At      time.Time     `json:"at"`
	Event   ari.EventType `json:"event"`
	Channel ari.ChannelID `json:"channel"`
	Rule    Rule          `json:"rule"`
	Kind    Kind          `json:"kind"`
	// CallCenter is the id of the call center that the signal speaks for;
	// empty for other kinds.
	CallCenter string `json:"call_center,omitempty"`
	// Value is what the rule looked at: a queue's name, an extension, a
	// variable's value, the devices dialled.
	Value string `json:"value,omitempty"`
	// MergedFrom is the call that brought the signal when Asterisk merged it
	// into this one; empty for a call's own signals.
	MergedFrom RequestID `json:"merged_from,omitempty"`
}

// Leg is one channel's part in a call.
type Leg struct {
	Channel ari.ChannelID `json:"channel"`
	// Endpoint is the technology and resource, such as PJSIP/2001, or, of a
	// Local channel, Local/2003@agents.
	Endpoint string `json:"endpoint"`
	// Dialled says that Asterisk called this endpoint (an agent that rings, a
	// trunk called out on), in contrast to one that called Asterisk.
	Dialled bool `json:"dialled"`
	// Trunk says that the endpoint leads outside.
	Trunk bool `json:"trunk"`
	// CallCenter is the id of the call center whose queue dialled the leg;
	// empty when no call center's queue did.
	CallCenter string     `json:"call_center,omitempty"`
	StartedAt  time.Time  `json:"started_at"`
	RingingAt  *time.Time `json:"ringing_at"`
	AnsweredAt *time.Time `json:"answered_at"`
	EndedAt    *time.Time `json:"ended_at"`
	// HungUpAt is when the far end asked to end the leg, in contrast to
	// Asterisk ending it; nil when it did not.
	HungUpAt *time.Time `json:"hung_up_at"`
	// DialStatus is the last final status of the Dial event that had the leg
	// as its peer: ANSWER, BUSY, CANCEL, NOANSWER, CHANUNAVAIL, CONGESTION….
	DialStatus string `json:"dial_status,omitempty"`
	// Cause is the Q.850 cause of the leg's end; 0 when none was given.
	Cause int `json:"cause,omitempty"`
	// Lost says that the leg's end was not seen: it vanished during a gap.
	Lost bool `json:"lost,omitempty"`
}

// Call is everything that shares one linkedid on one PBX node, as known now.
// All times are UTC and come from Asterisk's clock.
type Call struct {
	RequestID RequestID
	Node      string
	LinkedID  string
	Kind      Kind
	Direction Direction

	// CallCenter is the id of the call center that the call counts for: the
	// last whose agent answered, or else the last it entered. Empty for all
	// kinds but KindCallCenter.
	CallCenter string
	// CallCenters are the ids of all call centers that the call visited, in
	// the order of the first visit.
	CallCenters []string
	// BusinessLabel is a label's id; empty for none.
	BusinessLabel string

	// RemoteNumber is the other party's number as the PBX gave it; empty when
	// withheld or not known.
	RemoteNumber string
	// LocalNumber is the call center's or ring group's extension, the
	// terminal's number, or the number dialled.
	LocalNumber string
	// Agent is the endpoint (PJSIP/2001) that answered, or placed the call;
	// of several the one that the call counts for. Empty for none.
	Agent string
	// Agents are the endpoints of all legs that were answered (or that placed
	// the call), in the order of answering.
	Agents []string

	State   State
	Outcome Outcome
	// Activity is what goes on in the call at this moment.
	Activity Activity

	StartedAt time.Time
	// AnsweredAt is when a person answered first; nil while nobody has. The
	// PBX answering a caller by itself (IVR, queue) does not count.
	AnsweredAt *time.Time
	EndedAt    *time.Time

	// Recordings are the paths on the PBX of the files that record the call.
	Recordings []string
	Receipt    []Signal
	Legs       []Leg

	// MergedInto is the older call into which Asterisk merged this one
	// (attended transfer); empty when it did not.
	MergedInto RequestID

	// LastEventAt is Asterisk's time of the last event that changed the call.
	LastEventAt time.Time
}

// CallbackAllowed reports whether a callback can be registered for the
// call: for call-center calls, running or ended, and for no others.
func (c *Call) CallbackAllowed() bool { return c.Kind == KindCallCenter }

// Visited reports whether the call visited a call center.
func (c *Call) Visited(callCenter string) bool { return slices.Contains(c.CallCenters, callCenter) }

// Gap is an interval in which a node's events were not seen.
type Gap struct {
	Node string
	From time.Time
	// To is nil while the gap lasts.
	To *time.Time
	// Why is a kebab-case word from a small set, such as "connection-lost".
	Why string
	// Repair is what was done about what happened in it.
	Repair GapRepair
}

// Overlaps reports whether a part of a call fell into the gap. The gap is of
// the daemon's clock, the call of the PBX's.
func (g *Gap) Overlaps(c *Call) bool {
	return g.Node == c.Node && (g.To == nil || c.StartedAt.Before(*g.To)) && (c.EndedAt == nil || c.EndedAt.After(g.From))
}

// Settling is how a gap was settled.
type Settling string

// The ways in which a gap is settled.
const (
	// SettledByCEL: what happened in the gap was looked up in Asterisk's
	// channel event log.
	SettledByCEL Settling = "cel"
	// SettledUnrepaired: it could not be looked up. Calls whose end was not
	// seen stay unknown, and calls that began and ended in the gap are missing.
	SettledUnrepaired Settling = "unrepaired"
)

// GapRepair says how far what happened in a gap has been looked up.
type GapRepair struct {
	// Until is up to when that is done, by the PBX's clock; nil while nothing
	// is. What is written late is looked for once more.
	Until *time.Time
	// SettledAt is when the gap was settled, and Settled how; nil and empty
	// while it is not.
	SettledAt *time.Time
	Settled   Settling
	// Repaired is how often a call was changed.
	Repaired int
	// Calls is how many stored calls overlap the gap, Unknown of how many of
	// them the end is not known. Both are counted when the gap is settled.
	Calls, Unknown int
}
