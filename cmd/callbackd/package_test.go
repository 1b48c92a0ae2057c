package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"callbackd/lab"
)

// sources copies what the working tree holds into a new folder, as a clone of
// a release: Git, and so Go, knows one commit there with the tag.
func sources(t *testing.T, tag string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	shell(t, top, `git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cf - -T - | tar -xf - -C "$0"`, dir)
	// The page's tools are not fetched again.
	if tools := filepath.Join(top, "workspace/node_modules"); exists(tools) {
		if err := os.Symlink(tools, filepath.Join(dir, "workspace/node_modules")); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, dir, tag)
	return dir
}

// commit makes what is in dir the one commit there, with the tag.
func commit(t *testing.T, dir, tag string) {
	t.Helper()
	shell(t, dir, `rm -rf .git && git init -q && echo workspace/node_modules >.git/info/exclude && git add . && git commit -qm release && git tag "$0"`, tag)
}

// shell runs a script of sh, which must succeed, and returns what it printed.
// Whoever commits, and when, is always the same.
func shell(t *testing.T, dir, script string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-euc", script}, args...)...)
	cmd.Dir = dir
	const date = "2026-11-23T09:00:00Z"
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date,
		"GIT_AUTHOR_NAME=Packager", "GIT_AUTHOR_EMAIL=packager@example.org", "GIT_COMMITTER_NAME=Packager", "GIT_COMMITTER_EMAIL=packager@example.org")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, &out, &problems)
	}
	return out.String()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// One commit gives the same program and the same package, byte for byte,
// wherever they are built; the program needs nothing of the machine; and the
// package is installed, upgraded, removed and purged on a real Debian.
func TestPackage(t *testing.T) {
	t.Parallel()
	const build = "make -s package ARCHS=" + runtime.GOARCH
	const newer, older = "callbackd_0.2.0-1_" + runtime.GOARCH + ".deb", "callbackd_0.1.0-1_" + runtime.GOARCH + ".deb"
	here, there := sources(t, "v0.2.0"), sources(t, "v0.2.0")
	shell(t, here, build)
	shell(t, there, build)
	for _, name := range []string{"bin/callbackd", "dist/" + newer} {
		if a, b := readFile(t, filepath.Join(here, name)), readFile(t, filepath.Join(there, name)); a != b {
			t.Errorf("%s of two builds is not the same: %d and %d bytes", name, len(a), len(b))
		}
	}
	checkStatic(t, filepath.Join(here, "bin/callbackd"))

	// An older version, with another sample configuration.
	sample := filepath.Join(there, "configs/callbackd.yaml")
	writeFile(t, sample, "# An older sample.\n"+readFile(t, sample), 0o600)
	commit(t, there, "v0.1.0")
	shell(t, there, build)

	m := newMachine(t)
	writeFile(t, m.debian.Path("older.deb"), readFile(t, filepath.Join(there, "dist", older)), 0o600)
	writeFile(t, m.debian.Path("newer.deb"), readFile(t, filepath.Join(here, "dist", newer)), 0o600)
	m.installs()
	m.isUsable()
	m.upgrades()
	m.removes()
}

// checkStatic fails unless a program needs neither a dynamic loader nor a
// library.
func checkStatic(t *testing.T, path string) {
	t.Helper()
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s has a segment %v: it is not static", path, p.Type)
		}
	}
}

// machine is a Debian on which callbackd is installed.
type machine struct {
	t      *testing.T
	debian *lab.Debian
}

// newMachine returns a Debian without callbackd. No systemd runs there, but
// scripts of packages think so, and what they ask of it is noted.
func newMachine(t *testing.T) *machine {
	t.Helper()
	debian, err := lab.NewDebian(t.Context(), t.TempDir(), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t, debian}
	m.run(`mkdir -p /run/systemd/system && mv /usr/bin/systemctl /usr/bin/systemctl.real
		printf '#!/bin/sh\necho "$@" >>/asked\n' >/usr/bin/systemctl && chmod +x /usr/bin/systemctl`)
	return m
}

// run runs a script on the machine, which must succeed, and returns all that
// it printed.
func (m *machine) run(script string) string {
	m.t.Helper()
	out, err := m.debian.Command(m.t.Context(), script).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// gives runs a script that must print exactly the lines.
func (m *machine) gives(want, script string) {
	m.t.Helper()
	if got := strings.TrimSpace(m.run(script)); got != want {
		m.t.Errorf("%s prints %q, want %q", script, got, want)
	}
}

// installs installs the older version: it neither runs nor is enabled until
// somebody has configured it, and nobody but root reads the secrets.
func (m *machine) installs() {
	m.t.Helper()
	m.run("dpkg --install /older.deb")
	m.gives("--system daemon-reload", "cat /asked; rm /asked")
	m.gives("600 root /etc/callbackd/database-url\n600 root /etc/callbackd/pbx1-password\n644 root /etc/callbackd/callbackd.yaml",
		"cd / && stat --format='%a %U %n' /etc/callbackd/database-url /etc/callbackd/pbx1-password /etc/callbackd/callbackd.yaml")
	out := m.run("callbackd check 2>&1 || true")
	for _, secret := range []string{"database-url", "pbx1-password"} {
		if want := fmt.Sprintf(`the file "/etc/callbackd/%s" is empty: it must hold the secret`, secret); !strings.Contains(out, want) {
			m.t.Errorf("check without secrets says %s, want %s", out, want)
		}
	}
	m.run("echo '# Edited.' >>/etc/callbackd/callbackd.yaml")
	// The rest by the words of the document.
	commands := block(m.t, readFile(m.t, "../../docs/operations.md"), "sh", "systemctl enable")
	for _, part := range [][2]string{
		{"dpkg --install callbackd_0.2.0-1_amd64.deb", "true"},
		{"postgres://callbackd:PASSWORD@db.example.org/callbackd", databases.New(m.t)},
		{"callbackd migrate", "callbackd migrate --to 0 && callbackd migrate"}, // an operator's database is empty
		{"account create --name admin --role admin", "account create --name admin --role admin <<'.'\nthe operator's password\n.\n"},
	} {
		if !strings.Contains(commands, part[0]) {
			m.t.Fatalf("docs/operations.md does not say %q", part[0])
		}
		commands = strings.Replace(commands, part[0], part[1], 1)
	}
	m.run("set -eu\n" + commands)
	m.gives("enable --now callbackd", "cat /asked; rm /asked")
}

// isUsable looks at what is installed with the programs that use it.
func (m *machine) isUsable() {
	m.t.Helper()
	if out := m.run("callbackd check"); !strings.Contains(out, "/etc/callbackd/callbackd.yaml is right.") {
		m.t.Errorf("check says %s", out)
	}
	if out := m.run("callbackd version"); !strings.HasPrefix(out, "callbackd v0.1.0 ") {
		m.t.Errorf("version prints %s", out)
	}
	m.gives("", "SYSTEMD_LOG_LEVEL=notice systemd-analyze verify --man=no callbackd.service")
	m.gives("/usr/share/man/man1/callbackd-account-create.1.gz\n/usr/share/man/man5/callbackd.yaml.5.gz",
		"man -w callbackd-account-create callbackd.yaml")
	// What groff warns of, a reader does not see as it was meant.
	m.gives("", "for page in $(dpkg --listfiles callbackd | grep /man/man././); do MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z $page >/dev/null; done")
	m.run("mandb --create --quiet")
	m.gives("callbackd.yaml (5)   - configuration of callbackd", "whatis callbackd.yaml")
	m.gives("version", `bash -c '. /usr/share/bash-completion/bash_completion
		. /usr/share/bash-completion/completions/callbackd
		compopt() { :; } # which works only while a key is pressed
		COMP_WORDS=(callbackd vers) COMP_CWORD=1 COMP_LINE="callbackd vers" COMP_POINT=14 COMP_TYPE=63
		__start_callbackd; echo "${COMPREPLY[@]}"'`)
	m.gives("#compdef callbackd", "head -n 1 /usr/share/zsh/vendor-completions/_callbackd")
	m.run("dpkg --verify callbackd && zcat /usr/share/doc/callbackd/changelog.gz /usr/share/doc/callbackd/changelog.Debian.gz")
}

// upgrades installs the newer version, which leaves what was edited alone and
// has the service restarted if it runs.
func (m *machine) upgrades() {
	m.t.Helper()
	m.run("rm -f /asked; dpkg --force-confdef --force-confold --install /newer.deb")
	m.gives("0.2.0-1", "dpkg-query --show --showformat='${Version}' callbackd")
	m.gives("--system daemon-reload\ntry-restart callbackd.service", "cat /asked; rm /asked")
	m.gives("# An older sample.\n# Edited.", "sed -n '1p;$p' /etc/callbackd/callbackd.yaml")
	m.gives("# The configuration of callbackd. This one belongs to the sample configuration", "head -n 1 /etc/callbackd/callbackd.yaml.dpkg-dist")
	m.gives("600 ARI-PASSWORD", "stat --format=%a /etc/callbackd/pbx1-password | tr '\n' ' '; cat /etc/callbackd/pbx1-password")
}

// removes removes the package, which leaves what the site wrote, and purges
// it, which leaves nothing.
func (m *machine) removes() {
	m.t.Helper()
	m.run("mkdir -p /var/lib/private/callbackd/recordings && ln -s private/callbackd /var/lib/callbackd && dpkg --remove callbackd")
	m.gives("stop callbackd.service\n--system daemon-reload", "cat /asked; rm /asked")
	m.run("! test -e /usr/bin/callbackd")
	m.run("test -s /etc/callbackd/database-url && test -s /etc/callbackd/callbackd.yaml && test -d /var/lib/callbackd/recordings")
	m.run("dpkg --purge callbackd")
	m.gives("", "find / -xdev -name '*callbackd*'")
}
