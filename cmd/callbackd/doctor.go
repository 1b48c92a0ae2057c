package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"callbackd/configs"
)

// level says how bad a finding is.
type level string

const (
	levelFault   level = "fault"   // calls or callbacks are lost, or something that is configured cannot work
	levelWarning level = "warning" // something may go wrong, or looks like a slip
	levelGood    level = "good"
)

// finding is what doctor found out about a part of the site.
type finding struct {
	Level level `json:"level"`
	// Part is the part of the site: "database", "oidc", "queues", or "pbx " and a
	// node's name.
	Part string `json:"part"`
	What string `json:"what"`
	// Change is what to change and where; empty when nothing is to be.
	Change string `json:"change,omitempty"`
}

func newDoctorCommand(opts *options) *cobra.Command {
	var asJSON bool
	var asterisk []string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look at the database, each PBX and the sign-on, and say what to change",
		Long: "doctor connects to everything that the configuration names, as serve would, and\n" +
			"looks whether callbackd can work with it: the database, each PBX (its version,\n" +
			"user, clock, name, trunks and channel variables), the channel event logs, the\n" +
			"recordings, the journals, the provider of single sign-on; and whether the queues of the configuration are those\n" +
			"of the calls. It changes nothing, and may be run beside serve.\n" +
			"\n" +
			"Some of it only Asterisk's files tell (sessionlimit, websocket_write_timeout, all\n" +
			"queues and extensions): --asterisk-config says where they are.\n" +
			"\n" +
			"Exit code 1 means that there is a fault; warnings alone are exit code 0.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := opts.loadConfig()
			if err != nil {
				return err
			}
			if err := checkPlans(cfg); err != nil {
				return err
			}
			folders, err := foldersOf(cfg, asterisk)
			if err != nil {
				return err
			}
			findings := examine(c.Context(), cfg, folders)
			if asJSON {
				enc := json.NewEncoder(c.OutOrStdout())
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				err = enc.Encode(findings)
			} else {
				err = printFindings(c.OutOrStdout(), findings)
			}
			if err != nil {
				return err
			}
			if faults := count(findings, levelFault); faults > 0 {
				return fmt.Errorf("%d faults found", faults)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringArrayVar(&asterisk, "asterisk-config", nil,
		"look at Asterisk's own `FOLDER` of configuration, too, such as /etc/asterisk, where doctor runs on the PBX; NODE=FOLDER where there are several")
	return c
}

// examine looks at all parts of the site, those that others need first. Of
// nodes with a folder of Asterisk's configuration it looks at that, too.
func examine(ctx context.Context, cfg *configs.Config, folders map[string]string) []finding {
	findings, calls, followed := examineDatabase(ctx, cfg)
	findings = append(findings, examineSignOn(ctx, &cfg.OIDC)...)
	facts := make([]nodeFacts, len(cfg.PBX))
	for i := range cfg.PBX {
		facts[i] = gatherNode(ctx, &cfg.PBX[i])
		if by, known := followed[cfg.PBX[i].Name]; known {
			facts[i].followedBy = &by
		}
	}
	for n := range facts {
		findings = append(findings, judgeNode(cfg, facts, n)...)
		if folder, given := folders[cfg.PBX[n].Name]; given {
			findings = append(findings, judgeAsteriskConfig(cfg, &cfg.PBX[n], readAsteriskConfig(folder))...)
		}
	}
	findings = append(findings, judgeQueues(cfg, calls)...)
	return findings
}

// foldersOf returns the folders of Asterisk's configuration by the nodes' names.
func foldersOf(cfg *configs.Config, given []string) (map[string]string, error) {
	folders := map[string]string{}
	for _, text := range given {
		name, folder, named := strings.Cut(text, "=")
		if !named {
			if len(cfg.PBX) != 1 {
				return nil, fmt.Errorf("there are %d nodes: write --asterisk-config NODE=FOLDER", len(cfg.PBX))
			}
			name, folder = cfg.PBX[0].Name, text
		}
		if _, err := nodeOf(cfg, name); err != nil || name == "" {
			return nil, fmt.Errorf("--asterisk-config %s: no pbx named %q in the configuration", text, name)
		}
		folders[name] = folder
	}
	return folders, nil
}

func count(findings []finding, l level) (n int) {
	for _, f := range findings {
		if f.Level == l {
			n++
		}
	}
	return n
}

func printFindings(w io.Writer, findings []finding) error {
	var b strings.Builder
	part := ""
	for _, f := range findings {
		if f.Part != part {
			part = f.Part
			fmt.Fprintln(&b, part)
		}
		fmt.Fprintf(&b, "  %-8s %s\n", f.Level, printable(f.What))
		if f.Change != "" {
			fmt.Fprintf(&b, "  %-8s → %s\n", "", f.Change)
		}
	}
	fmt.Fprintf(&b, "%d faults, %d warnings\n", count(findings, levelFault), count(findings, levelWarning))
	_, err := io.WriteString(w, b.String())
	return err
}

// examined collects the findings of one part.
type examined struct {
	part     string
	findings []finding
}

func (e *examined) add(l level, change, format string, args ...any) {
	e.findings = append(e.findings, finding{Level: l, Part: e.part, What: fmt.Sprintf(format, args...), Change: change})
}

// oneLine is an error on one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
