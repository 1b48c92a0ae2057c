package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stubbornEnv makes the test program a process that takes its signals as
// main does, and does not end by itself.
const stubbornEnv = "CALLBACKD_TEST_STUBBORN"

// mainEnv makes the test program callbackd itself.
const mainEnv = "CALLBACKD_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(stubbornEnv) != "" {
		beStubborn()
		os.Exit(exitOK)
	}
	if os.Getenv(mainEnv) != "" {
		collectWhenAsked()
		main()
	}
	os.Exit(databases.Run(m))
}

// collectWhenAsked frees what memory can be freed at each SIGUSR1, so that it
// can be measured what is needed.
func collectWhenAsked() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		for range asked {
			debug.FreeOSMemory()
		}
	}()
}

func beStubborn() {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println("asked to end")
	<-time.After(time.Minute) // the test's signal ends it sooner
}

// execute runs one command line and returns what it wrote.
func execute(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &out, &problems)
	return code, out.String(), problems.String()
}

func TestRun_ExitCodes(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none.yaml")
	tests := []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{nil, exitOK, "Available Commands:", ""},
		{[]string{"--help"}, exitOK, "Available Commands:", ""},
		{[]string{"check", "--help"}, exitOK, "check [FILE]", ""},
		{[]string{"version"}, exitOK, "callbackd ", ""},
		{[]string{"chekc"}, exitUsage, "", `unknown command "chekc" for "callbackd"; did you mean check?` + "\nSee 'callbackd --help'."},
		{[]string{"--nonsense"}, exitUsage, "", "unknown flag: --nonsense\nSee 'callbackd --help'."},
		{[]string{"version", "1"}, exitUsage, "", "See 'callbackd version --help'."},
		{[]string{"check", "a", "b"}, exitUsage, "", "accepts at most 1 arg(s), received 2"},
		{[]string{"check", "--config"}, exitUsage, "", "flag needs an argument: --config"},
		{[]string{"check", missing}, exitFailure, "", "callbackd: read configuration: open " + missing},
		{[]string{"check", "--config", missing}, exitFailure, "", "read configuration: open " + missing},
	}
	for _, tt := range tests {
		code, stdout, stderr := execute(t, tt.args...)
		if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("callbackd %q: exit code %d, stdout %q, stderr %q; want %d, %q, %q",
				tt.args, code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
		}
		if (tt.stdout == "") != (stdout == "") || (tt.stderr == "") != (stderr == "") {
			t.Errorf("callbackd %q wrote to the wrong stream: stdout %q, stderr %q", tt.args, stdout, stderr)
		}
	}
}

// The first signal asks, the second one ends.
func TestMain_SecondSignalQuits(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), stubbornEnv+"=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for _, want := range []string{"ready", "asked to end"} {
			if !lines.Scan() || lines.Text() != want {
				t.Errorf("%v: the process wrote %q, want %q", sig, lines.Text(), want)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Error(err)
			}
		}
		waitErr := cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != exitKilled {
			t.Errorf("%v twice: exit code %d (%v), want %d", sig, code, waitErr, exitKilled)
		}
	}
}
