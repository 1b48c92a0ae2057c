package lab

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// prometheusTreeName is like treeName.
const prometheusTreeName = "prometheus-sid-" + runtime.GOARCH + "-1"

// PrometheusProgram is a Prometheus that can be run, for the tests of alerts.
type PrometheusProgram struct{ tree tree }

// FindPrometheus returns the Prometheus in the user's cache folder. When it is
// not there yet, it is extracted from Debian's packages like Asterisk: the
// installed package would start a server of its own.
func FindPrometheus(ctx context.Context, log *slog.Logger) (*PrometheusProgram, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find a folder to keep Prometheus in: %w", err)
	}
	p := &PrometheusProgram{tree: tree(filepath.Join(cache, "callbackd", prometheusTreeName))}
	unpack := func(dir string) error {
		log.Info("extracting Prometheus from Debian's packages, once", slog.String("folder", string(p.tree)))
		return unpackPackages(ctx, dir, "sid", "prometheus")
	}
	if err := makeOnce(string(p.tree), unpack); err != nil {
		return nil, fmt.Errorf("extract Prometheus: %w", err)
	}
	return p, nil
}

// Promtool returns the command that runs promtool with the arguments.
func (p *PrometheusProgram) Promtool(ctx context.Context, args ...string) (*exec.Cmd, error) {
	return p.tree.command(ctx, "usr/bin/promtool", args...)
}

// Server returns the command that runs Prometheus with the arguments. It ends
// with this process.
func (p *PrometheusProgram) Server(ctx context.Context, args ...string) (*exec.Cmd, error) {
	return p.tree.command(ctx, "usr/bin/prometheus", args...)
}
