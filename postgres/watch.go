package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// watchEvery is how often the database is asked whether it answers, and
	// watchTimeout how long it may take: longer than one that is merely slow.
	watchEvery   = time.Second
	watchTimeout = 3 * time.Second
)

// Watch asks the database again and again whether it answers, until ctx ends.
// It does so by a connection of its own: those of the pool may all be held by
// requests that wait.
func (db *DB) Watch(ctx context.Context) error {
	var conn *pgx.Conn
	defer func() { hangUp(conn) }()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		var err error
		if conn, err = db.ask(ctx, conn); ctx.Err() != nil {
			return nil
		}
		db.note(err)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// note takes what the database answered.
func (db *DB) note(err error) {
	switch away := db.Away() != nil; {
	case err != nil && !away:
		db.log.Error("the database does not answer; requests are refused until it does", slog.Any("err", err))
		db.up.Load().end(fmt.Errorf("the database does not answer: %w", err))
	case err == nil && away:
		db.log.Info("the database answers again")
		db.up.Store(newUptime())
	}
}

// uptime is a time in which the database answers.
type uptime struct {
	ctx context.Context
	end context.CancelCauseFunc
}

func newUptime() *uptime {
	ctx, end := context.WithCancelCause(context.Background())
	return &uptime{ctx, end}
}

// Up returns a context that ends when Watch finds that the database does not
// answer; its cause says why. It has ended already while the database does not,
// and is another one when it does again.
func (db *DB) Up() context.Context { return db.up.Load().ctx }

// Away returns why the database did not answer when Watch asked it last, and
// nil when it did. It returns at once.
func (db *DB) Away() error { return context.Cause(db.Up()) }

// ask asks by a connection, or by a new one when there is none or it was lost,
// and returns the one to ask by next. A database that has only cut connections
// answers those who connect.
func (db *DB) ask(ctx context.Context, conn *pgx.Conn) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	if conn != nil {
		if conn.Ping(ctx) == nil {
			return conn, nil
		}
		hangUp(conn)
	}
	conn, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return nil, err
	}
	if err := conn.Ping(ctx); err != nil {
		hangUp(conn)
		return nil, err
	}
	return conn, nil
}

// hangUp closes a connection, whatever state it is in.
func hangUp(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), watchTimeout)
	defer cancel()
	conn.Close(ctx) //nolint:errcheck // it may be broken
}
