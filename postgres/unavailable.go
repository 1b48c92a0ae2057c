package postgres

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// IsUnavailable reports whether an error means that the database is away, or
// is too busy to take a connection: the same request may succeed later. Time
// that ran out is not among it, since a statement may be slow by itself.
func IsUnavailable(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		// 08 connection exception, 53 insufficient resources (disk full, too
		// many connections), 57P0x shut down or starting, 25006 read-only: a
		// standby during failover.
		return strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "53") ||
			strings.HasPrefix(e.Code, "57P0") || e.Code == "25006"
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return !pgconn.Timeout(err)
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
