package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// readyTimeout is how long the daemon may take to say whether it is ready.
const readyTimeout = 5 * time.Second

func newReadyCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use:   "ready",
		Short: "Ask the daemon on this machine whether it is ready",
		Long: "ready asks the daemon that runs here with the same configuration (/readyz of\n" +
			"listen.ops), prints what it says, and fails unless it is ready: for the health\n" +
			"checks of containers, which have no other program to ask with.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := opts.loadConfig()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), readyTimeout)
			defer cancel()
			return askReady(ctx, cfg.Listen.Ops, cmd.OutOrStdout())
		},
	}
}

// askReady prints what the daemon that listens at the address says of itself.
// The error says that it is not ready, or could not be asked.
func askReady(ctx context.Context, address string, w io.Writer) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost" // who listens everywhere listens here
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask whether it is ready: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	if _, err := io.Copy(w, io.LimitReader(answer.Body, 1<<20)); err != nil {
		return fmt.Errorf("read whether it is ready: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New("it is not ready: " + answer.Status)
	}
	return nil
}
