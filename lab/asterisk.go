package lab

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A call from the trunk is told from a phone's by this header in its INVITE,
// since on the loopback address all peers look the same.
const (
	TrunkHeader      = "X-Callbackd-Lab"
	TrunkHeaderValue = "trunk"
)

const (
	startPatience = 30 * time.Second // Asterisk, until it answers
	stopPatience  = 5 * time.Second  // each way of asking it to end
	portTries     = 4                // starts, when another takes a port first
)

// AsteriskOptions is what may differ between instances. The zero value is a
// PBX as published.
type AsteriskOptions struct {
	// Name is the systemname, which begins every unique id; "pbx1" if empty.
	Name string
	// Trunk is the host:port of the far end of the trunk, where calls to
	// the outside go. If empty, a free port is chosen and told in
	// [Asterisk.Trunk], for somebody to listen on.
	Trunk string
	// WithoutChannelVars leaves "channelvars" out of ari.conf: events then
	// do not tell which call a channel belongs to.
	WithoutChannelVars bool
	// ChannelEvents is the address of an empty database in which channel
	// events (CEL) are kept, in the table of the sample cel.sql. If empty,
	// they are not kept.
	ChannelEvents string
	// CallDetails has call detail records written, for
	// [Asterisk.CallDetails].
	CallDetails bool
	// Globals are variables of the dialplan, changed (QUEUE_TIMEOUT,
	// IVR_TIMEOUT) or added.
	Globals map[string]string
	// Files are files of the configuration that take the place of the
	// sample's, by name: the dialplan of another site, for instance. They may
	// include instance.conf as the sample's do.
	Files map[string]string
	// Modules are loaded beside those of the sample, such as "res_agi.so".
	Modules []string
	// Log is told what takes long. Nil: nobody is.
	Log *slog.Logger
}

// Asterisk is a running PBX. Its fields do not change after the start; its
// methods may not be called by several goroutines at once, but for CLI,
// Channels, LogTail and Done.
type Asterisk struct {
	// Name is the systemname.
	Name string
	// Version is Asterisk's, such as "22.10.1".
	Version string
	// ARI is the URL of its REST interface, with Username and Password.
	ARI, Username, Password string
	// SIP is the host:port that it speaks SIP on, by UDP.
	SIP string
	// PhonePassword is the one with which the phones 2001 to 2004 register,
	// each under its extension as user name.
	PhonePassword string
	// Trunk is the host:port of the trunk's far end.
	Trunk string
	// Recordings is the folder of call recordings.
	Recordings string
	// Config is the folder of its configuration files.
	Config string

	options  AsteriskOptions
	program  *asteriskProgram
	folder   *folder
	httpPort int
	events   *pgconn.Config // of ChannelEvents; nil for none
	process  *process
	booted   bool // whether the process was ready
}

// StartAsterisk starts a PBX and returns when it is ready for calls. The
// context bounds the start only; [Asterisk.Stop] ends the PBX.
func StartAsterisk(ctx context.Context, options AsteriskOptions) (*Asterisk, error) {
	log := cmp.Or(options.Log, slog.New(slog.DiscardHandler))
	program, err := findAsterisk(ctx, log)
	if err != nil {
		return nil, err
	}
	a := &Asterisk{
		Name:          cmp.Or(options.Name, "pbx1"),
		Version:       program.Version,
		Username:      "callbackd",
		Password:      rand.Text(),
		PhonePassword: rand.Text(),
		options:       options,
		program:       program,
	}
	if options.ChannelEvents != "" {
		if a.events, err = makeEventTable(ctx, options.ChannelEvents); err != nil {
			return nil, fmt.Errorf("start Asterisk: %w", err)
		}
	}
	for range portTries {
		if err = a.prepare(); err != nil {
			break
		}
		if err = a.run(ctx); !errors.Is(err, errPortTaken) {
			break
		}
		err = errors.Join(err, a.Stop())
	}
	if err != nil {
		if a.folder != nil {
			err = errors.Join(err, a.Stop())
		}
		return nil, fmt.Errorf("start Asterisk: %w", err)
	}
	return a, nil
}

// prepare makes the folder with its configuration, and chooses the ports.
func (a *Asterisk) prepare() (err error) {
	if a.folder, err = newFolder(); err != nil {
		return err
	}
	if a.httpPort, err = freeTCP(); err != nil {
		return err
	}
	sip, err := freeUDP()
	if err != nil {
		return err
	}
	if a.Trunk = a.options.Trunk; a.Trunk == "" {
		far, err := quietUDP()
		if err != nil {
			return err
		}
		a.Trunk = address(far)
	}
	a.ARI = "http://" + address(a.httpPort) + "/ari"
	a.SIP = address(sip)
	a.Recordings = a.folder.join("spool", "recording")
	a.Config = a.folder.join("etc")
	// Without spool/recording, ARI cannot list recordings; it is also where
	// ours lie.
	for _, dir := range []string{"etc", "lib", "log", "moh", "run", "spool/recording", "spool/monitor", "spool/tmp"} {
		if err := os.MkdirAll(a.folder.join(dir), 0o700); err != nil {
			return err
		}
	}
	// A path too long for a Unix socket would show only as a CLI that cannot
	// be reached.
	const longest = 107
	if socket := a.folder.join("run", "asterisk.ctl"); len(socket) > longest {
		return fmt.Errorf("the path %s is longer than %d bytes: set TMPDIR to a shorter one", socket, longest)
	}
	if err := writeMusic(a.folder.join("moh", "hold.ulaw")); err != nil {
		return err
	}
	if err := a.writeSounds(a.folder.join("data")); err != nil {
		return err
	}
	if err := writeSample(a.folder.join("etc"), a.settings(), a.options.Globals, a.options.Files); err != nil || !a.options.CallDetails {
		return err
	}
	if err := os.MkdirAll(a.folder.join("log", "cdr-custom"), 0o700); err != nil {
		return err
	}
	return writeDetails(a.folder.join("etc"))
}

// errPortTaken means that another program took one of the ports between our
// choosing and binding it.
var errPortTaken = errors.New("a port was taken meanwhile")

// run starts the process and waits until it is ready.
func (a *Asterisk) run(ctx context.Context) (err error) {
	// The log is kept over restarts; only what this process says counts.
	before := len(a.log())
	a.booted = false
	// Not CommandContext: the context bounds the start, not the process.
	cmd := a.program.cmd(context.WithoutCancel(ctx), "-f", "-n", "-C", a.folder.join("etc", "asterisk.conf"))
	a.process, err = startProcess(cmd, a.folder.join("log", "console"), syscall.SIGKILL)
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
			return fmt.Errorf("%w\n%s", context.Cause(ctx), a.LogTail(20))
		case <-a.process.done:
			return fmt.Errorf("it ended (%s)\n%s", a.process.cmd.ProcessState, a.LogTail(20))
		case <-tick.C:
		}
		if strings.Contains(a.log()[before:], "Address already in use") {
			return errPortTaken
		}
		if a.ready(ctx) {
			a.booted = true
			return nil
		}
	}
}

// ready tells whether ARI answers, which it does with 503 until all modules
// are loaded.
func (a *Asterisk) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.ARI+"/asterisk/info", nil)
	if err != nil {
		return false
	}
	req.SetBasicAuth(a.Username, a.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// CLI runs a command of Asterisk's command line and returns what it prints.
func (a *Asterisk) CLI(ctx context.Context, command string) (string, error) {
	cmd := a.program.cmd(ctx, "-n", "-C", a.folder.join("etc", "asterisk.conf"), "-rx", command)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("run %q in Asterisk: %w: %s", command, err, bytes.TrimSpace(problem.Bytes()))
	}
	return out.String(), nil
}

// Channels returns the number of channels that exist.
func (a *Asterisk) Channels(ctx context.Context) (int, error) {
	out, err := a.CLI(ctx, "core show channels count")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(out, " ")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0, fmt.Errorf("count channels: Asterisk answered %q", out)
	}
	return n, nil
}

// SetGlobal changes a variable of the dialplan for the calls to come, such as
// QUEUE_TIMEOUT (seconds).
func (a *Asterisk) SetGlobal(ctx context.Context, name, value string) error {
	out, err := a.CLI(ctx, "dialplan set global "+name+" "+value)
	if err == nil && !strings.Contains(out, "set to") {
		err = fmt.Errorf("set global variable %s: Asterisk answered %q", name, strings.TrimSpace(out))
	}
	return err
}

// Done is closed when the process that runs now has ended, by itself or not.
func (a *Asterisk) Done() <-chan struct{} { return a.process.done }

// Kill ends the process at once, in the middle of its calls, as a crash does.
func (a *Asterisk) Kill() error {
	return a.process.stop(stopPatience, syscall.SIGKILL)
}

// Restart starts the PBX again, with the same ports, passwords, registered
// phones and recordings, after Kill or as it runs. Asterisk notes
// registrations once a second: a phone that registered in the last one before
// Kill is not known any more.
func (a *Asterisk) Restart(ctx context.Context) error {
	if err := a.end(); err != nil {
		return err
	}
	if err := a.run(ctx); err != nil {
		return fmt.Errorf("restart Asterisk: %w", err)
	}
	return nil
}

// Stop ends the process, hanging up all calls, and removes all files,
// recordings included. It may be called more than once.
func (a *Asterisk) Stop() error {
	return errors.Join(a.end(), a.folder.remove())
}

func (a *Asterisk) end() error {
	if a.process == nil || a.process.ended() {
		return nil
	}
	if !a.booted { // it passes over SIGTERM, and has nothing to lose
		return a.process.stop(stopPatience, syscall.SIGKILL)
	}
	return a.process.stop(stopPatience, syscall.SIGTERM, syscall.SIGKILL)
}

// LogTail returns the last lines of Asterisk's log, notices and worse.
func (a *Asterisk) LogTail(lines int) string {
	if text := a.log(); text != "" {
		return lastLines(text, lines)
	}
	// It did not come as far as to open its log.
	return tail(a.folder.join("log", "console"), lines)
}

// log returns all that Asterisk complained of, empty when there is no log.
func (a *Asterisk) log() string {
	text, err := os.ReadFile(a.folder.join("log", "messages.log"))
	if err != nil {
		return ""
	}
	return string(text)
}
