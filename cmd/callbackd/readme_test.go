package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"callbackd/lab"
	"callbackd/lab/labtest"
)

// TestReadme_RunAndUse follows the README with its own words: its
// configuration, its commands, its requests. Only addresses are others.
func TestReadme_RunAndUse(t *testing.T) {
	t.Parallel()
	readme := readFile(t, "../../README.md")
	pbx, folder := labtest.Asterisk(t, lab.AsteriskOptions{}), t.TempDir()
	cfg := block(t, readme, "yaml", "call_centers:")
	for there, here := range map[string]string{"http://127.0.0.1:8088/ari": pbx.ARI, "/var/spool/asterisk/recording}": pbx.Recordings + "}"} {
		if !strings.Contains(cfg, there) {
			t.Fatalf("the README's configuration has no %s", there)
		}
		cfg = strings.Replace(cfg, there, here, 1)
	}
	writeFile(t, filepath.Join(folder, "callbackd.yaml"), cfg+"listen: {api: \"127.0.0.1:0\", ops: \"localhost:0\"}\n", 0o600)
	// The README's traces are found, and bin/callbackd is this very program.
	for _, name := range []string{"callcenter", "ari"} {
		abs, err := filepath.Abs("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(abs, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "bin", "callbackd"), "#!/bin/sh\n"+mainEnv+"=1 exec "+program+" \"$@\"\n", 0o700)
	r := reader{t, folder, append(os.Environ(),
		"CALLBACKD_DATABASE_URL="+databases.New(t), "CALLBACKD_PBX_PBX1_PASSWORD="+pbx.Password)}

	r.run("bin/callbackd --config callbackd.yaml migrate --to 0", nil) // a reader's database is empty

	var serve, token string
	for line := range strings.Lines(block(t, readme, "sh", "migrate")) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "make "): // make itself runs this test
		case strings.HasSuffix(line, " serve"):
			serve = line
		case strings.Contains(line, "token create"):
			token = strings.TrimSpace(r.run(line, nil))
		default:
			r.run(line, nil)
		}
	}
	api := r.serve(serve)

	// A call that ends, to be found.
	office := world{pbx: pbx}
	playAbandoned(t, &office)
	var requestID string
	labtest.Eventually(t, patience, func() error {
		_, list, err := request(t.Context(), http.MethodGet, api+"/api/v1/calls?active=false", token, nil)
		m := regexp.MustCompile(`"request_id":\s*"(\w+)"`).FindSubmatch(list)
		if m == nil {
			return fmt.Errorf("no call has ended: %s: %w", list, err)
		}
		requestID = string(m[1])
		return nil
	})
	want := []string{`"kind":"call_center"`, `"status":"open"`, "event: "}
	requests := strings.Split(strings.TrimSpace(block(t, readme, "sh", "curl")), "\n")
	if len(requests) != len(want) {
		t.Fatalf("%d requests in the README, want %d", len(requests), len(want))
	}
	for i, line := range requests {
		line = strings.ReplaceAll(line, "http://127.0.0.1:8080", api)
		if strings.Contains(line, "/events") {
			// It would not end by itself; and it begins with what comes now.
			line = "timeout 1 " + strings.Replace(line, "-N", "-N -H 'Last-Event-ID: 0'", 1) + " || true"
		}
		out := r.run(line, []string{"TOKEN=" + token, "REQUEST_ID=" + requestID})
		if !strings.Contains(strings.ReplaceAll(out, ": \"", ":\""), strings.ReplaceAll(want[i], ": \"", ":\"")) {
			t.Errorf("%s\nanswers %s, want %s in it", line, out, want[i])
		}
	}
	writeFile(t, filepath.Join(folder, "customers.csv"), "number,name\n03-5555-0101,佐藤 美咲\n", 0o600)
	r.run(strings.TrimSpace(block(t, readme, "sh", "phonebook import")), nil)
	if out := r.run(strings.TrimSpace(block(t, readme, "sh", "replay")), nil); !strings.Contains(out, `"outcome":"answered"`) {
		t.Errorf("replay prints %s", out)
	}
}

// reader follows a document in a folder.
type reader struct {
	t      *testing.T
	folder string
	env    []string
}

// run runs a command, which must succeed, and returns what it printed.
func (r *reader) run(line string, env []string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", line)
	c.Dir, c.Env = r.folder, slices.Concat(r.env, env)
	var out, problems bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader("the reader's password\n"), &out, &problems
	if err := c.Run(); err != nil {
		r.t.Fatalf("%s: %v\n%s", line, err, &problems)
	}
	return out.String()
}

// serve starts the daemon and returns the API's base once it answers.
func (r *reader) serve(line string) string {
	r.t.Helper()
	c := exec.CommandContext(context.WithoutCancel(r.t.Context()), "sh", "-c", "exec "+line) // ended by the clean-up
	c.Dir, c.Env = r.folder, r.env
	problems := &lockedBuffer{}
	c.Stderr = problems
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := c.Process.Signal(os.Interrupt); err != nil {
			r.t.Error(err)
		}
		if err := c.Wait(); err != nil {
			r.t.Errorf("%s: %v\n%s", line, err, problems)
		}
	})
	var api string
	labtest.Eventually(r.t, patience, func() error {
		m := regexp.MustCompile(`msg="callbackd serves" api=(\S+) ops=(\S+)`).FindStringSubmatch(problems.String())
		if m == nil {
			return fmt.Errorf("the daemon does not serve: %s", problems)
		}
		api = "http://" + m[1]
		status, body, err := request(r.t.Context(), http.MethodGet, "http://"+m[2]+"/readyz", "", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/readyz answers %d: %s", status, body)
		}
		return err
	})
	return api
}

// lockedBuffer may be read while a program writes to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// block returns the one fenced block of a language that contains a word,
// without its indentation.
func block(t *testing.T, page, language, word string) string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^( *)(?:\\d+\\. )?```"+language+"\n(.*?)^ *```").FindAllStringSubmatch(page, -1) {
		if strings.Contains(m[2], word) {
			found = append(found, regexp.MustCompile(`(?m)^   `).ReplaceAllString(m[2], ""))
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d blocks of %s have %q in them, want 1", len(found), language, word)
	}
	return found[0]
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
