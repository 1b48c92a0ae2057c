package ari

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Defaults of StreamOptions.
const (
	DefaultConnectTimeout = 5 * time.Second
	DefaultReadLimit      = 16 << 20
	DefaultPingEvery      = time.Second
	DefaultDeadAfter      = 3 * time.Second
	DefaultRetryMin       = 250 * time.Millisecond
	DefaultRetryMax       = 10 * time.Second
	DefaultStableAfter    = 30 * time.Second
	DefaultReplacedWait   = 30 * time.Second
	DefaultProveEvery     = 5 * time.Second
	DefaultProveWithin    = 3 * time.Second
	DefaultQueueEvents    = 128 << 10
	DefaultQueueBytes     = 128 << 20
)

// StreamOptions say how to follow an Asterisk's events. Zero durations and
// sizes mean the defaults.
type StreamOptions struct {
	// Client says where and as whom. Mandatory.
	Client *Client
	// Filter chooses what is delivered. Mandatory.
	Filter *Filter
	// Logger is told of connections and losses; silence if nil.
	Logger *slog.Logger
	// EventFilter, unless nil, has Asterisk itself leave events out. It is
	// put anew after every connect. A read-only user cannot: then everything
	// is sent, and the Filter does it alone.
	EventFilter *EventFilter
	// Recorder, unless nil, is told of all that comes, also of what the Filter
	// does not want.
	Recorder Recorder

	// ConnectTimeout bounds the time from dialling to the completed
	// subscriptions.
	ConnectTimeout time.Duration
	// ReadLimit bounds one event in bytes. A larger one ends the connection,
	// as LossOversized.
	ReadLimit int64
	// PingEvery is the time between PINGs; a connection over which nothing
	// came for DeadAfter is dead.
	PingEvery, DeadAfter time.Duration
	// RetryMin is the first wait before connecting again, about; it doubles
	// up to RetryMax, and starts afresh once a connection has held for
	// StableAfter.
	RetryMin, RetryMax, StableAfter time.Duration
	// ReplacedWait is the time between looks whether the other client has
	// left. After ten looks in vain the name is taken back.
	ReplacedWait time.Duration
	// ProveEvery is how long no event may come before one is asked for, so
	// that a quiet PBX can be told from a deaf connection; negative: never.
	// It must come within ProveWithin.
	ProveEvery, ProveWithin time.Duration
	// QueueEvents and QueueBytes bound what waits for the consumer.
	QueueEvents, QueueBytes int
}

// Recorder is told of a Stream's connections by the goroutines that serve them:
// it returns at once, for Asterisk cuts a client that does not read.
type Recorder interface {
	// Connected says that from now on all events come.
	Connected(at time.Time)
	// Event is an event as it came. raw is only lent. Some come before
	// Connected, while subscriptions are not complete.
	Event(at time.Time, raw []byte)
	// Lost says that the connection has ended, over which something came last
	// at since. It follows Connected.
	Lost(at, since time.Time, reason LossReason)
}

func (o *StreamOptions) complete() error {
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, DefaultConnectTimeout)
	o.ReadLimit = cmp.Or(o.ReadLimit, DefaultReadLimit)
	o.PingEvery = cmp.Or(o.PingEvery, DefaultPingEvery)
	o.DeadAfter = cmp.Or(o.DeadAfter, DefaultDeadAfter)
	o.RetryMin = cmp.Or(o.RetryMin, DefaultRetryMin)
	o.RetryMax = cmp.Or(o.RetryMax, DefaultRetryMax)
	o.StableAfter = cmp.Or(o.StableAfter, DefaultStableAfter)
	o.ReplacedWait = cmp.Or(o.ReplacedWait, DefaultReplacedWait)
	o.ProveEvery = cmp.Or(o.ProveEvery, DefaultProveEvery)
	o.ProveWithin = cmp.Or(o.ProveWithin, DefaultProveWithin)
	o.QueueEvents = cmp.Or(o.QueueEvents, DefaultQueueEvents)
	o.QueueBytes = cmp.Or(o.QueueBytes, DefaultQueueBytes)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	if o.Client == nil || o.Filter == nil {
		errs = append(errs, errors.New("client and filter are mandatory"))
	}
	if o.DeadAfter <= o.PingEvery {
		errs = append(errs, fmt.Errorf("dead after %v: more than the %v between pings expected", o.DeadAfter, o.PingEvery))
	}
	if int64(o.QueueBytes) < o.ReadLimit {
		errs = append(errs, fmt.Errorf("queue of %d bytes: at least the read limit of %d expected", o.QueueBytes, o.ReadLimit))
	}
	if o.ConnectTimeout < 0 || o.ReadLimit < 0 || o.PingEvery < 0 || o.RetryMin < 0 || o.RetryMax < o.RetryMin ||
		o.StableAfter < 0 || o.ReplacedWait < 0 || o.ProveWithin < 0 || o.QueueEvents < 0 {
		errs = append(errs, errors.New("negative duration or size, or longest wait below shortest"))
	}
	return errors.Join(errs...)
}

// Stream follows the events of one Asterisk for as long as Run runs. One
// goroutine runs it, one takes its messages (Next or NextBatch), any may ask
// for its Stats.
type Stream struct {
	o       StreamOptions
	log     *slog.Logger
	queue   *queue
	record  *record
	started atomic.Bool
	// yielded says that the application's name is left to whoever takes it.
	yielded atomic.Bool
	// link is the connection that is complete; nil while there is none.
	link atomic.Pointer[link]
}

// Application returns the name under which the stream's events are received.
func (s *Stream) Application() string { return s.o.Client.Application() }

// NewStream returns a stream. It makes no connection.
func NewStream(o StreamOptions) (*Stream, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("ari stream: %w", err)
	}
	return &Stream{o: o, log: o.Logger, queue: newQueue(o.QueueEvents, o.QueueBytes), record: newRecord()}, nil
}

// Next returns the next message; it waits for one. After Run has returned and
// the last message was taken it returns io.EOF.
func (s *Stream) Next(ctx context.Context) (Message, error) {
	var one [1]Message
	_, err := s.queue.take(ctx, one[:])
	return one[0], err
}

// NextBatch is Next for up to len(buf) messages at once: those that are
// there, at least one. It returns their number.
func (s *Stream) NextBatch(ctx context.Context, buf []Message) (int, error) {
	return s.queue.take(ctx, buf)
}

// Stats returns what the stream has seen so far.
func (s *Stream) Stats() StreamStats {
	st := s.record.snapshot()
	st.QueueLength, st.QueueBytes = s.queue.depth()
	st.QueueCapacity, st.QueueCapacityBytes = s.o.QueueEvents, s.o.QueueBytes
	return st
}

// Yield leaves the application's name to the next client that takes it: Run then
// returns, instead of waiting for that one to leave.
func (s *Stream) Yield() { s.yielded.Store(true) }

// Run connects, and connects again whenever the connection ends, until ctx
// does; then it returns nil, within a second. It may be called once.
func (s *Stream) Run(ctx context.Context) error {
	if s.started.Swap(true) {
		return errors.New("ari stream: run twice")
	}
	defer s.queue.close()
	retry := &backoff.ExponentialBackOff{
		InitialInterval: s.o.RetryMin, MaxInterval: s.o.RetryMax,
		Multiplier: 2, RandomizationFactor: backoff.DefaultRandomizationFactor,
	}
	// A consumer that has not caught up would only overflow again; besides,
	// this bounds the number of Connected and Lost in the queue.
	for s.queue.waitRoom(ctx) {
		held, end := s.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if held >= s.o.StableAfter {
			retry.Reset()
		}
		if loss, ok := errors.AsType[*lossError](end); ok && loss.reason == LossReplaced {
			s.record.ended(StateReplaced, end)
			if s.yielded.Load() {
				return nil
			}
			s.standBack(ctx)
			continue
		}
		s.record.ended(StateDown, end)
		wait := min(retry.NextBackOff(), s.o.RetryMax)
		s.log.Warn("ari events are not followed", slog.Any("err", end), slog.Duration("retry_in", wait))
		pause(ctx, wait)
	}
	s.record.ended(StateDown, context.Cause(ctx))
	return nil
}

// replacedLooks is how often standBack looks before it takes the name back:
// the application may outlive the other client (a channel in Stasis keeps
// it), and nobody would follow it then.
const replacedLooks = 10

// standBack leaves the application to the client that took its name, until
// that has gone. Connecting at once would take it back, and two clients that
// both do so would steal from each other for ever, with events lost at every
// turn.
func (s *Stream) standBack(ctx context.Context) {
	app := s.o.Client.Application()
	for range replacedLooks {
		s.log.Error("another client took our ari application: its events are not followed here",
			slog.String("application", app), slog.Duration("look_in", s.o.ReplacedWait))
		// Jitter lets one of two clients that replaced each other come first.
		if !pause(ctx, s.o.ReplacedWait/2+rand.N(s.o.ReplacedWait)) {
			return
		}
		if _, err := s.o.Client.GetApplication(ctx, app); err != nil {
			// Gone, or Asterisk is: connecting will tell.
			return
		}
	}
	s.log.Error("taking our ari application back", slog.String("application", app))
}

// pause waits and reports whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	return ctx.Err() == nil
}
