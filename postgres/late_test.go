package postgres_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"callbackd/callcenter"
	"callbackd/postgres"
)

// slowPath is a way to the database that can keep what is sent over one
// connection, and deliver it when its client has long given up, as TCP does when
// a network comes back.
type slowPath struct {
	far string

	mu   sync.Mutex
	keep *kept // what is sent next; nil when it is delivered
}

// kept is what was sent over one connection.
type kept struct {
	sent    chan struct{} // closed when something was
	deliver chan struct{} // closed when the server is to get it
	done    chan struct{} // closed when it has done all of it
}

// newSlowPath returns a path to the database of an address, and its address by
// that path.
func newSlowPath(t *testing.T, address string) (path *slowPath, near string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path = &slowPath{far: u.Host}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { path.serve(t, conn) })
		}
	})
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	u.Host = listener.Addr().String()
	return path, u.String()
}

func (p *slowPath) serve(t *testing.T, client net.Conn) {
	defer client.Close() //nolint:errcheck // it may be closed already
	server, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", p.far)
	if err != nil {
		t.Error(err)
		return
	}
	defer server.Close() //nolint:errcheck // likewise
	var mine *kept
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)         // the client may be gone
		_, _ = io.Copy(io.Discard, server)     // and the server not know it
		_ = client.SetReadDeadline(time.Now()) // nobody reads what comes now
	})
	defer func() {
		back.Wait()
		if mine != nil {
			close(mine.done)
		}
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if next := p.take(); next != nil {
			mine = next
			close(mine.sent)
		}
		if mine != nil {
			<-mine.deliver
		}
		if _, broken := server.Write(buffer[:n]); err != nil || broken != nil {
			_ = server.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// take returns where the connection belongs over which something was just sent;
// nil for one whose path is as ever.
func (p *slowPath) take() *kept {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.keep
	p.keep = nil
	return next
}

// keepNext keeps what is sent next, with all that follows over its connection.
func (p *slowPath) keepNext() *kept {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keep = &kept{sent: make(chan struct{}), deliver: make(chan struct{}), done: make(chan struct{})}
	return p.keep
}

// What a daemon has given up to write, and written anew, is not done when it
// comes to the server after that: a call that has ended would go on for ever.
func TestLease_LateWrites(t *testing.T) {
	t.Parallel()
	at := start.Add(time.Hour)
	gap := callcenter.Gap{Node: "pbx1", From: start, Why: "broken"}
	settled := gap
	settled.To = &at
	call := newCall(1)
	call.Recordings = nil
	for name, test := range map[string]struct {
		prepare, early, late func(*postgres.Calls, context.Context) error
		state                string
		want                 string
	}{
		"call": {
			prepare: func(c *postgres.Calls, ctx context.Context) error {
				return c.SaveCalls(ctx, []callcenter.Call{newCall(2)})
			},
			early: func(c *postgres.Calls, ctx context.Context) error {
				return c.SaveCalls(ctx, []callcenter.Call{call})
			},
			late: func(c *postgres.Calls, ctx context.Context) error {
				return c.SaveCalls(ctx, []callcenter.Call{ended(call)})
			},
			state: `SELECT string_agg(state, ' ') FROM calls WHERE request_id = '` + string(call.RequestID) + `'`,
			want:  "ended",
		},
		"gap": {
			prepare: func(c *postgres.Calls, ctx context.Context) error { return c.SaveGap(ctx, gap) },
			early:   func(c *postgres.Calls, ctx context.Context) error { return c.SaveGap(ctx, gap) },
			late:    func(c *postgres.Calls, ctx context.Context) error { return c.SaveGap(ctx, settled) },
			state:   `SELECT string_agg(CASE WHEN to_at IS NULL THEN 'lasts' ELSE 'ended' END, ' ') FROM gaps`,
			want:    "ended",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := databases.New(t)
			pool := connect(t, direct)
			path, near := newSlowPath(t, direct)
			db, err := postgres.Open(t.Context(), near, postgres.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(db.Close)
			calls := take(t, db, "a/1").Calls()
			if err := test.prepare(calls, t.Context()); err != nil {
				t.Fatal(err)
			}

			kept := path.keepNext()
			deliver := sync.OnceFunc(func() { close(kept.deliver) })
			t.Cleanup(deliver)
			ctx, giveUp := context.WithCancel(t.Context())
			answer := make(chan error, 1)
			go func() { answer <- test.early(calls, ctx) }()
			<-kept.sent
			giveUp()
			if err := <-answer; err == nil {
				t.Fatal("what did not come to the server was done")
			}
			if err := test.late(calls, t.Context()); err != nil {
				t.Fatal(err)
			}
			deliver()
			<-kept.done

			var got string
			if err := pool.QueryRow(t.Context(), test.state).Scan(&got); err != nil || got != test.want {
				t.Errorf("it is %q (%v), want %q", got, err, test.want)
			}
			if err := test.late(calls, t.Context()); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			exec(t, pool, `UPDATE leases SET held_until = now()`)
			if err := test.late(take(t, db, "b/1").Calls(), t.Context()); err != nil {
				t.Errorf("by another daemon: %v", err)
			}
		})
	}
}
