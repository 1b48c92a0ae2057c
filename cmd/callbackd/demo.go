package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"callbackd/api"
	"callbackd/configs"
	"callbackd/demo"
)

func newDemoCommand(*options) *cobra.Command {
	o := demo.Options{Serve: openDemoDaemon}
	var embedOrigins []string
	command := &cobra.Command{
		Use:   "demo",
		Short: "Run everything, private and throw-away, with phones that call",
		Long: "demo starts a private PostgreSQL, a private Asterisk on the published sample\n" +
			"configuration, and callbackd, all on the loopback address and in temporary\n" +
			"folders. Agents and customers call each other in every way there is, and some of\n" +
			"the calls become callbacks. It prints where to look and with which tokens.\n" +
			"Webhooks may be sent to this machine, also over http://.\n" +
			"\n" +
			"Ctrl-C ends it and leaves nothing behind. The first demo on a machine without\n" +
			"Asterisk extracts one into the user's cache folder, where it stays for the next.",
		Example: "  callbackd demo\n  callbackd demo --for 30s\n  callbackd demo --json --seed 7 >places.json\n" +
			"  callbackd demo --embed-origin http://127.0.0.1:8000",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case cmd.Flags().Changed("config"):
				return usageErrorf("demo runs on the published sample configuration and takes no --config")
			case o.Length < 0 || o.Every <= 0 || o.Talk <= 0:
				return usageErrorf("--for, --every and --talk: a time must not be negative, and only --for may be 0")
			}
			for _, text := range embedOrigins {
				var origin configs.Origin
				if err := origin.UnmarshalText([]byte(text)); err != nil {
					return usageErrorf("--embed-origin: %v", err)
				}
				o.EmbedOrigins = append(o.EmbedOrigins, origin)
			}
			o.Out, o.Err = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return demo.Run(cmd.Context(), o)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.API, "api", "", "`address` of the API (default 127.0.0.1:8080, or a free port when that one is taken)")
	flags.StringVar(&o.Ops, "ops", "", "`address` for operators (default 127.0.0.1:9090, or a free port when that one is taken)")
	flags.StringArrayVar(&embedOrigins, "embed-origin", nil, "`origin` of a page of yours that shows the player in a frame; can be given several times")
	flags.DurationVar(&o.Length, "for", 0, "`duration` after which it ends by itself, such as 30s (default never)")
	flags.BoolVar(&o.JSON, "json", false, "print where to look as one line of JSON, and everything else on standard error")
	flags.Uint64Var(&o.Seed, "seed", 1, "`number` that chooses who calls when, and how long")
	flags.DurationVar(&o.Every, "every", 3*time.Second, "`duration` between two calls, at least")
	flags.DurationVar(&o.Talk, "talk", 5*time.Second, "`duration` that people talk, about")
	return command
}

// openDemoDaemon opens the daemon of a demo, the same that serve runs.
func openDemoDaemon(ctx context.Context, cfg *configs.Config, log *slog.Logger, visitors ...api.DemoAccount) (*demo.Daemon, error) {
	d, err := openDaemon(ctx, cfg, log, visitors...)
	if err != nil {
		return nil, err
	}
	return &demo.Daemon{
		DB: d.db, API: d.api.Addr(), Ops: d.ops.Addr(), Metrics: d.registry,
		HasCallCenter: d.hasCallCenter, Ready: d.ready, Run: d.Run,
	}, nil
}
