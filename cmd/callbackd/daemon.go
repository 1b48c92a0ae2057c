package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/attendant"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/phonebook"
	"callbackd/postgres"
	"callbackd/recording"
	"callbackd/webhooks"
	"callbackd/workspace"
)

// daemon is what serve runs, and demo and the tests with it: every part wired
// to the others, and listening.
type daemon struct {
	cfg   *configs.Config
	log   *slog.Logger
	db    *postgres.DB
	feed  *postgres.Feed
	nodes []*followedNode
	// logs are the channel event logs of nodes that keep one.
	logs []*postgres.CEL
	// abandoned watches over the callers of all nodes.
	abandoned *attendant.Abandoned
	book      *phonebook.Book
	callbacks *callbacks.Service
	server    *api.Server
	registry  *prometheus.Registry
	// library opens recordings, and jobs are what is done about them.
	library *recording.Library
	jobs    *postgres.Jobs
	stock   *recording.Collector
	// courier has changes sent to other systems.
	courier *webhooks.Courier
	// dialplan is the configuration that was read last, whose dialplan part
	// holds; planning is held while it changes.
	dialplan atomic.Pointer[configs.Config]
	planning sync.Mutex
	// api and ops are the listeners; their addresses are known before Run.
	api, ops net.Listener
}

// openDaemon connects to the database, listens, and wires the parts. Nothing
// is followed or answered until Run. It closes by itself what it opened when
// it fails.
//
// visitors are accounts that the login page shows with their passwords: those
// of a demo, and nobody's otherwise.
func openDaemon(ctx context.Context, cfg *configs.Config, log *slog.Logger, visitors ...api.DemoAccount) (_ *daemon, err error) {
	if cfg.Database.URL.IsZero() {
		return nil, errNoDatabase
	}
	d := &daemon{cfg: cfg, log: log, registry: prometheus.NewRegistry()}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	d.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if d.db, err = postgres.Open(ctx, cfg.Database.URL.Reveal(), postgres.Options{Log: log}); err != nil {
		return nil, err
	}
	d.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "callbackd_database_up", Help: "1 when the database answered when it was asked last, 0 while it does not.",
	}, func() float64 {
		if d.db.Away() != nil {
			return 0
		}
		return 1
	}))
	d.feed = d.db.Feed()
	d.dialplan.Store(cfg)
	d.book = phonebook.NewBook(d.db.Phonebook(), cfg.Region, nil)
	d.callbacks = callbacks.NewService(d.db.Callbacks(), callbacks.Options{
		Numbers: callbacks.InRegion(cfg.Region), Book: d.book, Names: d.names,
	})
	metrics := newNodeMetrics(d.registry)
	d.abandoned = d.newAbandoned(metrics.talking)
	for i := range cfg.PBX {
		n, err := d.newNode(ctx, &cfg.PBX[i], metrics)
		if err != nil {
			return nil, fmt.Errorf("pbx %q: %w", cfg.PBX[i].Name, err)
		}
		d.nodes = append(d.nodes, n)
	}
	d.registry.MustRegister(callcenter.NewCollector(d.followers))
	if err := d.openRecordings(); err != nil {
		return nil, err
	}
	page, err := workspace.Open(cfg.Listen.Embedders()...)
	if err != nil {
		return nil, err
	}
	d.server = d.newServer(page, visitors)
	d.courier = d.newCourier()
	var lc net.ListenConfig
	if d.api, err = lc.Listen(ctx, "tcp", cfg.Listen.API); err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	if d.ops, err = lc.Listen(ctx, "tcp", cfg.Listen.Ops); err != nil {
		return nil, fmt.Errorf("listen for operators: %w", err)
	}
	return d, nil
}

func (d *daemon) newServer(page api.Page, visitors []api.DemoAccount) *api.Server {
	nodes := d.nodeNames()
	return api.New(api.Options{
		Calls: d.db.Calls(), Gaps: d.db.Calls(), Changes: d.feed, Monitor: d.db.Monitor(nodes),
		Callbacks: d.callbacks,
		Accounts: accounts.NewService(accounts.Options{
			Store: d.db.Accounts(), HasCallCenter: d.hasCallCenter, Log: d.log,
		}),
		Sessions: accounts.NewSessions(accounts.SessionOptions{
			Store: d.db.Sessions(), PlainCookies: d.cfg.Listen.PlainCookies,
		}),
		Tokens:    accounts.NewTokens(d.db.Tokens(), nil),
		Phonebook: d.book,
		Webhooks: webhooks.NewService(webhooks.ServiceOptions{
			Store: d.db.Webhooks(), Rules: d.webhookRules(), HasCallCenter: d.hasCallCenter,
		}),
		Recordings: d.db.Recordings(),
		Player: recording.NewPlayer(recording.PlayerOptions{
			Recordings: d.db.Recordings(), Sounds: d.library, Store: d.db.Playback(), Log: d.log, Registry: d.registry,
		}),
		Page:           page,
		SignOn:         newSignOn(&d.cfg.OIDC),
		SignOnName:     d.cfg.OIDC.Name,
		PlainCookies:   d.cfg.Listen.PlainCookies,
		Version:        version(),
		DemoAccounts:   visitors,
		Plan:           d.plan,
		Location:       d.cfg.Location(),
		IsTrustedProxy: d.cfg.Listen.IsTrustedProxy,
		IsUnavailable:  postgres.IsUnavailable,
		DatabaseUp:     d.db.Up,
		Log:            d.log, Registry: d.registry,
	})
}

// plan is what the API shows of the dialplan part of the configuration, as it
// was read last.
func (d *daemon) plan() api.Plan {
	plan := planOf(d.dialplan.Load(), &configs.PBX{})
	return api.Plan{CallCenters: plan.CallCenters, Labels: plan.Labels}
}

// names are those by which people search for call centers and labels.
func (d *daemon) names() callbacks.Names {
	names := callbacks.Names{CallCenters: map[string]string{}, BusinessLabels: map[string]string{}}
	plan := d.plan()
	for _, c := range plan.CallCenters {
		names.CallCenters[c.ID] = c.Name
	}
	for _, l := range plan.Labels {
		names.BusinessLabels[l.ID] = l.Name
	}
	return names
}

func (d *daemon) hasCallCenter(id string) bool {
	return slices.ContainsFunc(d.plan().CallCenters, func(c callcenter.CallCenter) bool { return c.ID == id })
}

// Run serves until ctx ends; then it lets requests finish, stores what is
// left, and closes everything.
func (d *daemon) Run(ctx context.Context) error {
	defer d.close()
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range d.nodes {
		g.Go(func() error { return n.recorded(ctx) })
	}
	g.Go(func() error { return d.newLeftNodes().run(ctx) })
	g.Go(func() error { return d.db.Watch(ctx) })
	g.Go(func() error { return d.abandoned.Run(ctx) })
	g.Go(func() error { return d.feed.Run(ctx) })
	g.Go(func() error { return d.work(ctx) })
	g.Go(func() error { return d.stock.Run(ctx) })
	g.Go(func() error { return d.courier.Run(ctx) })
	g.Go(func() error { return d.server.Run(ctx) })
	ops := api.NewOps(api.OpsOptions{Registry: d.registry, Ready: d.ready, Log: d.log})
	g.Go(func() error { return d.serve(ctx, d.api, d.server.Handler(), d.cfg.Listen.TLS) })
	g.Go(func() error { return d.serve(ctx, d.ops, ops, configs.TLS{}) })
	g.Go(func() error { return d.tellManager(ctx) })
	d.log.Info("callbackd serves", slog.String("api", d.api.Addr().String()), slog.String("ops", d.ops.Addr().String()))
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// ready makes the checks of /readyz.
func (d *daemon) ready(ctx context.Context) []api.Check {
	checks := []api.Check{{Name: "database", OK: true}}
	if err := d.db.Ready(ctx); err != nil {
		checks[0].OK, checks[0].Why = false, err.Error()
	}
	for _, n := range d.nodes {
		checks = append(checks, n.checks(ctx)...)
	}
	return checks
}

// reload makes the followers go by a new configuration's dialplan. The rest
// of it takes a restart. It changes nothing when there is a fault.
func (d *daemon) reload(cfg *configs.Config) error {
	if err := checkPlans(cfg); err != nil {
		return err
	}
	d.planning.Lock()
	defer d.planning.Unlock()
	plans := make([]*callcenter.Plan, len(d.nodes))
	for i, n := range d.nodes {
		node, err := nodeOf(cfg, n.cfg.Name)
		if err != nil {
			return err
		}
		plans[i] = planOf(cfg, node)
	}
	for i, n := range d.nodes {
		if err := n.follower().SetPlan(plans[i]); err != nil {
			return err
		}
	}
	d.dialplan.Store(cfg)
	return nil
}

// close closes what is open. It may be called more than once.
func (d *daemon) close() {
	for _, l := range []net.Listener{d.api, d.ops} {
		if l != nil {
			l.Close() //nolint:errcheck // closed already when it served
		}
	}
	for _, log := range d.logs {
		log.Close()
	}
	if d.db != nil {
		d.db.Close()
	}
}
