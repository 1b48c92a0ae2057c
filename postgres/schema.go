package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// SchemaVersion is the version of the schema that the program works with:
// the number of its last migration. A test compares it with the files, and
// with the one migration that is code.
const SchemaVersion = 30

// SchemaError says that the program cannot work with the database's schema.
type SchemaError struct {
	// Have is the database's version, 0 when it has no schema yet.
	Have int64
	// Want is the program's.
	Want int64
}

func (e *SchemaError) Error() string {
	if e.Have > e.Want {
		return fmt.Sprintf("database schema is version %d, newer than this program's %d: run a newer callbackd", e.Have, e.Want)
	}
	return fmt.Sprintf("database schema is version %d, this program needs %d: run `callbackd migrate`", e.Have, e.Want)
}

// Migrate brings the database up to the program's version of the schema.
func Migrate(ctx context.Context, url string) error {
	_, err := MigrateTo(ctx, url, SchemaVersion)
	return err
}

// lockTimeout is how long a migration waits for programs that use a table.
const lockTimeout = "10s"

// MigrateTo brings the database to a version of the schema, up or down, and
// returns the version that it had before. Several programs may do so at once:
// they take turns. Each migration is a transaction of its own, so a failed
// one leaves the version before it. A database that is newer than the program
// is refused with a *SchemaError.
func MigrateTo(ctx context.Context, url string, version int64) (have int64, err error) {
	if version < 0 || version > SchemaVersion {
		return 0, fmt.Errorf("migrate: there is no version %d, the last is %d", version, SchemaVersion)
	}
	// No time limit but for locks: a migration may have to rewrite a large
	// table, but while it waits for a lock, all others wait behind it.
	pool, err := openPool(ctx, url, map[string]string{"application_name": "callbackd migrate", "lock_timeout": lockTimeout})
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	conn := stdlib.OpenDBFromPool(pool)
	defer func() { err = errors.Join(err, conn.Close()) }()

	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	// Asks once a second, for ten minutes, whether another program's migration
	// has ended.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600))
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, conn, files,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(jobsMigration(pool)))
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	have, err = provider.GetDBVersion(ctx)
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	switch {
	case have > SchemaVersion:
		err = &SchemaError{Have: have, Want: SchemaVersion}
	case have > version:
		_, err = provider.DownTo(ctx, version)
	default:
		_, err = provider.UpTo(ctx, version)
	}
	if err != nil {
		return 0, fmt.Errorf("migrate from version %d to %d: %w", have, version, err)
	}
	return have, nil
}

// checkSchema returns a *SchemaError when the program cannot work with the
// schema: it is older than the program's, or newer and no longer compatible. A
// newer one is there while the program is upgraded.
func checkSchema(ctx context.Context, q querier) error {
	err := checkOwnSchema(ctx, q)
	other, ok := errors.AsType[*SchemaError](err)
	if !ok || other.Have < other.Want {
		return err
	}
	oldest, err := scalar[int64](ctx, q, `SELECT max(oldest) FROM schema_compatibility`, nil)
	if err != nil {
		return fmt.Errorf("read which programs the schema is for: %w", err)
	}
	if oldest > SchemaVersion {
		return other
	}
	return nil
}

// checkOwnSchema returns a *SchemaError when the schema is not the program's.
func checkOwnSchema(ctx context.Context, q querier) error {
	have, err := scalar[int64](ctx, q, `
		SELECT coalesce(max(version_id), 0) FROM goose_db_version`, nil)
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == undefinedTable {
		have, err = 0, nil
	}
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have != SchemaVersion {
		return &SchemaError{Have: have, Want: SchemaVersion}
	}
	return nil
}

// undefinedTable is the SQLSTATE of a statement about a table that does not
// exist.
const undefinedTable = "42P01"
