package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"callbackd/api"
)

func get(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return recorder
}

func TestOps_ReadyOnlyWhenEveryCheckIs(t *testing.T) {
	t.Parallel()
	database := api.Check{Name: "database", OK: true}
	events := api.Check{Name: "events", Node: "pbx1", Why: "no proof for 7s", Since: at(0)}
	var checks []api.Check
	ops := api.NewOps(api.OpsOptions{Registry: prometheus.NewRegistry(), Ready: func(ctx context.Context) []api.Check {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("checks have no time limit")
		}
		return checks
	}})
	for _, tt := range []struct {
		checks []api.Check
		status int
		body   string
	}{
		{nil, http.StatusOK, `{"ready": true, "checks": []}`},
		{[]api.Check{database}, http.StatusOK, `{"ready": true, "checks": [{"name": "database", "ok": true, "since": null}]}`},
		{[]api.Check{database, events}, http.StatusServiceUnavailable, `{"ready": false, "checks": [
			{"name": "database", "ok": true, "since": null},
			{"name": "events", "node": "pbx1", "ok": false, "why": "no proof for 7s", "since": "2026-11-20T01:06:19.012Z"}]}`},
	} {
		checks = tt.checks
		got := get(t, ops, "/readyz")
		var want, body any
		if err := json.Unmarshal([]byte(tt.body), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, body); got.Code != tt.status || diff != "" {
			t.Errorf("status %d, want %d (-want +got):\n%s", got.Code, tt.status, diff)
		}
	}
	if got := get(t, ops, "/healthz"); got.Code != http.StatusOK {
		t.Errorf("healthz of a process that is not ready: status %d", got.Code)
	}
}

func TestOps_MetricsOfItsRegistryOnly(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "callbackd_test_gauge", Help: "A test's."})
	registry.MustRegister(gauge)
	gauge.Set(7)
	ops := api.NewOps(api.OpsOptions{Registry: registry, Ready: func(context.Context) []api.Check { return nil }})
	got := get(t, ops, "/metrics").Body.String()
	if !strings.Contains(got, "callbackd_test_gauge 7") || strings.Contains(got, "go_goroutines") {
		t.Errorf("metrics:\n%s", got)
	}
}

// gate is a collector that is held up.
type gate struct {
	prometheus.Gauge
	open chan struct{}
}

func (g gate) Collect(metrics chan<- prometheus.Metric) {
	<-g.open
	g.Gauge.Collect(metrics)
}

// records is a log whose records can be waited for.
type records struct {
	slog.Handler
	levels chan slog.Level
}

func (r records) Handle(_ context.Context, record slog.Record) error {
	r.levels <- record.Level
	return nil
}

// A Prometheus that gives up, or ends, is no fault of ours.
func TestOps_ReaderOfMetricsIsGone(t *testing.T) {
	t.Parallel()
	g := gate{prometheus.NewGauge(prometheus.GaugeOpts{Name: "held_up"}), make(chan struct{})}
	registry := prometheus.NewRegistry()
	registry.MustRegister(g)
	log := records{slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}), make(chan slog.Level, 10)}
	ops := api.NewOps(api.OpsOptions{Registry: registry, Log: slog.New(log)})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	ops.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, http.MethodGet, "/metrics", nil))
	close(g.open) // only now there is something to write
	if level := <-log.levels; level >= slog.LevelWarn {
		t.Errorf("it is logged as %s", level)
	}
}

// broken is a collector that fails.
type broken struct{ prometheus.Gauge }

func (b broken) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.NewInvalidMetric(b.Desc(), errors.New("out of order"))
}

func TestOps_MetricsThatFailAreLogged(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	registry.MustRegister(broken{prometheus.NewGauge(prometheus.GaugeOpts{Name: "broken"})})
	var log strings.Builder
	get(t, api.NewOps(api.OpsOptions{Registry: registry, Log: slog.New(slog.NewTextHandler(&log, nil))}), "/metrics")
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "out of order") {
		t.Errorf("the log says %q", log.String())
	}
}
