package callbacks

import (
	"time"

	"callbackd/callcenter"
)

// ChangeKind says what kind of record changed.
type ChangeKind string

// The kinds of changes.
const (
	ChangeCall     ChangeKind = "call"
	ChangeCallback ChangeKind = "callback"
	// ChangeNode: a node's events began to flow, or ceased to.
	ChangeNode ChangeKind = "node"
)

// ChangeKinds are all kinds of changes.
var ChangeKinds = []ChangeKind{ChangeCall, ChangeCallback, ChangeNode}

// Change is one entry of the change log: that a record was created or
// changed, together with the record as it is now, which may be newer than
// the change.
type Change struct {
	// Number orders the changes. A reader that has seen a number has had the
	// chance to see all smaller ones: none becomes visible later. Numbers may
	// have holes.
	Number int64
	At     time.Time
	Kind   ChangeKind
	// RequestID is the call that changed, or whose callback did; empty for a
	// node.
	RequestID callcenter.RequestID
	// CallbackID is 0 for anything but a callback.
	CallbackID ID
	// NodeName is empty for anything but a node.
	NodeName string
	// CallCenters are the ids of the call centers that the call had visited
	// at the time of the change. They decide who may be told. A node has none.
	CallCenters []string

	// Call is set when Kind is ChangeCall.
	Call *callcenter.Call
	// Callback is set when Kind is ChangeCallback.
	Callback *Callback
	// Node is set when Kind is ChangeNode.
	Node *callcenter.NodeStatus
}
