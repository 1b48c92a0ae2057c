package aritest

import (
	"net"
	"sync"
)

// wire is the network in front of the server: it can fall silent, refuse, or
// be full.
type wire struct {
	net.Listener

	mu    sync.Mutex
	conns map[*wireConn]struct{}
	// hole is not nil while nothing passes; closed at its end.
	hole  chan struct{}
	down  bool
	limit int // sessions; 0: any number
}

// Accept returns the next connection that the server is to see.
func (w *wire) Accept() (net.Conn, error) {
	for {
		conn, err := w.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := w.admit(conn); c != nil {
			return c, nil
		}
	}
}

func (w *wire) admit(conn net.Conn) net.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.down:
		reset(conn)
		return nil
	case w.limit > 0 && len(w.conns) >= w.limit:
		conn.Close() //nolint:errcheck // without an answer, as Asterisk does
		return nil
	}
	c := &wireConn{Conn: conn, w: w, done: make(chan struct{})}
	w.conns[c] = struct{}{}
	return c
}

// silent returns a channel that is closed when the black hole ends; nil when
// there is none.
func (w *wire) silent() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hole
}

func (w *wire) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// closeAll ends all connections.
func (w *wire) closeAll(end func(net.Conn)) {
	w.mu.Lock()
	conns := make([]*wireConn, 0, len(w.conns))
	for c := range w.conns {
		conns = append(conns, c)
	}
	w.mu.Unlock()
	for _, c := range conns {
		end(c)
	}
}

// wireConn is a connection over the wire.
type wireConn struct {
	net.Conn
	w    *wire
	once sync.Once
	done chan struct{}
}

// wait blocks while there is a black hole. The other side sees an open
// connection on which nothing happens.
func (c *wireConn) wait() {
	for hole := c.w.silent(); hole != nil; hole = c.w.silent() {
		select {
		case <-hole:
		case <-c.done:
			return
		}
	}
}

func (c *wireConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wait()
	return n, err
}

func (c *wireConn) Write(p []byte) (int, error) {
	c.wait()
	return c.Conn.Write(p)
}

func (c *wireConn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.w.set(func() { delete(c.w.conns, c) })
	})
	return c.Conn.Close()
}

// reset ends a connection as a crash does: with RST where there is TCP.
func reset(conn net.Conn) {
	inner := conn
	if c, ok := conn.(*wireConn); ok {
		inner = c.Conn
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck // then it is a FIN
	}
	conn.Close() //nolint:errcheck // nothing was written
}
