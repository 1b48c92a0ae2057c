package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"callbackd/configs"
	"callbackd/doctor"
)

func newDoctorCommand(opts *options) *cobra.Command {
	var asJSON bool
	var asterisk []string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look at the database, each PBX and the sign-on, and say what to change",
		Long: "doctor connects to everything that the configuration names, as serve would, and\n" +
			"looks whether callbackd can work with it: the database, each PBX (its version,\n" +
			"user, clock, name, trunks and channel variables), the channel event logs, the\n" +
			"recordings, the journals, the provider of single sign-on; and whether the queues\n" +
			"of the configuration are those of the calls. It changes nothing, and may be run\n" +
			"beside serve.\n" +
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
			site := siteOf(cfg)
			site.AsteriskConfig = folders
			findings := site.Examine(c.Context())
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
			if faults := doctor.Count(findings, doctor.Fault); faults > 0 {
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

// siteOf returns what there is to look at, reached as serve reaches it.
func siteOf(cfg *configs.Config) *doctor.Site {
	return &doctor.Site{
		Config: cfg, Client: newClient, Shelf: newShelf, EventLog: openCEL, Lines: askLines, Provider: newProvider,
	}
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

func printFindings(w io.Writer, findings []doctor.Finding) error {
	_, err := fmt.Fprintf(w, "%s%d faults, %d warnings\n", describeFindings(findings),
		doctor.Count(findings, doctor.Fault), doctor.Count(findings, doctor.Warning))
	return err
}

// describeFindings are findings by the parts that they are of.
func describeFindings(findings []doctor.Finding) string {
	var b strings.Builder
	part := ""
	for _, f := range findings {
		if f.Part != part {
			part = f.Part
			fmt.Fprintln(&b, part)
		}
		fmt.Fprintf(&b, "  %-8s %s\n", f.Level, legible(f.What))
		if f.Change != "" {
			fmt.Fprintf(&b, "  %-8s → %s\n", "", f.Change)
		}
	}
	return b.String()
}

// legible escapes what would disturb a terminal: parts of a finding are what
// others wrote. Quotes stay as they are, around names.
func legible(text string) string {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
