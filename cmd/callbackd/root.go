package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"callbackd/configs"
)

// options are what all subcommands share.
type options struct {
	configPath string
	// began is set when the subcommand's own work begins. An error before that
	// is about the command line.
	began bool
}

// loadConfig reads the configuration that --config names.
func (o *options) loadConfig() (*configs.Config, error) { return configs.Load(o.configPath) }

func newRootCommand(opts *options) *cobra.Command {
	root := &cobra.Command{
		Use:   "callbackd",
		Short: "Callbacks for the calls of Asterisk call centers",
		Long: "callbackd follows calls on Asterisk over ARI, knows which were calls of a call\n" +
			"center, and keeps the callbacks that agents owe to their callers.",
		SilenceErrors: true, // run prints them
		SilenceUsage:  true, // an error would drown in a page of help
	}
	root.PersistentFlags().StringVar(&opts.configPath, "config", "/etc/callbackd/callbackd.yaml", "configuration `file`")
	root.AddCommand(
		newAccountCommand(opts),
		newCallCommand(opts),
		newCheckCommand(opts),
		newDemoCommand(opts),
		newDoctorCommand(opts),
		newManualCommand(),
		newMigrateCommand(opts),
		newPhonebookCommand(opts),
		newReadyCommand(opts),
		newReplayCommand(opts),
		newServeCommand(opts),
		newTokenCommand(opts),
		newVersionCommand(),
	)
	prepare(root, opts)
	return root
}

// prepare makes c and all commands below it note when their work begins. A
// command that only holds others shows its help, or says that there is no such
// command; cobra would show the help and succeed.
func prepare(c *cobra.Command, opts *options) {
	if !c.Runnable() {
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return usageErrorf("unknown command %q for %q%s", args[0], c.CommandPath(), suggestions(c, args[0]))
		}
	}
	if begin := c.RunE; begin != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			opts.began = true
			return begin(c, args)
		}
	}
	for _, sub := range c.Commands() {
		prepare(sub, opts)
	}
}

func suggestions(c *cobra.Command, name string) string {
	if c.SuggestionsMinimumDistance == 0 {
		c.SuggestionsMinimumDistance = 2 // cobra's own default, set only in its own error
	}
	names := c.SuggestionsFor(name)
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// usageError is a command line that makes no sense, unlike one that was
// understood and failed.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

// usageErrorf returns an error that says that the command line is wrong, for
// what a subcommand must check by itself after its work began.
func usageErrorf(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}
