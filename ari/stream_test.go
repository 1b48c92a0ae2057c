package ari_test

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"callbackd/ari"
	"callbackd/ari/aritest"
)

func TestStream_DeliversWantedEvents(t *testing.T) {
	t.Parallel()
	f := follow(t, aritest.Options{}, func(_ *aritest.Server, o *ari.StreamOptions) { o.ProveEvery = -1 })
	connected := f.expect(ari.MessageConnected)
	if connected.Epoch != 1 || connected.Info == nil || connected.Info.Version != aritest.DefaultVersion {
		t.Errorf("got %+v, want epoch 1 with info", connected)
	}
	trace, err := aritest.LoadTrace("testdata/cc-answered.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	events := trace.Render(aritest.Rendering{})
	if err := f.pbx.Play(t.Context(), 0, events); err != nil {
		t.Fatal(err)
	}
	filter := wantSome()
	var wanted uint64
	for _, e := range events {
		if _, ok, err := filter.Look([]byte(e.Raw)); err != nil {
			t.Fatal(err)
		} else if !ok {
			continue
		}
		wanted++
		if m := f.expect(ari.MessageEvent); m.Raw != e.Raw || m.Epoch != 1 || m.At.IsZero() {
			t.Fatalf("got %+v, want %s", m, e.Raw)
		}
	}
	until(t, "all events counted", func() bool {
		var all uint64
		for _, n := range f.stream.Stats().Events {
			all += n
		}
		return all == uint64(len(events))
	})
	st := f.stream.Stats()
	if st.Wanted != wanted || wanted == 0 || st.State != ari.StateConnected || st.QueueLength != 0 || st.QueueBytes != 0 || st.ProvenAt.IsZero() {
		t.Errorf("got stats %+v, want %d wanted events, connected, an empty queue, proven", st, wanted)
	}
}

func TestStream_RecoversFromEveryEnd(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  func(*aritest.Server)
		reason ari.LossReason
	}{
		"drop":          {(*aritest.Server).Drop, ari.LossBroken},
		"reset":         {(*aritest.Server).Reset, ari.LossBroken},
		"normal close":  {func(p *aritest.Server) { p.CloseCleanly(1000) }, ari.LossClosed},
		"going away":    {func(p *aritest.Server) { p.CloseCleanly(1001) }, ari.LossClosed},
		"broken frame":  {(*aritest.Server).SendBroken, ari.LossBroken},
		"large event":   {func(p *aritest.Server) { p.SendLarge(2 << 20) }, ari.LossOversized},
		"restart":       {(*aritest.Server).Restart, ari.LossBroken},
		"down for long": {func(p *aritest.Server) { p.SetDown(true); p.Restart(); p.SetBooting(true); p.SetDown(false) }, ari.LossBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := follow(t, aritest.Options{}, func(_ *aritest.Server, o *ari.StreamOptions) { o.ReadLimit = 1 << 20 })
			before := f.expect(ari.MessageConnected)
			f.expectEvent()
			test.fault(f.pbx)
			lost := f.expectLost(test.reason)
			if lost.Err == nil || lost.Epoch != 1 || lost.Since.Before(before.At) || lost.Since.After(lost.At) {
				t.Errorf("got %+v, want an error, epoch 1, and since between %v and at", lost, before.At)
			}
			if name == "down for long" {
				until(t, "503 seen", func() bool { return ari.IsBooting(f.stream.Stats().LastErr) })
				f.pbx.SetBooting(false)
			}
			if m := f.expect(ari.MessageConnected); m.Epoch != 2 {
				t.Errorf("got epoch %d, want 2", m.Epoch)
			}
			f.expectEvent()
			if st := f.stream.Stats(); st.Epoch != 2 || st.Lost[test.reason] != 1 || st.LastErr != nil || st.State != ari.StateConnected {
				t.Errorf("got stats %+v, want epoch 2, one loss by %s, connected", st, test.reason)
			}
		})
	}
}

func TestStream_TakesLargeEvents(t *testing.T) {
	t.Parallel()
	f := follow(t, aritest.Options{}, nil)
	f.expect(ari.MessageConnected)
	f.pbx.SendLarge(10 << 20)
	if m := f.expect(ari.MessageEvent); len(m.Raw) < 10<<20 {
		t.Errorf("got %d bytes, want 10 MiB", len(m.Raw))
	}
	f.expectEvent()
}

func TestStream_CountsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	f := follow(t, aritest.Options{}, nil)
	f.expect(ari.MessageConnected)
	f.pbx.SendText(`{"type":"ChannelTeleported","to":"moon"}`)
	f.pbx.SendText(`{"type":"QuantumStateChanged"}`)
	f.pbx.SendText(`{"type":`)
	f.pbx.SendText(`Hello.`)
	f.pbx.SendText(`{"type":"Dial","new_in_23":{"a":[1,2,{"b":null}]},"dialstatus":"ANSWER"}`)
	if m := f.expect(ari.MessageEvent); m.Type != ari.Dial {
		t.Errorf("got %+v, want the Dial", m)
	}
	st := f.stream.Stats()
	if st.Events[ari.UnknownEventType] != 2 || st.Undecodable != 2 || st.Epoch != 1 || len(st.Events) > 2 {
		t.Errorf("got stats %+v, want 2 unknown, 2 undecodable, nothing lost", st)
	}
}

func TestStream_HoldsEventsUntilSubscribed(t *testing.T) {
	t.Parallel()
	for name, completes := range map[string]bool{"then delivers them": true, "forgets them with the connection": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := follow(t, aritest.Options{}, func(pbx *aritest.Server, o *ari.StreamOptions) {
				pbx.Hang("/asterisk/info")
				o.ProveEvery = -1
			})
			until(t, "websocket open", func() bool { open, _ := f.pbx.Connections(); return open == 1 })
			early := channelCreated(f.pbx.NewChannelID())
			f.pbx.Send(early)
			until(t, "event received", func() bool { return f.stream.Stats().Wanted == 1 })
			if st := f.stream.Stats(); st.State != ari.StateConnecting || st.QueueLength == 0 {
				t.Errorf("got stats %+v, want connecting with the event in the queue", st)
			}
			if !completes {
				f.pbx.Drop()
				until(t, "connection given up", func() bool { return f.stream.Stats().LastErr != nil })
			}
			f.pbx.Hang("")
			if m := f.expect(ari.MessageConnected); m.Epoch != 1 {
				t.Errorf("got %+v, want the first epoch", m)
			}
			if completes {
				if m := f.expect(ari.MessageEvent); m.Raw != early.Raw {
					t.Errorf("got %s, want the early event", m.Raw)
				}
			}
			f.expectEvent()
		})
	}
}

func TestStream_CompletesSubscriptions(t *testing.T) {
	t.Parallel()
	f := follow(t, aritest.Options{}, func(pbx *aritest.Server, _ *ari.StreamOptions) {
		pbx.CreateApplication(aritest.DefaultApplication, "bridge:")
	})
	f.expect(ari.MessageConnected)
	f.expectEvent()
	app, err := f.client.GetApplication(t.Context(), aritest.DefaultApplication)
	if err != nil || len(app.Missing()) > 0 {
		t.Errorf("got %+v, %v, want all subscriptions", app, err)
	}
}

func TestStream_SetsEventFilterAfterEachConnect(t *testing.T) {
	t.Parallel()
	f := follow(t, aritest.Options{}, func(_ *aritest.Server, o *ari.StreamOptions) {
		o.EventFilter = &ari.EventFilter{Allowed: []ari.EventType{ari.ChannelCreated}, Disallowed: []ari.EventType{ari.ApplicationReplaced}}
	})
	for range 2 {
		f.expect(ari.MessageConnected)
		f.pbx.Send(variableSet("1", "WANTED", "x"))
		f.expectEvent()
		until(t, "proven by its own event", func() bool { return !f.stream.Stats().ProvenAt.IsZero() })
		if st := f.stream.Stats(); st.Events[ari.ChannelVarset] != 0 {
			t.Errorf("got %d ChannelVarset, want them filtered by the PBX", st.Events[ari.ChannelVarset])
		}
		app, err := f.client.GetApplication(t.Context(), aritest.DefaultApplication)
		if err != nil || len(app.EventsAllowed) != 3 || len(app.EventsDisallowed) != 0 {
			t.Errorf("got %+v, %v, want the stream's own events allowed too", app, err)
		}
		f.pbx.Drop()
		f.expectLost(ari.LossBroken)
	}
}

func TestStream_ReadOnlyUser(t *testing.T) {
	t.Parallel()
	users := []aritest.User{{Name: "viewer", Password: "pw", ReadOnly: true}}
	t.Run("new application", func(t *testing.T) {
		t.Parallel()
		f := follow(t, aritest.Options{Users: users}, func(_ *aritest.Server, o *ari.StreamOptions) {
			o.EventFilter = &ari.EventFilter{Disallowed: []ari.EventType{ari.ChannelVarset}}
		})
		f.expect(ari.MessageConnected)
		until(t, "proven by REST", func() bool { st := f.stream.Stats(); return st.WeaklyProven && !st.ProvenAt.IsZero() })
		f.expectEvent()
		until(t, "proven by an event", func() bool { return !f.stream.Stats().WeaklyProven })
	})
	t.Run("application of others", func(t *testing.T) {
		t.Parallel()
		f := follow(t, aritest.Options{Users: users}, func(pbx *aritest.Server, _ *ari.StreamOptions) {
			pbx.CreateApplication(aritest.DefaultApplication)
		})
		until(t, "refused", func() bool { return ari.IsForbidden(f.stream.Stats().LastErr) })
		if st := f.stream.Stats(); st.Epoch != 0 {
			t.Errorf("got stats %+v, want no connection without subscriptions", st)
		}
	})
}

func TestStream_WrongPassword(t *testing.T) {
	t.Parallel()
	pbx := startPBX(t, aritest.Options{})
	co := pbx.ClientOptions()
	co.Password = "hunter2"
	var log syncBuffer
	f := followOn(t, pbx, co, func(_ *aritest.Server, o *ari.StreamOptions) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	until(t, "unauthorized", func() bool { return ari.IsUnauthorized(f.stream.Stats().LastErr) })
	until(t, "logged", func() bool { return strings.Contains(log.String(), "401") })
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("the password is in the log:\n%s", log.String())
	}
	if st := f.stream.Stats(); st.Epoch != 0 || st.State == ari.StateConnected {
		t.Errorf("got stats %+v, want no connection", st)
	}
}

func TestStream_SessionLimit(t *testing.T) {
	t.Parallel()
	f := follow(t, aritest.Options{}, func(pbx *aritest.Server, _ *ari.StreamOptions) { pbx.SetSessionLimit(1) })
	// The websocket itself takes the only session: REST is closed unanswered.
	until(t, "closed unanswered", func() bool { err := f.stream.Stats().LastErr; return err != nil && f.stream.Stats().Attempts > 2 })
	f.pbx.SetSessionLimit(0)
	f.expect(ari.MessageConnected)
	f.expectEvent()
}

func TestStream_LeavesNameToWhoTookIt(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	f := follow(t, aritest.Options{}, func(_ *aritest.Server, o *ari.StreamOptions) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
		o.ReplacedWait = 200 * time.Millisecond
	})
	f.expect(ari.MessageConnected)
	twin := followOn(t, f.pbx, f.pbx.ClientOptions(), func(_ *aritest.Server, o *ari.StreamOptions) { o.ProveEvery = -1 })
	twin.expect(ari.MessageConnected)
	f.expectLost(ari.LossReplaced)
	until(t, "state replaced", func() bool { return f.stream.Stats().State == ari.StateReplaced })
	if !strings.Contains(log.String(), "another client took our ari application") {
		t.Errorf("not said loudly: %q", log.String())
	}
	looks := func() (n int) {
		for _, r := range f.pbx.Requests() {
			if r.Path == "/applications/"+aritest.DefaultApplication {
				n++
			}
		}
		return n
	}
	before := looks()
	until(t, "it looks twice whether the name is free", func() bool { return looks() >= before+2 })
	if _, accepted := f.pbx.Connections(); accepted != 2 {
		t.Errorf("got %d connections, want 2: it must not fight", accepted)
	}
	twin.expectEvent()
	twin.stop()
	f.expect(ari.MessageConnected)
	f.expectEvent()
}

func TestStream_DeafConnection(t *testing.T) {
	t.Parallel()
	f := follow(t, aritest.Options{}, func(_ *aritest.Server, o *ari.StreamOptions) {
		o.ProveEvery, o.ProveWithin = 50*time.Millisecond, 200*time.Millisecond
	})
	f.expect(ari.MessageConnected)
	until(t, "proven", func() bool { return !f.stream.Stats().ProvenAt.IsZero() })
	f.pbx.Mute(true)
	lost := f.expectLost(ari.LossUnproven)
	f.pbx.Mute(false)
	if lost.At.Sub(lost.Since) < 200*time.Millisecond {
		t.Errorf("got a gap of %v, want it to begin with the last event", lost.At.Sub(lost.Since))
	}
	// It may have been found deaf once more before it could hear again.
	for m := f.next(); m.Kind != ari.MessageConnected || f.stream.Stats().State != ari.StateConnected; m = f.next() {
		continue
	}
	f.expectEvent()
}

func TestStream_OverflowIsDeclared(t *testing.T) {
	t.Parallel()
	const room = 100
	f := follow(t, aritest.Options{}, func(_ *aritest.Server, o *ari.StreamOptions) { o.QueueEvents = room })
	f.expect(ari.MessageConnected)
	var sent []aritest.Event
	for range room + 1 {
		sent = append(sent, channelCreated(f.pbx.NewChannelID()))
	}
	f.pbx.Send(sent...)
	until(t, "overflow", func() bool { return f.stream.Stats().Lost[ari.LossOverflow] == 1 })
	if _, accepted := f.pbx.Connections(); accepted != 1 {
		t.Errorf("got %d connections, want no reconnect before the consumer has caught up", accepted)
	}
	for i := range room {
		if m := f.expect(ari.MessageEvent); m.Raw != sent[i].Raw {
			t.Fatalf("event %d: got %s, want %s", i, m.Raw, sent[i].Raw)
		}
	}
	f.expectLost(ari.LossOverflow)
	f.expect(ari.MessageConnected)
	f.expectEvent()
}

func TestStream_StopsWithinASecond(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*following){
		"connected":     func(*following) {},
		"black hole":    func(f *following) { f.pbx.BlackHole() },
		"waiting retry": func(f *following) { f.pbx.SetDown(true); f.expectLost(ari.LossBroken) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := follow(t, aritest.Options{}, func(_ *aritest.Server, o *ari.StreamOptions) { o.RetryMin, o.RetryMax = time.Hour, time.Hour })
			f.expect(ari.MessageConnected)
			prepare(f)
			start := time.Now()
			f.stop()
			<-f.ended
			if took := time.Since(start); took > time.Second {
				t.Errorf("got %v to stop, want less than a second", took)
			}
			if name != "waiting retry" {
				f.expectLost(ari.LossStopped)
			}
			if m, err := f.stream.Next(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("got %+v, %v after the end, want io.EOF", m, err)
			}
		})
	}
}
