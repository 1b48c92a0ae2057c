package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/postgres"
)

func newCallCommand(opts *options) *cobra.Command {
	var asJSON, mask bool
	c := &cobra.Command{
		Use:   "call REQUEST_ID",
		Short: "Tell one call's whole story: what to attach to a bug report",
		Long: "call prints everything that is stored about a call: what it was decided to be and\n" +
			"by which signals, its legs, the gaps that overlap it, its recordings and who\n" +
			"listened to them, its callback and each change of it; then all that in the order\n" +
			"in which it happened. Where the node's events are kept (pbx[].journal), those of\n" +
			"the call stand among it, each before what it decided.\n" +
			"\n" +
			"--mask leaves the last two digits of phone numbers, and of memos and callers' names\n" +
			"their length, so that the story can be given away. Call centers, agents and\n" +
			"accounts stay readable.",
		Example: "  callbackd call rk8mv0qd1hd4l3jq0r6vuimd1o --mask",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return opts.withDatabase(c.Context(), func(cfg *configs.Config, db *postgres.DB) error {
				story, err := readStory(c.Context(), db, cfg, callcenter.RequestID(args[0]), mask)
				if errors.Is(err, callcenter.ErrNotFound) {
					return fmt.Errorf("no call has request ID %q; the page shows it with each call and callback", args[0])
				}
				if err != nil {
					return err
				}
				if asJSON {
					enc := json.NewEncoder(c.OutOrStdout())
					enc.SetEscapeHTML(false)
					enc.SetIndent("", "  ")
					return enc.Encode(story)
				}
				return story.print(c.OutOrStdout(), cfg.Location())
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&mask, "mask", false, "mask phone numbers, memos and callers' names")
	return c
}

// readStory reads all that is stored about a call, or returns
// callcenter.ErrNotFound. Masked, it can be given away.
func readStory(ctx context.Context, db *postgres.DB, cfg *configs.Config, id callcenter.RequestID, mask bool) (*callStory, error) {
	call, err := db.Calls().Get(ctx, id)
	if err != nil {
		return nil, err
	}
	kept := readJournal(cfg, &call)
	if mask {
		maskCall(&call)
		if kept != nil {
			kept.mask()
		}
	}
	s := &callStory{Call: newReplayedCall(&call), Legs: orEmpty(call.Legs), Agents: orEmpty(call.Agents), MergedInto: orNull(string(call.MergedInto)), Journal: kept}
	if err := s.readGaps(ctx, db, &call); err != nil {
		return nil, err
	}
	if err := s.readRecordings(ctx, db, id); err != nil {
		return nil, err
	}
	if err := s.readCallback(ctx, db, id); err != nil {
		return nil, err
	}
	if mask && s.Callback != nil {
		s.Callback.mask()
	}
	return s, nil
}

func (s *callStory) print(out io.Writer, zone *time.Location) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, line := range s.summary(zone) {
		fmt.Fprintf(w, "%s\t%s\n", line.name, printable(line.value))
	}
	fmt.Fprintf(w, "\n")
	if err := w.Flush(); err != nil {
		return err
	}
	w = tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tWHAT\tDETAILS")
	for _, h := range s.happened() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", h.at.In(zone).Format("2006-01-02 15:04:05.000"), h.what, strings.Join(h.details, " "))
	}
	return w.Flush()
}
