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
	return findTree(ctx, log, filepath.Join(cache, "callbackd"))
}

// findTree returns the Asterisk in the cache folder, having extracted it if it
// is not there.
func findTree(ctx context.Context, log *slog.Logger, cache string) (*AsteriskProgram, error) {
	tree := filepath.Join(cache, treeName)
	p, err := treeProgram(tree)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(tree); errors.Is(err, os.ErrNotExist) {
		if err := extract(ctx, log, cache); err != nil {
			return nil, fmt.Errorf("extract Asterisk: %w", err)
		}
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

// extract makes the tree in the cache folder, if nobody else did meanwhile.
func extract(ctx context.Context, log *slog.Logger, cache string) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	lock, err := lockFile(filepath.Join(cache, treeName+".lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	tree := filepath.Join(cache, treeName)
	if _, err := os.Stat(tree); err == nil {
		return nil
	}
	// Whatever lies here, its maker is dead: we hold the lock.
	const partial = ".asterisk-partial-"
	left, _ := filepath.Glob(filepath.Join(cache, partial+"*"))
	for _, path := range left {
		_ = os.RemoveAll(path)
	}
	tmp, err := os.MkdirTemp(cache, partial+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)

	mirror, err := debianMirror("/")
	if err != nil {
		return err
	}
	log.Info("extracting Asterisk from Debian's packages, once", slog.String("folder", tree))
	if err := debootstrap(ctx, tmp, mirror); err != nil {
		return err
	}
	if err := completeSounds(filepath.Join(tmp, "usr/share/asterisk/sounds")); err != nil {
		return err
	}
	// MkdirTemp's folder is for the owner alone, who may differ from the user
	// that runs Asterisk later.
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, tree)
}

// debootstrap fetches the packages and unpacks them into dir, running none of
// their scripts.
func debootstrap(ctx context.Context, dir, mirror string) error {
	program, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return errors.New("mmdebstrap is not installed: apt-get install mmdebstrap")
	}
	run := func(aptOptions ...string) ([]byte, error) {
		args := []string{
			"--variant=extract", "--mode=chrootless",
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
