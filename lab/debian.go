package lab

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// debianTreeName is like treeName.
const debianTreeName = "debian-trixie-" + runtime.GOARCH + "-1"

// debianPackages is what a package is installed by and what then uses it.
const debianPackages = "base-files,bash,bash-completion,coreutils,dash,diffutils,dpkg,findutils,grep,gzip," +
	"init-system-helpers,libc-bin,man-db,mawk,perl-base,procps,sed,systemd,tar"

// Debian is a folder with a small stable Debian in which packages can be
// installed. Nothing runs there but what is asked for, and systemd does not.
type Debian struct{ dir string }

// NewDebian makes a Debian in dir, an empty folder. The files come from the
// user's cache folder, where they are extracted once, like Asterisk's.
func NewDebian(ctx context.Context, dir string, log *slog.Logger) (*Debian, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find a folder to keep Debian in: %w", err)
	}
	original := filepath.Join(cache, "callbackd", debianTreeName)
	unpack := func(dir string) error {
		log.Info("extracting a small Debian from its packages, once", slog.String("folder", original))
		if err := unpackPackages(ctx, dir, "trixie", debianPackages); err != nil {
			return err
		}
		return finishDebian(dir)
	}
	if err := makeOnce(original, unpack); err != nil {
		return nil, fmt.Errorf("extract Debian: %w", err)
	}
	// Not -a: devices are the system's, and their owner is whoever runs this.
	cp := exec.CommandContext(ctx, "cp", "-R", "--preserve=mode,timestamps,links", original+"/.", dir)
	if out, err := cp.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy Debian: %w: %s", err, lastLines(string(out), 5))
	}
	return &Debian{dir}, nil
}

// finishDebian does the little of what packages' scripts would have done that
// installing another package takes.
func finishDebian(dir string) error {
	// What is in there is the system's, mounted over it when something runs.
	if err := emptyFolder(filepath.Join(dir, "dev")); err != nil {
		return err
	}
	if err := os.Symlink("mawk", filepath.Join(dir, "usr/bin/awk")); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nman:x:0:0:man:/var/cache/man:/bin/sh\n",
		"etc/group":  "root:x:0:\nman:x:0:\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // as on any Debian
			return err
		}
	}
	return nil
}

// Path returns where a file of that Debian is on this machine.
func (d *Debian) Path(name string) string { return filepath.Join(d.dir, name) }

// Command returns the command that runs a script of sh in the Debian, as its
// root, who is nobody outside: whoever runs this need not be root. What the
// script leaves behind ends with it.
func (d *Debian) Command(ctx context.Context, script string) *exec.Cmd {
	const enter = `mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && exec chroot "$1" /bin/sh -c "$2"`
	cmd := exec.CommandContext(ctx, "unshare", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child",
		"/bin/sh", "-c", enter, "sh", d.dir, script)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root", "DEBIAN_FRONTEND=noninteractive"}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	dieWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	return cmd
}
