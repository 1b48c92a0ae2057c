package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"callbackd/api"
	"callbackd/ari"
	"callbackd/configs"
	"callbackd/lab"
)

// TestDocs_Operations: docs/operations.md explains every metric that a
// running daemon shows, and none that it does not; and every reason of a gap.
func TestDocs_Operations(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(page), "`…_queue_capacity_events`", "`callbackd_ari_queue_capacity_events`")
	explained := regexp.MustCompile("`(callbackd_[a-z_]+)`").FindAllStringSubmatch(text, -1)

	w := newStoppedWorld(t, lab.AsteriskOptions{})
	w.keepsJournal(t)
	w.sendsCanaries(time.Second)
	w.asksBySIP(t)
	w.start(t)
	w.lines(t, map[string]api.LineState{"pbx": api.LineStateRefuses, "PJSIP/trunk": api.LineStateSilent})
	playIVROnly(t, w) // series with labels show once they count something
	w.register(t, w.ended(t, 1)[0]["request_id"].(string), refused)
	_, metrics, err := request(t.Context(), http.MethodGet, w.ops+"/metrics", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?m)^# TYPE (callbackd_[a-z_]+) `).FindAllStringSubmatch(string(metrics), -1)
	if len(shown) < 15 {
		t.Fatalf("only %d metrics are shown", len(shown))
	}
	for _, m := range shown {
		if !slices.ContainsFunc(explained, func(e []string) bool { return e[1] == m[1] }) {
			t.Errorf("%s is not explained", m[1])
		}
	}
	// These show only once somebody reads a stream.
	rare := []string{"callbackd_stream_events_total"}
	for _, e := range explained {
		if !slices.Contains(rare, e[1]) && !slices.ContainsFunc(shown, func(m []string) bool { return e[1] == m[1] }) {
			t.Errorf("%s is explained, but not shown", e[1])
		}
	}
	for _, reason := range ari.LossReasons() {
		if reason != ari.LossStopped && !strings.Contains(text, "`"+string(reason)+"`") {
			t.Errorf("why %q is not explained", reason)
		}
	}
}

// TestDocs_SingleSignOn: what docs/operations.md says to configure is right.
func TestDocs_SingleSignOn(t *testing.T) {
	t.Parallel()
	samples := regexp.MustCompile("(?s)```yaml\n(oidc:.*?)```").FindAllStringSubmatch(readFile(t, "../../docs/operations.md"), -1)
	if len(samples) != 2 {
		t.Fatalf("there are %d samples", len(samples))
	}
	for _, sample := range samples {
		text := sample[1] + "pbx: [{name: pbx1, ari: {url: 'http://127.0.0.1:8088/ari', password: p}}]\n"
		cfg, err := configs.Parse([]byte(text), configs.Source{Path: "callbackd.yaml", LookupEnv: func(name string) (string, bool) {
			return "secret", name == "CALLBACKD_OIDC_CLIENT_SECRET"
		}})
		if err != nil || newSignOn(&cfg.OIDC) == nil {
			t.Errorf("%v:\n%s", err, text)
		}
	}
	if newSignOn(&configs.OIDC{}) != nil {
		t.Error("people may log in with a provider that is not configured")
	}
}

// TestDocs_Security: the tests that docs/security.md names are there.
func TestDocs_Security(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, file := range files {
		tests.WriteString(readFile(t, file))
	}
	own, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range own {
		tests.WriteString(readFile(t, file))
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z_]+)`").FindAllStringSubmatch(readFile(t, "../../docs/security.md"), -1)
	if len(named) < 30 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !strings.Contains(tests.String(), "\nfunc "+name[1]+"(") {
			t.Errorf("there is no %s", name[1])
		}
	}
}

// TestDocs_Names: what the documents link to is there, and so is each target
// of make that they name, and each command of the program.
func TestDocs_Names(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, "../../README.md", "../../CHANGELOG.md", "../../workspace/README.md")
	makefile := readFile(t, "../../Makefile")
	var commands []string
	for _, c := range newRootCommand(&options{}).Commands() {
		commands = append(commands, c.Name())
	}
	links, targets, named := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`), regexp.MustCompile("`make ([a-z-]+)"), regexp.MustCompile("`callbackd ([a-z]+)")
	found := 0
	for _, page := range pages {
		text := readFile(t, page)
		for _, link := range links.FindAllStringSubmatch(text, -1) {
			found++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, link[1], err)
			}
		}
		for _, target := range targets.FindAllStringSubmatch(text, -1) {
			found++
			if !strings.Contains(makefile, "\n"+target[1]+":") {
				t.Errorf("%s names make %s, which is no target", page, target[1])
			}
		}
		for _, command := range named.FindAllStringSubmatch(text, -1) {
			found++
			if !slices.Contains(commands, command[1]) {
				t.Errorf("%s names callbackd %s, which is no command", page, command[1])
			}
		}
	}
	if found < 60 {
		t.Fatalf("only %d names were looked up", found)
	}
}
