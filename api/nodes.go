package api

import (
	"context"
	"time"

	"callbackd/accounts"
	"callbackd/callcenter"
)

// ListNodes lists the PBX nodes and how they are followed.
func (o operations) ListNodes(ctx context.Context, _ ListNodesRequestObject) (ListNodesResponseObject, error) {
	by := principalFrom(ctx)
	if !accounts.Can(by, accounts.ActionReadNodes, nil) {
		return nil, accounts.ErrForbidden
	}
	nodes, err := o.options.Monitor.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	return ListNodes200JSONResponse(NodeList{Items: nodesFor(ctx, nodes, time.Now())}), nil
}

// nodesFor are nodes as the contract shows them to the caller. An error that
// the daemon met tells addresses, which are the administrators' business.
func nodesFor(ctx context.Context, nodes []callcenter.NodeStatus, now time.Time) []Node {
	items := make([]Node, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		items[i] = nodeOf(n, now)
		items[i].Why = orNull(languageFrom(ctx).pick(nodeTrouble[n.State].ja, nodeTrouble[n.State].en))
		if principalFrom(ctx).Role == accounts.RoleAdmin {
			items[i].Detail, items[i].FollowedBy = orNull(n.Why), orNull(n.FollowedBy)
			for j := range n.Lines {
				items[i].Lines[j].Detail = orNull(n.Lines[j].Why)
			}
		}
	}
	return items
}

// nodeOf is a node as events show it, without what depends on who reads.
func nodeOf(n *callcenter.NodeStatus, now time.Time) Node {
	node := Node{
		Name: n.Node, State: NodeState(n.State), Since: timeOrNull(n.Since), Connections: n.Connections,
		LastEventAt: timeOrNull(n.EventAt), SeenAt: timeOrNull(n.SeenAt), Lines: make([]Line, len(n.Lines)),
	}
	for i, l := range n.Lines {
		node.Lines[i] = Line{Name: l.Name, State: LineState(l.State), Since: l.Since.UTC()}
		if l.Status != 0 {
			node.Lines[i].Status, node.Lines[i].RoundTripSeconds = &l.Status, new(l.RoundTrip.Seconds())
		}
	}
	node.LastEventSeconds = seconds(node.LastEventAt, &now)
	if n.LastGap != nil {
		node.LastGap = new(gapOf(n.LastGap))
		if n.LastGap.To == nil {
			node.OpenGap = new(gapOf(n.LastGap))
		}
	}
	return node
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

// nodeTrouble says what is wrong with a node that is not connected.
var nodeTrouble = map[callcenter.NodeState]struct{ ja, en string }{
	callcenter.NodeConnecting: {
		"PBX に接続しています。", "The PBX is being connected to.",
	},
	callcenter.NodeDisconnected: {
		"PBX に接続できません。再接続を試みています。", "There is no connection to the PBX; it is tried again and again.",
	},
	callcenter.NodeReplaced: {
		"同じ名前の別のクライアントが PBX のイベントを受信しています。", "Another client of the same name gets the PBX's events.",
	},
	callcenter.NodeSilent: {
		"PBX に接続していますが、イベントが届いていません。", "There is a connection to the PBX, but no events come.",
	},
	callcenter.NodeStalled: {
		"通話をデータベースに保存できません。保存できるようになるまで保持しています。", "Calls cannot be stored in the database; they are kept until they can.",
	},
	callcenter.NodeStopped: {
		"この PBX を監視するサービスが停止しています。", "The service that follows this PBX was stopped.",
	},
	callcenter.NodeStale: {
		"この PBX を監視するサービスから応答がありません。", "The service that follows this PBX has not been heard of lately.",
	},
	callcenter.NodeUnknown: {
		"この PBX はまだ監視されていません。", "This PBX was not followed yet.",
	},
}
