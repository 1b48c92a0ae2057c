package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// account makes a person with a phone.
func (w *world) account(t *testing.T, name, extension string, callCenters ...string) {
	t.Helper()
	service := accounts.NewService(accounts.Options{
		Store: w.daemon.db.Accounts(), HasCallCenter: w.daemon.hasCallCenter, Cost: accounts.Cost{Memory: 64, Passes: 1, Threads: 1},
	})
	_, err := service.Create(t.Context(), accounts.Operator(), accounts.NewAccount{
		Name: name, Role: accounts.RoleAgent, CallCenters: callCenters, Endpoint: "PJSIP/" + extension, Password: "correct horse battery",
	})
	if err != nil {
		t.Fatal(err)
	}
}

// monitor is what GET /monitor shows, a line for each thing that goes on.
func (w *world) monitor(t *testing.T) []string {
	t.Helper()
	status, body, err := request(t.Context(), http.MethodGet, w.api+"/monitor", w.token, nil)
	if err != nil {
		t.Fatal(err)
	}
	var m api.Monitor
	if err := json.Unmarshal(body, &m); err != nil || status != http.StatusOK {
		t.Fatalf("GET /monitor: %d %s: %v", status, body, err)
	}
	var lines []string
	for _, d := range m.CallCenters {
		if d.Waiting+d.Talking+d.Open > 0 {
			lines = append(lines, fmt.Sprintf("%s: %d waiting, %d talking, %d open", d.CallCenter, d.Waiting, d.Talking, d.Open))
		}
		if (d.Waiting > 0) != (d.LongestWaitSeconds != nil) {
			t.Errorf("%d wait, the longest for %v seconds", d.Waiting, d.LongestWaitSeconds)
		}
	}
	for _, a := range m.Agents {
		lines = append(lines, a.Name+" "+string(a.State))
		if inCall := a.State != api.AgentStateIdle; inCall && a.State != api.AgentStateUnknown && (a.RequestID == nil || a.StateSeconds == nil) {
			t.Errorf("%s is %s, in which call and since when is not told: %+v", a.Name, a.State, a)
		}
	}
	for _, n := range m.Nodes {
		lines = append(lines, n.Name+" "+string(n.State))
	}
	return lines
}

// shows waits until the monitor shows just that.
func (w *world) shows(t *testing.T, want ...string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if diff := cmp.Diff(want, w.monitor(t)); diff != "" {
			return fmt.Errorf("the monitor (-want +got):\n%s", diff)
		}
		return nil
	})
}

// nodeEvents are the states that events of nodes tell, as they come.
func (w *world) nodeEvents(t *testing.T) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.api+"/events?kinds=node", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	states := make(chan string, 100)
	go func() {
		defer response.Body.Close() //nolint:errcheck // only read
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			var e api.Event
			if ok && json.Unmarshal([]byte(data), &e) == nil && e.Node != nil {
				states <- string(e.Node.State)
			}
		}
	}()
	return states
}

// tells waits until an event tells a node's state.
func tells(t *testing.T, states <-chan string, want string) {
	t.Helper()
	for {
		select {
		case state := <-states:
			if state == want {
				return
			}
		case <-time.After(patience):
			t.Fatalf("no event told that the node is %s", want)
		}
	}
}

// TestMonitor_FollowsCalls: what supervisors see while a caller waits, is
// answered, is sent on to another call center and leaves, and while the PBX is
// gone.
func TestMonitor_FollowsCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "60"}})
	w.account(t, "sato", "2001", "support")
	w.account(t, "suzuki", "2002", "support")
	w.account(t, "kato", "2003", "sales")
	outside := w.outside(t, sip.Behaviour{Ignore: true})
	sato, suzuki := w.agent(t, "2001", sip.Behaviour{Ignore: true}), w.agent(t, "2002", sip.Behaviour{Ignore: true})
	kato := w.agent(t, "2003", sip.Behaviour{Ignore: true})
	nodes := w.nodeEvents(t)
	w.shows(t, "kato idle", "sato idle", "suzuki idle", "pbx1 connected")

	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	satos, suzukis := siptest.Arrives(t, sato), siptest.Arrives(t, suzuki)
	w.shows(t, "support: 1 waiting, 0 talking, 0 open", "kato idle", "sato ringing", "suzuki ringing", "pbx1 connected")
	if err := satos.Answer(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	siptest.Over(t, suzukis)
	siptest.Hears(t, satos, 500)
	w.shows(t, "support: 0 waiting, 1 talking, 0 open", "kato idle", "sato talking", "suzuki idle", "pbx1 connected")

	if err := satos.Transfer(siptest.Within(t), "7002"); err != nil {
		t.Fatal(err)
	}
	katos := siptest.Arrives(t, kato)
	w.shows(t, "sales: 1 waiting, 0 talking, 0 open", "kato ringing", "sato idle", "suzuki idle", "pbx1 connected")
	if err := katos.Answer(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	siptest.Hears(t, katos, 500)
	w.shows(t, "sales: 0 waiting, 1 talking, 0 open", "kato talking", "sato idle", "suzuki idle", "pbx1 connected")
	siptest.Leave(t, call)
	siptest.Over(t, katos)
	w.shows(t, "kato idle", "sato idle", "suzuki idle", "pbx1 connected")
	ended := w.ended(t, 1)[0]
	if status, body := w.call(t, http.MethodPost, "/calls/"+ended["request_id"].(string)+"/callback", nil); status != http.StatusCreated {
		t.Fatalf("register: %d %v", status, body)
	}

	dialled := siptest.Dial(t, sato, customer, sip.CallOptions{})
	rings := siptest.Arrives(t, outside)
	w.shows(t, "sales: 0 waiting, 0 talking, 1 open", "kato idle", "sato dialling", "suzuki idle", "pbx1 connected")
	if err := rings.Answer(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	siptest.Talks(t, dialled)
	w.shows(t, "sales: 0 waiting, 0 talking, 1 open", "kato idle", "sato talking", "suzuki idle", "pbx1 connected")

	if err := w.pbx.Kill(); err != nil {
		t.Fatal(err)
	}
	w.shows(t, "sales: 0 waiting, 0 talking, 1 open", "kato unknown", "sato unknown", "suzuki unknown", "pbx1 disconnected")
	tells(t, nodes, "disconnected")
	if err := w.pbx.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.shows(t, "sales: 0 waiting, 0 talking, 1 open", "kato idle", "sato idle", "suzuki idle", "pbx1 connected")
	tells(t, nodes, "connected")
}
