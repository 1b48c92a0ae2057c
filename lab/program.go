package lab

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// oldestAsterisk is the oldest major version that is used from the PATH.
const oldestAsterisk = 20

// treeName names the extracted tree in the cache folder. The number changes
// when what is extracted does, so that nobody uses an older program's tree.
const treeName = "asterisk-sid-" + runtime.GOARCH + "-1"

// asteriskProgram is an Asterisk that can be run.
type asteriskProgram struct {
	// Version is as Asterisk tells it, such as "22.10.1".
	Version string
	// Tree is the folder it was extracted to, empty for an installed one.
	Tree string

	command []string // program and first arguments
	modules string   // astmoddir; empty: as built
	data    string   // astdatadir; empty: as built
}

// findAsterisk returns the Asterisk on the PATH if it is version 20 or newer,
// or else one in the user's cache folder. When it is not there yet, it is
// extracted from Debian's packages, which needs mmdebstrap, the network and
// about ten seconds; log tells so. Programs that ask at the same time wait for
// the one that came first.
func findAsterisk(ctx context.Context, log *slog.Logger) (*asteriskProgram, error) {
	if path, err := exec.LookPath("asterisk"); err == nil {
		p := &asteriskProgram{command: []string{path}}
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

// treeProgram tells how to run the Asterisk in a tree in its place.
func treeProgram(path string) (*asteriskProgram, error) {
	loader, lib, err := tree(path).loader()
	if err != nil {
		return nil, fmt.Errorf("no Asterisk on the PATH: %w", err)
	}
	return &asteriskProgram{
		Tree: path,
		command: []string{
			loader,
			"--library-path", lib + ":" + filepath.Join(lib, "systemd"),
			filepath.Join(path, "usr/sbin/asterisk"),
		},
		modules: filepath.Join(lib, "asterisk/modules"),
		data:    filepath.Join(path, "usr/share/asterisk"),
	}, nil
}

// cmd returns the command that runs Asterisk with the arguments.
func (p *asteriskProgram) cmd(ctx context.Context, args ...string) *exec.Cmd {
	all := append(append([]string{}, p.command[1:]...), args...)
	return exec.CommandContext(ctx, p.command[0], all...)
}

var versionPattern = regexp.MustCompile(`^Asterisk (?:certified/)?(\d+(?:\.\d+)*)`)

func (p *asteriskProgram) version(ctx context.Context) (string, error) {
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

// unpackAsterisk puts an Asterisk into the empty folder.
func unpackAsterisk(ctx context.Context, dir string) error {
	if err := unpackPackages(ctx, dir, "sid", "asterisk,asterisk-core-sounds-en-gsm"); err != nil {
		return err
	}
	return completeSounds(filepath.Join(dir, "usr/share/asterisk/sounds"))
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
