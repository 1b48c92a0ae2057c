package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// oldestAsterisk is the oldest major version that is used from the PATH.
const oldestAsterisk = 20

// treeName names the extracted tree in the cache folder. The number changes
// when what is extracted does, so that nobody uses an older program's tree.
const treeName = "asterisk-sid-" + runtime.GOARCH + "-1"

// AsteriskProgram is an Asterisk that can be run.
type AsteriskProgram struct {
	// Version is as Asterisk tells it, such as "22.10.1".
	Version string
	// Tree is the folder it was extracted to, empty for an installed one.
	Tree string

	command []string // program and first arguments
	modules string   // astmoddir; empty: as built
	data    string   // astdatadir; empty: as built
}

// FindAsterisk returns the Asterisk on the PATH if it is version 20 or newer,
// or else one in the user's cache folder. When it is not there yet, it is
// extracted from Debian's packages, which needs mmdebstrap, the network and
// about ten seconds; log tells so. Programs that ask at the same time wait for
// the one that came first.
func FindAsterisk(ctx context.Context, log *slog.Logger) (*AsteriskProgram, error) {
	if path, err := exec.LookPath("asterisk"); err == nil {
		p := &AsteriskProgram{command: []string{path}}
		if p.Version, err = p.version(ctx); err == nil && major(p.Version) >= oldestAsterisk {
			return p, nil
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find a folder to keep Asterisk in: %w", err)
	}
	tree := filepath.Join(cache, "callbackd", treeName)
	p, err := treeProgram(tree)
	if err != nil {
		return nil, err
	}
	unpack := func(dir string) error {
		log.Info("extracting Asterisk from Debian's packages, once", slog.String("folder", tree))
		return unpackAsterisk(ctx, dir)
	}
	if err := makeOnce(tree, unpack); err != nil {
		return nil, fmt.Errorf("extract Asterisk: %w", err)
	}
	if p.Version, err = p.version(ctx); err != nil {
		return nil, fmt.Errorf("run Asterisk of %s (remove the folder to have it extracted again): %w", tree, err)
	}
	return p, nil
}

// treeProgram tells how to run the Asterisk in a tree in its place: by the
// tree's own dynamic loader and libraries, since the system's may be older.
func treeProgram(tree string) (*AsteriskProgram, error) {
	var loader, triplet string
	switch runtime.GOARCH {
	case "amd64":
		loader, triplet = "usr/lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu"
	case "arm64":
		loader, triplet = "usr/lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu"
	default:
		return nil, fmt.Errorf("no Asterisk on the PATH, and none to extract for a machine of kind %s", runtime.GOARCH)
	}
	lib := filepath.Join(tree, "usr/lib", triplet)
	return &AsteriskProgram{
		Tree: tree,
		command: []string{
			filepath.Join(tree, loader),
			"--library-path", lib + ":" + filepath.Join(lib, "systemd"),
			filepath.Join(tree, "usr/sbin/asterisk"),
		},
		modules: filepath.Join(lib, "asterisk/modules"),
		data:    filepath.Join(tree, "usr/share/asterisk"),
	}, nil
}

// cmd returns the command that runs Asterisk with the arguments.
func (p *AsteriskProgram) cmd(ctx context.Context, args ...string) *exec.Cmd {
	all := append(append([]string{}, p.command[1:]...), args...)
	return exec.CommandContext(ctx, p.command[0], all...)
}

var versionPattern = regexp.MustCompile(`^Asterisk (?:certified/)?(\d+(?:\.\d+)*)`)

func (p *AsteriskProgram) version(ctx context.Context) (string, error) {
	out, err := p.cmd(ctx, "-V").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask for its version: %w: %s", err, bytes.TrimSpace(out))
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("ask for its version: answered %q", bytes.TrimSpace(out))
	}
	return string(m[1]), nil
}

func major(version string) int {
	first, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(first)
	return n
}

// makeOnce fills the folder by the function, if it is not there yet. The
// folder appears when it is complete, and only one program fills it while
// others wait.
func makeOnce(folder string, fill func(dir string) error) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	parent := filepath.Dir(folder)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	lock, err := lockFile(folder + ".lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(folder); err == nil {
		return nil // made while we waited
	}
	// What lies here unfinished, its maker is dead: we hold the lock.
	partial := folder + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.Mkdir(partial, 0o755); err != nil {
		return err
	}
	if err := fill(partial); err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	return os.Rename(partial, folder)
}

// unpackAsterisk puts an Asterisk into the empty folder.
func unpackAsterisk(ctx context.Context, dir string) error {
	program, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return errors.New("mmdebstrap is not installed: apt-get install mmdebstrap")
	}
	mirror, err := debianMirror("/")
	if err != nil {
		return err
	}
	if err := debootstrap(ctx, program, dir, mirror); err != nil {
		return err
	}
	return completeSounds(filepath.Join(dir, "usr/share/asterisk/sounds"))
}

// debootstrap fetches the packages and unpacks them into dir, running none of
// their scripts.
func debootstrap(ctx context.Context, program, dir, mirror string) error {
	run := func(aptOptions ...string) ([]byte, error) {
		args := []string{
			// No script of a package is run, so nothing can reach the system,
			// which newer versions fear when root does this.
			"--variant=extract", "--mode=chrootless", "--skip=check/chrootless",
			"--include=asterisk,asterisk-core-sounds-en-gsm",
			"--aptopt=APT::Install-Recommends \"false\"",
		}
		for _, o := range aptOptions {
			args = append(args, "--aptopt="+o)
		}
		cmd := exec.CommandContext(ctx, program, append(args, "sid", dir, mirror)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		// mmdebstrap leaves the work to apt and dpkg; all must end with ctx.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		dieWithParent(cmd.SysProcAttr, syscall.SIGTERM)
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
		return cmd.CombinedOutput()
	}
	out, err := run()
	if err != nil && bytes.Contains(out, []byte("is expired")) {
		// A mirror frozen at some day serves lists past their date. Only such
		// a mirror may do so: elsewhere the date protects from old lists with
		// known holes.
		if err = emptyFolder(dir); err != nil {
			return err
		}
		out, err = run(`Acquire::Check-Valid-Until "false"`)
	}
	if err != nil {
		return fmt.Errorf("mmdebstrap: %w:\n%s", err, lastLines(string(out), 15))
	}
	return nil
}

// completeSounds makes the link from a language's name to its sounds, which
// the package's installation script would make.
func completeSounds(sounds string) error {
	if _, err := os.Stat(filepath.Join(sounds, "en")); err == nil {
		return nil
	}
	voices, err := filepath.Glob(filepath.Join(sounds, "en_*"))
	if err != nil || len(voices) == 0 {
		return fmt.Errorf("no English sounds in %s", sounds)
	}
	return os.Symlink(filepath.Base(voices[0]), filepath.Join(sounds, "en"))
}

func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
