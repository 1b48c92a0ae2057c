package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// tree is a folder with programs of another release of Debian, extracted and
// not installed. They run in their place by the tree's own dynamic loader and
// libraries, since the system's may be older.
type tree string

// loader returns the path of the tree's dynamic loader and of its libraries.
func (t tree) loader() (loader, libraries string, err error) {
	var triplet string
	switch runtime.GOARCH {
	case "amd64":
		loader, triplet = "usr/lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu"
	case "arm64":
		loader, triplet = "usr/lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu"
	default:
		return "", "", errors.New("no program can be extracted for a machine of kind " + runtime.GOARCH)
	}
	return filepath.Join(string(t), loader), filepath.Join(string(t), "usr/lib", triplet), nil
}

// command returns the command that runs a program of the tree.
func (t tree) command(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	loader, libraries, err := t.loader()
	if err != nil {
		return nil, err
	}
	all := append([]string{"--library-path", libraries, filepath.Join(string(t), program)}, args...)
	return exec.CommandContext(ctx, loader, all...), nil
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

// unpackPackages puts packages of a suite, named with commas between, and what
// they need into the empty folder.
func unpackPackages(ctx context.Context, dir, suite, packages string) error {
	program, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return errors.New("mmdebstrap is not installed: apt-get install mmdebstrap")
	}
	mirror, err := debianMirror("/")
	if err != nil {
		return err
	}
	return debootstrap(ctx, program, dir, suite, mirror, packages)
}

// debootstrap fetches the packages and unpacks them into dir, running none of
// their scripts.
func debootstrap(ctx context.Context, program, dir, suite, mirror, packages string) error {
	run := func(aptOptions ...string) ([]byte, error) {
		args := []string{
			// No script of a package is run, so nothing can reach the system,
			// which newer versions fear when root does this.
			"--variant=extract", "--mode=chrootless", "--skip=check/chrootless",
			"--include=" + packages,
			"--aptopt=APT::Install-Recommends \"false\"",
		}
		for _, o := range aptOptions {
			args = append(args, "--aptopt="+o)
		}
		cmd := exec.CommandContext(ctx, program, append(args, suite, dir, mirror)...)
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
