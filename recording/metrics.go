package recording

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what operators see of recordings. Nil metrics count nothing.
type Metrics struct {
	states             *prometheus.CounterVec
	ingestSeconds      prometheus.Histogram
	readySeconds       prometheus.Histogram
	conversionFailures *prometheus.CounterVec
	sweepFailures      *prometheus.CounterVec
	purges             *prometheus.CounterVec
	purgeFailures      *prometheus.CounterVec
}

// NewMetrics registers the metrics, and makes the series of the nodes.
func NewMetrics(r prometheus.Registerer, nodes ...string) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		states: counter("callbackd_recordings_total",
			"Recordings that became ready, missing or expired.", "node", "state", "cause"),
		ingestSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "callbackd_recording_ingest_seconds", Help: "Time to measure a recording, and to convert it where it must be.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 30, 120},
		}),
		readySeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "callbackd_recording_ready_seconds", Help: "Time from the end of a call until its recording could be played.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
		}),
		conversionFailures: counter("callbackd_recording_conversion_failures_total",
			"Recordings that could not be decoded or copied.", "encoding"),
		sweepFailures: counter("callbackd_recording_sweep_failures_total",
			"Sweeps for which a node's library could not be listed.", "node"),
		purges: counter("callbackd_recording_purged_total",
			"Expired recordings of which no file is left that is ours to remove.", "node"),
		purgeFailures: counter("callbackd_recording_purge_failures_total",
			"Attempts to remove the file of an expired recording that failed.", "node"),
	}
	for _, node := range nodes {
		m.states.WithLabelValues(node, string(StateReady), "")
		for _, cause := range Causes {
			m.states.WithLabelValues(node, string(StateMissing), string(cause))
		}
		m.states.WithLabelValues(node, string(StateExpired), "")
		m.sweepFailures.WithLabelValues(node)
		m.purges.WithLabelValues(node)
		m.purgeFailures.WithLabelValues(node)
	}
	for _, e := range []Encoding{EncodingPCM, EncodingFloat, EncodingULaw, EncodingALaw, EncodingGSM} {
		m.conversionFailures.WithLabelValues(string(e))
	}
	r.MustRegister(m.states, m.ingestSeconds, m.readySeconds, m.conversionFailures, m.sweepFailures, m.purges, m.purgeFailures)
	return m
}

func (m *Metrics) cameInto(node string, state State, cause Cause) {
	if m != nil {
		m.states.WithLabelValues(node, string(state), string(cause)).Inc()
	}
}

func (m *Metrics) took(d time.Duration) {
	if m != nil {
		m.ingestSeconds.Observe(d.Seconds())
	}
}

func (m *Metrics) waited(d time.Duration) {
	if m != nil {
		m.readySeconds.Observe(max(0, d.Seconds()))
	}
}

func (m *Metrics) conversionFailed(e Encoding) {
	if m != nil {
		m.conversionFailures.WithLabelValues(string(e)).Inc()
	}
}

func (m *Metrics) sweepFailed(node string) {
	if m != nil {
		m.sweepFailures.WithLabelValues(node).Inc()
	}
}

func (m *Metrics) expired(node string, n int) {
	if m != nil {
		m.states.WithLabelValues(node, string(StateExpired), "").Add(float64(n))
	}
}

func (m *Metrics) purged(node string) {
	if m != nil {
		m.purges.WithLabelValues(node).Inc()
	}
}

func (m *Metrics) purgeFailed(node string) {
	if m != nil {
		m.purgeFailures.WithLabelValues(node).Inc()
	}
}

// Stock is how many recordings there are, as of a node's last sweep but for
// those that are awaited, which are as of now.
type Stock struct {
	Node string
	// States are the numbers by state.
	States map[State]int64
	// WithoutCall are the files that belong to no call; CallsWithoutFile are
	// recordings whose file was not found.
	WithoutCall      Amount
	CallsWithoutFile int64
	// SweptAt is when that was; zero when there was no sweep yet.
	SweptAt time.Time
}

// Stocks returns what there is of each of some nodes.
type Stocks interface {
	Stocks(ctx context.Context, nodes []string) ([]Stock, error)
}

const (
	// stockEvery is how old what a Collector shows may be.
	stockEvery = 10 * time.Second
	// stockTimeout bounds each look.
	stockTimeout = 5 * time.Second
)

// Collector shows the stock of some nodes. Run looks at it now and then, so
// that no scrape waits for the database; while the database is away nothing is
// shown.
type Collector struct {
	stocks                                 Stocks
	nodes                                  []string
	recordings, files, bytes, calls, swept *prometheus.Desc

	mu   sync.Mutex
	last []Stock
}

// NewCollector returns a collector, to be registered and run.
func NewCollector(stocks Stocks, nodes []string) *Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"node"}, labels...), nil)
	}
	return &Collector{
		stocks: stocks, nodes: nodes,
		recordings: desc("callbackd_recordings", "Recordings by state: expected and growing now, others at the last sweep.", "state"),
		files:      desc("callbackd_recording_files_without_call", "Files that belong to no call, at the last sweep."),
		bytes:      desc("callbackd_recording_files_without_call_bytes", "Their size."),
		calls:      desc("callbackd_recording_calls_without_file", "Recordings whose file was not there, at the last sweep."),
		swept:      desc("callbackd_recording_swept_timestamp_seconds", "When the last sweep ended."),
	}
}

// Run looks at the stock until the context ends, and then returns nil.
func (c *Collector) Run(ctx context.Context) error {
	tick := time.NewTicker(stockEvery)
	defer tick.Stop()
	for {
		c.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (c *Collector) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stockTimeout)
	defer cancel()
	stocks, err := c.stocks.Stocks(ctx, c.nodes)
	if err != nil {
		stocks = nil // other metrics say that the database is away
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = stocks
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.recordings, c.files, c.bytes, c.calls, c.swept} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	stocks := c.last
	c.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, s := range stocks {
		for _, state := range States {
			gauge(c.recordings, float64(s.States[state]), s.Node, string(state))
		}
		swept := 0.0
		if !s.SweptAt.IsZero() {
			swept = float64(s.SweptAt.UnixMilli()) / 1000
		}
		gauge(c.files, float64(s.WithoutCall.Files), s.Node)
		gauge(c.bytes, float64(s.WithoutCall.Bytes), s.Node)
		gauge(c.calls, float64(s.CallsWithoutFile), s.Node)
		gauge(c.swept, swept, s.Node)
	}
}
