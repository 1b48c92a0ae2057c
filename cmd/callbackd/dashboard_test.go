package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestDashboard: each query of the dashboard is one that Prometheus takes, and
// asks only for metrics that exist, by labels that they have.
func TestDashboard(t *testing.T) {
	t.Parallel()
	queries := dashboardQueries(t)
	if len(queries) < 30 {
		t.Fatalf("the dashboard has only %d queries", len(queries))
	}
	labels := documentedLabels(t)
	metric := regexp.MustCompile(`callbackd_\w+`)
	label := regexp.MustCompile(`(\w+)=~?"|by \(([^)]*)\)`)
	var rules []map[string]string
	for i, q := range queries {
		known := map[string]bool{"le": true, "job": true, "instance": true}
		for _, used := range metric.FindAllString(q, -1) {
			of, ok := labels[strings.TrimSuffix(used, "_bucket")]
			if !ok {
				t.Errorf("%s asks for %s, which docs/operations.md does not explain", q, used)
			}
			for _, l := range of {
				known[l] = true
			}
		}
		for _, used := range label.FindAllStringSubmatch(q, -1) {
			for l := range strings.SplitSeq(used[1]+used[2], ", ") {
				if !known[l] {
					t.Errorf("%s asks for label %s, which its metrics do not have", q, l)
				}
			}
		}
		q = strings.NewReplacer("$__rate_interval", "5m", "$node", ".*").Replace(q)
		rules = append(rules, map[string]string{"record": fmt.Sprintf("dashboard:query_%d", i), "expr": q})
	}

	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, err := prometheusProgram(t).Promtool(t.Context(), "check", "rules", file)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// dashboardQueries returns the queries of all panels.
func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(readFile(t, "../../configs/grafana/callbackd.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries = append(queries, target.Expr)
		}
	}
	return queries
}

// documentedLabels returns the labels of each metric that the operators'
// document explains.
func documentedLabels(t *testing.T) map[string][]string {
	t.Helper()
	labels := map[string][]string{}
	row := regexp.MustCompile("(?m)^\\| (`callbackd_[^|]+) \\| ([^|]*) \\|")
	for _, m := range row.FindAllStringSubmatch(readFile(t, "../../docs/operations.md"), -1) {
		for _, name := range regexp.MustCompile("callbackd_[a-z_]+").FindAllString(strings.ReplaceAll(m[1], "`…_", "`callbackd_ari_"), -1) {
			labels[name] = regexp.MustCompile(`[a-z]+`).FindAllString(m[2], -1)
		}
	}
	return labels
}
