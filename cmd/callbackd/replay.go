package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"callbackd/callcenter"
	"callbackd/callcenter/replay"
	"callbackd/configs"
)

// replayOptions are the flags of replay.
type replayOptions struct {
	node     string
	from, to string
	repeat   int
	stats    bool
	mask     bool
	diff     bool
	json     bool
}

func newReplayCommand(opts *options) *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use:   "replay [TRACE.jsonl | JOURNAL]...",
		Short: "Show what recorded ARI events say about calls",
		Long: "replay runs recorded ARI events through the very rules that serve uses, and\n" +
			"prints one JSON object a call, in order of start.\n" +
			"\n" +
			"Events come from traces, one JSON object a line, or from the journal of a node:\n" +
			"JOURNAL is a folder as in pbx[].journal.directory, which itself is read when\n" +
			"nothing is named. The name - stands for standard input. A call of which a journal\n" +
			"may not tell all says why (incomplete).\n" +
			"\n" +
			"--diff compares with what is stored, and prints only calls of which the rules now\n" +
			"say something else, or which are known on one side alone. It leaves out calls that\n" +
			"are incomplete or go on, and says how many.",
		Example: "  callbackd replay ari/testdata/cc-answered.jsonl\n" +
			"  callbackd replay --node pbx1 --from 2026-11-23T09:00 --to 2026-11-23T10:00 --diff",
		RunE: func(c *cobra.Command, args []string) error {
			if o.diff {
				return trouble(o.run(c, opts, args))
			}
			return o.run(c, opts, args)
		},
	}
	f := c.Flags()
	f.StringVar(&o.node, "node", "", "which `pbx` of the configuration the events are of (default: the first)")
	f.StringVar(&o.from, "from", "", "only calls that began at this `time` or later, as 2026-11-23T09:00 in the configured\nzone, or RFC 3339")
	f.StringVar(&o.to, "to", "", "only calls that began before this `time`")
	f.IntVar(&o.repeat, "repeat", 1, "run the events `N` times, each time from the start")
	f.BoolVar(&o.stats, "stats", false, "print events, seconds and events per second to standard error")
	f.BoolVar(&o.mask, "mask", false, "mask phone numbers")
	f.BoolVar(&o.diff, "diff", false, "compare with the calls in the database; exit code 0: all are the same,\n1: some differ, 2: it could not be told")
	f.BoolVar(&o.json, "json", false, "with --diff, print one JSON object a call")
	return c
}

func (o *replayOptions) run(c *cobra.Command, opts *options, args []string) error {
	if o.repeat < 1 {
		return usageErrorf("--repeat %d: at least 1 expected", o.repeat)
	}
	cfg, err := opts.loadConfig()
	if err != nil {
		return err
	}
	pbx, err := nodeOf(cfg, o.node)
	if err != nil {
		return err
	}
	from, to, err := o.interval(cfg.Location())
	if err != nil {
		return err
	}
	sources, err := openSources(args, pbx, from, c.InOrStdin())
	if err != nil {
		return err
	}
	r, err := o.replay(c.Context(), sources, pbx.Name, planOf(cfg, pbx), from, to, c.ErrOrStderr())
	if err != nil {
		return err
	}
	if o.diff {
		return o.compare(c, cfg, r)
	}
	return printCalls(c.OutOrStdout(), r, o.mask)
}

// replay runs the events as often as is asked for.
func (o *replayOptions) replay(ctx context.Context, sources []replay.Source, node string, plan *callcenter.Plan, from, to time.Time, said io.Writer) (*replay.Replayer, error) {
	var r *replay.Replayer
	events := 0
	begin := time.Now()
	for range o.repeat {
		var err error
		if r, err = replay.New(node, plan, from, to); err != nil {
			return nil, err
		}
		for _, source := range sources {
			if err := r.Read(ctx, source); err != nil {
				return nil, err
			}
		}
		events += r.Events()
	}
	if broken := r.Broken(); broken > 0 {
		fmt.Fprintf(said, "%d lines of the journal are no events\n", broken)
	}
	if len(r.Calls()) == 0 {
		fmt.Fprintf(said, "no call was found in %d events\n", r.Events())
	}
	if o.stats {
		seconds := time.Since(begin).Seconds()
		fmt.Fprintf(said, "%d events in %.3f s: %.0f events/s\n", events, seconds, float64(events)/seconds)
	}
	return r, nil
}

// interval reads --from and --to.
func (o *replayOptions) interval(zone *time.Location) (from, to time.Time, err error) {
	read := func(flag, text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
			if at, wrong := time.ParseInLocation(layout, text, zone); wrong == nil {
				return at
			}
		}
		err = cmp.Or[error](err, usageErrorf("--%s %q is not a time: write 2026-11-23T09:00 or 2026-11-23T00:00:00Z", flag, text))
		return time.Time{}
	}
	from, to = read("from", o.from), read("to", o.to)
	if err == nil && !from.IsZero() && !to.IsZero() && !from.Before(to) {
		err = usageErrorf("--to %q is not after --from %q", o.to, o.from)
	}
	return from, to, err
}

// openSources returns where events are read from.
func openSources(args []string, pbx *configs.PBX, from time.Time, stdin io.Reader) ([]replay.Source, error) {
	if len(args) == 0 {
		if !pbx.Journal.Enabled() {
			return nil, usageErrorf("name a trace or a journal: pbx %s of the configuration keeps none", pbx.Name)
		}
		args = []string{pbx.Journal.Directory}
	}
	var sources []replay.Source
	for _, path := range args {
		source, err := openSource(path, pbx.Name, from, stdin)
		if err != nil {
			return nil, err
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// openSource opens a trace or the journal of a node.
func openSource(path, node string, from time.Time, stdin io.Reader) (replay.Source, error) {
	if path == "-" {
		return replay.Trace(path, stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return replay.Source{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return replay.Source{}, err
	}
	if info.IsDir() {
		return replay.Journal(configs.Journal{Directory: path}.Folder(node), from), nil
	}
	return replay.Trace(path, f)
}

// codedError is an error with an exit code of its own.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// trouble gives every error that says no code itself that of what could not be
// told, so that 1 means a difference and nothing else.
func trouble(err error) error {
	if _, coded := errors.AsType[*codedError](err); err == nil || coded {
		return err
	}
	return &codedError{exitTrouble, err}
}
