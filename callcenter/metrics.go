package callcenter

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"callbackd/ari"
)

// Metrics are what operators see of followed nodes. Nil metrics count
// nothing. No label holds a number, a name or a channel, and each has a
// bounded set of values.
type Metrics struct {
	gaps         *prometheus.CounterVec
	undecoded    *prometheus.CounterVec
	storeErrors  *prometheus.CounterVec
	refusedCalls *prometheus.CounterVec
	storeSeconds *prometheus.HistogramVec
	lagSeconds   *prometheus.HistogramVec
	calls        *prometheus.CounterVec
	signals      *prometheus.CounterVec

	repairedCalls  *prometheus.CounterVec
	repairFailures *prometheus.CounterVec
	repairSeconds  *prometheus.HistogramVec

	mu      sync.Mutex
	counted map[RequestID]bool
	// ring bounds counted: the oldest is forgotten first.
	ring []RequestID
	next int
}

// keepCounted is how many ended calls are remembered as counted, so that a
// correction that comes late does not count a call twice.
const keepCounted = 4096

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help,
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}, labels)
	}
	m := &Metrics{
		gaps: counter("callbackd_ari_gap_seconds_total",
			"Seconds in which a node's events were not followed.", "node", "why"),
		undecoded: counter("callbackd_ari_undecodable_events_total",
			"Events that were wanted and could not be decoded.", "node"),
		storeErrors: counter("callbackd_store_failures_total",
			"Attempts to store calls that failed and were repeated.", "node"),
		refusedCalls: counter("callbackd_store_refused_calls_total",
			"Attempts to store a call that the database refused as it was; it is not tried again before it changes.", "node"),
		storeSeconds: histogram("callbackd_store_seconds",
			"Time that a batch of calls took to be stored.", "node"),
		lagSeconds: histogram("callbackd_calls_lag_seconds",
			"Time from Asterisk's timestamp of a change to its stored row, clocks compared by the last event received.", "node"),
		calls: counter("callbackd_calls_total",
			"Calls that ended.", "node", "kind", "direction", "outcome"),
		signals: counter("callbackd_calls_signals_total",
			"Signals in the receipts of calls that ended.", "node", "rule"),
		repairedCalls: counter("callbackd_repair_calls_total",
			"Calls that a gap's repair changed, by the most important of what was missing.", "node", "what"),
		repairFailures: counter("callbackd_repair_failures_total",
			"Attempts to repair gaps that failed and are repeated.", "node"),
		repairSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "callbackd_repair_seconds", Help: "Time that it took to repair the calls of a gap.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 10, 60, 300, 1800},
		}, []string{"node"}),
		counted: map[RequestID]bool{},
	}
	r.MustRegister(m.gaps, m.undecoded, m.storeErrors, m.refusedCalls, m.storeSeconds, m.lagSeconds, m.calls, m.signals,
		m.repairedCalls, m.repairFailures, m.repairSeconds)
	return m
}

// open makes a node's series, so that a rate over them does not miss the
// first thing that goes wrong.
func (m *Metrics) open(node string) {
	if m == nil {
		return
	}
	m.gaps.WithLabelValues(node, gapDaemonDown)
	for _, reason := range ari.LossReasons() {
		if reason != ari.LossStopped {
			m.gaps.WithLabelValues(node, string(reason))
		}
	}
	m.undecoded.WithLabelValues(node)
	m.storeErrors.WithLabelValues(node)
	m.refusedCalls.WithLabelValues(node)
	for _, what := range RepairedWhats {
		m.repairedCalls.WithLabelValues(node, string(what))
	}
	m.repairFailures.WithLabelValues(node)
	m.repairSeconds.WithLabelValues(node)
	for _, rule := range Rules {
		m.signals.WithLabelValues(node, string(rule))
	}
}

func (m *Metrics) gap(node, why string, d time.Duration) {
	if m != nil {
		m.gaps.WithLabelValues(node, why).Add(max(0, d.Seconds()))
	}
}

func (m *Metrics) undecodable(node string) {
	if m != nil {
		m.undecoded.WithLabelValues(node).Inc()
	}
}

func (m *Metrics) storeFailed(node string) {
	if m != nil {
		m.storeErrors.WithLabelValues(node).Inc()
	}
}

func (m *Metrics) refused(node string, calls int) {
	if m != nil {
		m.refusedCalls.WithLabelValues(node).Add(float64(calls))
	}
}

func (m *Metrics) repaired(node string, what RepairedWhat) {
	if m != nil {
		m.repairedCalls.WithLabelValues(node, string(what)).Inc()
	}
}

func (m *Metrics) repairFailed(node string) {
	if m != nil {
		m.repairFailures.WithLabelValues(node).Inc()
	}
}

func (m *Metrics) repairTook(node string, d time.Duration) {
	if m != nil {
		m.repairSeconds.WithLabelValues(node).Observe(d.Seconds())
	}
}

// stored counts a batch that was stored between begin and end. skew is the
// PBX's clock minus ours.
func (m *Metrics) stored(node string, batch []Call, begin, end time.Time, skew time.Duration) {
	if m == nil {
		return
	}
	m.storeSeconds.WithLabelValues(node).Observe(end.Sub(begin).Seconds())
	for i := range batch {
		c := &batch[i]
		m.lagSeconds.WithLabelValues(node).Observe(max(0, end.Add(skew).Sub(c.LastEventAt).Seconds()))
		if c.State != StateEnded || !m.first(c.RequestID) {
			continue
		}
		m.calls.WithLabelValues(node, string(c.Kind), string(c.Direction), string(c.Outcome.Result)).Inc()
		for _, s := range c.Receipt {
			m.signals.WithLabelValues(node, string(s.Rule)).Inc()
		}
	}
}

// first reports whether a call was not counted before.
func (m *Metrics) first(id RequestID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counted[id] {
		return false
	}
	m.counted[id] = true
	if len(m.ring) < keepCounted {
		m.ring = append(m.ring, id)
		return true
	}
	delete(m.counted, m.ring[m.next])
	m.ring[m.next] = id
	m.next = (m.next + 1) % keepCounted
	return true
}

// Collector shows the state of nodes' streams when metrics are asked for.
type Collector struct{ followers func() []*Follower }

// NewCollector returns a collector for all nodes, to be registered once.
// followers returns who follows them, or will, one a node.
func NewCollector(followers func() []*Follower) *Collector { return &Collector{followers} }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append([]string{"node"}, labels...), nil)
}

var (
	descState = describe("callbackd_ari_state",
		"1 for the state that the connection to a node's ARI is in, 0 for the others.", "state")
	descReconnects = describe("callbackd_ari_reconnects_total", "Connections after the first.")
	descLosses     = describe("callbackd_ari_losses_total", "Connections that ended, by why.", "reason")
	descEvents     = describe("callbackd_ari_events_total",
		"Events received, by type; types that are in no description count as unknown.", "type")
	descBytes    = describe("callbackd_ari_received_bytes_total", "Length of all events received.")
	descInvalid  = describe("callbackd_ari_invalid_frames_total", "Frames that are not an event at all.")
	descQueue    = describe("callbackd_ari_queue_events", "Events that wait to be applied.")
	descQueueCap = describe("callbackd_ari_queue_capacity_events",
		"Events that may wait; above that the connection is given up and a gap declared.")
	descProven = describe("callbackd_ari_proven_timestamp_seconds",
		"When it was last certain that events flow, in seconds since the epoch; 0 for never.")
	descActive    = describe("callbackd_calls_active_channels", "Channels that are followed now.")
	descPending   = describe("callbackd_store_pending_calls", "Calls that wait to be stored.")
	descUnsettled = describe("callbackd_gaps_unsettled", "Gaps that are not settled, one that lasts included.")
)

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descState, descReconnects, descLosses, descEvents, descBytes, descInvalid,
		descQueue, descQueueCap, descProven, descActive, descPending, descUnsettled,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	for _, f := range c.followers() {
		f.collectMetrics(ch)
	}
}

func (f *Follower) collectMetrics(ch chan<- prometheus.Metric) {
	s := f.stream().Stats()
	f.mu.Lock()
	active, pending, unsettled := len(f.tracker.ActiveChannels()), len(f.pending), f.unsettled
	f.mu.Unlock()
	node := f.o.Node
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{node}, labels...)...)
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, append([]string{node}, labels...)...)
	}
	for _, state := range ari.StreamStates() {
		v := 0.0
		if s.State == state {
			v = 1
		}
		gauge(descState, v, string(state))
	}
	for _, reason := range ari.LossReasons() {
		count(descLosses, float64(s.Lost[reason]), string(reason))
	}
	for typ, n := range s.Events {
		count(descEvents, float64(n), string(typ))
	}
	count(descReconnects, float64(max(0, s.Epoch-1)))
	count(descBytes, float64(s.Bytes))
	count(descInvalid, float64(s.Undecodable))
	gauge(descQueue, float64(s.QueueLength))
	gauge(descQueueCap, float64(s.QueueCapacity))
	proven := 0.0
	if !s.ProvenAt.IsZero() {
		proven = float64(s.ProvenAt.UnixMilli()) / 1000
	}
	gauge(descProven, proven)
	gauge(descActive, float64(active))
	gauge(descPending, float64(pending))
	gauge(descUnsettled, float64(unsettled))
}
