package ari_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"callbackd/ari"
	"callbackd/ari/aritest"
	"callbackd/lab/labtest"
)

// following is a stream on a fake PBX, and what a test does with both.
type following struct {
	t      *testing.T
	pbx    *aritest.Server
	client *ari.Client
	stream *ari.Stream
	stop   context.CancelFunc
	ended  chan struct{}
}

// follow starts a PBX and a stream that reconnects quickly.
func follow(t *testing.T, o aritest.Options, change func(*aritest.Server, *ari.StreamOptions)) *following {
	t.Helper()
	pbx := startPBX(t, o)
	return followOn(t, pbx, pbx.ClientOptions(), change)
}

func startPBX(t *testing.T, o aritest.Options) *aritest.Server {
	t.Helper()
	pbx, err := aritest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pbx.Close(); err != nil {
			t.Error(err)
		}
	})
	return pbx
}

func followOn(t *testing.T, pbx *aritest.Server, co ari.ClientOptions, change func(*aritest.Server, *ari.StreamOptions)) *following {
	t.Helper()
	client, err := ari.NewClient(co)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	o := ari.StreamOptions{
		Client:   client,
		Filter:   wantSome(),
		RetryMin: 5 * time.Millisecond, RetryMax: 50 * time.Millisecond,
	}
	if change != nil {
		change(pbx, &o)
	}
	stream, err := ari.NewStream(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	f := &following{t: t, pbx: pbx, client: client, stream: stream, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		if err := stream.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-f.ended
	})
	return f
}

func wantSome() *ari.Filter {
	return ari.NewFilter(
		[]ari.EventType{ari.ChannelCreated, ari.ChannelDestroyed, ari.ChannelVarset, ari.Dial}, []string{"WANTED", "LARGE"})
}

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

func (f *following) next() ari.Message {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	m, err := f.stream.Next(ctx)
	if err != nil {
		f.t.Fatalf("no message: %v; stats %+v", err, f.stream.Stats())
	}
	return m
}

func (f *following) expect(kind ari.MessageKind) ari.Message {
	f.t.Helper()
	m := f.next()
	if m.Kind != kind {
		f.t.Fatalf("got message %+v, want kind %v", m, kind)
	}
	return m
}

func (f *following) expectLost(reason ari.LossReason) ari.Message {
	f.t.Helper()
	m := f.expect(ari.MessageLost)
	if m.Reason != reason {
		f.t.Fatalf("got lost by %s (%v), want %s", m.Reason, m.Err, reason)
	}
	return m
}

// expectEvent sends an event and expects it to be the next message.
func (f *following) expectEvent() {
	f.t.Helper()
	e := channelCreated(f.pbx.NewChannelID())
	f.pbx.Send(e)
	if m := f.expect(ari.MessageEvent); m.Raw != e.Raw || m.Type != ari.ChannelCreated {
		f.t.Fatalf("got event %s %s, want %s", m.Type, m.Raw, e.Raw)
	}
}

// until waits until the condition holds.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if !condition() {
			return errors.New("waited in vain: " + what)
		}
		return nil
	})
}

func channelCreated(id ari.ChannelID) aritest.Event {
	return aritest.NewEvent(ari.ChannelCreated, aritest.Fields{"channel": aritest.Channel{
		ID: id, Name: "PJSIP/2001-00000001", State: "Ring", CreationTime: "2026-11-23T03:49:05.948+0000",
	}})
}

func variableSet(id ari.ChannelID, name, value string) aritest.Event {
	return aritest.NewEvent(ari.ChannelVarset, aritest.Fields{
		"channel": aritest.Channel{ID: id, State: "Ring"}, "variable": name, "value": value,
	})
}

// syncBuffer is a buffer for a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
