package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
)

// storyExtensions are what some stories need beside the published dialplan.
var storyExtensions = []string{
	`8001,1,ExecIf(1?Queue(support,t))`,
	`8002,1,Queue("support",t)`,
	`8003,1,Answer()`, `8003,2,Exec(Queue(support,t))`,
	`8004,1,PickupChan(PJSIP/2001,p)`,
	`8005,1,Dial(PJSIP/2001&PJSIP/2002,1)`, `8005,2,Queue(support,t)`,
	`8006,1,Dial(PJSIP/09012345678@trunk,20)`,
	`8007,1,Set(CALLERID(num)=0699999999)`, `8007,2,Queue(SUPPORT,t)`,
	`8008,1,Queue(nosuch,t)`, `8008,2,Hangup()`,
	`8009,1,RetryDial(none,1,1,PJSIP/2001,20)`,
	`8010,1,Set(CALLBACKD_CALL_CENTER=support)`, `8010,2,Stasis(callbackd)`,
}

// prepareStories adds to a PBX what some stories need.
func (w *world) prepareStories(t *testing.T) {
	t.Helper()
	parking := "[general]\n[default]\nparkext = 700\nparkpos = 701-720\ncontext = parkedcalls\n"
	if err := os.WriteFile(filepath.Join(w.pbx.Recordings, "../../etc/res_parking.conf"), []byte(parking), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{"app_directed_pickup", "app_exec", "res_parking"} {
		w.cli(t, "module load "+module+".so", "Loaded")
	}
	for _, line := range storyExtensions {
		w.cli(t, "dialplan add extension "+strings.ReplaceAll(line, `"`, `\"`)+" into stories", "added")
	}
	for _, context := range []string{"from-internal", "from-trunk"} {
		w.cli(t, "dialplan add include stories into "+context, "included")
	}
	w.cli(t, "dialplan add include parkedcalls into from-internal", "included")
}

// cli runs a command of Asterisk, whose answer must contain want.
func (w *world) cli(t *testing.T, command, want string) {
	t.Helper()
	out, err := w.pbx.CLI(within(t), command)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, want) {
		t.Fatalf("%s: Asterisk answers %q, want %q in it", command, out, want)
	}
}

// channel is what a story wants to know of a channel in the PBX.
type channel struct {
	ID, Name, State string
	Dialplan        struct {
		App string `json:"app_name"`
	}
}

// ari makes a request of ARI and decodes the answer, if there is one.
func (w *world) ari(t *testing.T, method, path string, query url.Values, answer any) {
	t.Helper()
	credentials := base64.StdEncoding.EncodeToString([]byte(w.pbx.Username + ":" + w.pbx.Password))
	status, body, err := request(t.Context(), method, w.pbx.ARI+path+"?"+query.Encode(), "", map[string]string{"Authorization": "Basic " + credentials})
	if err != nil {
		t.Fatal(err)
	}
	if status >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %d %s", method, path, status, body)
	}
	if answer != nil {
		if err := json.Unmarshal(body, answer); err != nil {
			t.Fatal(err)
		}
	}
}

// channel waits for the latest channel whose name begins with prefix to be as
// wanted, and returns it.
func (w *world) channel(t *testing.T, prefix string, wanted func(channel) bool) channel {
	t.Helper()
	var found channel
	labtest.Eventually(t, patience, func() error {
		var all []channel
		w.ari(t, http.MethodGet, "/channels", nil, &all)
		found = channel{}
		for _, c := range all {
			if strings.HasPrefix(c.Name, prefix) && c.Name > found.Name {
				found = c
			}
		}
		if found.ID == "" || !wanted(found) {
			return fmt.Errorf("no channel %s is as wanted: %+v", prefix, all)
		}
		return nil
	})
	return found
}

// together waits until two channels, known by how their names begin, and no
// others are in a bridge.
func (w *world) together(t *testing.T, a, b string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		var channels []channel
		w.ari(t, http.MethodGet, "/channels", nil, &channels)
		var bridges []struct{ Channels []string }
		w.ari(t, http.MethodGet, "/bridges", nil, &bridges)
		for _, bridge := range bridges {
			in := 0
			for _, c := range channels {
				if slices.Contains(bridge.Channels, c.ID) && (strings.HasPrefix(c.Name, a) || strings.HasPrefix(c.Name, b)) {
					in++
				}
			}
			if in == 2 && len(bridge.Channels) == 2 {
				return nil
			}
		}
		return fmt.Errorf("%s and %s are not in a bridge: %v, %+v", a, b, bridges, channels)
	})
}

func up(c channel) bool { return c.State == "Up" }

// joined waits until of the calls that a story made just one runs, and the
// others point to it: two that were joined are not shown as two.
func (w *world) joined(t *testing.T) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		var active, into []any
		for _, c := range w.calls(t) {
			if c["state"] == "active" {
				active = append(active, c["request_id"])
			} else {
				into = append(into, c["merged_into"])
			}
		}
		if len(active) != 1 || len(into) != 1 || active[0] != into[0] {
			return fmt.Errorf("running: %v, merged into: %v", active, into)
		}
		return nil
	})
}

// agentIs waits until the only call is with an agent, and no other.
func (w *world) agentIs(t *testing.T, endpoint string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		calls := w.calls(t)
		if len(calls) != 1 || calls[0]["agent"] != endpoint || len(calls[0]["agents"].([]any)) != 1 {
			return fmt.Errorf("want one call with %s alone: %v", endpoint, calls)
		}
		return nil
	})
}

// ends hangs a call up and waits for the other side's end.
func ends(t *testing.T, call, other *sip.Call) {
	t.Helper()
	leave(t, call)
	over(t, other)
}

// stage is a world whose trunk stays open from story to story: on a busy
// machine somebody else may take its port in between.
type stage struct {
	*world
	trunk *sip.Phone
}

// story is a scenario that is played on a stage.
type story struct {
	name         string
	play         func(t *testing.T, w *stage)
	want         []fields
	registration []int
}

// outside is the far end of the trunk, as a new phone would be.
func (w *stage) outside(t *testing.T, behaviour sip.Behaviour) *sip.Phone {
	t.Helper()
	if err := w.trunk.SetBehaviour(behaviour); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // a story that failed must not spoil the next
		for _, call := range w.trunk.Calls() {
			if err := call.Hangup(context.WithoutCancel(t.Context())); err != nil {
				t.Log(err)
			}
		}
	})
	for {
		select {
		case <-w.trunk.Incoming(): // of an earlier story
		default:
			return w.trunk
		}
	}
}

// connected brings the customer to agent 2001.
func (w *stage) connected(t *testing.T, number string) (call, agents *sip.Call) {
	t.Helper()
	agent := w.agent(t, "2001", sip.Behaviour{})
	call = dial(t, w.outside(t, sip.Behaviour{}), number, sip.CallOptions{CallerNumber: customer})
	agents = arrives(t, agent)
	hears(t, agents, 500)
	return call, agents
}

// stories are calls as they happen where people and dialplans do what nobody
// thought of.
var stories = []story{
	{
		name: "queue run by ExecIf, abandoned", play: playAbandonedAt("8001"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "outcome": "abandoned", "reason": "caller-left-queue", "local_number": "7001"}},
	},
	{
		name: "queue with its name in quotes", play: playConnected("8002"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "outcome": "answered", "agent": "PJSIP/2001"}},
	},
	{
		name: "queue run by Exec, answered", play: playConnected("8003"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "outcome": "answered", "agent": "PJSIP/2001"}},
	},
	{
		name: "picked up in a queue", play: playPickup("7001"), registration: []int{registered, refused},
		want: []fields{
			{"kind": "call_center", "call_center": "support", "direction": "inbound", "outcome": "answered", "agent": "PJSIP/2003", "remote_number": customer},
			{"kind": "unknown", "direction": "internal", "reason": "merged"},
		},
	},
	{
		name: "picked up at a phone", play: playPickup("2001"), registration: []int{refused, refused},
		want: []fields{
			{"kind": "terminal", "direction": "inbound", "outcome": "answered", "agent": "PJSIP/2003", "remote_number": customer, "local_number": "2001"},
			{"kind": "unknown", "direction": "internal", "reason": "merged"},
		},
	},
	{
		name: "parked and fetched", play: playParked, registration: []int{registered, refused},
		want: []fields{
			{"kind": "call_center", "outcome": "answered", "agent": "PJSIP/2001", "agents": []any{"PJSIP/2001", "PJSIP/2002"}, "remote_number": customer},
			{"kind": "unknown", "direction": "internal", "reason": "merged", "agents": []any{"PJSIP/2002"}},
		},
	},
	{
		name: "transferred from queue to queue", play: playQueueToQueue, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "sales", "call_centers": []any{"support", "sales"}, "local_number": "7002",
			"agent": "PJSIP/2003", "agents": []any{"PJSIP/2001", "PJSIP/2003"}, "outcome": "answered", "remote_number": customer,
		}},
	},
	{
		name: "the customer may not transfer", play: playCustomerTransfers, registration: []int{registered},
		want: []fields{{"kind": "call_center", "agents": []any{"PJSIP/2001"}, "outcome": "answered"}},
	},
	{
		name: "outgoing call transferred to a queue", play: playOutgoingToQueue, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "outbound", "call_center": "support", "remote_number": customer, "local_number": "7001",
			"agent": "PJSIP/2001", "agents": []any{"PJSIP/2003", "PJSIP/2001"}, "outcome": "answered",
		}},
	},
	{
		name: "transferred to a phone that still rings", play: playBlondeToPhone, registration: []int{registered},
		want: []fields{{"kind": "call_center", "agent": "PJSIP/2001", "agents": []any{"PJSIP/2001", "PJSIP/2003"}, "outcome": "answered"}},
	},
	{
		name: "transferred to a queue that still rings", play: playBlondeToQueue, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "support", "agent": "PJSIP/2001", "agents": []any{"PJSIP/2003", "PJSIP/2001"}, "outcome": "answered",
		}},
	},
	{
		name: "transferred to a busy phone, and back", play: playBusyAndBack, registration: []int{registered},
		want: []fields{{"kind": "call_center", "agents": []any{"PJSIP/2001"}, "outcome": "answered"}},
	},
	{
		name: "two agents answer at once", play: playTwoAnswer, registration: []int{registered},
		want: []fields{{"kind": "call_center", "outcome": "answered", "reason": "caller-hung-up"}},
	},
	{
		name: "refused by the agent, and tried again", play: playRefusedAndRetried, registration: []int{registered},
		want: []fields{{"kind": "call_center", "agent": "PJSIP/2001", "outcome": "answered"}},
	},
	{
		name: "refused by the agent, and given up", play: playRefusedAndLeft, registration: []int{registered},
		want: []fields{{"kind": "call_center", "agent": nil, "outcome": "abandoned", "reason": "caller-left-queue"}},
	},
	{
		name: "left as the agent answers", play: playLeftAsAnswered, registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "state": "ended"}}, // either may be first
	},
	{
		name: "ring group first, then the queue", play: playRingGroupThenQueue, registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "local_number": "7001", "outcome": "abandoned", "reason": "caller-left-queue"}},
	},
	{
		name: "click to call", play: playClickToCall, registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "outbound", "remote_number": customer, "local_number": "2001", "agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "click to call, busy", play: playClickToCallBusy, registration: []int{refused},
		want: []fields{{"kind": "terminal", "direction": "outbound", "remote_number": customer, "answered_at": nil, "outcome": "busy"}},
	},
	{
		name: "a dialler's call that nobody takes", play: playDialler, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "outbound", "remote_number": customer, "answered_at": nil,
			"outcome": "abandoned", "reason": "caller-left-queue",
		}},
	},
	{
		name: "a queue called by nobody", play: playLocalOriginated, registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "internal", "remote_number": nil, "local_number": "7001", "agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "two calls of the same parties at once", play: playTwoAtOnce, registration: []int{refused, refused},
		want: []fields{
			{"kind": "terminal", "remote_number": customer, "agent": "PJSIP/2001", "outcome": "answered", "reason": "answerer-hung-up"},
			{"kind": "terminal", "remote_number": customer, "agent": "PJSIP/2001", "outcome": "answered", "reason": "caller-hung-up"},
		},
	},
	{
		name: "forwarded from the trunk to the trunk", play: playTrunkToTrunk, registration: []int{refused},
		want: []fields{{"kind": "terminal", "direction": "inbound", "remote_number": customer, "agent": nil, "outcome": "answered"}},
	},
	{
		name: "caller's number set, queue's name in capitals", play: playConnected("8007"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "remote_number": "0699999999", "outcome": "answered"}},
	},
	{
		name: "queue that nobody knows", play: playHungUpBy("8008"), registration: []int{refused},
		want: []fields{{"kind": "unknown", "outcome": "missed", "agent": nil}},
	},
	{
		name: "RetryDial", play: playConnected("8009"), registration: []int{refused},
		want: []fields{{"kind": "terminal", "agent": "PJSIP/2001", "outcome": "answered"}},
	},
	{
		name: "caller bridged into a call of two phones", play: playBridgedIn, registration: []int{refused, refused},
		want: []fields{
			{"kind": "terminal", "direction": "inbound", "remote_number": customer, "agent": "PJSIP/2003", "outcome": "answered", "reason": "caller-hung-up"},
			{"kind": "unknown", "direction": "inbound", "remote_number": customer, "reason": "merged"},
		},
	},
	{
		name: "caller redirected to the queue", play: playRedirected("PJSIP/trunk"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "agents": []any{"PJSIP/2003", "PJSIP/2001"}, "outcome": "answered"}},
	},
	{
		name: "agent redirected to the queue", play: playRedirected("PJSIP/2003"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "agents": []any{"PJSIP/2003", "PJSIP/2001"}, "outcome": "answered"}},
	},
	{
		name: "queue's caller connected to a colleague on a second line", play: playSecondLine("7001", "2001", "2003"), registration: []int{registered, refused},
		want: []fields{
			{
				"kind": "call_center", "call_center": "support", "direction": "inbound", "remote_number": customer,
				"agent": "PJSIP/2001", "agents": []any{"PJSIP/2001", "PJSIP/2003"}, "outcome": "answered", "reason": "caller-hung-up",
			},
			{"kind": "terminal", "direction": "internal", "outcome": "answered", "reason": "merged"},
		},
	},
	{
		name: "phone's caller connected to the queue on a second line", play: playSecondLine("2003", "2003", "7001"), registration: []int{registered, registered},
		want: []fields{
			{
				"kind": "call_center", "call_center": "support", "direction": "inbound", "remote_number": customer, "local_number": "7001",
				"agent": "PJSIP/2001", "agents": []any{"PJSIP/2003", "PJSIP/2001"}, "outcome": "answered", "reason": "caller-hung-up",
			},
			{"kind": "call_center", "call_center": "support", "direction": "internal", "outcome": "answered", "reason": "merged"},
		},
	},
	{
		name: "joined by a program through ARI", play: playJoinedByARI, registration: []int{registered, registered},
		want: []fields{
			{"kind": "call_center", "direction": "inbound", "remote_number": customer, "agent": "PJSIP/2001", "outcome": "answered"},
			{"kind": "call_center", "direction": "inbound", "remote_number": customer, "reason": "merged"},
		},
	},
}

// TestStories_OnRealAsterisk plays what is rarer than the scenarios of
// TestCalls_OnRealAsterisk.
func TestStories_OnRealAsterisk(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name    string
		without bool
	}{{"with channelvars", false}, {"without channelvars", true}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, lab.AsteriskOptions{WithoutChannelVars: mode.without, Globals: map[string]string{"QUEUE_TIMEOUT": "30"}})
			w.prepareStories(t)
			on := &stage{world: w, trunk: w.outside(t, sip.Behaviour{})}
			for _, s := range stories {
				play := func(t *testing.T, _ *world) { s.play(t, on) }
				t.Run(s.name, func(t *testing.T) {
					w.check(t, scenario{name: s.name, play: play, want: s.want, registration: s.registration})
				})
			}
			t.Run("thirty calls at once", func(t *testing.T) { on.storm(t) })
		})
	}
}

func playConnected(number string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		call, agents := w.connected(t, number)
		ends(t, call, agents)
	}
}

func playAbandonedAt(number string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		call := dial(t, w.outside(t, sip.Behaviour{}), number, sip.CallOptions{CallerNumber: customer})
		w.channel(t, "PJSIP/trunk", func(c channel) bool { return c.Dialplan.App == "Queue" })
		leave(t, call)
	}
}

func playHungUpBy(number string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		over(t, dial(t, w.outside(t, sip.Behaviour{}), number, sip.CallOptions{CallerNumber: customer}))
	}
}

func playPickup(number string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		outside, agent, colleague := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Ignore: true}), w.agent(t, "2003", sip.Behaviour{})
		call := dial(t, outside, number, sip.CallOptions{CallerNumber: customer})
		rings := arrives(t, agent)
		w.channel(t, "PJSIP/2001", func(c channel) bool { return c.State == "Ringing" })
		picks := dial(t, colleague, "8004", sip.CallOptions{})
		talks(t, picks)
		over(t, rings)
		hears(t, picks, 500)
		w.joined(t)
		ends(t, call, picks)
	}
}

func playParked(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	colleague := w.agent(t, "2002", sip.Behaviour{})
	// The PBX sees to the transfer without telling how it went.
	if err := agents.Transfer(within(t), "700"); err != nil {
		t.Fatal(err)
	}
	over(t, agents)
	fetches := dial(t, colleague, "701", sip.CallOptions{})
	talks(t, fetches)
	hears(t, fetches, 500)
	w.joined(t)
	ends(t, call, fetches)
}

func playQueueToQueue(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	colleague := w.agent(t, "2003", sip.Behaviour{})
	if err := agents.Transfer(within(t), "7002"); err != nil {
		t.Fatal(err)
	}
	over(t, agents)
	other := arrives(t, colleague)
	hears(t, other, 500)
	ends(t, call, other)
}

func playCustomerTransfers(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	var denied *sip.RefusedError
	if err := call.Transfer(within(t), "2003"); !errors.As(err, &denied) {
		t.Errorf("the customer's transfer: %v, want it refused", err)
	}
	press(t, call, "##2003")
	hears(t, agents, 500)
	ends(t, call, agents)
}

func playOutgoingToQueue(t *testing.T, w *stage) {
	outside, agent, clerk := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{}), w.agent(t, "2003", sip.Behaviour{})
	call := dial(t, clerk, customer, sip.CallOptions{})
	talks(t, call)
	far := arrives(t, outside)
	hears(t, call, 500)
	if err := call.Transfer(within(t), "7001"); err != nil {
		t.Fatal(err)
	}
	other := arrives(t, agent)
	hears(t, other, 500)
	ends(t, other, far)
}

func playBlondeToPhone(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	colleague := w.agent(t, "2003", sip.Behaviour{Ignore: true})
	press(t, agents, "*22003")
	other := arrives(t, colleague)
	w.together(t, "PJSIP/2001", "Local/2003") // before, the PBX gives the transfer up
	leave(t, agents)
	w.together(t, "PJSIP/trunk", "Local/2003")
	if err := other.Answer(within(t)); err != nil {
		t.Fatal(err)
	}
	hears(t, other, 500)
	ends(t, call, other)
}

func playBlondeToQueue(t *testing.T, w *stage) {
	outside, clerk := w.outside(t, sip.Behaviour{}), w.agent(t, "2003", sip.Behaviour{})
	call := dial(t, outside, "2003", sip.CallOptions{CallerNumber: customer})
	clerks := arrives(t, clerk)
	hears(t, clerks, 500)
	agent := w.agent(t, "2001", sip.Behaviour{Ignore: true})
	press(t, clerks, "*27001")
	other := arrives(t, agent)
	w.together(t, "PJSIP/2003", "Local/7001")
	leave(t, clerks)
	w.together(t, "PJSIP/trunk", "Local/7001")
	if err := other.Answer(within(t)); err != nil {
		t.Fatal(err)
	}
	hears(t, other, 500)
	ends(t, call, other)
}

func playBusyAndBack(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	colleague := w.agent(t, "2003", sip.Behaviour{Refuse: http.StatusNotAcceptable})
	press(t, agents, "*22003")
	over(t, arrives(t, colleague))
	hears(t, agents, 500)
	ends(t, call, agents)
}

func playTwoAnswer(t *testing.T, w *stage) {
	outside := w.outside(t, sip.Behaviour{})
	first, second := w.agent(t, "2001", sip.Behaviour{Ignore: true}), w.agent(t, "2002", sip.Behaviour{Ignore: true})
	call := dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	rung := []*sip.Call{arrives(t, first), arrives(t, second)}
	var answering sync.WaitGroup
	for _, c := range rung {
		// The one who is late may find the call gone.
		answering.Go(func() { _ = c.Answer(within(t)) })
	}
	answering.Wait()
	winner := ""
	labtest.Eventually(t, patience, func() error {
		for i, c := range rung {
			if c.ToneLevel(500) > 0.5 {
				winner = fmt.Sprintf("PJSIP/200%d", i+1)
				return nil
			}
		}
		return errors.New("neither hears the caller")
	})
	w.agentIs(t, winner)
	leave(t, call)
	over(t, rung[0])
	over(t, rung[1])
}

func playRefusedAndRetried(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Refuse: 486})
	call := dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	over(t, arrives(t, agent))
	for _, behaviour := range []sip.Behaviour{{Refuse: 480}, {}} {
		if err := agent.SetBehaviour(behaviour); err != nil {
			t.Fatal(err)
		}
		other := arrives(t, agent)
		if behaviour.Refuse == 0 {
			hears(t, other, 500)
			leave(t, call)
		}
		over(t, other)
	}
}

func playRefusedAndLeft(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Refuse: 486})
	call := dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	over(t, arrives(t, agent))
	leave(t, call)
}

func playLeftAsAnswered(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Ignore: true})
	call := dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	other := arrives(t, agent)
	var both sync.WaitGroup
	both.Go(func() { _ = other.Answer(within(t)) }) // or finds the call gone
	both.Go(func() { leave(t, call) })
	both.Wait()
	over(t, other)
}

func playRingGroupThenQueue(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Ignore: true})
	call := dial(t, outside, "8005", sip.CallOptions{CallerNumber: customer})
	over(t, arrives(t, agent)) // the ring group gives up
	other := arrives(t, agent)
	ends(t, call, other)
}

func playClickToCall(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	w.cli(t, "channel originate PJSIP/2001 extension "+customer+"@from-internal", "")
	call, far := arrives(t, agent), arrives(t, outside)
	hears(t, call, 500)
	ends(t, call, far)
}

func playClickToCallBusy(t *testing.T, w *stage) {
	w.outside(t, sip.Behaviour{Refuse: 486})
	agent := w.agent(t, "2001", sip.Behaviour{})
	w.cli(t, "channel originate PJSIP/2001 extension "+customer+"@from-internal", "")
	over(t, arrives(t, agent))
}

func playDialler(t *testing.T, w *stage) {
	outside := w.outside(t, sip.Behaviour{})
	w.cli(t, "channel originate PJSIP/"+customer+"@trunk extension 7001@from-internal", "")
	call := arrives(t, outside)
	w.channel(t, "PJSIP/trunk", func(c channel) bool { return c.Dialplan.App == "Queue" })
	leave(t, call)
}

func playLocalOriginated(t *testing.T, w *stage) {
	agent := w.agent(t, "2001", sip.Behaviour{})
	w.cli(t, "channel originate Local/7001@from-internal application Wait 60", "")
	call := arrives(t, agent)
	talks(t, call)
	leave(t, call)
}

func playTwoAtOnce(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	first := dial(t, outside, "2001", sip.CallOptions{CallerNumber: customer})
	firsts := arrives(t, agent)
	hears(t, firsts, 500)
	second := dial(t, outside, "2001", sip.CallOptions{CallerNumber: customer})
	seconds := arrives(t, agent)
	hears(t, seconds, 500)
	ends(t, firsts, first)
	ends(t, second, seconds)
}

func playTrunkToTrunk(t *testing.T, w *stage) {
	outside := w.outside(t, sip.Behaviour{})
	call := dial(t, outside, "8006", sip.CallOptions{CallerNumber: customer})
	far := arrives(t, outside)
	hears(t, far, 500)
	ends(t, call, far)
}

func playBridgedIn(t *testing.T, w *stage) {
	outside, caller, callee := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{}), w.agent(t, "2003", sip.Behaviour{})
	call := dial(t, caller, "2003", sip.CallOptions{})
	callees := arrives(t, callee)
	hears(t, callees, 700)
	w.cli(t, "dialplan add extension 8020,1,Bridge("+w.channel(t, "PJSIP/2003", up).Name+") into stories replace", "8020")
	customers := dial(t, outside, "8020", sip.CallOptions{CallerNumber: customer})
	over(t, call)
	hears(t, callees, 500)
	w.joined(t)
	ends(t, customers, callees)
}

// playRedirected has somebody who is in a call of the customer with 2003 sent
// to the queue.
func playRedirected(who string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		outside, clerk, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2003", sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
		call := dial(t, outside, "2003", sip.CallOptions{CallerNumber: customer})
		clerks := arrives(t, clerk)
		hears(t, clerks, 500)
		w.cli(t, "channel redirect "+w.channel(t, who, up).Name+" from-internal,7001,1", "")
		other := arrives(t, agent)
		stays, leaves, tone := call, clerks, 500.0
		if who != "PJSIP/trunk" {
			stays, leaves, tone = clerks, call, 700
		}
		over(t, leaves)
		hears(t, other, tone)
		ends(t, stays, other)
	}
}

// playSecondLine has the customer call a number, where a phone answers; this
// one asks another on a second line, and connects the two: a REFER with
// Replaces, as telephones with a transfer key do it.
func playSecondLine(number, phone, second string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		outside, first := w.outside(t, sip.Behaviour{}), w.agent(t, phone, sip.Behaviour{})
		call := dial(t, outside, number, sip.CallOptions{CallerNumber: customer})
		customers := arrives(t, first)
		hears(t, customers, 500)
		answering := "2001"
		if second != "7001" {
			answering = second
		}
		other := w.agent(t, answering, sip.Behaviour{})
		asks := dial(t, first, second, sip.CallOptions{})
		asked := arrives(t, other)
		hears(t, asked, 700)
		line := w.channel(t, "PJSIP/"+phone, up)
		replaces := asks.ID() + ";to-tag=" + w.variable(t, line, "CHANNEL(pjsip,local_tag)") + ";from-tag=" + w.variable(t, line, "CHANNEL(pjsip,remote_tag)")
		if err := customers.Transfer(within(t), "sip:"+second+"@"+w.pbx.SIP+"?Replaces="+url.QueryEscape(replaces)); err != nil {
			t.Fatal(err)
		}
		over(t, asks)
		hears(t, asked, 500)
		w.joined(t)
		ends(t, call, asked)
	}
}

func (w *stage) variable(t *testing.T, c channel, name string) string {
	t.Helper()
	var answer struct{ Value string }
	w.ari(t, http.MethodGet, "/channels/"+c.ID+"/variable", url.Values{"variable": {name}}, &answer)
	return answer.Value
}

// playJoinedByARI: a program calls an agent, giving the channel an ID of its
// own choice, and puts the agent and a customer who waits into a bridge.
func playJoinedByARI(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	w.ari(t, http.MethodPost, "/channels", url.Values{
		"endpoint": {"PJSIP/2001"}, "app": {"callbackd"}, "channelId": {"zz-" + t.Name()},
	}, nil)
	agents := arrives(t, agent)
	inStasis := func(c channel) bool { return up(c) && c.Dialplan.App == "Stasis" }
	first := w.channel(t, "PJSIP/2001", inStasis)
	call := dial(t, outside, "8010", sip.CallOptions{CallerNumber: customer})
	w.channel(t, "PJSIP/trunk", func(c channel) bool { return c.Dialplan.App == "Stasis" })
	second := w.channel(t, "PJSIP/trunk", func(channel) bool { return true })
	w.ari(t, http.MethodPost, "/channels/"+second.ID+"/answer", nil, nil)
	var bridge struct{ ID string }
	w.ari(t, http.MethodPost, "/bridges", url.Values{"type": {"mixing"}}, &bridge)
	w.ari(t, http.MethodPost, "/bridges/"+bridge.ID+"/addChannel", url.Values{"channel": {first.ID + "," + second.ID}}, nil)
	hears(t, agents, 500)
	w.joined(t)
	leave(t, call)
	leave(t, agents)
	w.ari(t, http.MethodDelete, "/bridges/"+bridge.ID, nil, nil)
}

// storm has thirty people call all kinds of numbers and hang up whenever they
// like. What is stored must be what the telephones know.
func (w *stage) storm(t *testing.T) {
	outside := w.outside(t, sip.Behaviour{})
	agents := map[string]*sip.Phone{}
	for extension, behaviour := range map[string]sip.Behaviour{
		"2001": {RingFor: 100 * time.Millisecond, HangUpAfter: 700 * time.Millisecond}, "2002": {RingFor: 300 * time.Millisecond},
		"2003": {}, "2004": {Refuse: 486},
	} {
		agents["PJSIP/"+extension] = w.agent(t, extension, behaviour)
	}
	kinds := map[string]string{
		"7001": "call_center", "7002": "call_center", "8001": "call_center", "6001": "ring_group", "6002": "ring_group",
		"2001": "terminal", "2003": "terminal", "2004": "terminal", "7480": "ivr",
	}
	numbers := slices.Sorted(maps.Keys(kinds))
	const callers = 30
	dialled := map[string]string{} // by who calls
	var calling sync.WaitGroup
	chance := rand.New(rand.NewPCG(1, 2))
	for i := range callers {
		caller := fmt.Sprintf("03%08d", i)
		dialled[caller] = numbers[i%len(numbers)]
		call := dial(t, outside, dialled[caller], sip.CallOptions{CallerNumber: caller})
		patient := time.Duration(chance.IntN(2000)) * time.Millisecond
		calling.Go(func() {
			select { // hanging up at any moment is what this is about
			case <-call.Done():
			case <-time.After(patient):
				leave(t, call)
			}
		})
	}
	calling.Wait()
	calls := w.ended(t, callers)
	rung := w.ringing(t, agents)
	for _, c := range calls {
		caller, _ := c["remote_number"].(string)
		number, ok := dialled[caller]
		if !ok {
			t.Errorf("a call of %q is stored that nobody made, or twice", caller)
			continue
		}
		delete(dialled, caller)
		if c["kind"] != kinds[number] || c["callback_allowed"] != (kinds[number] == "call_center") || c["direction"] != "inbound" {
			t.Errorf("call to %s: %v", number, c)
		}
		rung.compare(t, caller, c)
	}
}

// ringing is what happened at the phones, by caller and phone.
type ringing map[string]map[string]*sip.Call

func (w *stage) ringing(t *testing.T, agents map[string]*sip.Phone) ringing {
	t.Helper()
	rung := ringing{}
	for endpoint, phone := range agents {
		if err := phone.Close(); err != nil {
			t.Error(err)
		}
		for call := range phone.Incoming() {
			over(t, call)
			if rung[call.CallerNumber()] == nil {
				rung[call.CallerNumber()] = map[string]*sip.Call{}
			}
			// A queue may ring a phone again: that it answered, once, counts.
			if before := rung[call.CallerNumber()][endpoint]; before == nil || before.Err() != nil {
				rung[call.CallerNumber()][endpoint] = call
			}
		}
	}
	return rung
}

// compare holds a stored call against what the phones say of the caller.
// Between "answered" and "cancelled", which cross, the phone and the PBX may
// differ; who heard the other was answered in any case.
func (r ringing) compare(t *testing.T, caller string, stored map[string]any) {
	t.Helper()
	agents := stored["agents"].([]any)
	for endpoint, call := range r[caller] {
		listed := slices.Contains(agents, any(endpoint))
		if talked := call.Heard().Audio > 100*time.Millisecond; talked && !listed || listed && call.Err() != nil {
			t.Errorf("%s talked: %v (%v), agents of the stored call: %v", endpoint, talked, call.Err(), agents)
		}
	}
	if (stored["outcome"] == "answered") != (len(agents) > 0) || (stored["answered_at"] != nil) != (len(agents) > 0) {
		t.Errorf("outcome %v, answered at %v, by %v", stored["outcome"], stored["answered_at"], agents)
	}
	for _, endpoint := range agents {
		if r[caller][endpoint.(string)] == nil {
			t.Errorf("%v is stored as an agent of a call that did not ring there", endpoint)
		}
	}
}
