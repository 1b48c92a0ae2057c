package callcenter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"callbackd/ari"
)

// canaryPrefix begins the IDs of the canary's channels. The tracker passes them
// over, so that they become no call.
const canaryPrefix = "callbackd-canary-"

// CanaryExtension is what the canary calls in its context.
const CanaryExtension = "canary"

const (
	// canaryTimeout bounds one attempt.
	canaryTimeout = 10 * time.Second
	// canaryLate is after how many intervals without a canary that arrived
	// something is wrong.
	canaryLate = 3
)

// isCanary reports whether a channel is one of the canary's.
func isCanary(id ari.ChannelID) bool { return strings.HasPrefix(string(id), canaryPrefix) }

// CanaryWhere is how far a canary came that did not arrive.
type CanaryWhere string

// Where canaries end.
const (
	CanaryPBX      CanaryWhere = "pbx"      // it cannot be called
	CanaryEvents   CanaryWhere = "events"   // it was called, and its end was not heard of
	CanaryDatabase CanaryWhere = "database" // that it came cannot be stored
	CanaryStream   CanaryWhere = "stream"   // who waits for changes is not told
)

// CanaryWheres are all places where canaries end.
var CanaryWheres = []CanaryWhere{CanaryPBX, CanaryEvents, CanaryDatabase, CanaryStream}

// CanaryOptions say for which node a Canary is. All but the Logger and the
// Metrics are mandatory.
type CanaryOptions struct {
	Node   string
	Client *ari.Client
	// Context of the dialplan has CanaryExtension, which answers, and hangs up
	// after a moment.
	Context string
	Every   time.Duration
	// Save writes as calls of the node are written, and has those who wait for
	// changes woken up; Wake is what they wait for, and Read how they read.
	Save    func(ctx context.Context) error
	Wake    func() <-chan struct{}
	Read    func(ctx context.Context) error
	Logger  *slog.Logger
	Metrics *CanaryMetrics
}

// Canary calls a node's dialplan again and again, through a Local channel, and
// looks whether that arrives where the changes of calls do: by the PBX's
// events, in the database, and with those who wait for changes. It is no call.
type Canary struct {
	o   CanaryOptions
	log *slog.Logger

	mu sync.Mutex
	// expected is the channel whose end is waited for; ended is closed by it.
	expected ari.ChannelID
	ended    chan struct{}
	// arrived is when the last one arrived, or when the first was sent; failed
	// why that after it did not.
	arrived time.Time
	failed  error
}

var _ Listener = (*Canary)(nil)

// NewCanary returns a canary, which begins with Run.
func NewCanary(o CanaryOptions) *Canary {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Metrics.open(o.Node, o.Every)
	return &Canary{o: o, log: o.Logger.With(slog.String("node", o.Node)), arrived: time.Now()}
}

// Connected implements Listener.
func (c *Canary) Connected([]ari.Channel) {}

// Lost implements Listener.
func (c *Canary) Lost(ari.LossReason) {}

// Event implements Listener.
func (c *Canary) Event(ev *ari.Event) {
	if ev.Type != ari.ChannelDestroyed || !isCanary(ev.Channel.ID) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ev.Channel.ID == c.expected {
		c.expected = ""
		close(c.ended)
	}
}

// Run sends one canary after another until ctx ends.
func (c *Canary) Run(ctx context.Context) error {
	c.mu.Lock()
	c.arrived = time.Now()
	c.mu.Unlock()
	for {
		where, err := c.send(ctx)
		if ctx.Err() != nil {
			return nil
		}
		c.settle(where, err)
		pause(ctx, c.o.Every)
	}
}

// settle notes how a canary ended.
func (c *Canary) settle(where CanaryWhere, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %w", where, err)
		c.o.Metrics.failed(c.o.Node, where)
		if c.failed == nil {
			c.log.Error("a canary did not arrive", slog.Any("err", err))
		}
	default:
		c.arrived = time.Now()
		c.o.Metrics.arrived(c.o.Node, c.arrived)
		if c.failed != nil {
			c.log.Info("canaries arrive again")
		}
	}
	c.failed = err
}

// send sends one canary, and returns where it ended if it did not arrive.
func (c *Canary) send(ctx context.Context) (CanaryWhere, error) {
	ctx, cancel := context.WithTimeout(ctx, canaryTimeout)
	defer cancel()
	id := ari.ChannelID(canaryPrefix + rand.Text())
	ended := make(chan struct{})
	c.mu.Lock()
	c.expected, c.ended = id, ended
	c.mu.Unlock()
	err := c.o.Client.Originate(ctx, ari.Origination{
		Endpoint: "Local/" + CanaryExtension + "@" + c.o.Context, Context: c.o.Context, Extension: CanaryExtension,
		Channel: id, OtherChannel: id + "-2", Timeout: canaryTimeout,
	})
	if err != nil {
		return CanaryPBX, err
	}
	select {
	case <-ended:
	case <-ctx.Done():
		c.hangup(ctx, id)
		return CanaryEvents, fmt.Errorf("nothing was heard of its end within %v", canaryTimeout)
	}
	wake := c.o.Wake()
	if err := c.o.Save(ctx); err != nil {
		return CanaryDatabase, err
	}
	select {
	case <-wake:
	case <-ctx.Done():
		return CanaryStream, errors.New("changes are not notified")
	}
	return CanaryStream, c.o.Read(ctx)
}

// hangup ends a canary that may go on.
func (c *Canary) hangup(ctx context.Context, id ari.ChannelID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := c.o.Client.Hangup(ctx, id); err != nil && !ari.IsGone(err) {
		c.log.Warn("a canary that did not arrive cannot be ended", slog.Any("err", err))
	}
}

// Health returns when the last canary arrived, or since when they are sent if
// none has, and why that is too long ago; nil when it is not.
func (c *Canary) Health(now time.Time) (arrived time.Time, late error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.arrived) <= canaryLate*c.o.Every {
		return c.arrived, nil
	}
	if c.failed != nil {
		return c.arrived, c.failed
	}
	return c.arrived, errors.New("the last has not arrived yet")
}

// CanaryMetrics are what operators see of canaries. Nil metrics count nothing.
type CanaryMetrics struct {
	at, interval *prometheus.GaugeVec
	failures     *prometheus.CounterVec
}

// NewCanaryMetrics registers the metrics.
func NewCanaryMetrics(r prometheus.Registerer) *CanaryMetrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"node"})
	}
	m := &CanaryMetrics{
		at:       gauge("callbackd_canary_timestamp_seconds", "When the last canary arrived, in seconds since the epoch; 0 for never."),
		interval: gauge("callbackd_canary_interval_seconds", "Time between two canaries."),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_canary_failures_total", Help: "Canaries that did not arrive, by how far they came.",
		}, []string{"node", "where"}),
	}
	r.MustRegister(m.at, m.interval, m.failures)
	return m
}

func (m *CanaryMetrics) open(node string, every time.Duration) {
	if m == nil {
		return
	}
	m.at.WithLabelValues(node)
	m.interval.WithLabelValues(node).Set(every.Seconds())
	for _, where := range CanaryWheres {
		m.failures.WithLabelValues(node, string(where))
	}
}

func (m *CanaryMetrics) arrived(node string, at time.Time) {
	if m != nil {
		m.at.WithLabelValues(node).Set(float64(at.UnixMilli()) / 1000)
	}
}

func (m *CanaryMetrics) failed(node string, where CanaryWhere) {
	if m != nil {
		m.failures.WithLabelValues(node, string(where)).Inc()
	}
}
