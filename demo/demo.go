package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/configs"
	"callbackd/lab"
	"callbackd/postgres"
)

const (
	// queueTimeout is how many seconds callers wait in a queue of the demo:
	// few, so that one sees what happens when nobody answers.
	queueTimeout = "8"
	// readyPatience bounds the time from the start of the parts until the
	// daemon says that it is ready.
	readyPatience = 30 * time.Second
	// settlePatience bounds the time that the daemon gets at the end to store
	// the calls that were hung up last.
	settlePatience = 5 * time.Second
)

// Options say how a demo goes.
type Options struct {
	// Serve opens callbackd; see [Daemon]. visitors are accounts that the login
	// page is to show with their passwords.
	Serve func(ctx context.Context, cfg *configs.Config, log *slog.Logger, visitors ...api.DemoAccount) (*Daemon, error)
	// Out gets where to look and the summary, Err the log.
	Out, Err io.Writer
	// API and Ops are the host:port of the listeners; empty: the usual port if
	// it is free, any other if not.
	API, Ops string
	// EmbedOrigins are those of pages of somebody's own that may hold the player
	// of a call's recordings, as listen.embed_origins of the configuration.
	EmbedOrigins []configs.Origin
	// Length is how long the demo goes on once it is ready; 0: until asked.
	Length time.Duration
	// JSON has where to look printed as one line of JSON, and all else on Err.
	JSON bool
	// Seed chooses who calls when, and how long.
	Seed uint64
	// Every is the time between two calls, at least, and Talk about how long
	// people talk.
	Every, Talk time.Duration
}

// Daemon is a callbackd that listens and does not run yet.
type Daemon struct {
	DB       *postgres.DB
	API, Ops net.Addr
	Metrics  prometheus.Gatherer
	// HasCallCenter reports whether there is a call center of an ID.
	HasCallCenter func(id string) bool
	// Ready are the checks of /readyz.
	Ready func(context.Context) []api.Check
	// Run serves until the context ends.
	Run func(context.Context) error
}

// demo is what a running demo consists of.
type demo struct {
	options Options
	cfg     *configs.Config
	// log tells what happens in the demo; the daemon's own is quieter.
	log, quiet *slog.Logger
	begun      time.Time

	pbx    *lab.Asterisk
	server *lab.Postgres
	office *lab.Office
	daemon *Daemon
	clerk  *clerk
	// daemonEnded gets what Run returned.
	daemonEnded chan error
	// adminToken sees everything, agentToken only the call center Desk.
	adminToken, agentToken string

	undo []step
}

// step is something to undo at the end, and what it is called.
type step struct {
	name string
	do   func() error
}

// Desk is the ID of the call center that the demo's agent token is limited to.
const Desk = "support"

// Run starts everything, waits for the end and stops everything. That it was
// asked to end is no error.
func Run(ctx context.Context, o Options) (err error) {
	ctx, stop := endWithTerminal(ctx)
	defer stop()
	d := &demo{
		options: o, begun: time.Now(), daemonEnded: make(chan error, 1),
		log:   slog.New(slog.NewTextHandler(o.Err, nil)),
		quiet: slog.New(slog.NewTextHandler(o.Err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.start(ctx); err != nil {
		if ctx.Err() != nil {
			// Whatever the error says, this is why.
			d.log.Info("asked to end before everything was ready")
			return nil
		}
		return err
	}
	text := o.Out
	if o.JSON {
		text = o.Err
		err = d.places().writeJSON(o.Out)
	} else {
		err = d.places().write(o.Out, time.Since(d.begun))
	}
	if err != nil {
		return fmt.Errorf("print where to look: %w", err)
	}
	ready := time.Now()
	if err := d.play(ctx); err != nil {
		return err
	}
	return d.summarise(ctx, text, time.Since(ready))
}

// endWithTerminal returns a context that also ends when the terminal is closed.
// And it makes writing to a reader who is gone, as after `| head`, an error:
// by default it would end the program on the spot, with all files left.
func endWithTerminal(ctx context.Context) (context.Context, context.CancelFunc) {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	end := func() { signal.Stop(broken) }
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		return ctx, func() { stop(); end() }
	}
	return ctx, end
}

// start starts all parts and returns when they are ready.
func (d *demo) start(ctx context.Context) error {
	url, err := d.startLab(ctx)
	if err != nil {
		return err
	}
	if err := d.startDaemon(ctx, url); err != nil {
		return err
	}
	d.office, err = lab.OpenOffice(ctx, d.pbx, lab.OfficeOptions{
		Seed: d.options.Seed, Every: d.options.Every, Talk: d.options.Talk, Log: d.log,
	})
	if err != nil {
		return err
	}
	d.later("close the phones", d.office.Close)
	return d.waitUntilReady(ctx)
}

// startLab starts PostgreSQL and Asterisk, and returns the address of a
// database with our tables.
func (d *demo) startLab(ctx context.Context) (url string, err error) {
	starting, ctx := errgroup.WithContext(ctx)
	starting.Go(func() (err error) {
		if d.server, err = lab.StartPostgres(ctx, lab.PostgresOptions{Log: d.log}); err != nil {
			return err
		}
		if url, err = d.server.Database(ctx); err != nil {
			return err
		}
		return postgres.Migrate(ctx, url)
	})
	starting.Go(func() (err error) {
		d.pbx, err = lab.StartAsterisk(ctx, lab.AsteriskOptions{
			Globals: map[string]string{"QUEUE_TIMEOUT": queueTimeout}, Log: d.log,
		})
		return err
	})
	err = starting.Wait()
	if d.server != nil {
		d.later("stop PostgreSQL", d.server.Stop)
	}
	if d.pbx != nil {
		d.later("stop Asterisk", d.pbx.Stop)
	}
	return url, err
}

// startDaemon opens callbackd, lets it run, and makes its tokens and accounts.
func (d *demo) startDaemon(ctx context.Context, url string) (err error) {
	if d.cfg, err = d.config(ctx, url); err != nil {
		return err
	}
	if d.daemon, err = d.options.Serve(ctx, d.cfg, d.quiet, visitors()...); err != nil {
		return err
	}
	// Not ctx: the daemon must see and store how the last calls end.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() { d.daemonEnded <- d.daemon.Run(running) }()
	d.later("stop callbackd", func() error {
		stop()
		return <-d.daemonEnded
	})
	tokens := accounts.NewTokens(d.daemon.DB.Tokens(), nil)
	d.adminToken, _, err = tokens.Create(ctx, accounts.NewToken{Name: "demo-admin", Role: accounts.RoleAdmin, MayActFor: true})
	if err != nil {
		return err
	}
	d.agentToken, _, err = tokens.Create(ctx, accounts.NewToken{
		Name: "demo-agent", Role: accounts.RoleAgent, CallCenters: []string{Desk},
	})
	if err != nil {
		return err
	}
	return d.people(ctx)
}

// config is the published example, for the private parts.
func (d *demo) config(ctx context.Context, url string) (*configs.Config, error) {
	// The real environment may hold somebody's real database.
	environment := map[string]string{"CALLBACKD_DATABASE_URL": url, "CALLBACKD_PBX_PBX1_PASSWORD": d.pbx.Password}
	cfg, err := configs.Parse(configs.Example, configs.Source{
		Path: "callbackd.yaml",
		LookupEnv: func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		},
	})
	if err != nil {
		return nil, err
	}
	cfg.Listen.API = addressOr(ctx, d.options.API, "127.0.0.1:8080")
	cfg.Listen.Ops = addressOr(ctx, d.options.Ops, "127.0.0.1:9090")
	// The demo speaks plain HTTP, over which browsers drop the usual cookie.
	cfg.Listen.PlainCookies = true
	cfg.Listen.EmbedOrigins = d.options.EmbedOrigins
	// Whoever tries webhooks out has the receiver on this machine.
	cfg.Webhooks = configs.Webhooks{AllowHTTP: true, AllowNetworks: []configs.Network{
		{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")},
	}}
	cfg.PBX[0].ARI.URL = d.pbx.ARI
	cfg.PBX[0].Recordings.Directory = d.pbx.Recordings
	cfg.Recordings.Copies = filepath.Join(filepath.Dir(d.pbx.Recordings), "copies")
	return cfg, nil
}

// addressOr is the address that was asked for, or else the usual one, or any
// when somebody listens there.
func addressOr(ctx context.Context, asked, usual string) string {
	if asked != "" {
		return asked
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", usual)
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close() //nolint:errcheck // nobody has connected
	return usual
}

// waitUntilReady waits until the daemon's own checks say so.
func (d *demo) waitUntilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyPatience, fmt.Errorf("callbackd is not ready after %s", readyPatience))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ready := true
		for _, check := range d.daemon.Ready(ctx) {
			ready = ready && check.OK
		}
		if ready {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-d.daemonEnded:
			return d.endedByItself(err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// play lets people call, and a clerk register callbacks, until the demo is to
// end or a part of it did. All calls are hung up and stored when it returns.
func (d *demo) play(ctx context.Context) error {
	d.clerk = newClerk(d)
	registering, stopClerk := context.WithCancel(context.WithoutCancel(ctx))
	defer stopClerk()
	calling, stopCalling := context.WithCancel(ctx)
	if d.options.Length > 0 {
		calling, stopCalling = context.WithTimeout(ctx, d.options.Length)
	}
	defer stopCalling()
	var people sync.WaitGroup
	people.Go(func() { d.office.Run(calling) })
	people.Go(func() { d.clerk.run(registering) })

	var broken error
	select {
	case err := <-d.daemonEnded:
		broken = d.endedByItself(err)
	case <-d.pbx.Done():
		broken = errors.New("the PBX of the demo ended by itself")
	case <-calling.Done():
	}
	stopCalling()
	err := errors.Join(broken, d.office.Close())
	if err == nil {
		d.settle(registering)
	}
	stopClerk()
	people.Wait()
	return err
}

// settle waits until no call goes on any more, as far as callbackd knows.
func (d *demo) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var active api.CallList
		err := d.get(ctx, "/calls?active=true&page_size=1", &active)
		if err == nil && len(active.Items) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			d.log.Warn("calls are still going on", slog.Any("err", err))
			return
		}
	}
}

// endedByItself is the error of a daemon that was not asked to end.
func (d *demo) endedByItself(err error) error {
	d.daemonEnded <- nil // for who waits for its end
	return errors.Join(errors.New("callbackd ended by itself"), err)
}

// later has something undone at the end, before what was begun earlier.
func (d *demo) later(name string, do func() error) { d.undo = append(d.undo, step{name, do}) }

// stop undoes everything. Each step is bounded in time by itself.
func (d *demo) stop() error {
	var errs []error
	for i := len(d.undo) - 1; i >= 0; i-- {
		if err := d.undo[i].do(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", d.undo[i].name, err))
		}
	}
	d.undo = nil
	return errors.Join(errs...)
}
