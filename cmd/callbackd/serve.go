package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func newServeCommand(opts *options) *cobra.Command {
	var flags logFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Follow the PBX and serve the API",
		Long: "serve follows the calls of every configured PBX, stores them, and serves the API\n" +
			"until it gets SIGINT or SIGTERM. SIGHUP makes it read the dialplan part of the\n" +
			"configuration again: call centers, ring groups, terminals, labels, trunks; and\n" +
			"log.level.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := opts.loadConfig()
			if err != nil {
				return err
			}
			asked := flags.over(cfg.Log)
			level := &slog.LevelVar{}
			level.Set(asked.Level.Level)
			log := newLogger(c.ErrOrStderr(), asked, level)
			d, err := openDaemon(c.Context(), cfg, log)
			if err != nil {
				return err
			}
			ctx, stop := context.WithCancel(c.Context())
			defer stop()
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			defer signal.Stop(hangups)
			go reloadOnHangup(ctx, hangups, log, func() error {
				cfg, err := opts.loadConfig()
				if err == nil {
					err = d.reload(cfg)
				}
				if err == nil {
					level.Set(flags.over(cfg.Log).Level.Level)
				}
				return err
			})
			return d.Run(ctx)
		},
	}
	flags.register(c.Flags())
	return c
}

// reloadOnHangup reads the configuration again at each SIGHUP. A faulty one
// is reported and changes nothing.
func reloadOnHangup(ctx context.Context, hangups <-chan os.Signal, log *slog.Logger, reload func() error) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		if err := reload(); err != nil {
			log.Error("the configuration is not used: it has faults; the one before stays", slog.Any("err", err))
			continue
		}
		log.Info("the dialplan part of the configuration and log.level were read again")
	}
}
