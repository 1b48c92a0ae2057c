package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// soakFor makes the short version of TestFaults_UnderLoad the long one.
var soakFor = flag.Duration("soak", 0, "repeat each fault of TestFaults_UnderLoad for so long, under 20 calls a second; 0 is the short version")

// fault is something that goes wrong while calls go on.
type fault struct {
	name string
	// times is how often it is made at least; 0 for in the long version only,
	// where another test is the short one.
	times int
	// short and long are how long it lasts in the short and in the long
	// version; 0 where that is as long as it is.
	short, long time.Duration
	make        func(b *busyWorld, t *testing.T, lasts time.Duration)
	// unseen says that calls may be known that are in no call detail record:
	// those that a PBX had when it died.
	unseen bool
}

// refuseWithin is within what time a request must be refused that cannot be
// answered: four seconds, after which a database that hangs is known to, and
// what a busy machine takes.
const refuseWithin = 12 * time.Second

// faults are made one after the other, in this order, in one world.
var faults = []fault{
	{name: "none", short: time.Second, long: 30 * time.Minute, make: (*busyWorld).goesOn},
	{name: "daemon killed", times: 3, make: (*busyWorld).daemonKilled},
	{name: "daemon restarted", make: (*busyWorld).daemonRestarted},
	{name: "daemon upgraded", times: 2, make: (*busyWorld).daemonUpgraded},
	{name: "database stopped", times: 1, short: 3 * time.Second, long: time.Minute, make: (*busyWorld).databaseStopped},
	{name: "database restarted", times: 1, make: (*busyWorld).databaseRestarted},
	{name: "database connections cut", times: 3, make: (*busyWorld).databaseCut},
	{name: "database slow", times: 1, short: 2 * time.Second, long: time.Minute, make: (*busyWorld).databaseSlow},
	{name: "database hangs", long: time.Minute, make: (*busyWorld).databaseHangs},
	{name: "database full", times: 1, short: 2 * time.Second, long: time.Minute, make: (*busyWorld).databaseFull},
	{name: "PBX link cut", long: 20 * time.Second, make: (*busyWorld).linkCut},
	{name: "PBX in a black hole", long: 20 * time.Second, make: (*busyWorld).linkBlackHole},
	{name: "PBX crashed", make: (*busyWorld).pbxCrashed, unseen: true},
	{name: "database fails over", times: 1, short: time.Second, long: 10 * time.Second, make: (*busyWorld).databaseFailsOver},
}

// TestFaults_UnderLoad has phones call all the time, callbacks be registered
// for their calls, and one thing after the other go wrong. Whatever it was, in
// the end what is stored of the calls is what Asterisk itself says of them,
// each acknowledged registration is there once, who reads the event stream was
// told of all of it in order, and requests were answered or refused, soon, with
// 503.
func TestFaults_UnderLoad(t *testing.T) {
	t.Parallel()
	rate := 4.0
	if *soakFor > 0 {
		rate = 20
	}
	b := newBusyWorld(t, rate)
	var results []result
	for _, f := range faults {
		if f.times == 0 && *soakFor == 0 {
			continue
		}
		ok := t.Run(f.name, func(t *testing.T) { results = append(results, b.suffer(t, &f)) })
		if !ok {
			t.Logf("log of the daemon:\n%s", requestLines.ReplaceAllString(readFileIfThere(t, filepath.Join(b.folder, "log")), ""))
			break // what was lost is missing in all that follows
		}
	}
	t.Logf("what happened, and what was lost by it:\n%s", table(results))
}

// requestLines are of no interest in a daemon's log.
var requestLines = regexp.MustCompile(`(?m)^.* msg=request .*\n`)

// result is what a fault came to.
type result struct {
	fault string
	times int
	took  time.Duration
	// calls and registered are how many calls and callbacks there were, and
	// lost how many of them are not stored as they were.
	calls, registered, lost int
	answers                 answers
	// back is the longest until the daemon followed the PBX again, and drained
	// how long after the last call everything was right.
	back, drained time.Duration
}

// suffer makes a fault while calls go on, and holds what is stored afterwards.
func (b *busyWorld) suffer(t *testing.T, f *fault) result {
	t.Helper()
	r := result{fault: f.name}
	before := len(b.registrar.acknowledged())
	b.registrar.take()
	lasts := f.short
	if *soakFor > 0 {
		lasts = f.long
	}
	b.traffic.start()
	began := time.Now()
	for r.times < f.times || time.Since(began) < *soakFor {
		passes(t, rand.N(time.Second)) // at any moment of the calls
		f.make(b, t, lasts)
		healed := time.Now()
		b.follows(t)
		r.back = max(r.back, time.Since(healed))
		r.times++
	}
	r.took = time.Since(began)
	b.traffic.stop()
	stopped := time.Now()
	calls, lost, why := b.compare(t, f.unseen)
	for lost > 0 && time.Since(stopped) < 2*repairPatience {
		passes(t, 100*time.Millisecond)
		calls, lost, why = b.compare(t, f.unseen)
	}
	r.drained = time.Since(stopped)
	if lost > 0 {
		t.Errorf("%d calls are not stored as they were, the first: %v\n%s", lost, why, b.account(t, b.wrong))
	}
	r.calls, b.compared = calls-b.compared, calls
	r.lost = lost + b.holdsRegistrations(t)
	b.holdsTold(t)
	r.registered = len(b.registrar.acknowledged()) - before
	r.answers = b.registrar.take()
	if len(r.answers.wrong) > 0 {
		t.Errorf("%d requests were answered otherwise than well or with 503, the first: %s", len(r.answers.wrong), r.answers.wrong[0])
	}
	if r.answers.slowestRefusal > refuseWithin {
		t.Errorf("a request was refused after %v, want at most %v", r.answers.slowestRefusal, refuseWithin)
	}
	return r
}

// passes waits while calls go on, which is what the tests that use it are about.
func passes(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
	case <-time.After(d):
	}
}

// table shows results to people.
func table(results []result) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fault\ttimes\ttook\tcalls\tcallbacks\tanswered\t503\tcut\tslowest\tslowest 503\tback in\tright in\tlost")
	for _, r := range results {
		a := r.answers
		fmt.Fprintf(w, "%s\t%d\t%v\t%d\t%d\t%d\t%d\t%d\t%v\t%v\t%v\t%v\t%d\n", r.fault, r.times, r.took.Round(time.Second), r.calls, r.registered,
			a.good, a.refused, a.cut, ms(a.slowest), ms(a.slowestRefusal), ms(r.back), ms(r.drained), r.lost)
	}
	w.Flush()
	return text.String()
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
