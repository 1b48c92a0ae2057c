package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/api"
	"callbackd/demo"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// demoReadyWithin is promised to whoever starts a demo, once the parts are
// extracted.
const demoReadyWithin = 15 * time.Second

// hasty are the flags of a demo in which much happens soon.
var hasty = []string{"demo", "--json", "--api", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--every", "200ms", "--talk", "300ms"}

// TestDemo_Places goes where the demo says, with what it gives.
func TestDemo_Places(t *testing.T) {
	t.Parallel()
	stdout, printed := io.Pipe()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	begun := time.Now()
	go func() {
		code := run(ctx, append(slices.Clone(hasty), "--embed-origin", integratorsPage), strings.NewReader(""), printed, &stderr)
		printed.Close()
		ended <- code
	}()
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		t.Fatalf("no line was printed: %v\n%s", err, stderr.String())
	}
	took := time.Since(begun)
	t.Logf("ready after %s", took)
	if took > demoReadyWithin {
		t.Errorf("ready after %s, want at most %s", took, demoReadyWithin)
	}
	var places demo.Places
	if err := json.Unmarshal(line, &places); err != nil {
		t.Fatal(err)
	}

	callFromOutside(t, places)
	shows(t, places)
	logsIn(t, places)
	isWorkedOn(t, places)
	isBuiltOn(t, places)
	stop()
	rest, err := io.ReadAll(lines)
	if err != nil || len(rest) > 0 {
		t.Errorf("after the line of JSON: %q, %v; want nothing", rest, err)
	}
	if code := <-ended; code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
	if summary := stderr.String(); !strings.Contains(summary, "call_center") || !strings.Contains(summary, "not_call_center_call") {
		t.Error("the summary lacks calls or refusals")
	}
	if strings.Contains(stderr.String(), "level=WARN") || t.Failed() {
		t.Errorf("the demo is not content:\n%s", stderr.String())
	}
}

// shows waits until calls and a callback show at the places.
func shows(t *testing.T, places demo.Places) {
	t.Helper()
	get := func(url, token string, into any) error {
		status, body, err := request(t.Context(), http.MethodGet, url, token, nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s: %d %s", url, status, body)
		}
		if err == nil && into != nil {
			err = json.Unmarshal(body, into)
		}
		return err
	}
	base := places.API + "/api/v1"
	labtest.Eventually(t, patience, func() error {
		var callbacks api.CallbackList
		if err := get(base+"/callbacks?page_size=200", places.Token, &callbacks); err != nil {
			return err
		}
		for _, callback := range callbacks.Items {
			if callback.Recording != nil {
				return nil
			}
		}
		return fmt.Errorf("none of %d callbacks has a recording that can be played", len(callbacks.Items))
	})
	labtest.Eventually(t, patience, func() error {
		status, metrics, err := request(t.Context(), http.MethodGet, places.Ops+"/metrics", "", nil)
		if err == nil && (status != http.StatusOK || !bytes.Contains(metrics, []byte(`reason="not_call_center_call"`))) {
			err = fmt.Errorf("/metrics: %d without a refused registration", status)
		}
		return err
	})
	var me api.Me
	if err := get(base+"/me", places.AgentToken, &me); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{demo.Desk}, me.CallCenters); diff != "" {
		t.Errorf("call centers of the agent's token (-want +got):\n%s", diff)
	}
	if err := get(places.Ops+"/readyz", "", nil); err != nil {
		t.Error(err)
	}
	ariURL := strings.Replace(places.ARI.URL, "://", "://"+places.ARI.Username+":"+places.ARI.Password+"@", 1)
	if err := get(ariURL+"/channels", "", nil); err != nil {
		t.Error(err)
	}
}

// logsIn uses each account as a browser would.
func logsIn(t *testing.T, places demo.Places) {
	t.Helper()
	for _, account := range places.Accounts {
		credentials := strings.NewReader(fmt.Sprintf(`{"name": %q, "password": %q}`, account.Name, places.Password))
		res, err := http.Post(places.API+"/api/v1/session", "application/json", credentials) //nolint:noctx // ends with the demo
		if err != nil {
			t.Fatal(err)
		}
		var me api.Me
		err = json.NewDecoder(res.Body).Decode(&me)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("log in as %s: %d, %v", account.Name, res.StatusCode, err)
			continue
		}
		if me.DisplayName == nil || *me.DisplayName != account.DisplayName || string(me.Role) != string(account.Role) {
			t.Errorf("%s is %+v; want %q, %s", account.Name, me, account.DisplayName, account.Role)
		}
	}
}

// isWorkedOn waits for a callback that an agent has claimed and written about,
// of a caller whose name is in the phone book.
func isWorkedOn(t *testing.T, places demo.Places) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		status, body, err := request(t.Context(), http.MethodGet, places.API+"/api/v1/callbacks?page_size=200", places.Token, nil)
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("%d %s, %w", status, body, err)
		}
		var list api.CallbackList
		if err := json.Unmarshal(body, &list); err != nil {
			return err
		}
		for _, c := range list.Items {
			if c.Assignee != nil && c.Memo != "" && c.RemoteName != nil {
				return nil
			}
		}
		return fmt.Errorf("none of %d callbacks is claimed and written about", len(list.Items))
	})
}

// integratorsPage is the origin of a page that shows the player.
const integratorsPage = "http://127.0.0.1:8000"

// isBuiltOn does what an integrator with nothing but the demo does: send
// webhooks to a receiver on this machine, and show the player in a page.
func isBuiltOn(t *testing.T, places demo.Places) {
	t.Helper()
	receiver := newWebhookReceiver(t, nil)
	hook := strings.NewReader(`{"name": "demo", "url": "` + receiver.URL + `", "kinds": ["call", "callback"]}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, places.API+"/api/v1/webhooks", hook)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+places.Token)
	req.Header.Set("Content-Type", "application/json")
	made, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	made.Body.Close()
	if made.StatusCode != http.StatusCreated {
		t.Fatalf("make a webhook to %s: %s", receiver.URL, made.Status)
	}
	labtest.Eventually(t, patience, func() error {
		if len(receiver.all()) == 0 {
			return errors.New("no webhook was sent")
		}
		return nil
	})
	res, err := http.Get(places.API + "/embed/calls/some/player") //nolint:noctx // ends with the demo
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, integratorsPage) {
		t.Errorf("the player's policy is %q; want it to name %s", policy, integratorsPage)
	}
}

// callFromOutside calls the IVR as one more customer.
func callFromOutside(t *testing.T, places demo.Places) {
	t.Helper()
	name, value, _ := strings.Cut(places.TrunkHeader, ": ")
	phone := siptest.Open(t, sip.PhoneOptions{Username: "visitor", Server: places.SIP, Headers: map[string]string{name: value}})
	call := siptest.Dial(t, phone, "7480", sip.CallOptions{})
	siptest.Talks(t, call)
	siptest.Leave(t, call)
}

// TestDemo_LeavesNothing looks for processes and files of a demo that was
// ended in every way there is.
func TestDemo_LeavesNothing(t *testing.T) {
	t.Parallel()
	send := func(s syscall.Signal) func(*testing.T, *demoChild) {
		return func(t *testing.T, c *demoChild) {
			if err := c.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	starting := func(t *testing.T, c *demoChild) {
		labtest.Eventually(t, patience, func() error {
			if len(c.files(t)) == 0 {
				return errors.New("it has made no file")
			}
			return nil
		})
	}
	ready := func(t *testing.T, c *demoChild) {
		if _, err := c.stdout.ReadBytes('\n'); err != nil {
			t.Fatalf("no line was printed: %v\n%s", err, c.stderr.String())
		}
	}
	byItself := func(t *testing.T, c *demoChild) {
		rest, err := io.ReadAll(c.stdout)
		if n := bytes.Count(rest, []byte("\n")); err != nil || n != 1 {
			t.Errorf("it printed %d lines on standard output (%v), want 1", n, err)
		}
	}
	nothing := func(*testing.T, *demoChild) {}
	for _, tt := range []struct {
		name string
		args []string
		wait func(*testing.T, *demoChild)
		end  func(*testing.T, *demoChild)
		code int
	}{
		{"its time is over", []string{"--for", "2s"}, byItself, nothing, exitOK},
		{"Ctrl-C when ready", nil, ready, send(syscall.SIGINT), exitOK},
		{"SIGTERM while it starts", nil, starting, send(syscall.SIGTERM), exitOK},
		{"the terminal is closed", nil, ready, send(syscall.SIGHUP), exitOK},
		{"the PBX crashes", nil, ready, crashPBX, exitFailure},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := startDemo(t, tt.args...)
			tt.wait(t, c)
			tt.end(t, c)
			_ = c.cmd.Wait() // its exit code says it
			if code := c.cmd.ProcessState.ExitCode(); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if files := c.files(t); len(files) > 0 {
				t.Errorf("files are left: %q", files)
			}
			if left := c.processes(t); len(left) > 0 {
				t.Errorf("processes are left: %v", left)
			}
			if t.Failed() {
				t.Log(c.stderr.String())
			}
		})
	}
}

// A demo that is killed cannot clean up, but its processes end with it.
func TestDemo_KilledLeavesNoProcess(t *testing.T) {
	t.Parallel()
	c := startDemo(t)
	if _, err := c.stdout.ReadBytes('\n'); err != nil {
		t.Fatalf("no line was printed: %v\n%s", err, c.stderr.String())
	}
	if left := c.processes(t); len(left) < 3 {
		t.Errorf("processes of a running demo: %v; want callbackd, Asterisk and PostgreSQL", left)
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait() // it was killed
	labtest.Eventually(t, patience, func() error {
		if left := c.processes(t); len(left) > 0 {
			return fmt.Errorf("processes are left: %v", left)
		}
		return nil
	})
}

// demoChild is a demo in a process of its own, with a folder for all its files.
type demoChild struct {
	cmd    *exec.Cmd
	folder string
	stdout *bufio.Reader
	stderr bytes.Buffer
}

func startDemo(t *testing.T, args ...string) *demoChild {
	t.Helper()
	// A program that is started from one that ignores a signal, as under nohup,
	// ignores it too; from one that handles it, it does not.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
	// Not t.TempDir: PostgreSQL, which root gives to another user, must be able
	// to enter, and the path must be short enough for a socket.
	folder, err := os.MkdirTemp("", "demo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(folder, 0o711); err != nil {
		t.Fatal(err)
	}
	c := &demoChild{folder: folder, cmd: exec.CommandContext(t.Context(), os.Args[0], append(slices.Clone(hasty), args...)...)}
	c.cmd.Env = append(os.Environ(), mainEnv+"=1", "TMPDIR="+folder)
	c.cmd.Stderr = &c.stderr
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdout = bufio.NewReader(stdout)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// files are the demo's.
func (c *demoChild) files(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// processes are those that have to do with the demo's folder, by number, with
// their command lines. Each shows it elsewhere: PostgreSQL, which writes its
// state over its arguments and environment, by where it is.
func (c *demoChild) processes(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range all {
		// Errors are those of processes that end meanwhile, or of other users.
		environment, _ := os.ReadFile(filepath.Join(process, "environ"))
		commandLine, _ := os.ReadFile(filepath.Join(process, "cmdline"))
		where, _ := os.Readlink(filepath.Join(process, "cwd"))
		if strings.Contains(string(environment)+string(commandLine)+where, c.folder) {
			found[filepath.Base(process)] = strings.ReplaceAll(string(commandLine), "\x00", " ")
		}
	}
	return found
}

// crashPBX kills the demo's Asterisk.
func crashPBX(t *testing.T, c *demoChild) {
	t.Helper()
	for number, line := range c.processes(t) {
		if !strings.Contains(line, "asterisk.conf") {
			continue
		}
		var pid int
		if _, err := fmt.Sscan(number, &pid); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("no PBX is running")
}

func TestDemo_Usage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"demo", "--config", "callbackd.yaml"},
		{"demo", "--for", "-1s"},
		{"demo", "--every", "0s"},
		{"demo", "--talk", "0s"},
		{"demo", "--embed-origin", "http://127.0.0.1:8000/page"},
		{"demo", "7"},
	} {
		if code, stdout, stderr := execute(t, args...); code != exitUsage || stdout != "" {
			t.Errorf("callbackd %q: exit code %d, stdout %q, stderr %q; want %d and nothing", args, code, stdout, stderr, exitUsage)
		}
	}
}
