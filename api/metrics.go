package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"callbackd/callbacks"
)

// metrics of the API. Labels come from fixed sets: routes are patterns of the
// contract, codes are the table's, and nothing is taken from a request.
type metrics struct {
	requests   *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	readers    prometheus.Gauge
	cut        *prometheus.CounterVec
	sent       *prometheus.CounterVec
	registered *prometheus.CounterVec
	refused    *prometheus.CounterVec
	unplayed   *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_http_requests_total",
			Help: "Answered requests by route pattern, method and status.",
		}, []string{"route", "method", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "callbackd_http_request_duration_seconds",
			Help:    "Time from a request's header to the end of its answer; event streams and playback are left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method"}),
		readers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "callbackd_stream_readers",
			Help: "Open event streams.",
		}),
		cut: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_stream_cut_total",
			Help: "Event streams that the server ended, by reason.",
		}, []string{"reason"}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_stream_events_total",
			Help: "Events sent to event streams, by kind.",
		}, []string{"kind"}),
		registered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_callbacks_registered_total",
			Help: "Callbacks registered, by origin.",
		}, []string{"origin"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_callbacks_refused_total",
			Help: "Refused registrations by the problem's code and, where it is the reason, the call's kind.",
		}, []string{"reason", "kind"}),
		unplayed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_playback_refused_total",
			Help: "Refused requests for a playback grant or its sound, by the problem's code.",
		}, []string{"reason"}),
	}
	// Series that matter exist from the start, so that a rate over them does
	// not miss the first event.
	for _, origin := range callbacks.Origins {
		m.registered.WithLabelValues(string(origin))
	}
	for _, reason := range []string{"unauthorized", "session_required", "media_only", "playback_not_found", "playback_expired"} {
		m.unplayed.WithLabelValues(reason)
	}
	for _, reason := range []string{cutSlow, cutUnauthorized, cutStopping} {
		m.cut.WithLabelValues(reason)
	}
	if registry != nil {
		registry.MustRegister(m.requests, m.durations, m.readers, m.cut, m.sent, m.registered, m.refused, m.unplayed)
	}
	return m
}

// CountRegistered counts a callback that was registered in another way than
// by a request.
func (s *Server) CountRegistered(origin callbacks.Origin) {
	s.metrics.registered.WithLabelValues(string(origin)).Inc()
}

func (m *metrics) observe(rec *recorder, method string, took time.Duration) {
	method = methodLabel(method)
	m.requests.WithLabelValues(rec.route, method, strconv.Itoa(rec.finalStatus())).Inc()
	if rec.route != streamRoute && rec.route != playbackRoute {
		m.durations.WithLabelValues(rec.route, method).Observe(took.Seconds())
	}
}

// methodLabel bounds the label: a method is whatever the caller wrote.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}
