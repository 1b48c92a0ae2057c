package callcenter

import "time"

// NodeState says whether the events of a PBX node flow, to the daemon and into
// the store.
type NodeState string

// The states of a node. Events flow in the first and in no other.
const (
	// NodeConnected: events come, that they do is proven, and they are stored.
	NodeConnected NodeState = "connected"
	// NodeConnecting: the daemon has begun to connect, or reads what channels
	// there are.
	NodeConnecting NodeState = "connecting"
	// NodeDisconnected: there is no connection; it is tried again and again.
	NodeDisconnected NodeState = "disconnected"
	// NodeReplaced: another client took the ARI application's name and gets
	// the events.
	NodeReplaced NodeState = "replaced"
	// NodeSilent: there is a connection, and no proof that events come.
	NodeSilent NodeState = "silent"
	// NodeStalled: events come and are kept, and cannot be stored.
	NodeStalled NodeState = "stalled"
	// NodeStopped: the daemon that followed the node was ended.
	NodeStopped NodeState = "stopped"
	// NodeStale: the daemon that followed the node has not been heard of for
	// longer than NodeStaleAfter. Nobody stores this: it is what readers make
	// of an old report.
	NodeStale NodeState = "stale"
	// NodeUnknown: no daemon ever reported on the node. Nobody stores this
	// either.
	NodeUnknown NodeState = "unknown"
)

const (
	// nodeReportEvery is how often a daemon says how it follows a node when
	// nothing changes.
	nodeReportEvery = 2 * time.Second
	// NodeStaleAfter is how old the last report on a node may be: some reports
	// may be late, or lost with a connection to the database.
	NodeStaleAfter = 5 * nodeReportEvery
)

// NodeReport is what a daemon says of a node that it follows.
type NodeReport struct {
	Node  string
	State NodeState
	// Why says what is wrong, for operators; empty when nothing is.
	Why string
	// Since is from when on it has been so.
	Since time.Time
	// Connections is how often the daemon has connected to the node since it
	// began to follow it.
	Connections int
	// EventAt is when the last event came; zero before the first.
	EventAt time.Time
	// Lines are the node's SIP addresses and whether they answer; empty where
	// nobody asks.
	Lines []Line
}

// NodeStatus is how a node is followed, as its daemon reported last.
type NodeStatus struct {
	NodeReport
	// SeenAt is when the daemon reported, by the store's clock; zero when none
	// ever has.
	SeenAt time.Time
	// FollowedBy is the daemon whose lease of the node lasts, by its host and
	// process ID; empty when nobody follows the node.
	FollowedBy string
	// LastGap is the node's newest gap, which may still last; nil when it
	// never had one.
	LastGap *Gap
}

// At returns the status as it is to be read at a time by the store's clock: a
// report that is too old says that nobody follows the node.
func (n NodeStatus) At(now time.Time) NodeStatus {
	switch {
	case n.SeenAt.IsZero():
		n.State, n.Why, n.Since = NodeUnknown, "", time.Time{}
	case n.State != NodeStopped && now.Sub(n.SeenAt) > NodeStaleAfter:
		n.State, n.Why, n.Since, n.Lines = NodeStale, "", n.SeenAt, nil
	}
	return n
}

// Flows reports whether the node's events flow.
func (n *NodeStatus) Flows() bool { return n.State == NodeConnected }
