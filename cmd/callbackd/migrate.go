package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"callbackd/postgres"
)

// errNoDatabase says that a subcommand needs the database and none is
// configured.
var errNoDatabase = errors.New("no database: set database.url or database.url_file in the configuration, or CALLBACKD_DATABASE_URL")

func newMigrateCommand(opts *options) *cobra.Command {
	var to int64
	command := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to this program's version of the schema",
		Long: "migrate creates or changes the tables of the configured database, up to the\n" +
			"version that this program works with. It changes nothing when they are right.\n" +
			"\n" +
			"--to goes to another version, also down, which deletes what the versions above\n" +
			"it store. Version 0 has no tables.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to < 0 || to > postgres.SchemaVersion {
				return usageErrorf("--to %d: the versions are 0 to %d", to, postgres.SchemaVersion)
			}
			url, err := opts.databaseURL()
			if err != nil {
				return err
			}
			from, err := postgres.MigrateTo(cmd.Context(), url, to)
			if err != nil {
				return err
			}
			if from == to {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "The database schema is version %d already.\n", to)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "Brought the database schema from version %d to %d.\n", from, to)
			}
			return err
		},
	}
	command.Flags().Int64Var(&to, "to", postgres.SchemaVersion, "`version` of the schema")
	return command
}

// databaseURL returns the configured database's URL, or errNoDatabase.
func (o *options) databaseURL() (string, error) {
	cfg, err := o.loadConfig()
	if err != nil {
		return "", err
	}
	if cfg.Database.URL.IsZero() {
		return "", errNoDatabase
	}
	return cfg.Database.URL.Reveal(), nil
}
