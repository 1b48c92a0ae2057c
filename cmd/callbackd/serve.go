package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"callbackd/configs"
)

func newServeCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Follow the PBX and serve the API",
		Long: "serve follows the calls of every configured PBX, stores them, and serves the API\n" +
			"until it gets SIGINT or SIGTERM. SIGHUP makes it read the dialplan part of the\n" +
			"configuration again: call centers, ring groups, terminals, labels, trunks.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := opts.loadConfig()
			if err != nil {
				return err
			}
			log := newLogger(c.ErrOrStderr(), cfg.Log)
			d, err := openDaemon(c.Context(), cfg, log)
			if err != nil {
				return err
			}
			ctx, stop := context.WithCancel(c.Context())
			defer stop()
			go reloadOnHangup(ctx, d, opts, log)
			return d.Run(ctx)
		},
	}
}

// newLogger returns the logger that the configuration asks for.
func newLogger(w io.Writer, cfg configs.Log) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.Level.Level}
	if cfg.Format == configs.LogJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// reloadOnHangup reads the configuration again at each SIGHUP. A faulty one
// is reported and changes nothing.
func reloadOnHangup(ctx context.Context, d *daemon, opts *options, log *slog.Logger) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		cfg, err := opts.loadConfig()
		if err == nil {
			err = d.reload(cfg)
		}
		if err != nil {
			log.Error("the configuration is not used: it has faults; the one before stays", slog.Any("err", err))
			continue
		}
		log.Info("the dialplan part of the configuration was read again")
	}
}
