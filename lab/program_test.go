package lab

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestMakeOnce_OneFillsAndTheOthersWait(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "cache", "tree")
	var fills atomic.Int32
	fill := func(dir string) error {
		fills.Add(1)
		return os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := makeOnce(folder, fill); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(folder, "file")); err != nil {
				t.Errorf("it is not complete: %v", err)
			}
		})
	}
	all.Wait()
	if got := fills.Load(); got != 1 {
		t.Errorf("filled %d times, want once", got)
	}
}

func TestMakeOnce_FailureLeavesNothingAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "tree")
	broken := errors.New("no network")
	err := makeOnce(folder, func(dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "half"), nil, 0o600), broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
	// What a killed program leaves.
	if err := os.MkdirAll(filepath.Join(folder+".partial", "half"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := makeOnce(folder, func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 0 {
		t.Errorf("got %v (%v), want what the second made: nothing", entries, err)
	}
}

// fakeBootstrap writes a program that records its arguments, one a line.
func fakeBootstrap(t *testing.T, body string) (program, arguments string) {
	t.Helper()
	dir := t.TempDir()
	program, arguments = filepath.Join(dir, "mmdebstrap"), filepath.Join(dir, "arguments")
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >>" + arguments + "\n" + body
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return program, arguments
}

func TestDebootstrap_AcceptsOldListsOnlyFromAFrozenMirror(t *testing.T) {
	t.Parallel()
	const option = `--aptopt=Acquire::Check-Valid-Until "false"`

	t.Run("frozen", func(t *testing.T) {
		t.Parallel()
		program, arguments := fakeBootstrap(t, `
case "$*" in *Check-Valid-Until*) exit 0 ;; esac
echo "E: Release file for x is expired (invalid since 16d)." >&2
exit 1
`)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "left by the first"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := debootstrap(t.Context(), program, dir, "sid", "http://mirror.example/debian", "asterisk"); err != nil {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("the second try began with %v (%v), want an empty folder", entries, err)
		}
		got, err := os.ReadFile(arguments)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(got), option) != 1 || strings.Count(string(got), "http://mirror.example/debian\n") != 2 {
			t.Errorf("got arguments\n%s", got)
		}
	})

	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		program, arguments := fakeBootstrap(t, "echo 'E: no such package' >&2; exit 1\n")
		err := debootstrap(t.Context(), program, t.TempDir(), "sid", "http://mirror.example/debian", "asterisk")
		if err == nil || !strings.Contains(err.Error(), "no such package") {
			t.Errorf("got error %v, want what the program said", err)
		}
		got, err := os.ReadFile(arguments)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(got), option) {
			t.Errorf("old lists were accepted:\n%s", got)
		}
	})
}

// Not parallel: it changes the PATH.
func TestUnpackAsterisk_NamesTheMissingProgram(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := unpackAsterisk(t.Context(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "apt-get install mmdebstrap") {
		t.Errorf("got error %v, want the command that installs mmdebstrap", err)
	}
}

func TestCompleteSounds(t *testing.T) {
	t.Parallel()
	sounds := t.TempDir()
	if err := completeSounds(sounds); err == nil {
		t.Error("sounds that are not there are no error")
	}
	if err := os.Mkdir(filepath.Join(sounds, "en_US_f_Voice"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := completeSounds(sounds); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(filepath.Join(sounds, "en")); err != nil || info.Mode().Type() != fs.ModeDir {
		t.Errorf("got %v (%v), want a folder", info, err)
	}
}

func TestMajor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"22.10.1": 22, "20": 20, "": 0, "GIT": 0} {
		if got := major(text); got != want {
			t.Errorf("Asterisk %q: got %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int{
		"postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 18beta1\n":                        18,
		"something else":                                         0,
	} {
		if got := postgresMajor(text); got != want {
			t.Errorf("PostgreSQL %q: got %d, want %d", text, got, want)
		}
	}
}
