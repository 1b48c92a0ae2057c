package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectTimeout bounds each attempt to connect, unless the URL says
	// otherwise (connect_timeout).
	connectTimeout = 5 * time.Second

	// maxConnections is how many connections the pool may open, unless the
	// URL says otherwise (pool_max_conns).
	maxConnections = 16
)

// serving are the settings of the connections that serve, unless the URL says
// otherwise. Contexts end statements too; these end what a program that was
// cut off left behind, before its locks hold up everybody else.
func serving() map[string]string {
	return map[string]string{
		"application_name": "callbackd",
		// To compile a statement takes longer than any of ours should run.
		"jit": "off",
		// Nothing that is prepared depends on its arguments' values, and to plan
		// a list anew takes as long as to read it.
		"plan_cache_mode": "force_generic_plan",
		// The planner cannot know how little of a list is read. To start other
		// processes for it takes longer than any list.
		"max_parallel_workers_per_gather":     "0",
		"statement_timeout":                   "30s",
		"idle_in_transaction_session_timeout": "60s",
		"tcp_keepalives_idle":                 "15",
		"tcp_keepalives_interval":             "5",
		"tcp_keepalives_count":                "3",
	}
}

// Options are optional settings of Open.
type Options struct {
	// Log is told about trouble of the notification loop; nil for nowhere.
	Log *slog.Logger
}

// DB is the database. It is safe for concurrent use.
type DB struct {
	pool *pgxpool.Pool
	log  *slog.Logger
	jobs *jobQueue
	// up has ended while the database does not answer Watch.
	up atomic.Pointer[uptime]
}

// Open connects to the database and checks its schema: it returns a
// *SchemaError when the program cannot work with it. The URL may be anything
// that libpq takes, with the parameters of pgxpool such as pool_max_conns.
func Open(ctx context.Context, url string, options Options) (*DB, error) {
	log := options.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	pool, err := openPool(ctx, url, serving())
	if err != nil {
		return nil, err
	}
	db := &DB{pool: pool, log: log}
	db.up.Store(newUptime())
	if err := db.Ready(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	if db.jobs, err = newJobQueue(db); err != nil {
		pool.Close()
		return nil, err
	}
	return db, nil
}

// Close waits for what runs and closes all connections.
func (db *DB) Close() { db.pool.Close() }

// Ready reports why the database cannot be used: it does not answer, or its
// program cannot work with its schema (*SchemaError).
func (db *DB) Ready(ctx context.Context) error { return checkSchema(ctx, db.pool) }

func openPool(ctx context.Context, url string, settings map[string]string) (*pgxpool.Pool, error) {
	config, err := poolConfig(url, settings)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return pool, nil
}

// poolConfig is how a pool connects to the database of a URL, with settings
// that the URL may override.
func poolConfig(url string, settings map[string]string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The error names what is wrong without showing the password.
		return nil, fmt.Errorf("parse database URL: %w", err)
	}
	for name, value := range settings {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	// ParseConfig does not tell its default from a number that was asked for.
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = maxConnections
	}
	config.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID,
			Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return nil
	}
	return config, nil
}

// querier is what the pool and a transaction have in common.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// batcher is what the pool and a transaction have in common for execAll.
type batcher interface {
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
}

// statement is an SQL statement whose result is not looked at.
type statement struct {
	doing string // for its error
	sql   string
	args  pgx.StrictNamedArgs
}

// execAll runs statements, all or none of them: the server gets them together,
// and answers when it has done them. They are a transaction, unless they are
// part of one.
func execAll(ctx context.Context, q batcher, statements []statement) error {
	var batch pgx.Batch
	for _, s := range statements {
		batch.Queue(s.sql, s.args)
	}
	results := q.SendBatch(ctx, &batch)
	var failed error
	for _, s := range statements {
		if _, err := results.Exec(); err != nil {
			failed = fmt.Errorf("%s: %w", s.doing, err)
			break
		}
	}
	// What has not failed before can fail when it is committed.
	if err := results.Close(); failed == nil {
		failed = err
	}
	return failed
}

// collect runs a query and returns its rows as structs, whose db tags must
// name exactly the columns.
func collect[T any](ctx context.Context, q querier, sql string, args pgx.StrictNamedArgs) ([]T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// queue has a query run with a batch, and its rows put into structs as collect
// does.
func queue[T any](batch *pgx.Batch, into *[]T, sql string, args pgx.StrictNamedArgs) {
	batch.Queue(sql, args).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, pgx.RowToStructByName[T])
		return err
	})
}

// collectOne is collect for a query that gives one row, or pgx.ErrNoRows.
func collectOne[T any](ctx context.Context, q querier, sql string, args pgx.StrictNamedArgs) (T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		var none T
		return none, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
}

// scalar runs a query that gives one value, or pgx.ErrNoRows.
func scalar[T any](ctx context.Context, q querier, sql string, args pgx.StrictNamedArgs) (T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		var none T
		return none, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
}

// violates reports whether err is a violation of the constraint.
func violates(err error, constraint string) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.ConstraintName == constraint
}
