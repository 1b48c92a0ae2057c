package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

// running is a call that goes on.
func running(n int, callCenter string, activity callcenter.Activity) callcenter.Call {
	call := centerCall(n, callCenter)
	call.State, call.Outcome, call.EndedAt = callcenter.StateActive, callcenter.Outcome{}, nil
	call.Activity = activity
	call.Activity.CallCenter = callCenter
	for i := range call.Legs {
		call.Legs[i].EndedAt = nil
	}
	return call
}

// reports stores how nodes are followed.
func (w *world) reports(reports ...callcenter.NodeReport) {
	w.t.Helper()
	for _, r := range reports {
		if err := w.db.Calls().SaveNode(context.Background(), r); err != nil {
			w.t.Fatal(err)
		}
	}
}

// following is the report on a node whose events flow.
func following(node string) callcenter.NodeReport {
	return callcenter.NodeReport{Node: node, State: callcenter.NodeConnected, Since: start, Connections: 1, EventAt: start}
}

func TestMonitor_ShowsWhatGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.reports(following("pbx1"), following("pbx2"))
	sato := w.account("sato", accounts.RoleAgent, "PJSIP/2001", "support")
	w.account("kato", accounts.RoleAgent, "PJSIP/2002", "support", "sales")
	w.account("sales-only", accounts.RoleAgent, "PJSIP/2003", "sales")
	w.account("no-phone", accounts.RoleAgent, "", "support")
	w.account("nowhere", accounts.RoleAdmin, "PJSIP/2009")

	waiting := running(1, "support", callcenter.Activity{
		Phase: callcenter.PhaseWaiting, Since: *at(60), Phones: []callcenter.Phone{{Endpoint: "PJSIP/2002", State: callcenter.PhoneRinging, Since: *at(61)}},
	})
	longer := running(2, "support", callcenter.Activity{Phase: callcenter.PhaseWaiting, Since: *at(50)})
	talking := running(3, "sales", callcenter.Activity{
		Phase: callcenter.PhaseTalking, Since: *at(70), Phones: []callcenter.Phone{{Endpoint: "PJSIP/2001", State: callcenter.PhoneTalking, Since: *at(70)}},
	})
	gone := running(4, "closed", callcenter.Activity{Phase: callcenter.PhaseTalking, Since: *at(80)})
	w.save(waiting, longer, talking, gone)
	admin := w.token(accounts.RoleAdmin)
	first := decode[api.RegisteredCallback](t, w.register(&longer, admin, nil), http.StatusCreated)
	decode[api.RegisteredCallback](t, w.register(&waiting, admin, nil), http.StatusCreated)
	decode[api.Callback](t, w.change(request{token: admin}, first.ID, map[string]any{"version": 1, "assignee": "sato"}), http.StatusOK)

	m := decode[api.Monitor](t, w.do(request{path: "/monitor", token: w.token(accounts.RoleSupervisor, "support")}), http.StatusOK)
	wantDesks := []api.Desk{{
		CallCenter: "support", Name: new("サポート窓口"), Waiting: 2, LongestWaitSince: at(50), Open: 2, Unassigned: 1, OldestOpenAt: &first.RegisteredAt,
	}}
	if s := m.CallCenters[0].LongestWaitSeconds; s == nil || *s != m.At.Sub(*at(50)).Round(time.Millisecond).Seconds() {
		t.Errorf("longest wait is %v seconds at %s", s, m.At)
	}
	m.CallCenters[0].LongestWaitSeconds = nil
	if diff := cmp.Diff(wantDesks, m.CallCenters); diff != "" {
		t.Errorf("call centers of a supervisor of support (-want +got):\n%s", diff)
	}
	wantAgents := []api.Agent{
		{
			Name: "kato", DisplayName: "表示名 kato", CallCenters: []string{"sales", "support"}, Endpoint: "PJSIP/2002",
			State: api.AgentStateRinging, Since: at(61), RequestID: new(string(waiting.RequestID)),
		},
		// In a call of another call center, which supervisors of support must
		// not see.
		{
			ID: int64(sato.ID), Name: "sato", DisplayName: "表示名 sato", CallCenters: []string{"support"}, Endpoint: "PJSIP/2001",
			State: api.AgentStateTalking, Since: at(70),
		},
	}
	for i := range m.Agents {
		if m.Agents[i].Name != "sato" {
			m.Agents[i].ID = 0
		}
		m.Agents[i].StateSeconds = nil
	}
	if diff := cmp.Diff(wantAgents, m.Agents); diff != "" {
		t.Errorf("agents of a supervisor of support (-want +got):\n%s", diff)
	}

	m = decode[api.Monitor](t, w.do(request{path: "/monitor", token: admin}), http.StatusOK)
	var seen []string
	for _, d := range m.CallCenters {
		seen = append(seen, fmt.Sprintf("%s named %t waiting %d talking %d", d.CallCenter, d.Name != nil, d.Waiting, d.Talking))
	}
	want := []string{"support named true waiting 2 talking 0", "sales named true waiting 0 talking 1", "closed named false waiting 0 talking 1"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("call centers of an administrator (-want +got):\n%s", diff)
	}
	if i := slices.IndexFunc(m.Agents, func(a api.Agent) bool { return a.Name == "sato" }); *m.Agents[i].RequestID != string(talking.RequestID) {
		t.Errorf("sato as an administrator sees him: %+v", m.Agents[i])
	}
	if i := slices.IndexFunc(m.Agents, func(a api.Agent) bool { return a.Name == "sales-only" }); m.Agents[i].State != api.AgentStateIdle || m.Agents[i].Since != nil {
		t.Errorf("an agent in no call: %+v, want idle and nobody knows since when", m.Agents[i])
	}
}

func TestNodes_StateAndGaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	lost := following("pbx1")
	lost.State, lost.Why, lost.Since, lost.Connections = callcenter.NodeDisconnected, "no connection to ARI: dial tcp 192.0.2.7:8088", *at(30), 3
	lost.Lines = []callcenter.Line{
		{Name: callcenter.LineOfNode, State: callcenter.LineRefuses, Since: *at(10), Status: 404, RoundTrip: 2 * time.Millisecond, Why: "it answers 404"},
		{Name: "PJSIP/trunk", State: callcenter.LineSilent, Since: *at(20), Why: "no answer"},
	}
	w.reports(following("pbx1"), lost)
	gap := callcenter.Gap{Node: "pbx1", From: *at(29), Why: "broken"}
	if err := w.db.Calls().SaveGap(t.Context(), gap); err != nil {
		t.Fatal(err)
	}
	read := func(token, language string) []api.Node {
		r := request{path: "/nodes", token: token, header: map[string]string{"Accept-Language": language}}
		list := decode[api.NodeList](t, w.do(r), http.StatusOK).Items
		for i := range list {
			list[i].LastEventSeconds, list[i].SeenAt = nil, nil
		}
		return list
	}
	open := &api.Gap{Node: "pbx1", From: *at(29), Why: "broken"}
	want := []api.Node{
		{
			Name: "pbx1", State: api.NodeStateDisconnected, Since: at(30), Why: new("PBX に接続できません。再接続を試みています。"),
			Connections: 3, LastEventAt: at(0), OpenGap: open, LastGap: open,
			Lines: []api.Line{
				{Name: "pbx", State: api.LineStateRefuses, Since: *at(10), Status: new(404), RoundTripSeconds: new(0.002)},
				{Name: "PJSIP/trunk", State: api.LineStateSilent, Since: *at(20)},
			},
		},
		{Name: "pbx2", State: api.NodeStateUnknown, Lines: []api.Line{}, Why: new("この PBX はまだ監視されていません。")},
	}
	if diff := cmp.Diff(want, read(w.token(accounts.RoleSupervisor, "sales"), "ja")); diff != "" {
		t.Errorf("nodes as a supervisor sees them (-want +got):\n%s", diff)
	}
	if _, err := w.db.Lease("pbx1", "host/1").Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	want[0].FollowedBy = new("host/1")
	want[0].Lines[0].Detail, want[0].Lines[1].Detail = new("it answers 404"), new("no answer")
	want[0].Why, want[0].Detail = new("There is no connection to the PBX; it is tried again and again."), &lost.Why
	want[1].Why = new("This PBX was not followed yet.")
	gap.To = at(35)
	if err := w.db.Calls().SaveGap(t.Context(), gap); err != nil {
		t.Fatal(err)
	}
	want[0].OpenGap, want[0].LastGap = nil, &api.Gap{Node: "pbx1", From: *at(29), To: at(35), Why: "broken", GapSeconds: new(6.0)}
	if diff := cmp.Diff(want, read(w.token(accounts.RoleAdmin), "en")); diff != "" {
		t.Errorf("nodes as an administrator sees them (-want +got):\n%s", diff)
	}
}

// A node's state that becomes another is an event, for those who may see
// nodes; a report that says the same again is none.
func TestEvents_NodesForSupervisors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	agent := w.stream(w.token(accounts.RoleAgent, "support"), nil, nil)
	supervisor := w.stream(w.token(accounts.RoleSupervisor, "support"), url.Values{"kinds": {"node"}}, nil)
	replaced := following("pbx1")
	replaced.State, replaced.Why, replaced.Since = callcenter.NodeReplaced, "another client took the ARI application's name", *at(9)
	w.reports(following("pbx1"), following("pbx1"), replaced, replaced)
	call := centerCall(1, "support")
	w.save(call)
	w.reports(following("pbx1"))
	for i, last := range []bool{false, false, true} {
		e, data := supervisor.event()
		if e.name != "node" || data.Node == nil || data.Node.Name != "pbx1" || data.Call != nil {
			t.Fatalf("event %d of a supervisor is %+v, want one of the node", i, e)
		}
		if data.Node.Why != nil || data.Node.Detail != nil {
			t.Errorf("event %d says %v and %v, which depends on who reads", i, data.Node.Why, data.Node.Detail)
		}
		if last && data.Node.State != api.NodeStateConnected {
			t.Errorf("the last event says %s, want connected", data.Node.State)
		}
	}
	if e, data := agent.event(); e.name != "call" || data.Call.RequestID != string(call.RequestID) {
		t.Errorf("the first event of an agent is %+v, want the call", e)
	}
}

func TestListGaps_PagesAndPeriods(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var want []string
	for n := range 5 {
		// Two nodes lose their connections at the same moment.
		for _, node := range []string{"pbx1", "pbx2"} {
			gap := callcenter.Gap{Node: node, From: *at(float64(10 * n)), To: at(float64(10*n + 5)), Why: "broken"}
			if n == 4 {
				gap.To = nil
			}
			if err := w.db.Calls().SaveGap(t.Context(), gap); err != nil {
				t.Fatal(err)
			}
			want = append([]string{fmt.Sprintf("%s %d", node, 10*n)}, want...)
		}
	}
	token := w.token(accounts.RoleAgent, "support")
	pages := func(query url.Values) []string {
		got := []string{}
		for {
			list := decode[api.GapList](t, w.do(request{path: "/gaps", query: query, token: token}), http.StatusOK)
			for _, gap := range list.Items {
				got = append(got, fmt.Sprintf("%s %.0f", gap.Node, gap.From.Sub(start).Seconds()))
			}
			if list.NextCursor == nil || len(got) > len(want) {
				return got
			}
			query.Set("cursor", *list.NextCursor)
		}
	}
	if diff := cmp.Diff(want, pages(url.Values{"page_size": {"3"}})); diff != "" {
		t.Errorf("all pages (-want +got):\n%s", diff)
	}
	time := func(seconds float64) []string { return []string{at(seconds).Format(time.RFC3339Nano)} }
	for name, tt := range map[string]struct {
		query url.Values
		want  []string
	}{
		"node":        {url.Values{"node": {"pbx2"}, "page_size": {"2"}}, []string{"pbx2 40", "pbx2 30", "pbx2 20", "pbx2 10", "pbx2 0"}},
		"period":      {url.Values{"node": {"pbx1"}, "from": time(14), "to": time(30)}, []string{"pbx1 20", "pbx1 10"}},
		"that lasts":  {url.Values{"node": {"pbx1"}, "from": time(1000)}, []string{"pbx1 40"}},
		"before all":  {url.Values{"to": time(0)}, []string{}},
		"at its end":  {url.Values{"node": {"pbx1"}, "from": time(35), "to": time(36)}, []string{}},
		"at its last": {url.Values{"node": {"pbx1"}, "from": time(34.9), "to": time(36)}, []string{"pbx1 30"}},
	} {
		if diff := cmp.Diff(tt.want, pages(tt.query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	problem(t, w.do(request{path: "/gaps", query: url.Values{"cursor": {"x"}}, token: token}), http.StatusBadRequest, "invalid_request")
}

// counted counts how often what goes on is read.
type counted struct {
	api.Situations
	readings atomic.Int64
	slow     chan struct{} // each reading waits for a value
}

func (c *counted) Situation(ctx context.Context) (callbacks.Situation, error) {
	c.readings.Add(1)
	select {
	case <-c.slow:
	case <-ctx.Done():
		return callbacks.Situation{}, ctx.Err()
	}
	return c.Situations.Situation(ctx)
}

// However many watch, what goes on is read once for all of them.
func TestMonitor_IsReadOnceForAll(t *testing.T) {
	t.Parallel()
	var source *counted
	w := newWorld(t, func(o *api.Options) {
		source = &counted{Situations: o.Monitor, slow: make(chan struct{}, 1)}
		o.Monitor, o.MonitorEvery = source, time.Hour
	})
	token := w.token(accounts.RoleSupervisor, "support")
	const watchers = 50
	var group sync.WaitGroup
	for range watchers {
		group.Go(func() {
			if got := w.do(request{path: "/monitor", token: token}); got.status != http.StatusOK {
				t.Errorf("status %d: %s", got.status, got.body)
			}
		})
	}
	source.slow <- struct{}{}
	group.Wait()
	if n := source.readings.Load(); n != 1 {
		t.Errorf("%d watchers made it be read %d times, want once", watchers, n)
	}
}
