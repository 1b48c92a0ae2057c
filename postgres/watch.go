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
		was := db.away.Load()
		switch {
		case err != nil && was == nil:
			db.log.Error("the database does not answer; requests are refused until it does", slog.Any("err", err))
		case err == nil && was != nil:
			db.log.Info("the database answers again")
		}
		if err != nil {
			db.away.Store(&err)
		} else {
			db.away.Store(nil)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Away returns why the database did not answer when Watch asked it last, and
// nil when it did. It returns at once.
func (db *DB) Away() error {
	if err := db.away.Load(); err != nil {
		return fmt.Errorf("the database does not answer: %w", *err)
	}
	return nil
}

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
