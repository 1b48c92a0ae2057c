package main

import (
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/doctor"
	"callbackd/recording"
)

func newCheckCommand(opts *options) *cobra.Command {
	var connect bool
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check the configuration and list all that is wrong with it",
		Long: "check reads the configuration, FILE or else that of --config, with its secrets,\n" +
			"lists everything that is wrong with it, and says how it was understood.\n" +
			"It connects to nothing, unless --connect asks for it: then the tables of channel\n" +
			"events are looked at, whether they have the columns that repairs read, and the\n" +
			"folders of journals, whether a file can be written there.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				opts.configPath = args[0]
			}
			cfg, err := opts.loadConfig()
			if err != nil {
				return err
			}
			if err := checkPlans(cfg); err != nil {
				return err
			}
			if connect {
				if err := siteOf(cfg).CheckStores(cmd.Context()); err != nil {
					return err
				}
			}
			return describeConfig(cmd.OutOrStdout(), opts.configPath, cfg, recording.FindDecoder(exec.LookPath))
		},
	}
	c.Flags().BoolVar(&connect, "connect", false, "also look at the tables of channel events and the folders of journals")
	return c
}

// checkPlans reports what only following calls would find out: that numbers
// are the same, though spelt otherwise.
func checkPlans(cfg *configs.Config) error {
	for i := range cfg.PBX {
		if _, err := callcenter.NewTracker(cfg.PBX[i].Name, planOf(cfg, &cfg.PBX[i])); err != nil {
			return err
		}
	}
	return nil
}

// describeConfig writes how the configuration was understood, so that a mistake
// that is no fault shows too.
func describeConfig(w io.Writer, path string, cfg *configs.Config, decoder recording.Decoder) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-16s "+format+"\n", append([]any{name}, args...)...)
	}
	fmt.Fprintf(&b, "%s is right.\n", path)
	database := "none: serve needs one"
	if !cfg.Database.URL.IsZero() {
		database = "configured"
	}
	line("database", "%s", database)
	scheme := "http"
	if cfg.Listen.TLS.Enabled() {
		scheme = "https"
	}
	line("listen", "api %s (%s), ops %s", cfg.Listen.API, scheme, cfg.Listen.Ops)
	line("time, numbers", "%s, %s", cfg.Timezone, cfg.Region)
	for i := range cfg.PBX {
		p := &cfg.PBX[i]
		line("pbx "+p.Name, "%s as %s, trunks %s", p.ARI.URL, p.ARI.Username, list(p.Trunks))
		line("  channel events", "%s", describeEventLog(p.CEL))
		line("  journal", "%s", describeJournal(p.Journal))
		line("  canary", "%s", describeCanary(p.Canary))
		line("  sip", "%s", describeLines(&p.SIP))
		line("  recordings", "%s", describeLibrary(p.Recordings))
	}
	copies := "none: only WAV with PCM can be played"
	if cfg.Recordings.Copies != "" {
		copies = cfg.Recordings.Copies
	}
	line("copies", "%s", copies)
	gsm := "cannot be played: install sox or ffmpeg"
	if decoder.Path() != "" {
		gsm = "decoded by " + decoder.Path()
	}
	line("GSM, wav49", "%s", gsm)
	for _, c := range cfg.CallCenters {
		kept := "for ever"
		if days := c.Recordings.KeepDays; days > 0 {
			kept = fmt.Sprintf("for %d days", days)
		}
		line("call center", "%s %s, queues %s, recordings kept %s", c.Extension, c.ID, list(c.Queues), kept)
	}
	for _, g := range cfg.RingGroups {
		line("ring group", "%s %s, queues %s", g.Extension, g.ID, list(g.Queues))
	}
	for _, t := range cfg.Terminals {
		line("terminals", "%s", t.Extension)
	}
	for _, l := range cfg.BusinessLabels {
		line("business label", "%s, numbers %s", l.ID, list(l.DID))
	}
	b.WriteString(describeFindings(doctor.JudgeConfig(cfg)))
	_, err := io.WriteString(w, b.String())
	return err
}

// describeLibrary says where the recordings of a node lie.
func describeLibrary(l configs.Library) string {
	var where string
	switch {
	case l.Directory != "":
		where = l.Directory
	case l.S3.Configured():
		where = "bucket " + l.S3.Bucket + " at " + l.S3.Endpoint
	case l.ARI:
		return "through ARI: those that ARI makes; files of MixMonitor cannot be had in this way"
	default:
		return "none that can be played: neither directory, s3 nor ari is set"
	}
	where += ", " + l.OnPBX() + " on the PBX"
	if l.Purge {
		return where + ", removed when no longer kept"
	}
	return where + ", never removed"
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
