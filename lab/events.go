package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	sample "callbackd/configs/asterisk"
)

// makeEventTable makes the table of channel events in a database, and returns
// how the database is reached.
func makeEventTable(ctx context.Context, address string) (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig(address)
	if err != nil {
		// The parser's own error shows the address, without the password.
		return nil, fmt.Errorf("find the database of channel events: %w", err)
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("make the table of channel events: %w", err)
	}
	_, err = conn.Exec(ctx, sample.CELTable).ReadAll()
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return nil, fmt.Errorf("make the table of channel events: %w", err)
	}
	return config, nil
}
