package lab_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"callbackd/lab"
	"callbackd/lab/labtest"
)

// running tells whether the process exists and is no zombie waiting for a
// parent that does not come.
func running(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	var id int
	var name, state string
	if _, err := fmt.Sscan(string(text), &id, &name, &state); err != nil {
		return true
	}
	return state != "Z"
}

// A program that is killed has no chance to clean up: its processes must end
// all the same, and the next program removes the files.
func TestInstances_DoNotOutliveTheProgram(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "LAB_TEST_CHILD=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var started []instance
	if err := json.NewDecoder(out).Decode(&started); err != nil {
		t.Fatal(err)
	}
	for _, i := range started {
		if !running(i.PID) {
			t.Fatalf("process %d is not running", i.PID)
		}
	}

	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed

	labtest.Eventually(t, 10*time.Second, func() error {
		for _, i := range started {
			if running(i.PID) {
				return fmt.Errorf("process %d outlived its parent", i.PID)
			}
		}
		return nil
	})
	// Anything that lab starts removes what was left.
	labtest.Postgres(t, lab.PostgresOptions{})
	for _, i := range started {
		if _, err := os.Stat(i.Folder); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder %s was left (%v)", i.Folder, err)
		}
	}
}

// It makes no difference when the program is killed: what makes the database
// does not go on for nobody.
func TestPostgres_InitdbDoesNotOutliveTheProgram(t *testing.T) {
	t.Parallel()
	// Of all users, as initdb runs as another one.
	parent, err := os.MkdirTemp("", "hasty-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })      //nolint:errcheck // of no matter
	if err := os.Chmod(parent, 0o711); err != nil { //nolint:gosec // as said
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "LAB_TEST_CHILD=postgres", "TMPDIR="+parent)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begun := func() error {
		// What initdb makes among the first.
		if made, _ := filepath.Glob(filepath.Join(parent, "*", "data", "base")); len(made) == 0 {
			return errors.New("initdb does not run")
		}
		return nil
	}
	labtest.Eventually(t, 30*time.Second, begun)
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	// Told to end, initdb removes what it has made.
	labtest.Eventually(t, 10*time.Second, func() error {
		if begun() == nil {
			return errors.New("initdb goes on, or came to its end")
		}
		return nil
	})
}

// Who is in a hurry does not wait until Asterisk, which hears nothing while it
// boots, has been asked in vain.
func TestAsterisk_EndsWhileItBoots(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{150 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		defer cancel()
		a, err := lab.StartAsterisk(ctx, lab.AsteriskOptions{})
		if err == nil {
			if err := a.Stop(); err != nil {
				t.Error(err)
			}
			continue // a fast machine
		}
		deadline, _ := ctx.Deadline()
		if late := time.Since(deadline); late > 4*time.Second {
			t.Errorf("told to end after %s, it took %s longer", after, late)
		}
	}
}
