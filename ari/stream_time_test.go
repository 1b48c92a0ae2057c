package ari_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callbackd/ari"
	"callbackd/ari/aritest"
)

// pipes is a network in memory, so that a bubble's clock can rule over it.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once

	mu    sync.Mutex
	dials []time.Time
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8088} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	p.mu.Lock()
	p.dials = append(p.dials, time.Now())
	p.mu.Unlock()
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// dialled returns when connections were made since it was asked last.
func (p *pipes) dialled() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	dials := p.dials
	p.dials = nil
	return dials
}

// followInBubble starts a PBX and a stream with the default times.
func followInBubble(t *testing.T, change func(*ari.StreamOptions)) (*following, *pipes) {
	t.Helper()
	p := newPipes()
	pbx := startPBX(t, aritest.Options{Listener: p})
	co := pbx.ClientOptions()
	co.Dial = p.dial
	return followOn(t, pbx, co, func(_ *aritest.Server, o *ari.StreamOptions) {
		o.RetryMin, o.RetryMax = 0, 0
		if change != nil {
			change(o)
		}
	}), p
}

func TestStream_BlackHoleIsSeenWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, _ := followInBubble(t, nil)
		f.expect(ari.MessageConnected)
		f.expectEvent()
		time.Sleep(90 * time.Second)
		if st := f.stream.Stats(); st.Epoch != 1 || st.State != ari.StateConnected {
			t.Fatalf("got stats %+v, want a quiet connection to stay", st)
		}
		heal := f.pbx.BlackHole()
		from := time.Now()
		lost := f.expectLost(ari.LossSilent)
		if took := lost.At.Sub(from); took > 5*time.Second || lost.Since.After(from) || from.Sub(lost.Since) > ari.DefaultPingEvery {
			t.Errorf("noticed after %v a gap from %v before; want within 5 s, and a second", took, from.Sub(lost.Since))
		}
		time.Sleep(5 * time.Second)
		healed := time.Now()
		heal()
		m := f.expect(ari.MessageConnected)
		// The attempt that is under way may have to run into its time-out.
		if took := m.At.Sub(healed); took > 10*time.Second {
			t.Errorf("connected %v after the network was back", took)
		}
		f.expectEvent()
		pings, pongs := f.pbx.Pings()
		if pings < 90 || pongs != 0 {
			t.Errorf("got %d PING and %d PONG, want one PING a second and never a PONG", pings, pongs)
		}
	})
}

func TestStream_SilentServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, p := followInBubble(t, nil)
		f.expect(ari.MessageConnected)
		f.pbx.BlackHole()
		f.expectLost(ari.LossSilent)
		p.dialled()
		time.Sleep(time.Minute)
		// A server that accepts and says nothing holds each attempt up for
		// the connect time-out, not for ever.
		if n := len(p.dialled()); n < 4 || n > 12 {
			t.Errorf("got %d attempts in a minute, want about one each 5 s and backoff", n)
		}
		if st := f.stream.Stats(); !ari.Timeout(st.LastErr) {
			t.Errorf("got %v, want a time-out", st.LastErr)
		}
	})
}

func TestStream_BacksOffWithJitterAndResets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, p := followInBubble(t, func(o *ari.StreamOptions) { o.RetryMin, o.RetryMax = time.Second, 8*time.Second })
		f.expect(ari.MessageConnected)
		time.Sleep(time.Minute) // stable: the waits begin anew
		f.pbx.SetDown(true)
		lost := f.expectLost(ari.LossBroken)
		p.dialled()
		time.Sleep(5 * time.Minute)
		dials := p.dialled()
		previous := lost.At
		for i, base := range []time.Duration{1, 2, 4, 8, 8, 8, 8, 8} {
			got := dials[i].Sub(previous)
			previous = dials[i]
			if base *= time.Second; got < base/2 || got > base*3/2 || got > 8*time.Second {
				t.Errorf("wait %d: got %v, want %v give or take a half, at most 8 s", i, got, base)
			}
		}
		f.pbx.SetDown(false)
		f.expect(ari.MessageConnected)
		time.Sleep(10 * time.Second) // not stable yet
		f.pbx.Drop()
		lost = f.expectLost(ari.LossBroken)
		again := f.expect(ari.MessageConnected)
		if got := again.At.Sub(lost.At); got < 4*time.Second {
			t.Errorf("got %v after a short-lived connection, want the backoff to go on", got)
		}
		time.Sleep(time.Minute)
		f.pbx.Drop()
		lost = f.expectLost(ari.LossBroken)
		again = f.expect(ari.MessageConnected)
		if got := again.At.Sub(lost.At); got > 1500*time.Millisecond {
			t.Errorf("got %v after a stable connection, want a short wait", got)
		}
	})
}

func TestStream_TakesNameBackAtLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, p := followInBubble(t, nil)
		f.expect(ari.MessageConnected)
		co := f.pbx.ClientOptions()
		co.Dial = p.dial
		twin := followOn(t, f.pbx, co, nil)
		twin.expect(ari.MessageConnected)
		lost := f.expectLost(ari.LossReplaced)
		// Whoever holds the name does not leave, but may be nobody: Asterisk
		// does not tell.
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		m, err := f.stream.Next(ctx)
		if err != nil || m.Kind != ari.MessageConnected {
			t.Fatalf("got %+v, %v, want to be connected in the end", m, err)
		}
		if took := m.At.Sub(lost.At); took < 150*time.Second || took > 450*time.Second {
			t.Errorf("got the name back after %v, want ten looks of about 30 s", took)
		}
	})
}

func TestStream_SlowPBXIsNotDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, _ := followInBubble(t, nil)
		f.expect(ari.MessageConnected)
		f.pbx.SetLatency(700 * time.Millisecond)
		for range 10 {
			f.expectEvent()
		}
		if st := f.stream.Stats(); st.Epoch != 1 {
			t.Errorf("got stats %+v, want no reconnect", st)
		}
	})
}
