package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"callbackd/lab"
	"callbackd/lab/labtest"
)

// link is the network between the daemon and its PBX: a TCP proxy on the
// loopback address that can be broken and healed.
type link struct {
	listener net.Listener
	far      string
	work     sync.WaitGroup

	mu       sync.Mutex
	state    linkState
	delay    time.Duration // of what goes to the far end
	changed  chan struct{} // closed when the state changes
	open     map[net.Conn]bool
	accepted int
}

type linkState int

const (
	linkWhole  linkState = iota
	linkCut              // connections are reset, new ones as well
	linkBlack            // connections stay, new ones are accepted, nothing gets through
	linkClosed           // for good
)

// newLink starts a link to host:port.
func newLink(t *testing.T, far string) *link {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, far: far, changed: make(chan struct{}), open: map[net.Conn]bool{}}
	l.work.Go(l.accept)
	t.Cleanup(func() {
		l.set(linkClosed)
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		l.work.Wait()
	})
	return l
}

// newLinkedWorld is a world in which a link lies between daemon and PBX. The
// daemon does not run yet.
func newLinkedWorld(t *testing.T, options lab.AsteriskOptions) (*world, *link) {
	t.Helper()
	return newLinkedWorldIn(t, options, databases.New(t))
}

// newLinkedWorldIn is newLinkedWorld with a database of the test's own.
func newLinkedWorldIn(t *testing.T, options lab.AsteriskOptions, database string) (*world, *link) {
	t.Helper()
	w := newWorldIn(t, options, database)
	u, err := url.Parse(w.pbx.ARI)
	if err != nil {
		t.Fatal(err)
	}
	l := newLink(t, u.Host)
	u.Host = l.listener.Addr().String()
	w.cfg.PBX[0].ARI.URL = u.String()
	return w, l
}

// cut resets what is connected and what tries to.
func (l *link) cut() { l.set(linkCut) }

// blackHole swallows everything in both directions and says nothing.
func (l *link) blackHole() { l.set(linkBlack) }

// heal lets everything through again; what was held in a black hole arrives
// now, as with TCP it does.
func (l *link) heal() { l.set(linkWhole) }

// slow delays what goes to the far end, each question by so much; 0 does not.
func (l *link) slow(delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = delay
}

// connections returns how many were ever accepted.
func (l *link) connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accepted
}

func (l *link) set(state linkState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = state
	close(l.changed)
	l.changed = make(chan struct{})
	if state == linkCut || state == linkClosed {
		for conn := range l.open {
			reset(conn)
		}
	}
}

// reset closes a connection with RST.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck // fails when it is closed already
	}
	conn.Close() //nolint:errcheck // likewise
}

func (l *link) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return // closed at the test's end
		}
		l.work.Go(func() { l.carry(near) })
	}
}

// carry joins a connection to the far end until one of them ends it.
func (l *link) carry(near net.Conn) {
	l.mu.Lock()
	l.accepted++
	l.mu.Unlock()
	defer near.Close() //nolint:errcheck // one that is broken is closed already
	if !l.keep(near) || !l.passable() {
		return
	}
	defer l.drop(near)
	far, err := net.Dial("tcp", l.far) //nolint:noctx // the loopback address answers at once
	if err != nil {
		reset(near) // as a host does on which nobody listens
		return
	}
	defer far.Close() //nolint:errcheck // likewise
	if !l.keep(far) {
		return
	}
	defer l.drop(far)
	var both sync.WaitGroup
	both.Go(func() { l.copy(far, near, true) })
	both.Go(func() { l.copy(near, far, false) })
	both.Wait()
}

// copy carries one direction. The end of it ends both: HTTP and websockets do
// not close half of a connection.
func (l *link) copy(dst, src net.Conn, toFar bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if toFar {
			l.linger()
		}
		if !l.passable() {
			return
		}
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				reset(src)
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				dst.Close() //nolint:errcheck // the other direction may have closed it
			} else {
				reset(dst)
			}
			return
		}
	}
}

// linger waits for as long as a link is slow.
func (l *link) linger() {
	l.mu.Lock()
	delay, changed := l.delay, l.changed
	l.mu.Unlock()
	if delay == 0 {
		return
	}
	select {
	case <-changed:
	case <-time.After(delay):
	}
}

// passable waits for a black hole to heal, and reports whether the link is
// whole.
func (l *link) passable() bool {
	for {
		l.mu.Lock()
		state, changed := l.state, l.changed
		l.mu.Unlock()
		if state != linkBlack {
			return state == linkWhole
		}
		<-changed
	}
}

// keep notes a connection, to be broken with the link; one that comes when it
// is broken is reset at once.
func (l *link) keep(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == linkCut || l.state == linkClosed {
		reset(conn)
		return false
	}
	l.open[conn] = true
	return true
}

func (l *link) drop(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
}

// A link carries, swallows without closing, breaks, and carries again: tests
// that trust it would prove nothing if it did not.
func TestLink(t *testing.T) {
	t.Parallel()
	echo, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go io.Copy(conn, conn) //nolint:errcheck // it ends with the test
		}
	}()
	l := newLink(t, echo.Addr().String())
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", l.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	say := func(conn net.Conn, text string) {
		t.Helper()
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(conn net.Conn, want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Fatalf("heard %q, %v; want %q", got, err, want)
		}
	}
	before := dial()
	say(before, "one")
	hear(before, "one")

	l.blackHole()
	during := dial()
	say(before, "two")
	say(during, "three")
	labtest.Eventually(t, patience, func() error {
		if n := l.connections(); n != 2 {
			return fmt.Errorf("%d connections were accepted, want 2", n)
		}
		return nil
	})
	heard := make(chan string, 2)
	for _, conn := range []net.Conn{before, during} {
		go func() {
			buf := make([]byte, 5)
			n, err := conn.Read(buf)
			heard <- fmt.Sprint(string(buf[:n]), err)
		}()
	}
	select {
	case what := <-heard:
		t.Errorf("heard %s out of a black hole", what)
	case <-time.After(100 * time.Millisecond):
	}
	l.heal()
	got := []string{<-heard, <-heard}
	slices.Sort(got)
	if want := []string{"three<nil>", "two<nil>"}; !slices.Equal(got, want) {
		t.Errorf("after healing heard %q, want %q", got, want)
	}

	l.cut()
	for _, conn := range []net.Conn{before, during, dial()} {
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("read %d bytes, %v over a link that is cut", n, err)
		}
	}
	l.heal()
	after := dial()
	say(after, "four")
	hear(after, "four")
}
