package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
			if name != "CALLBACKD_OIDC_CLIENT_SECRET" {
				return "", false
			}
			return "secret", true
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

// TestDocs_Commands: each command of the documents is run by a test. Here are
// those that no other test runs, on a database of their own.
func TestDocs_Commands(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	config, owner := configWithDatabase(t)
	conn, err := pgx.Connect(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it was for some statements
	query := func(sql string) error { _, err := conn.Exec(t.Context(), sql); return err }
	if code, out, problems := execute(t, "migrate", "--config", config); code != exitOK {
		t.Fatalf("migrate: exit code %d, %s%s", code, out, problems)
	}
	// What becomes of each line, and by how many it is run here.
	const role = "documented" // another one has the name in the document
	ran := 0
	for _, page := range pages {
		if filepath.Base(page) == "integration.md" {
			continue // TestDocs_Integration runs the whole page
		}
		for _, b := range regexp.MustCompile("(?ms)^```(sh|sql)\n(.*?)^```").FindAllStringSubmatch(readFile(t, page), -1) {
			if strings.Contains(b[2], "dpkg --install") {
				continue // TestPackage takes the block as it is
			}
			for line := range strings.Lines(b[2]) {
				line = strings.TrimSpace(line)
				ran++
				var err error
				switch {
				case b[1] == "sql":
					err = query(line)
				case line == "createuser --pwprompt callbackd":
					err = query("CREATE ROLE " + role + " LOGIN PASSWORD 'secret'")
				case line == "CALLBACKD_DATABASE_URL=postgres://owner@db/callbackd callbackd migrate --grant callbackd":
					if code, out, problems := execute(t, "migrate", "--config", config, "--grant", role); code != exitOK {
						err = fmt.Errorf("exit code %d, %s%s", code, out, problems)
					}
				case strings.HasPrefix(line, "CALLBACKD_BENCH_CALLBACKS=1000000 CALLBACKD_BENCH_CALLS=10000000 make bench"):
					for _, name := range []string{"CALLBACKD_BENCH_CALLBACKS", "CALLBACKD_BENCH_CALLS"} {
						if !strings.Contains(readFile(t, "../../postgres/bench_test.go"), `"`+name+`"`) {
							err = fmt.Errorf("no benchmark asks for %s", name)
						}
					}
				case strings.HasPrefix(line, "callbackd replay "), // TestReplay_JournalOfAKilledDaemon
					line == "sh secrets.sh": // TestContainer_Configuration
					ran--
				default:
					err = errors.New("no test runs it")
				}
				if err != nil {
					t.Errorf("%s: %s: %v", page, line, err)
				}
			}
		}
	}
	if err := query("DROP OWNED BY " + role + "; DROP ROLE " + role); err != nil {
		t.Error(err)
	}
	if ran < 4 {
		t.Errorf("only %d commands were run", ran)
	}
}
