package attendant

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what operators see of the attendant. Nil metrics count nothing.
type Metrics struct {
	active    *prometheus.GaugeVec
	sessions  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	abandoned *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		active: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "callbackd_attendant_callers",
			Help: "Callers who are talked to now.",
		}, []string{"node"}),
		sessions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_attendant_sessions_total",
			Help: "Callers who asked for a callback, by the status that the dialplan got.",
		}, []string{"node", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "callbackd_attendant_session_seconds",
			Help:    "How long callers who asked for a callback were talked to.",
			Buckets: []float64{1, 2.5, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240},
		}, []string{"node"}),
		abandoned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_attendant_abandoned_total",
			Help: "Abandoned calls that were to be registered, by what came of it.",
		}, []string{"result"}),
	}
	for _, result := range abandonedResults {
		m.abandoned.WithLabelValues(result)
	}
	r.MustRegister(m.active, m.sessions, m.durations, m.abandoned)
	return m
}

// open makes a node's series, so that a rate over them does not miss the
// first.
func (m *Metrics) open(node string) {
	if m == nil {
		return
	}
	m.active.WithLabelValues(node)
	for _, status := range Statuses {
		m.sessions.WithLabelValues(node, string(status))
	}
	m.durations.WithLabelValues(node)
}

func (m *Metrics) began(node string) {
	if m != nil {
		m.active.WithLabelValues(node).Inc()
	}
}

func (m *Metrics) ended(node string, status Status, took time.Duration) {
	if m != nil {
		m.active.WithLabelValues(node).Dec()
		m.sessions.WithLabelValues(node, string(status)).Inc()
		m.durations.WithLabelValues(node).Observe(took.Seconds())
	}
}

func (m *Metrics) abandonedCall(result string) {
	if m != nil {
		m.abandoned.WithLabelValues(result).Inc()
	}
}
