package lab_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
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
