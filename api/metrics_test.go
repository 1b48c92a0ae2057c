package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"callbackd/accounts"
	"callbackd/lab/labtest"
)

func (w *world) eventually(check func() error) {
	w.t.Helper()
	labtest.Eventually(w.t, patience, check)
}

// metricIs compares the sum of a metric's series.
func (w *world) metricIs(name string, want float64) error {
	families, err := w.registry.Gather()
	if err != nil {
		return err
	}
	var sum float64
	for _, family := range families {
		if family.GetName() == name {
			for _, metric := range family.GetMetric() {
				sum += metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
			}
		}
	}
	if sum != want {
		return fmt.Errorf("%s is %v, want %v", name, sum, want)
	}
	return nil
}

func (w *world) wantMetrics(want string, names ...string) {
	w.t.Helper()
	if err := testutil.GatherAndCompare(w.registry, strings.NewReader(want), names...); err != nil {
		w.t.Error(err)
	}
}

// The metrics hold nothing that a caller wrote.
func TestMetrics_LabelsComeFromTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	w.do(request{path: "/calls/" + strings.Repeat("x", 20), token: token})
	w.do(request{path: "/unheard-of/" + remoteNumber, token: token})
	w.do(request{method: "BREW", path: "/me", token: token})
	w.do(request{path: "/me", token: token})
	want := `
		# HELP callbackd_http_requests_total Answered requests by route pattern, method and status.
		# TYPE callbackd_http_requests_total counter
		callbackd_http_requests_total{method="GET",route="/api/v1/calls/{request_id}",status="404"} 1
		callbackd_http_requests_total{method="GET",route="/api/v1/me",status="200"} 1
		callbackd_http_requests_total{method="GET",route="unknown",status="404"} 1
		callbackd_http_requests_total{method="other",route="unknown",status="405"} 1
	`
	w.wantMetrics(want, "callbackd_http_requests_total")
	if problems, err := testutil.GatherAndLint(w.registry); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
}
