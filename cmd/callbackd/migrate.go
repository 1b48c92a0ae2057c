package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"callbackd/configs"
	"callbackd/postgres"
)

// errNoDatabase says that a subcommand needs the database and none is
// configured.
var errNoDatabase = errors.New("no database: set database.url or database.url_file in the configuration, or CALLBACKD_DATABASE_URL")

func newMigrateCommand(opts *options) *cobra.Command {
	var to int64
	var role string
	command := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to this program's version of the schema",
		Long: "migrate creates or changes the tables of the configured database, up to the\n" +
			"version that this program works with. It changes nothing when they are right.\n" +
			"\n" +
			"--to goes to another version, also down, which deletes what the versions above\n" +
			"it store. Version 0 has no tables.\n" +
			"\n" +
			"--grant gives another role of the database what all other subcommands need, and\n" +
			"no more: with it they cannot change tables, nor delete calls, callbacks or\n" +
			"history. It is to be given at each migration.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to < 0 || to > postgres.SchemaVersion {
				return usageErrorf("--to %d: the versions are 0 to %d", to, postgres.SchemaVersion)
			}
			cfg, err := opts.loadDatabaseConfig()
			if err != nil {
				return err
			}
			url := cfg.Database.URL.Reveal()
			if role != "" && to != postgres.SchemaVersion {
				return usageErrorf("--grant %s: of version %d this program does not know what a role needs; leave --to out", role, to)
			}
			from, err := postgres.MigrateTo(cmd.Context(), url, to)
			if err != nil {
				return err
			}
			said := fmt.Sprintf("Brought the database schema from version %d to %d.\n", from, to)
			if from == to {
				said = fmt.Sprintf("The database schema is version %d already.\n", to)
			}
			if _, err := fmt.Fprint(cmd.OutOrStdout(), said); err != nil || role == "" {
				return err
			}
			if err := postgres.Grant(cmd.Context(), url, role); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Role %q may serve.\n", role)
			return err
		},
	}
	command.Flags().Int64Var(&to, "to", postgres.SchemaVersion, "`version` of the schema")
	command.Flags().StringVar(&role, "grant", "", "`role` of the database that serves")
	return command
}

// withDatabase runs a subcommand's work on the configured database.
func (o *options) withDatabase(ctx context.Context, work func(cfg *configs.Config, db *postgres.DB) error) error {
	cfg, err := o.loadDatabaseConfig()
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, cfg.Database.URL.Reveal(), postgres.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	return work(cfg, db)
}

// loadDatabaseConfig reads a configuration that names a database; else it
// returns errNoDatabase.
func (o *options) loadDatabaseConfig() (*configs.Config, error) {
	cfg, err := o.loadConfig()
	if err == nil && cfg.Database.URL.IsZero() {
		err = errNoDatabase
	}
	return cfg, err
}
