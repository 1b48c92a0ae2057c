package webhooks

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what operators see of webhooks.
type Metrics struct {
	tries      *prometheus.CounterVec
	trySeconds prometheus.Histogram
	webhooks   *prometheus.GaugeVec
	oldest     prometheus.Gauge
	waiting    prometheus.Gauge
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_webhook_tries_total", Help: "Requests to receivers of webhooks, by how they ended.",
		}, []string{"outcome"}),
		trySeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "callbackd_webhook_try_seconds", Help: "Time that a request to a receiver took.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
		}),
		webhooks: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "callbackd_webhooks", Help: "Webhooks of all daemons, by state.",
		}, []string{"state"}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "callbackd_webhook_oldest_pending_seconds", Help: "Age of the oldest delivery that is still to be sent; 0 for none.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "callbackd_webhook_waiting_changes", Help: "Changes of which no deliveries were made yet.",
		}),
	}
	for _, outcome := range Outcomes {
		m.tries.WithLabelValues(string(outcome))
	}
	for _, state := range States {
		m.webhooks.WithLabelValues(string(state))
	}
	r.MustRegister(m.tries, m.trySeconds, m.webhooks, m.oldest, m.waiting)
	return m
}

func (m *Metrics) count(try *Try) {
	m.tries.WithLabelValues(string(try.Outcome)).Inc()
	m.trySeconds.Observe(try.Took.Seconds())
}

func (m *Metrics) set(s *Situation) {
	for _, state := range States {
		m.webhooks.WithLabelValues(string(state)).Set(float64(s.Webhooks[state]))
	}
	m.oldest.Set(s.OldestPending.Seconds())
	m.waiting.Set(float64(s.Waiting))
}
