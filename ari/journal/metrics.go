package journal

import "github.com/prometheus/client_golang/prometheus"

// Why a piece was removed.
const (
	removedForAge  = "age"
	removedForSize = "size"
)

// Metrics are what operators see of journals. Nil metrics count nothing.
type Metrics struct {
	events  *prometheus.CounterVec
	dropped *prometheus.CounterVec
	gone    *prometheus.CounterVec
	bytes   *prometheus.GaugeVec
	failing *prometheus.GaugeVec
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"node"}, labels...))
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"node"})
	}
	m := &Metrics{
		events:  counter("callbackd_journal_events_total", "Events written to the node's journal."),
		dropped: counter("callbackd_journal_dropped_events_total", "Events that are missing in the node's journal, where it says so."),
		gone:    counter("callbackd_journal_removed_pieces_total", "Pieces of the journal that were removed, by why.", "why"),
		bytes:   gauge("callbackd_journal_bytes", "Size of the node's journal, as of the last minute."),
		failing: gauge("callbackd_journal_failing", "1 while the node's journal cannot be written."),
	}
	r.MustRegister(m.events, m.dropped, m.gone, m.bytes, m.failing)
	return m
}

// open makes a node's series.
func (m *Metrics) open(node string) {
	if m == nil {
		return
	}
	m.events.WithLabelValues(node)
	m.dropped.WithLabelValues(node)
	m.gone.WithLabelValues(node, removedForAge)
	m.gone.WithLabelValues(node, removedForSize)
	m.bytes.WithLabelValues(node)
	m.failing.WithLabelValues(node)
}

func (m *Metrics) wrote(node string, events int) {
	if m != nil {
		m.events.WithLabelValues(node).Add(float64(events))
	}
}

func (m *Metrics) drop(node string, events int) {
	if m != nil {
		m.dropped.WithLabelValues(node).Add(float64(events))
	}
}

func (m *Metrics) removed(node, why string) {
	if m != nil {
		m.gone.WithLabelValues(node, why).Inc()
	}
}

func (m *Metrics) size(node string, bytes int64) {
	if m != nil {
		m.bytes.WithLabelValues(node).Set(float64(bytes))
	}
}

func (m *Metrics) failed(node string, failing bool) {
	if m == nil {
		return
	}
	v := 0.0
	if failing {
		v = 1
	}
	m.failing.WithLabelValues(node).Set(v)
}
