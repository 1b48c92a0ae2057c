package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/ari"
	"callbackd/configs"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

const (
	// detection is within what time /readyz must say that a PBX is not
	// followed any more.
	detection = 5 * time.Second
	// outage is how long the tests keep a connection broken: longer than
	// detection, so that it is not the healing that is noticed.
	outage = 6 * time.Second

	secondCustomer = "0398765432"
)

// TestFaults_AsteriskKilled kills the PBX in the middle of calls and starts it
// again.
func TestFaults_AsteriskKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "60"}})
	outside := w.outside(t, sip.Behaviour{})
	w.playQueueCall(t, outside, customer, w.agent(t, "2001", sip.Behaviour{}))
	w.agent(t, "2002", sip.Behaviour{Ignore: true})
	siptest.Talks(t, siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: secondCustomer})) // the queue answers, and nobody else
	clerk := w.agent(t, "2004", sip.Behaviour{})
	siptest.Talks(t, siptest.Dial(t, w.agent(t, "2003", sip.Behaviour{}), "2004", sip.CallOptions{}))
	siptest.Arrives(t, clerk)
	w.activeCalls(t, 3, 2)

	killed := time.Now()
	if err := w.pbx.Kill(); err != nil {
		t.Fatal(err)
	}
	w.noticed(t, killed, "no connection to ARI")
	w.openGap(t, killed, "broken")
	restarted := time.Now()
	if err := w.pbx.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.ready(t, http.StatusOK)
	w.closedGaps(t, restarted, "broken")
	w.agrees(t, 0)
	w.compare(t, w.ended(t, 3), []fields{
		{"kind": "call_center", "call_center": "support", "remote_number": customer, "agent": "PJSIP/2001", "outcome": "unknown", "reason": "end-not-seen"},
		{"kind": "call_center", "call_center": "support", "remote_number": secondCustomer, "agent": nil, "outcome": "unknown", "reason": "end-not-seen"},
		{"kind": "terminal", "direction": "internal", "agent": "PJSIP/2004", "outcome": "unknown", "reason": "end-not-seen"},
	})
	if gap := w.metric(t, `callbackd_ari_gap_seconds_total{node="pbx1",why="broken"}`); gap < restarted.Sub(killed).Seconds() {
		t.Errorf("the metrics know of a gap of %v s, want more than %v", gap, restarted.Sub(killed))
	}
	if n := w.metric(t, `callbackd_ari_reconnects_total{node="pbx1"}`); n != 1 {
		t.Errorf("%v reconnects are counted, want 1", n)
	}

	// The PBX may not know the phones that registered just before its end.
	if err := clerk.Register(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	// Unique ids are the second and a number that begins anew: within the same
	// second the PBX would use those of before once more.
	lasts(t, killed.Truncate(time.Second), time.Second)
	call := siptest.Dial(t, outside, "2004", sip.CallOptions{CallerNumber: customer})
	siptest.Arrives(t, clerk)
	siptest.Talks(t, call)
	w.agrees(t, 2)
	siptest.Leave(t, call)
	w.compare(t, w.ended(t, 1), []fields{{"kind": "terminal", "agent": "PJSIP/2004", "outcome": "answered", "reason": "caller-hung-up"}})
}

// TestFaults_LinkBroken breaks the connection to the PBX while a call goes on,
// one ends and one begins.
func TestFaults_LinkBroken(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name        string
		channelVars bool
		fail        func(*link)
		why         string
	}{
		{"cut", true, (*link).cut, "broken"},
		{"cut, without channelvars", false, (*link).cut, "broken"},
		{"black hole", true, (*link).blackHole, "silent"},
	} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			w, l := newLinkedWorld(t, lab.AsteriskOptions{
				WithoutChannelVars: !mode.channelVars, Globals: map[string]string{"QUEUE_TIMEOUT": "60"},
			})
			w.start(t)
			outside := w.outside(t, sip.Behaviour{})
			goesOn, agents := w.playQueueCall(t, outside, customer, w.agent(t, "2001", sip.Behaviour{}))
			clerk := w.agent(t, "2004", sip.Behaviour{})
			ends := siptest.Dial(t, w.agent(t, "2003", sip.Behaviour{}), "2004", sip.CallOptions{})
			clerks := siptest.Arrives(t, clerk)
			siptest.Talks(t, ends)
			w.activeCalls(t, 2, 2)

			broken := time.Now()
			mode.fail(l)
			w.noticed(t, broken, "no connection to ARI")
			w.openGap(t, broken, mode.why)
			siptest.Leave(t, ends)
			siptest.Over(t, clerks)
			begins, colleagues := w.playQueueCall(t, outside, secondCustomer, w.agent(t, "2002", sip.Behaviour{}))
			lasts(t, broken, outage)
			healed := time.Now()
			l.heal()
			w.ready(t, http.StatusOK)
			t.Logf("followed again %v after the connection was possible", time.Since(healed).Round(time.Millisecond))
			w.closedGaps(t, healed, mode.why)
			w.agrees(t, 4)

			siptest.Leave(t, goesOn)
			siptest.Over(t, agents)
			siptest.Leave(t, begins)
			siptest.Over(t, colleagues)
			calls := w.ended(t, 3)
			w.compare(t, calls, []fields{
				{"kind": "call_center", "remote_number": customer, "agent": "PJSIP/2001", "outcome": "answered", "reason": "caller-hung-up"},
				{"kind": "terminal", "direction": "internal", "agent": "PJSIP/2004", "outcome": "unknown", "reason": "end-not-seen"},
				{"kind": "call_center", "remote_number": secondCustomer, "agent": "PJSIP/2002", "outcome": "answered", "reason": "caller-hung-up"},
			})
			w.register(t, calls[2]["request_id"].(string), registered)
			w.agrees(t, 0)
		})
	}
}

// TestFaults_DaemonRestarted stops the daemon in the middle of calls. What it
// knew of them, it knows when it runs again.
func TestFaults_DaemonRestarted(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name        string
		channelVars bool
	}{{"with channelvars", true}, {"without channelvars", false}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, lab.AsteriskOptions{
				WithoutChannelVars: !mode.channelVars, Globals: map[string]string{"QUEUE_TIMEOUT": "60"},
			})
			outside := w.outside(t, sip.Behaviour{})
			talking, agents := w.playQueueCall(t, outside, customer, w.agent(t, "2001", sip.Behaviour{}))
			colleague := w.agent(t, "2002", sip.Behaviour{Ignore: true})
			waiting := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: secondCustomer})
			rings := siptest.Arrives(t, colleague)
			clerk := w.agent(t, "2004", sip.Behaviour{})
			ends := siptest.Dial(t, w.agent(t, "2003", sip.Behaviour{}), "2004", sip.CallOptions{})
			clerks := siptest.Arrives(t, clerk)
			siptest.Talks(t, ends)
			w.activeCalls(t, 3, 2)
			before := w.details(t)

			stopped := time.Now()
			w.stop()
			siptest.Leave(t, ends)
			siptest.Over(t, clerks)
			started := time.Now()
			w.start(t)
			gap := w.closedGaps(t, started, "daemon-down")[0]
			if gap.From.After(stopped) || gap.From.Before(stopped.Add(-3*time.Second)) {
				t.Errorf("the gap begins at %v, the daemon was stopped at %v", gap.From, stopped)
			}
			w.agrees(t, 4)
			after := w.details(t)
			for _, i := range []int{0, 1} {
				had := before[i]["receipt"].([]any)
				has := after[i]["receipt"].([]any)
				after[i]["receipt"] = has[:min(len(has), len(had))] // what was seen since comes behind
				for _, key := range []string{"request_id", "kind", "call_center", "receipt", "agent", "remote_number", "local_number", "started_at", "answered_at", "recordings"} {
					if diff := cmp.Diff(before[i][key], after[i][key]); diff != "" {
						t.Errorf("call %d: %s is not what it was (-before +after):\n%s", i, key, diff)
					}
				}
			}

			if err := rings.Answer(siptest.Within(t)); err != nil {
				t.Fatal(err)
			}
			siptest.Hears(t, rings, 500)
			siptest.Leave(t, talking)
			siptest.Over(t, agents)
			siptest.Leave(t, waiting)
			siptest.Over(t, rings)
			w.compare(t, w.ended(t, 3), []fields{
				{"kind": "call_center", "remote_number": customer, "agent": "PJSIP/2001", "outcome": "answered", "reason": "caller-hung-up"},
				{"kind": "call_center", "remote_number": secondCustomer, "agent": "PJSIP/2002", "outcome": "answered", "reason": "caller-hung-up"},
				{"kind": "terminal", "direction": "internal", "agent": "PJSIP/2004", "outcome": "unknown", "reason": "end-not-seen"},
			})
		})
	}
}

// TestFaults_ApplicationTaken: two programs with one application name are a
// mistake that takes a person to mend. The daemon says so, and does not fight.
func TestFaults_ApplicationTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.AsteriskOptions{})
	other, err := ari.NewStream(ari.StreamOptions{Client: w.ariClient(t), Filter: ari.NewFilter(nil, nil)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, leaveIt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	taken := time.Now()
	go func() { ended <- other.Run(ctx) }()
	defer func() {
		leaveIt()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	w.noticed(t, taken, "another client took")
	w.openGap(t, taken, "replaced")
	if state := w.metric(t, `callbackd_ari_state{node="pbx1",state="replaced"}`); state != 1 {
		t.Errorf("the metric of the state replaced is %v, want 1", state)
	}
	labtest.Eventually(t, patience, func() error {
		if stats := other.Stats(); stats.State != ari.StateConnected || time.Since(stats.StateSince) < time.Second {
			return fmt.Errorf("the other client is %s since %v: %w", stats.State, stats.StateSince, stats.LastErr)
		}
		return nil
	})
	if stats := other.Stats(); stats.Epoch != 1 {
		t.Errorf("the other client connected %d times: the two fight", stats.Epoch)
	}
}

// TestFaults_WrongPassword: a PBX that refuses is not asked without pause.
func TestFaults_WrongPassword(t *testing.T) {
	t.Parallel()
	w, l := newLinkedWorld(t, lab.AsteriskOptions{})
	w.cfg.PBX[0].ARI.Password = configs.NewSecret("not the password")
	began := time.Now()
	w.run(t)
	w.noticed(t, began, "401")
	// Counted from here: on a busy machine the first answer alone can take
	// seconds, and then nothing would be left of a time counted from the start.
	noticed, before := time.Now(), l.connections()
	lasts(t, noticed, 3*time.Second)
	if n := l.connections() - before; n < 1 || n > 7 {
		t.Errorf("%d more connections in %v, want a few", n, time.Since(noticed))
	}
	if why := w.noticed(t, began, "401"); strings.Contains(why, "not the password") {
		t.Errorf("/readyz tells the password: %s", why)
	}
}

// playQueueCall brings a customer to an agent by way of 7001.
func (w *world) playQueueCall(t *testing.T, outside *sip.Phone, number string, agent *sip.Phone) (call, agents *sip.Call) {
	t.Helper()
	call = siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: number})
	agents = siptest.Arrives(t, agent)
	siptest.Talks(t, agents)
	siptest.Hears(t, agents, 500)
	return call, agents
}
