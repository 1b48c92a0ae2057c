package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"callbackd/configs"
	"callbackd/lab"
	"callbackd/lab/labtest"
)

// busyWorld is a world in which calls go on all the time and callbacks are
// registered for them, while the daemon, a process of its own, its database
// and its PBX have faults.
type busyWorld struct {
	*world
	t          *testing.T    // whose end is that of everything
	server     *lab.Postgres // as of now: another one after a fail-over
	toDatabase *link
	toPBX      *link
	folder     string
	process    *serveProcess
	traffic    *traffic
	registrar  *registrar
	reader     *streamReader
	// forgotten are calls of which a PBX that died left no account.
	forgotten map[string]bool
	// compared is how many calls were right after the fault before.
	compared int
	// wrong is a call that was not right when calls were compared last.
	wrong string
}

// newBusyWorld starts one, with so many calls a second.
func newBusyWorld(t *testing.T, rate float64) *busyWorld {
	t.Helper()
	b := &busyWorld{t: t, folder: t.TempDir(), forgotten: map[string]bool{}}
	// Durable, so that commits wait for the standby; but not for the disk, on
	// which nothing here depends.
	b.server = labtest.Postgres(t, lab.PostgresOptions{Durable: true, Settings: map[string]string{"fsync": "off"}})
	database, err := b.server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	options := lab.AsteriskOptions{CallDetails: true, Globals: map[string]string{"QUEUE_TIMEOUT": "60"}}
	events := keepEvents(t, &options)
	b.world, b.toPBX = newLinkedWorldIn(t, options, database)
	b.repairsBy(events)
	b.toDatabase = newLink(t, b.server.Address())
	b.cfg.Database.URL = configs.NewSecret(at(t, serving(t, database), b.toDatabase.listener.Addr().String()))
	b.boot(t)
	t.Cleanup(func() { b.process.kill() })
	b.follows(t) // what was before the first time is nobody's to store
	b.registrar = newRegistrar(t, b.world)
	b.reader = newStreamReader(t, b.registrar)
	b.traffic = newTraffic(t, b.world, rate)
	return b
}

// at returns the URL of a database at other hosts, of which the one that can be
// written to is used.
func at(t *testing.T, address string, hosts ...string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = strings.Join(hosts, ",")
	u.RawQuery = "sslmode=disable&target_session_attrs=read-write"
	return u.String()
}

// serveProcess is a daemon that runs.
type serveProcess struct {
	command *exec.Cmd
	ended   chan struct{}
}

// kill ends it at once, and waits until it is gone.
func (p *serveProcess) kill() {
	p.command.Process.Kill() //nolint:errcheck // it may have ended
	<-p.ended
}

// serves is where a daemon says that it serves.
var serves = regexp.MustCompile(`msg="callbackd serves" api=(\S+) ops=(\S+)`)

// boot starts the daemon and waits until it serves. It is what systemd does: a
// daemon that ends at its start is started again.
func (b *busyWorld) boot(t *testing.T) {
	t.Helper()
	labtest.Eventually(t, 3*patience, func() error { return b.tryBoot(t) })
}

func (b *busyWorld) tryBoot(t *testing.T) error {
	t.Helper()
	name := filepath.Join(b.folder, "log")
	before := len(readFileIfThere(t, name))
	log, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p := &serveProcess{command: b.serveCommand(b.t, b.folder), ended: make(chan struct{})}
	p.command.Stderr = log
	if err := p.command.Start(); err != nil {
		return err
	}
	go func() {
		defer close(p.ended)
		p.command.Wait() //nolint:errcheck // it is killed in the end
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text := readFileIfThere(t, name)[before:]
		if m := serves.FindStringSubmatch(text); m != nil {
			b.process = p
			b.setAddresses(m[1], m[2])
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("the daemon ended: %s", text)
		case <-t.Context().Done():
			return context.Cause(t.Context())
		case <-tick.C:
		}
	}
}

// setAddresses is told where the daemon listens this time.
func (b *busyWorld) setAddresses(api, ops string) {
	b.api, b.ops = "http://"+api+"/api/v1", "http://"+ops
	if b.registrar != nil {
		b.registrar.api.Store(new(b.api))
	}
}

func readFileIfThere(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// configFile writes the published example for the world's parts into a folder.
func (w *world) configFile(t *testing.T, folder string) string {
	t.Helper()
	text := string(configs.Example)
	replacements := map[string]string{
		"http://127.0.0.1:8088/ari": w.cfg.PBX[0].ARI.URL, `api: ":8080"`: `api: "127.0.0.1:0"`, "127.0.0.1:9090": "localhost:0",
		"url_file: database-url":                   "url: '" + w.cfg.Database.URL.Reveal() + "'",
		"password_file: pbx1-password":             "password: '" + w.pbx.Password + "'",
		"/var/lib/callbackd/recordings":            w.cfg.Recordings.Copies,
		"directory: /var/spool/asterisk/recording": "directory: " + w.pbx.Recordings,
	}
	if j := w.cfg.PBX[0].Journal; j.Enabled() {
		replacements["    # journal:\n"] = "    journal: {directory: " + j.Directory + "}\n"
	}
	for old, replacement := range replacements {
		if !strings.Contains(text, old) {
			t.Fatalf("the example has no %q", old)
		}
		text = strings.ReplaceAll(text, old, replacement)
	}
	file := filepath.Join(folder, "callbackd.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serveCommand returns the command that runs the daemon as a process of its
// own, by the published example.
func (w *world) serveCommand(t *testing.T, folder string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], "--config", w.configFile(t, folder), "serve")
	c.Env = append(os.Environ(), mainEnv+"=1")
	if cel := w.cfg.PBX[0].CEL; cel.Enabled() {
		c.Env = append(c.Env, w.cfg.PBX[0].CELVariable()+"="+cel.Database.URL.Reveal())
	}
	return c
}

// terminate asks a daemon to end, waits for it, and returns how long it took.
func (p *serveProcess) terminate(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("the daemon does not end")
	}
	return time.Since(began)
}

// follows waits until the daemon follows the PBX and serves.
func (b *busyWorld) follows(t *testing.T) {
	t.Helper()
	labtest.Eventually(t, 3*patience, func() error {
		status, body, err := request(t.Context(), http.MethodGet, b.ops+"/readyz", "", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/readyz answers %d: %s", status, bytes.TrimSpace(body))
		}
		return err
	})
}
