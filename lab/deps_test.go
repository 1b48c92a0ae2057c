package lab_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// depsOn runs deps.sh on a machine of which the PATH has nothing but the
// commands, each a shell script, and what Debian always has. apt-get installs
// nothing; what it was to install is returned, with what the script said.
func depsOn(t *testing.T, commands map[string]string) (packages []string, said string, err error) {
	t.Helper()
	folder := t.TempDir()
	asked := filepath.Join(folder, "asked")
	machine := map[string]string{
		"id": "echo 0", "apt-get": `echo "$@" >>` + asked, "mktemp": "echo /dev/null", "ls": "exit 1",
		// Nothing of the real machine is touched.
		"mkdir": "", "rm": "", "rmdir": "", "tee": "",
	}
	maps.Copy(machine, commands)
	for name, script := range machine {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil { //nolint:gosec // to be run
			t.Fatal(err)
		}
	}
	for _, name := range []string{"env", "grep", "cat"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "deps.sh")
	cmd.Env = []string{"PATH=" + folder}
	out, err := cmd.CombinedOutput()
	text, readErr := os.ReadFile(asked)
	if readErr != nil && !os.IsNotExist(readErr) {
		t.Fatal(readErr)
	}
	packages = strings.Fields(string(text))
	packages = slices.DeleteFunc(packages, func(word string) bool { return word == "install" || strings.HasPrefix(word, "-") })
	return packages, string(out), err
}

// What the tests, the demo and the build of the page run is installed on a
// machine that has none of it.
func TestDeps_OnABareMachine(t *testing.T) {
	t.Parallel()
	packages, said, err := depsOn(t, map[string]string{"node": "exit 0"})
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{
		"postgresql", "mmdebstrap", "sip-tester", "espeak-ng", "sox", "npm", "chromium", "fonts-noto-cjk",
		"curl",             // the documents' requests
		"systemd",          // its judgement of the unit
		"gcc", "libc6-dev", // the race detector
	} {
		if !slices.Contains(packages, want) {
			t.Errorf("%s is not installed, only %v", want, packages)
		}
	}
	if slices.Contains(packages, "nodejs") {
		t.Error("nodejs is installed over one that is there")
	}
}

// Debian 12's own Node is too old to build the page, which says so much later
// and less clearly.
func TestDeps_NodeThatIsTooOld(t *testing.T) {
	t.Parallel()
	_, said, err := depsOn(t, map[string]string{"node": `[ "$1" = --version ] && echo v18.20.4; exit 1`})
	if err == nil || !strings.Contains(said, "20.19") || !strings.Contains(said, "v18.20.4") {
		t.Errorf("error %v, said %q; want which Node is needed, and which is there", err, said)
	}
}
