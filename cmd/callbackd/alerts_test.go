package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"callbackd/lab"
)

// alertsFolder holds what is published for Prometheus.
const alertsFolder = "../../configs/prometheus"

// prometheusProgram is extracted once a machine, which takes a while.
func prometheusProgram(t *testing.T) *lab.PrometheusProgram {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	p, err := lab.FindPrometheus(ctx, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAlerts_ByPromtool lets promtool check what is published, and play the
// alerts' own tests: each fires for its fault, and for nothing else.
func TestAlerts_ByPromtool(t *testing.T) {
	t.Parallel()
	p := prometheusProgram(t)
	for _, args := range [][]string{
		{"check", "config", "prometheus.yml"},
		{"test", "rules", "callbackd-rules_test.yml"},
	} {
		cmd, err := p.Promtool(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Dir = alertsFolder
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// ruleFile is a file of rules, as far as these tests look at it.
type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Record      string            `yaml:"record"`
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func readRules(t *testing.T) ruleFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(alertsFolder, "callbackd-rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var rules ruleFile
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	return rules
}

// TestAlerts_AreDocumentedAndTested: each alert has a test that shows it, and a
// part in the operators' document; and rules ask only for metrics that exist.
func TestAlerts_AreDocumentedAndTested(t *testing.T) {
	t.Parallel()
	document := readFile(t, "../../docs/operations.md")
	tests := readFile(t, filepath.Join(alertsFolder, "callbackd-rules_test.yml"))
	var recorded []string
	metric := regexp.MustCompile(`(?:\w+:)?callbackd_\w+(?::\w+)?`)
	for _, group := range readRules(t).Groups {
		for _, rule := range group.Rules {
			for _, used := range metric.FindAllString(rule.Expr, -1) {
				documented := "`" + strings.TrimSuffix(used, "_bucket")
				if !slices.Contains(recorded, used) && !strings.Contains(document, documented) {
					t.Errorf("%s%s asks for %s, which is in no document", rule.Record, rule.Alert, used)
				}
			}
			if rule.Record != "" {
				recorded = append(recorded, rule.Record)
				continue
			}
			if got, want := rule.Annotations["runbook"], "docs/operations.md#"+strings.ToLower(rule.Alert); got != want {
				t.Errorf("the runbook of %s is %s, want %s", rule.Alert, got, want)
			}
			if !strings.Contains(document, "\n### "+rule.Alert+"\n") {
				t.Errorf("docs/operations.md does not say what to do about %s", rule.Alert)
			}
			if strings.Count(tests, "alertname: "+rule.Alert+"\n        exp_alerts:") == 0 {
				t.Errorf("no test shows that %s fires", rule.Alert)
			}
		}
	}
	for _, heading := range regexp.MustCompile(`(?m)^### (Callbackd\w+)$`).FindAllStringSubmatch(document, -1) {
		if !strings.Contains(readFile(t, filepath.Join(alertsFolder, "callbackd-rules.yml")), "alert: "+heading[1]+"\n") {
			t.Errorf("docs/operations.md explains %s, which is no alert", heading[1])
		}
	}
}
