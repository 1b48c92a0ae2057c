package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/callcenter"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/postgres"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// takeover is within what time another daemon must follow a node.
const takeover = 5 * time.Second

// Of two daemons with one configuration, one follows the PBX. When it stops in
// the middle of a call, for good or for a while, the other one goes on with
// that call within five seconds; what the first one still has to write when it
// wakes up is not written.
func TestTakeover(t *testing.T) {
	t.Parallel()
	options := lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "60"}}
	events := keepEvents(t, &options)
	w := newStoppedWorld(t, options)
	w.repairsBy(events)
	watcher := w.watcher(t)
	log := &watchedLog{Writer: testWriter{t}}
	other := w.child(t, log)
	process := "/" + strconv.Itoa(other.Process.Pid)
	w.followedBy(t, patience, process)

	w.start(t) // ready though it only stands by
	w.held(t, 0)
	if _, body, err := request(t.Context(), http.MethodGet, w.ops+"/readyz", "", nil); err != nil || !strings.Contains(string(body), process) {
		t.Errorf("/readyz does not say who follows the node: %s %v", body, err)
	}
	goesOn, agents := w.playQueueCall(t, w.outside(t, sip.Behaviour{}), customer, w.agent(t, "2001", sip.Behaviour{}))
	w.activeCalls(t, 1, 1)

	// Paused, it neither hears that the call ended nor of the next one.
	stopped := time.Now()
	send(t, other, syscall.SIGSTOP)
	ends(t, goesOn, agents)
	w.takesOver(t, stopped, "a paused daemon")
	clerk := w.agent(t, "2004", sip.Behaviour{})
	next := siptest.Dial(t, w.agent(t, "2003", sip.Behaviour{}), "2004", sip.CallOptions{})
	clerks := siptest.Arrives(t, clerk)
	siptest.Talks(t, next)
	watcher.activeCalls(t, 1, 1)
	w.storesWhat(t, watcher)
	before := w.stored(t)
	send(t, other, syscall.SIGCONT)
	log.says(t, "this one stands by")
	if diff := cmp.Diff(before, w.stored(t)); diff != "" {
		t.Errorf("the daemon that woke up late has changed calls (-before +after):\n%s", diff)
	}
	w.held(t, 1)

	// One that ends lets go of the node.
	left := time.Now()
	w.stop()
	w.followedBy(t, takeover, process)
	t.Logf("taken over from a daemon that ended after %v", time.Since(left).Round(time.Millisecond))
	w.start(t)
	w.held(t, 0)
	killed := time.Now()
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	other.Wait() //nolint:errcheck // killed
	w.takesOver(t, killed, "a killed daemon")
	ends(t, next, clerks)
	watcher.ended(t, 2)
	w.storesWhat(t, watcher)
	for id, c := range w.stored(t) {
		w.register(t, string(id), map[bool]int{true: registered, false: refused}[c.Kind == callcenter.KindCallCenter])
	}
}

// followedBy waits until a daemon whose name ends as said follows the PBX, and
// its events flow.
func (w *world) followedBy(t *testing.T, within time.Duration, process string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), w.database, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	labtest.Eventually(t, within, func() error {
		status, err := db.Monitor([]string{"pbx1"}).Nodes(t.Context())
		if err == nil && (!strings.HasSuffix(status[0].FollowedBy, process) || !status[0].Flows()) {
			err = fmt.Errorf("the PBX is %s and followed by %q, want %q", status[0].State, status[0].FollowedBy, process)
		}
		return err
	})
}

// takesOver waits until the world's daemon follows the PBX instead of one that
// has stopped, and holds how long that took.
func (w *world) takesOver(t *testing.T, stopped time.Time, from string) {
	t.Helper()
	w.followedBy(t, patience, "/"+strconv.Itoa(os.Getpid()))
	w.held(t, 1)
	w.ready(t, http.StatusOK)
	took := time.Since(stopped)
	t.Logf("taken over from %s after %v", from, took.Round(time.Millisecond))
	if took > takeover {
		t.Errorf("that is more than %v", takeover)
	}
}

// held compares whether the world's daemon itself follows the PBX.
func (w *world) held(t *testing.T, want float64) {
	t.Helper()
	if got := w.metric(t, `callbackd_lease_held{node="pbx1"}`); got != want {
		t.Errorf("callbackd_lease_held is %v, want %v", got, want)
	}
}

func send(t *testing.T, c *exec.Cmd, s syscall.Signal) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// watchedLog keeps what is written.
type watchedLog struct {
	io.Writer

	mu   sync.Mutex
	text bytes.Buffer
}

func (l *watchedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	return l.Writer.Write(p)
}

// says waits until something is written.
func (l *watchedLog) says(t *testing.T, what string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if !strings.Contains(l.String(), what) {
			return fmt.Errorf("the log does not say %q:\n%s", what, tail(l.String(), 2000))
		}
		return nil
	})
}

// child starts the daemon as a process of its own, which logs to log, and
// waits until it follows.
func (w *world) child(t *testing.T, log io.Writer) *exec.Cmd {
	t.Helper()
	c := w.serveCommand(t, t.TempDir())
	c.Stderr = log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	client := w.ariClient(t)
	labtest.Eventually(t, 3*patience, func() error { // it is a whole process
		_, err := client.GetApplication(t.Context(), "callbackd")
		return err
	})
	return c
}
