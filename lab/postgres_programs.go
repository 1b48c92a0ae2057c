package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// postgresFolders are where distributions put the programs of a server. They
// are not on the PATH where several versions can be installed.
var postgresFolders = []string{
	"/usr/lib/postgresql/*/bin",   // Debian
	"/usr/pgsql-*/bin",            // PostgreSQL's own packages for Red Hat
	"/usr/local/pgsql/bin",        // built from source
	"/usr/libexec/postgresql*",    // Alpine
	"/opt/homebrew/opt/*sql*/bin", // Homebrew
}

// findPostgres returns the folder of the newest server programs, and their
// major version.
func findPostgres(ctx context.Context) (folder string, version int, err error) {
	var folders []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	for _, pattern := range postgresFolders {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", 0, err
		}
		folders = append(folders, found...)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	for _, f := range folders {
		// pg_config comes with the client's headers, too.
		if _, err := os.Stat(filepath.Join(f, "initdb")); err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, filepath.Join(f, "postgres"), "--version").Output()
		if err != nil {
			continue
		}
		if v := postgresMajor(string(out)); v > version {
			folder, version = f, v
		}
	}
	if folder == "" {
		return "", 0, errors.New("no PostgreSQL server is installed: apt-get install postgresql")
	}
	return folder, version, nil
}

var postgresVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// postgresMajor reads 15 out of "postgres (PostgreSQL) 15.14 (Debian …)", and
// 0 out of what it does not understand.
func postgresMajor(text string) int {
	m := postgresVersion.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	v, _ := strconv.Atoi(m[1])
	return v
}

// unprivileged returns the account to run PostgreSQL as, which refuses to be
// root: nil for the own one when that is not root, or else one that can do
// nothing.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}
