package lab

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// superuser is the account that owns everything in the server.
const superuser = "callbackd"

// PostgresOptions is what may differ between servers.
type PostgresOptions struct {
	// Durable makes the server write to the disk before it says so. Without
	// it, all is lost when the machine stops, but not when the server is
	// killed, and every commit is quicker.
	Durable bool
	// Settings are further lines of postgresql.conf.
	Settings map[string]string
	// Log is told which programs are used. Nil: nobody is.
	Log *slog.Logger
}

// Postgres is a running server. Its methods may be called by several
// goroutines at once, but for Restart, Kill, Pause, Resume and Stop.
type Postgres struct {
	options    PostgresOptions
	programs   string // folder
	version    int    // major
	credential *syscall.Credential
	folder     *folder
	port       int
	password   string
	process    *process
	paused     []int // process ids
	databases  atomic.Int64
	template   string // database that new ones are copies of
}

// StartPostgres makes a server with no database but its own, and starts it.
// The context bounds the start only; [Postgres.Stop] ends the server.
func StartPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	p, err := preparePostgres(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	for range portTries {
		if p.port, err = freeTCP(); err != nil {
			break
		}
		if err = p.run(ctx); !errors.Is(err, errPortTaken) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), p.Stop())
	}
	return p, nil
}

// preparePostgres makes the files of a server.
func preparePostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	programs, version, err := findPostgres(ctx)
	if err != nil {
		return nil, err
	}
	credential, err := unprivileged()
	if err != nil {
		return nil, err
	}
	log := cmp.Or(options.Log, slog.New(slog.DiscardHandler))
	log.Debug("starting PostgreSQL", slog.String("programs", programs), slog.Int("version", version))
	p := &Postgres{
		options: options, programs: programs, version: version, credential: credential,
		password: rand.Text(), template: "template1",
	}
	if p.folder, err = newFolder(); err != nil {
		return nil, err
	}
	if err := p.initialise(ctx); err != nil {
		return nil, errors.Join(err, p.folder.remove())
	}
	return p, nil
}

// initialise makes the data folder, of the unprivileged user.
func (p *Postgres) initialise(ctx context.Context) error {
	secret := p.folder.join("password")
	if err := os.WriteFile(secret, []byte(p.password), 0o600); err != nil {
		return err
	}
	defer os.Remove(secret)
	if c := p.credential; c != nil {
		for _, path := range []string{p.folder.path, secret} {
			if err := chown(path, c); err != nil {
				return err
			}
		}
	}
	cmd := p.command(ctx, "initdb", "--pgdata", p.folder.join("data"), "--username", superuser,
		"--pwfile", secret, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8",
		"--no-sync", "--no-instructions")
	// It removes what it has made when it is told to end, but it takes programs
	// of its own that hang on to its output.
	dieWithParent(cmd.SysProcAttr, syscall.SIGTERM)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopPatience
	// See startProcess.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, lastLines(string(out), 15))
	}
	return nil
}

func chown(path string, c *syscall.Credential) error { return os.Chown(path, int(c.Uid), int(c.Gid)) }

// command returns a command that runs one of PostgreSQL's programs as the
// unprivileged user.
func (p *Postgres) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.programs, program), args...)
	// The current folder may be one that the other user must not enter.
	cmd.Dir = p.folder.path
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.credential}
	return cmd
}

// run starts the server and waits until it answers.
func (p *Postgres) run(ctx context.Context) error {
	settings := map[string]string{
		"listen_addresses":        loopback,
		"port":                    strconv.Itoa(p.port),
		"unix_socket_directories": "",
		"max_connections":         "200",
		"timezone":                "UTC",
	}
	if !p.options.Durable {
		settings["fsync"] = "off"
		settings["synchronous_commit"] = "off"
		settings["full_page_writes"] = "off"
	}
	maps.Copy(settings, p.options.Settings)
	args := []string{"-D", p.folder.join("data")}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	before := len(p.log())
	var err error
	// SIGQUIT is an immediate shutdown: with SIGKILL the backends would go on
	// until they notice.
	p.process, err = startProcess(p.command(context.WithoutCancel(ctx), "postgres", args...),
		p.folder.join("log"), syscall.SIGQUIT)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("not ready after %s", startPatience))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w\n%s", context.Cause(ctx), p.LogTail(20))
		case <-p.process.done:
			if strings.Contains(p.log()[before:], "Address already in use") {
				return errPortTaken
			}
			return fmt.Errorf("it ended (%s)\n%s", p.process.cmd.ProcessState, p.LogTail(20))
		case <-tick.C:
		}
		if conn, err := pgx.Connect(ctx, p.url("postgres")); err == nil {
			return conn.Close(ctx)
		}
	}
}

// url returns the address of a database, with the password.
func (p *Postgres) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, p.password),
		Host: address(p.port), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Restart ends the server in order, if it runs, and starts it again on the
// same port. Connections are lost.
func (p *Postgres) Restart(ctx context.Context) error {
	if err := p.end(); err != nil {
		return err
	}
	if err := p.run(ctx); err != nil {
		return fmt.Errorf("restart PostgreSQL: %w", err)
	}
	return nil
}

// Kill ends the server at once, as a crash does. What was committed is there
// after Restart.
func (p *Postgres) Kill() error {
	if err := p.Resume(); err != nil {
		return err
	}
	return p.process.stop(stopPatience, syscall.SIGQUIT, syscall.SIGKILL)
}

// Stop ends the server and removes all its files. It may be called more than
// once.
func (p *Postgres) Stop() error {
	return errors.Join(p.end(), p.folder.remove())
}

func (p *Postgres) end() error {
	if p.process == nil || p.process.ended() {
		return nil
	}
	if err := p.Resume(); err != nil {
		return err
	}
	// SIGINT ends the sessions and is a shutdown in order.
	return p.process.stop(stopPatience, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL)
}

// LogTail returns the last lines of the server's log.
func (p *Postgres) LogTail(lines int) string { return lastLines(p.log(), lines) }

func (p *Postgres) log() string {
	text, err := os.ReadFile(p.folder.join("log"))
	if err != nil {
		return ""
	}
	return string(text)
}
