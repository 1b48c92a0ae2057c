package recording

import "github.com/prometheus/client_golang/prometheus"

// playbackMetrics say how much is listened to, and how well.
type playbackMetrics struct {
	begun      prometheus.Counter
	listeners  prometheus.Gauge
	sentBytes  prometheus.Counter
	delayed    prometheus.Counter
	takenOver  prometheus.Counter
	firstSound prometheus.Histogram
}

func newPlaybackMetrics(registry prometheus.Registerer) *playbackMetrics {
	m := &playbackMetrics{
		begun: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "callbackd_playback_begun_total",
			Help: "Grants that were given to play a recording.",
		}),
		listeners: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "callbackd_playback_listeners",
			Help: "Connections on which recordings are played now.",
		}),
		sentBytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "callbackd_playback_sent_bytes_total",
			Help: "Bytes of sound that were sent.",
		}),
		delayed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "callbackd_playback_delayed_total",
			Help: "Connections whose first sound had to wait, because the account had asked for more than can be listened to.",
		}),
		takenOver: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "callbackd_playback_taken_over_total",
			Help: "Connections that ended because newer ones of the same grant took over.",
		}),
		firstSound: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "callbackd_playback_first_sound_seconds",
			Help:    "Time from opening a recording to its first sound, also after a seek.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .3, 1, 3, 10},
		}),
	}
	if registry != nil {
		registry.MustRegister(m.begun, m.listeners, m.sentBytes, m.delayed, m.takenOver, m.firstSound)
	}
	return m
}
