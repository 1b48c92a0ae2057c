package main

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/configs/asterisk"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/postgres"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// repairPatience is how long it takes to settle a gap at most: the log is
// looked at once more after callcenter.DefaultRepairAgainAfter.
const repairPatience = callcenter.DefaultRepairAgainAfter + patience

// keepEvents makes the PBX of the options keep its channel events in a
// database, and returns its address.
func keepEvents(t *testing.T, options *lab.AsteriskOptions) string {
	t.Helper()
	options.ChannelEvents = databases.New(t)
	return options.ChannelEvents
}

// repairsBy makes the daemon of a world repair by the channel events in a
// database.
func (w *world) repairsBy(address string) {
	w.cfg.PBX[0].CEL = configs.CEL{Database: configs.Database{URL: configs.NewSecret(address)}, Table: "cel", Timezone: "UTC"}
}

// watcher is another daemon with a database of its own, which sees everything
// that happens in a world's PBX.
func (w *world) watcher(t *testing.T) *world {
	t.Helper()
	other := &world{pbx: w.pbx, database: databases.New(t), seen: map[string]bool{}}
	other.cfg = exampleConfig(t, w.pbx, other.database)
	other.cfg.PBX[0].ARI.Application = "watcher"
	other.makeToken(t)
	other.start(t)
	return other
}

// stored returns all stored calls.
func (w *world) stored(t *testing.T) map[callcenter.RequestID]callcenter.Call {
	t.Helper()
	db, err := postgres.Open(t.Context(), w.database, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	calls, _, err := db.Calls().List(t.Context(), callcenter.CallFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	m := map[callcenter.RequestID]callcenter.Call{}
	for _, c := range calls {
		m[c.RequestID] = c
	}
	return m
}

// proven waits until it is stored that the node was followed: what comes after
// that is a gap.
func (w *world) proven(t *testing.T) {
	t.Helper()
	db, err := postgres.Open(t.Context(), w.database, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	labtest.Eventually(t, patience, func() error {
		at, err := db.Calls().LastProven(t.Context(), "pbx1")
		if err == nil && at.IsZero() {
			err = errors.New("nothing is proven")
		}
		return err
	})
}

// celTells compares calls by what the channel event log can tell, see
// callcenter.Tracker.ApplyCEL. Times are those of different threads in
// Asterisk.
var celTells = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.EquateApproxTime(time.Second),
	cmpopts.IgnoreFields(callcenter.Leg{}, "RingingAt", "DialStatus", "HungUpAt"),
	cmpopts.IgnoreFields(callcenter.Call{}, "LastEventAt", "Receipt"),
}

// signals are the rules and values of a receipt, in order of their first time.
func signals(c *callcenter.Call) []string {
	var list []string
	for _, s := range c.Receipt {
		if text := fmt.Sprintf("%s %s %s", s.Rule, s.Value, s.MergedFrom); !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// storesWhat waits until the daemon has stored just what another has, which
// watched all the time.
func (w *world) storesWhat(t *testing.T, watcher *world) {
	t.Helper()
	labtest.Eventually(t, repairPatience, func() error {
		want, got := watcher.stored(t), w.stored(t)
		for id, c := range want {
			g, ok := got[id]
			if !ok {
				return fmt.Errorf("call %s is missing: %+v", c.LinkedID, c)
			}
			if diff := cmp.Diff(c, g, celTells); diff != "" {
				return fmt.Errorf("call %s (-watched +repaired):\n%s", c.LinkedID, diff)
			}
			if diff := cmp.Diff(signals(&c), signals(&g)); diff != "" {
				return fmt.Errorf("receipt of call %s (-watched +repaired):\n%s", c.LinkedID, diff)
			}
		}
		if len(got) != len(want) {
			return fmt.Errorf("%d calls are stored, want %d", len(got), len(want))
		}
		return nil
	})
}

// settledGap waits until the newest gap is settled, and returns it.
func (w *world) settledGap(t *testing.T) map[string]any {
	t.Helper()
	var gap map[string]any
	labtest.Eventually(t, repairPatience, func() error {
		status, list := w.call(t, http.MethodGet, "/gaps", nil)
		if status != http.StatusOK {
			return fmt.Errorf("GET /gaps: %d", status)
		}
		gap = list["items"].([]any)[0].(map[string]any)
		if gap["settled"] == nil {
			return fmt.Errorf("gap is not settled: %v", gap)
		}
		return nil
	})
	return gap
}

// TestCEL_DaemonDown: what happened while the daemon was down is in the end
// stored as another daemon stored it that watched, and callbacks are
// registered for calls of call centers and for no others.
func TestCEL_DaemonDown(t *testing.T) {
	t.Parallel()
	options := lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "30"}}
	events := keepEvents(t, &options)
	w := newStoppedWorld(t, options)
	w.repairsBy(events)
	w.start(t)
	watcher := w.watcher(t)

	// Begins before and ends while the daemon is down.
	agent := w.agent(t, "2001", sip.Behaviour{})
	caller := siptest.Dial(t, w.agent(t, "2003", sip.Behaviour{}), "7001", sip.CallOptions{})
	agents := siptest.Arrives(t, agent)
	siptest.Talks(t, agents)
	w.activeCalls(t, 1, 1)
	w.proven(t)
	w.stop()
	ends(t, caller, agents)
	watcher.ended(t, 1)

	for _, s := range scenarios {
		if s.name == "nobody answers the queue" {
			continue // there the daemon itself talks to the caller
		}
		t.Run(s.name, func(t *testing.T) { watcher.check(t, s) })
	}

	// Begins while the daemon is down, and goes on.
	goesOn, agents := w.playQueueCall(t, w.outside(t, sip.Behaviour{}), customer, w.agent(t, "2002", sip.Behaviour{}))
	w.start(t)
	w.storesWhat(t, watcher)
	gap := w.settledGap(t)
	if gap["why"] != "daemon-down" || gap["settled"] != "cel" || gap["unknown_calls"] != 0.0 || gap["repaired_calls"].(float64) < float64(len(scenarios)-1) {
		t.Errorf("the gap is %v", gap)
	}
	if n := w.metric(t, `callbackd_repair_calls_total{node="pbx1",what="call"}`); n < float64(len(scenarios)-1) {
		t.Errorf("%v calls are counted as found, want at least %d", n, len(scenarios))
	}
	ends(t, goesOn, agents)
	watcher.ended(t, 1)
	w.storesWhat(t, watcher)
	for id, c := range w.stored(t) {
		if want := map[bool]int{true: registered, false: refused}[c.Kind == callcenter.KindCallCenter]; c.MergedInto == "" {
			w.register(t, string(id), want)
		}
	}
}

// TestCEL_LinkBroken: so is what happened while the connection was broken, to
// calls that the daemon followed before and follows after.
func TestCEL_LinkBroken(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name        string
		channelVars bool
		fail        func(*link)
	}{{"cut, without channelvars", false, (*link).cut}, {"black hole", true, (*link).blackHole}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			options := lab.AsteriskOptions{WithoutChannelVars: !mode.channelVars, Globals: map[string]string{"QUEUE_TIMEOUT": "60"}}
			events := keepEvents(t, &options)
			w, l := newLinkedWorld(t, options)
			w.repairsBy(events)
			w.start(t)
			watcher := w.watcher(t)

			outside := w.outside(t, sip.Behaviour{})
			clerk := w.agent(t, "2003", sip.Behaviour{})
			moves := siptest.Dial(t, outside, "2003", sip.CallOptions{CallerNumber: customer})
			clerks := siptest.Arrives(t, clerk)
			siptest.Hears(t, clerks, 500)
			w.activeCalls(t, 1, 1)

			broken := time.Now()
			mode.fail(l)
			w.noticed(t, broken, "no connection to ARI")
			// A phone's call is transferred into a queue, where it stays.
			agent := w.agent(t, "2001", sip.Behaviour{})
			siptest.Press(t, clerks, "##7001")
			agents := siptest.Arrives(t, agent)
			siptest.Talks(t, agents)
			siptest.Over(t, clerks)
			siptest.Hears(t, agents, 500)
			// One is abandoned: it begins and ends unseen.
			colleague := w.agent(t, "2002", sip.Behaviour{Ignore: true})
			leaves := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: secondCustomer})
			ends(t, leaves, siptest.Arrives(t, colleague))
			watcher.activeCalls(t, 1, 1)
			lasts(t, broken, outage)
			l.heal()
			w.ready(t, http.StatusOK)
			w.storesWhat(t, watcher)

			ends(t, moves, agents)
			watcher.ended(t, 2)
			w.storesWhat(t, watcher)
			if gap := w.settledGap(t); gap["settled"] != "cel" || gap["unknown_calls"] != 0.0 || gap["calls"] != 2.0 {
				t.Errorf("the gap is %v", gap)
			}
			for _, c := range w.calls(t) {
				if c["unsettled"] != false {
					t.Errorf("the gap is settled and the call is not: %v", c)
				}
				w.register(t, c["request_id"].(string), registered)
			}
		})
	}
}

// TestCEL_DatabaseAway: while the log cannot be read, the daemon is ready and
// says what is wrong; calls are marked; and all is made good afterwards.
func TestCEL_DatabaseAway(t *testing.T) {
	t.Parallel()
	options := lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "60"}}
	events := keepEvents(t, &options)
	w := newStoppedWorld(t, options)
	w.repairsBy(events)
	w.cfg.PBX[0].CEL.Table = "log" // which is not there yet
	w.start(t)
	w.proven(t)
	w.stop()
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Ignore: true})
	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	ends(t, call, siptest.Arrives(t, agent))
	stays := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: secondCustomer})
	siptest.Talks(t, stays)

	w.start(t)
	labtest.Eventually(t, patience, func() error {
		status, body, err := request(t.Context(), http.MethodGet, w.ops+"/readyz", "", nil)
		if err == nil && (status != http.StatusOK || !strings.Contains(string(body), "there is no table log")) {
			err = fmt.Errorf("/readyz: %d %s", status, body)
		}
		return err
	})
	w.activeCalls(t, 1, 0)
	if calls := w.calls(t); len(calls) != 1 || calls[0]["unsettled"] != true {
		t.Errorf("calls are %v, want one that is not settled", calls)
	}
	if n := w.metric(t, `callbackd_repair_failures_total{node="pbx1"}`); n < 1 {
		t.Errorf("%v failures are counted, want some", n)
	}
	if n := w.metric(t, `callbackd_gaps_unsettled{node="pbx1"}`); n != 1 {
		t.Errorf("%v gaps are not settled, want 1", n)
	}
	conn, err := pgx.Connect(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it was for one statement
	if _, err := conn.Exec(t.Context(), "CREATE VIEW log AS SELECT * FROM cel"); err != nil {
		t.Fatal(err)
	}
	if gap := w.settledGap(t); gap["settled"] != "cel" {
		t.Errorf("the gap is %v", gap)
	}
	siptest.Leave(t, stays)
	w.compare(t, w.ended(t, 2), []fields{
		{"kind": "call_center", "call_center": "support", "outcome": "abandoned", "reason": "caller-left-queue", "remote_number": customer, "unsettled": false},
		{"kind": "call_center", "call_center": "support", "outcome": "abandoned", "reason": "caller-left-queue", "remote_number": secondCustomer, "unsettled": false},
	})
}

// TestCheck_Connect: check --connect tells whether the table can be used.
func TestCheck_Connect(t *testing.T) {
	t.Parallel()
	address := databases.New(t)
	file := filepath.Join(t.TempDir(), "callbackd.yaml")
	writeFile(t, file, "pbx:\n  - name: pbx1\n    ari: {url: 'http://pbx/ari', password: p}\n"+
		"    cel: {database: {url: '"+address+"'}, table: events}\n", 0o600)
	code, _, stderr := execute(t, "check", "--connect", file)
	if want := "pbx \"pbx1\": there is no table events for the channel event log"; code != exitFailure || !strings.Contains(stderr, want) {
		t.Errorf("without the table: exit code %d, %q, want 1 and %q", code, stderr, want)
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it was for one statement
	if _, err := conn.Exec(t.Context(), asterisk.CELTable+"ALTER TABLE cel RENAME TO events"); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := execute(t, "check", "--connect", file)
	if want := "channel events table events, all rows, times without zone are of UTC"; code != exitOK || !strings.Contains(stdout, want) {
		t.Errorf("with the table: exit code %d, %q, %q, want 0 and %q", code, stdout, stderr, want)
	}
}
