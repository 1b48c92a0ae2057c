package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/postgres"
)

// nodeChanges are the nodes in the change log, in order.
func nodeChanges(t *testing.T, db *postgres.DB) []string {
	t.Helper()
	changes, err := db.Feed().Changes(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, change := range changes {
		if change.Kind == callbacks.ChangeNode {
			names = append(names, change.NodeName)
			if change.Node == nil || change.Node.Node != change.NodeName {
				t.Errorf("change %d carries %+v, want node %s", change.Number, change.Node, change.NodeName)
			}
		}
	}
	return names
}

func saveNode(t *testing.T, db *postgres.DB, node string, state callcenter.NodeState) {
	t.Helper()
	report := callcenter.NodeReport{Node: node, State: state, Since: start, Connections: 2}
	if state == callcenter.NodeConnected {
		report.EventAt = start.Add(time.Second)
	} else {
		report.Why = "why it is " + string(state)
	}
	if err := db.Calls().SaveNode(t.Context(), report); err != nil {
		t.Fatal(err)
	}
}

func nodes(t *testing.T, db *postgres.DB, names ...string) []callcenter.NodeStatus {
	t.Helper()
	found, err := db.Monitor(names).Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestNodes_ChangesOfStateAreLogged(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	saveNode(t, db, "a", callcenter.NodeConnected)
	saveNode(t, db, "a", callcenter.NodeConnected)
	saveNode(t, db, "b", callcenter.NodeDisconnected)
	saveNode(t, db, "a", callcenter.NodeReplaced)
	if err := db.Calls().SaveProven(t.Context(), "a", start); err != nil {
		t.Fatal(err)
	}
	// The daemon was away for longer than its readers believe an old report.
	exec(t, pool, `UPDATE nodes SET seen_at = seen_at - interval '11 s' WHERE name = 'a'`)
	saveNode(t, db, "a", callcenter.NodeReplaced)
	saveNode(t, db, "a", callcenter.NodeStopped)
	if diff := cmp.Diff([]string{"a", "b", "a", "a", "a"}, nodeChanges(t, db)); diff != "" {
		t.Errorf("changes of nodes (-want +got):\n%s", diff)
	}
	if at, err := db.Calls().LastProven(t.Context(), "a"); err != nil || !at.Equal(start) {
		t.Errorf("LastProven = %s, %v, want %s", at, err, start)
	}
	if at, err := db.Calls().LastProven(t.Context(), "b"); err != nil || !at.IsZero() {
		t.Errorf("LastProven of a node that never was = %s, %v", at, err)
	}
}

func TestNodes_OldReportsAreStale(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	for node, state := range map[string]callcenter.NodeState{
		"live": callcenter.NodeConnected, "dead": callcenter.NodeConnected, "ended": callcenter.NodeStopped,
	} {
		saveNode(t, db, node, state)
	}
	exec(t, pool, `UPDATE nodes SET seen_at = seen_at - interval '11 s' WHERE name <> 'live'`)
	gap := callcenter.Gap{Node: "dead", From: start, Why: "daemon-down"}
	if err := db.Calls().SaveGap(t.Context(), gap); err != nil {
		t.Fatal(err)
	}
	// Known to the store, but never reported on.
	if err := db.Calls().SaveProven(t.Context(), "new", start); err != nil {
		t.Fatal(err)
	}
	got := nodes(t, db, "dead", "new", "live", "ended")
	want := []callcenter.NodeState{callcenter.NodeStale, callcenter.NodeUnknown, callcenter.NodeConnected, callcenter.NodeStopped}
	for i := range got {
		if got[i].State != want[i] {
			t.Errorf("node %s is %s, want %s", got[i].Node, got[i].State, want[i])
		}
	}
	if !got[0].Since.Equal(got[0].SeenAt) {
		t.Errorf("stale since %s, want %s, when it was seen last", got[0].Since, got[0].SeenAt)
	}
	if diff := cmp.Diff(&gap, got[0].LastGap); diff != "" {
		t.Errorf("last gap (-want +got):\n%s", diff)
	}
	if got[2].LastGap != nil || got[2].Connections != 2 || !got[2].EventAt.Equal(start.Add(time.Second)) || got[2].Why != "" {
		t.Errorf("the live node is %+v", got[2])
	}
}

// agentsDo are the states of the agents, each with since when.
func agentsDo(t *testing.T, db *postgres.DB, nodes ...string) []string {
	t.Helper()
	s, err := db.Monitor(nodes).Situation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, a := range s.Agents {
		line := fmt.Sprintf("%s %s", a.Name, a.State)
		if !a.Since.IsZero() {
			line += fmt.Sprintf(" @%.0f", a.Since.Sub(start).Seconds())
		}
		if a.Call != nil {
			line += " in " + a.Call.Node
		}
		all = append(all, line)
	}
	return all
}

func TestMonitor_WhatAgentsDo(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	service := accounts.NewService(accounts.Options{
		Store: db.Accounts(), HasCallCenter: func(string) bool { return true }, Cost: accounts.Cost{Memory: 64, Passes: 1, Threads: 1},
	})
	for name, endpoint := range map[string]string{"idle": "PJSIP/2001", "talks": "PJSIP/2002", "rings": "PJSIP/2003", "new": "PJSIP/2004"} {
		_, err := service.Create(t.Context(), accounts.Operator(), accounts.NewAccount{
			Name: name, Role: accounts.RoleAgent, CallCenters: []string{"support"}, Endpoint: endpoint, Password: "correct horse battery",
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	saveNode(t, db, "pbx1", callcenter.NodeConnected)
	saveNode(t, db, "pbx2", callcenter.NodeConnected)
	second := func(n int) *time.Time { return new(start.Add(time.Duration(n) * time.Second)) }
	leg := func(endpoint string, endedAt int) callcenter.Leg {
		return callcenter.Leg{Endpoint: endpoint, Dialled: true, StartedAt: start, EndedAt: second(endedAt)}
	}

	over := ended(newCall(1))
	over.Legs = []callcenter.Leg{leg("PJSIP/2001", 40), leg("PJSIP/2001", 50), leg("PJSIP/2002", 20), leg("PJSIP/9999", 20)}
	earlier := ended(newCall(2))
	earlier.Legs = []callcenter.Leg{leg("PJSIP/2001", 30)}
	talks := newCall(3)
	talks.Activity.Phones = []callcenter.Phone{
		{Endpoint: "PJSIP/2002", State: callcenter.PhoneTalking, Since: *second(70)},
		{Endpoint: "PJSIP/2003", State: callcenter.PhoneRinging, Since: *second(60)},
	}
	rings := newCall(4)
	rings.Node = "pbx2"
	rings.Activity.Phones = []callcenter.Phone{{Endpoint: "PJSIP/2002", State: callcenter.PhoneRinging, Since: *second(65)}}
	save(t, db, over, talks)
	save(t, db, earlier, rings)
	want := []string{"idle idle @50", "new idle", "rings ringing @60 in pbx1", "talks talking @70 in pbx1"}
	if diff := cmp.Diff(want, agentsDo(t, db, "pbx1", "pbx2")); diff != "" {
		t.Errorf("agents (-want +got):\n%s", diff)
	}

	// Of a node whose events do not flow, nothing is known: neither that a call
	// goes on nor that a phone is in none.
	saveNode(t, db, "pbx1", callcenter.NodeSilent)
	want = []string{"idle unknown @0", "new unknown @0", "rings unknown @0 in pbx1", "talks ringing @65 in pbx2"}
	if diff := cmp.Diff(want, agentsDo(t, db, "pbx1", "pbx2")); diff != "" {
		t.Errorf("agents while pbx1 is silent (-want +got):\n%s", diff)
	}
}
