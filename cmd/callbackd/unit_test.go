package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unitFile is the unit that operators install.
const unitFile = "../../configs/systemd/callbackd.service"

// maxExposure is the most that systemd's own judgement of the unit may come
// to; 10 is a service without any protection.
const maxExposure = 1.5

// systemd takes the unit as it is, and finds little that it could still do.
func TestUnit_BySystemd(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	// The program is installed nowhere here.
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "callbackd.service")
	installed := strings.Replace(string(text), "ExecStart=/usr/bin/callbackd ", "ExecStart="+program+" ", 1)
	if installed == string(text) {
		t.Fatal("the unit starts another program")
	}
	if err := os.WriteFile(unit, []byte(installed), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := analyze(t, "verify", "--man=no", unit); err != nil || strings.Contains(out, unit) || strings.Contains(out, "callbackd.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	out, err := analyze(t, "security", "--offline=true", "--no-pager", unit)
	found := regexp.MustCompile(`Overall exposure level for callbackd.service: ([0-9.]+)`).FindStringSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, out)
	}
	if exposure, err := strconv.ParseFloat(found[1], 64); err != nil || exposure > maxExposure {
		t.Errorf("exposure %s, want at most %v:\n%s", found[1], maxExposure, out)
	}
}

func analyze(t *testing.T, args ...string) (string, error) {
	t.Helper()
	// C.UTF-8: what it says is read.
	cmd := exec.CommandContext(t.Context(), "systemd-analyze", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0", "SYSTEMD_LOG_LEVEL=notice")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// What the unit is for does not get lost in an edit.
func TestUnit_Keeps(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, want := range []string{
		"Type=notify", "WatchdogSec=30", "Restart=always", "DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes",
		"CapabilityBoundingSet=", "SystemCallFilter=@system-service", "MemoryDenyWriteExecute=yes", "PrivateTmp=yes",
		"RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "LoadCredential=database-url:/etc/callbackd/database-url",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("the unit has no line %q", want)
		}
	}
	if strings.Contains(string(text), "Environment") {
		t.Error("the unit sets the environment, which everybody on the machine can ask systemd for")
	}
}
