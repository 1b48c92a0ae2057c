package main

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A service manager is told when the daemon serves, that it lives, and that it
// ends. Its secrets are where none can read them but the daemon: nothing that
// it prints holds one.
func TestServe_AsAService(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { manager.Close() }) //nolint:errcheck // of this test alone
	told := make(chan string, 64)
	go func() {
		defer close(told)
		for buffer := make([]byte, 256); ; {
			n, err := manager.Read(buffer)
			if err != nil {
				return
			}
			told <- string(buffer[:n])
		}
	}()
	next := func(want string, besides ...string) {
		t.Helper()
		for {
			select {
			case got := <-told:
				if got == want {
					return
				}
				if !slices.Contains(besides, got) {
					t.Fatalf("the service manager was told %q, want %q", got, want)
				}
			case <-time.After(siegePatience):
				t.Fatalf("the service manager is not told %q", want)
			}
		}
	}

	s := newSiege(t)
	s.start(t, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=400000")
	next("READY=1")
	for range 3 {
		next("WATCHDOG=1")
	}
	send(t, s.command, syscall.SIGTERM)
	next("STOPPING=1", "WATCHDOG=1")
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
	case <-time.After(siegePatience):
		t.Fatal("the daemon does not end")
	}
}

// Nothing that the daemon prints or serves holds a secret: not what it checks,
// not its log at the most talkative, with everything out of reach that can be;
// not its metrics, not its answers, not what it leaves when it is killed.
func TestServe_KeepsSecrets(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	for _, args := range [][]string{{"check"}, {"check", "--connect"}, {"replay", "none.jsonl"}} {
		code, stdout, stderr := execute(t, append([]string{"--config", s.file}, args...)...)
		if args[len(args)-1] == "check" && code != exitOK {
			t.Errorf("check: %s", stderr)
		}
		s.keepsQuiet(t, "callbackd "+strings.Join(args, " "), stdout+stderr)
	}
	broken := s.file + ".broken"
	writeFile(t, broken, strings.Replace(readFile(t, s.file), "terminals:", "terminalz:", 1), 0o600)
	code, stdout, stderr := execute(t, "--config", broken, "check")
	if code == exitOK || !strings.Contains(stderr, "terminalz") {
		t.Errorf("a fault is not found: %s", stderr)
	}
	s.keepsQuiet(t, "what is said of faults", stdout+stderr)

	s.start(t)
	s.harmless(t)
	s.fake.Drop() // what is said of that
	s.harmless(t)
	for _, path := range []string{s.ops + "/metrics", s.ops + "/readyz", s.api + "/nodes", s.api + "/site", s.api + "/tokens"} {
		_, body, err := request(t.Context(), "GET", path, s.token, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.keepsQuiet(t, path, string(body))
	}
	// The runtime writes where all goroutines are, as after a panic.
	send(t, s.command, syscall.SIGQUIT)
	select {
	case <-s.ended:
	case <-time.After(siegePatience):
		t.Fatal("the daemon does not end")
	}
	log := s.log.String()
	if !strings.Contains(log, `"level":"DEBUG"`) || !strings.Contains(log, "goroutine 1 ") {
		t.Errorf("the log is not what it should be: %s", tail(log, 2000))
	}
	s.keepsQuiet(t, "the log", log, "0312345678", "Tanaka")
}
