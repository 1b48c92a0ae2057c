package callbacks

import (
	"slices"
	"time"

	"callbackd/accounts"
	"callbackd/callcenter"
)

// Situation is what supervisors watch: what goes on at one moment, at all call
// centers and nodes.
type Situation struct {
	// At is the moment, by the store's clock.
	At    time.Time
	Desks []Desk
	// Agents are the enabled accounts that have a phone and belong to a call
	// center, by name.
	Agents []Agent
	Nodes  []callcenter.NodeStatus
}

// Desk is what goes on at one call center.
type Desk struct {
	CallCenter string
	// Waiting counts the callers who wait, and LongestWaitSince is since when
	// the first of them does; zero when nobody waits.
	Waiting          int
	LongestWaitSince time.Time
	// Talking counts the calls in which it is talked.
	Talking int
	// Open counts the open callbacks, and Unassigned those of them without an
	// assignee. OldestOpenAt is when the oldest of them was registered; zero
	// for none.
	Open, Unassigned int
	OldestOpenAt     time.Time
}

// AgentState says what an agent's phone does.
type AgentState string

// The states of agents.
const (
	AgentIdle     AgentState = "idle"     // in no call
	AgentTalking  AgentState = "talking"  // in a conversation, be it on hold
	AgentRinging  AgentState = "ringing"  // called
	AgentDialling AgentState = "dialling" // calling, and nobody has answered
	// AgentUnknown: the events of some node do not flow, and no call of
	// another shows the phone.
	AgentUnknown AgentState = "unknown"
)

// Agent is a person with a phone, and what the phone does. That is what calls
// tell: whether the phone is switched on, or its owner there, is not known.
type Agent struct {
	ID          accounts.AccountID
	Name        string
	DisplayName string
	CallCenters []string
	Endpoint    string

	State AgentState
	// Since is from when on it has been so; zero when that is not known, as of
	// a phone that was in no call yet.
	Since time.Time
	// Call is the call in which the phone is, or, when the state is not known,
	// was seen last; nil for none.
	Call *PhoneCall
}

// PhoneCall is what a phone does in a call that runs, as far as it was seen.
type PhoneCall struct {
	callcenter.Phone
	RequestID callcenter.RequestID
	Node      string
	// CallCenters and Agents say who may see the call.
	CallCenters []string
	Agents      []string
}

// Settle works out an agent's state: calls are those in which its phone is,
// freedAt is when it left one last, and nodes are how each node is followed.
func (a *Agent) Settle(calls []PhoneCall, freedAt time.Time, nodes []callcenter.NodeStatus) {
	dark := func(node string) *callcenter.NodeStatus {
		for i := range nodes {
			if n := &nodes[i]; n.Node == node && !n.Flows() {
				return n
			}
		}
		return nil
	}
	var last *PhoneCall
	for i := range calls {
		c := &calls[i]
		if dark(c.Node) != nil {
			last = c
			continue
		}
		if a.Call == nil || matters(c, a.Call) {
			a.Call = c
		}
	}
	if a.Call != nil {
		a.State, a.Since = AgentState(a.Call.State), a.Call.Since
		return
	}
	a.State, a.Since, a.Call = AgentIdle, freedAt, last
	for i := range nodes {
		if n := &nodes[i]; !n.Flows() && (a.State != AgentUnknown || n.Since.Before(a.Since)) {
			a.State, a.Since = AgentUnknown, n.Since
		}
	}
}

// matters reports whether a call matters more than another of the same phone:
// who talks does not ring, and of two conversations the first goes on.
func matters(a, b *PhoneCall) bool {
	x, y := slices.Index(callcenter.PhoneStates, a.State), slices.Index(callcenter.PhoneStates, b.State)
	return x < y || x == y && a.Since.Before(b.Since)
}
