package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check is one thing that must be right for the service to be ready.
type Check struct {
	// Name is a short snake_case word, such as "database" or "events".
	Name string `json:"name"`
	// Node is the PBX node that the check is about; empty for none.
	Node string `json:"node,omitempty"`
	OK   bool   `json:"ok"`
	// Why says what is wrong; empty when nothing is. What is wrong need not
	// keep the program from its work.
	Why string `json:"why,omitempty"`
	// Since is from when on it has been so; nil when that is not known.
	Since *time.Time `json:"since"`
}

// OpsOptions are what the ops handler is made of.
type OpsOptions struct {
	// Registry is what /metrics shows.
	Registry prometheus.Gatherer
	// Ready makes all checks. It is given a few seconds; a check that cannot
	// be made in time is one that failed.
	Ready func(ctx context.Context) []Check
	// Log gets errors; nil for nowhere.
	Log *slog.Logger
}

// readyTimeout bounds a readiness answer, below the time-outs that
// supervisors of services usually have.
const readyTimeout = 4 * time.Second

// NewOps returns the handler for operators: /healthz (the process runs),
// /readyz (it can do its work; each check by name) and /metrics. It asks for
// no token, so its listener is not for the world.
func NewOps(options OpsOptions) http.Handler {
	log := options.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		writeReadiness(w, options.Ready(ctx))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(options.Registry, promhttp.HandlerOpts{
		ErrorLog: metricsLog{log},
		// Series that can be read are worth more than none.
		ErrorHandling: promhttp.ContinueOnError,
		Timeout:       10 * time.Second,
	}))
	return secureHeaders(mux)
}

// writeReadiness answers 200 when every check is right, and 503 otherwise.
func writeReadiness(w http.ResponseWriter, checks []Check) {
	answer := struct {
		Ready  bool    `json:"ready"`
		Checks []Check `json:"checks"`
	}{Ready: true, Checks: checks}
	if checks == nil {
		answer.Checks = []Check{}
	}
	status := http.StatusOK
	for _, check := range checks {
		if !check.OK {
			answer.Ready, status = false, http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error here means that the caller is gone.
	_ = json.NewEncoder(w).Encode(answer)
}

// metricsLog passes what promhttp has to say on to slog.
type metricsLog struct{ log *slog.Logger }

// Println logs what could not be collected as an error. What could not be sent
// is no fault of ours: who asked is gone, and each family of metrics would say
// so once more.
func (l metricsLog) Println(v ...any) {
	level := slog.LevelDebug
	if len(v) > 0 && v[0] == "error gathering metrics:" {
		level = slog.LevelError
	}
	l.log.Log(context.Background(), level, "collect metrics", slog.Any("what", v))
}
