package callcenter

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"callbackd/ari"
)

// consume takes the stream's messages in.
func (f *Follower) consume(ctx context.Context) error {
	messages := make([]ari.Message, 256)
	var ev ari.Event
	var proved time.Time
	f.tieAhead(ctx)
	for {
		n, err := f.nextBatch(ctx, messages)
		if errors.Is(err, io.EOF) || ctx.Err() != nil && err != nil {
			return nil // not ctx's error: write may have one to tell
		}
		if err != nil {
			return err
		}
		// A batch is applied under one lock, but not across a Connected: its
		// snapshot is fetched in between.
		for rest := messages[:n]; len(rest) > 0; {
			i := 0
			f.mu.Lock()
			for i < len(rest) && rest[i].Kind != ari.MessageConnected {
				if f.repeated(&rest[i]) {
					i++
					continue
				}
				if rest[i].Kind == ari.MessageLost && f.switched() {
					// Nothing was lost: the other stream goes on.
					rest, i = nil, 0
					break
				}
				f.apply(&rest[i], &ev)
				i++
			}
			f.collect()
			f.mu.Unlock()
			if i < len(rest) {
				f.connected(ctx, &rest[i])
				i++
			}
			rest = rest[i:]
		}
		f.waitRoom(ctx)
		if time.Since(proved) >= proveEvery {
			f.prove()
			proved = time.Now()
		}
	}
}

// nextBatch is the stream's NextBatch, but returns none when nothing comes
// until it is time to prove again.
func (f *Follower) nextBatch(ctx context.Context, messages []ari.Message) (int, error) {
	turn, cancel := context.WithTimeout(ctx, proveEvery)
	defer cancel()
	n, err := f.stream().NextBatch(turn, messages)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return 0, nil
	}
	return n, err
}

// prove notes until when all events are applied, if that can be said. Only
// the goroutine that applies them can: to another, an event that was taken
// from the queue and is not applied yet is nowhere.
func (f *Follower) prove() {
	s := f.stream().Stats()
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.State == ari.StateConnected && s.QueueLength == 0 && f.synced == s.Epoch && f.open == nil && !f.retired.Load() {
		f.proven = s.ProvenAt.UTC()
	}
}

// apply takes one message other than Connected in. f.mu is held.
func (f *Follower) apply(m *ari.Message, ev *ari.Event) {
	if m.Kind == ari.MessageLost {
		if f.o.Listener != nil {
			f.o.Listener.Lost(m.Reason)
		}
		if m.Reason == ari.LossStopped {
			return
		}
		if f.followed {
			f.followed, f.followedAt = false, m.At
		}
		f.declare(Gap{Node: f.o.Node, From: m.Since.UTC(), Why: string(m.Reason)})
		return
	}
	if err := ari.Decode(m.Raw, ev); err != nil {
		f.o.Metrics.undecodable(f.o.Node)
		f.log.Warn("an event cannot be read", slog.String("type", string(m.Type)), slog.Int("bytes", len(m.Raw)))
		return
	}
	f.skew = ev.Timestamp.Sub(m.At)
	f.passed(ev.Timestamp)
	if ev.Type == ari.ChannelCreated || ev.Type == ari.ChannelDestroyed {
		f.logged = ev.Timestamp
	}
	f.tracker.Apply(ev)
	if f.o.Listener != nil {
		f.o.Listener.Event(ev)
	}
}

// connected makes the tracker agree with the PBX after a connection began.
// Events that come meanwhile wait in the stream's queue.
func (f *Follower) connected(ctx context.Context, m *ari.Message) {
	for {
		snapshot, err := f.snapshot(ctx)
		if err == nil {
			f.mu.Lock()
			f.setClock()
			snapshot.At = f.pbxNow()
			f.tracker.Resync(snapshot)
			untied := f.tracker.Untied(snapshot.At.Add(time.Hour))
			f.mu.Unlock()
			// Of channels that were there before nothing but Asterisk's word
			// tells whose they are, and events of theirs wait.
			f.askFor(ctx, untied)
			f.mu.Lock()
			f.synced, f.syncErr = m.Epoch, nil
			f.followed, f.followedAt = true, time.Now()
			f.collect()
			f.settle(m.At.UTC())
			if f.proven.IsZero() {
				f.proven = f.began // until when there was nothing to be applied
				f.wake()
			}
			f.mu.Unlock()
			if f.o.Listener != nil {
				f.o.Listener.Connected(snapshot.Channels)
			}
			f.log.Info("events are followed", slog.Int("channels", len(snapshot.Channels)), slog.Int("epoch", m.Epoch))
			return
		}
		if s := f.stream().Stats(); ctx.Err() != nil || s.Epoch != m.Epoch || s.State != ari.StateConnected {
			return // the connection is over: another will come
		}
		f.mu.Lock()
		f.syncErr = err
		f.mu.Unlock()
		f.log.Warn("the list of channels cannot be had", slog.Any("err", err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// setClock goes by the clock that the PBX's last answer showed, where events
// have not told better. Which part of the channel event log belongs to a gap
// depends on it, and a quiet PBX may send none before that is asked for. f.mu is
// held.
func (f *Follower) setClock() {
	const precision = 2 * time.Second
	if skew, ok := f.o.Client.ClockSkew(); ok && (skew-f.skew).Abs() > precision {
		f.skew = skew
	}
}

func (f *Follower) snapshot(ctx context.Context) (Snapshot, error) {
	channels, err := f.o.Client.Channels(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	bridges, err := f.o.Client.Bridges(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	return Snapshot{Channels: channels, Bridges: bridges}, nil
}
