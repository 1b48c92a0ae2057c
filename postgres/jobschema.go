package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	// jobsVersion is the version of the schema that brings River's tables.
	jobsVersion = 9
	// riverVersion is the version of River's own schema that it brings. A newer
	// River that needs more gets a migration of its own.
	riverVersion = 8
)

// jobsMigration is the migration that makes the tables of the job queue, by
// River's own migrator. It uses the pool and not goose's transaction: each of
// River's steps is a transaction, and those that were done are not repeated.
func jobsMigration(pool *pgxpool.Pool) *goose.Migration {
	migrate := func(direction rivermigrate.Direction, to int) *goose.GoFunc {
		return &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error {
			migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
			if err != nil {
				return fmt.Errorf("prepare the job queue's migrations: %w", err)
			}
			if _, err := migrator.Migrate(ctx, direction, &rivermigrate.MigrateOpts{TargetVersion: to}); err != nil {
				return fmt.Errorf("migrate the job queue: %w", err)
			}
			return nil
		}}
	}
	const nothing = -1
	return goose.NewGoMigration(jobsVersion,
		migrate(rivermigrate.DirectionUp, riverVersion), migrate(rivermigrate.DirectionDown, nothing))
}
