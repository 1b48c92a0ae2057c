package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// IsUnavailable reports whether an error means that the database is away, too
// busy to answer in time, or not to be written to: the same request may
// succeed later. Whether it has had an effect is not known.
func IsUnavailable(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return isPassing(e.Code)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, lost := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, puddle.ErrClosedPool, context.DeadlineExceeded} {
		if errors.Is(err, lost) {
			return true
		}
	}
	// The connection was found closed before anything was sent.
	return pgconn.SafeToRetry(err)
}

// IsLoginRefused reports whether PostgreSQL does not let the user in: because of
// the password, or of what pg_hba.conf says.
func IsLoginRefused(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(e.Code, "28") // invalid authorization
}

// isPassing reports whether a SQLSTATE describes the server's condition and
// not the statement.
func isPassing(code string) bool {
	switch code {
	case "25006", // read-only: a standby, until it is promoted
		"40001", "40P01", // serialization failure, deadlock
		"55P03", "57014": // lock or statement time-out
		return true
	}
	// 08 connection exception, 53 insufficient resources (disk full, too many
	// connections), 57P0x shut down or starting, 58 system error.
	for _, prefix := range []string{"08", "53", "57P0", "58"} {
		if strings.HasPrefix(code, prefix) {
			return true
		}
	}
	return false
}

// isRefusal reports whether an error is about the data of a statement, and so
// will be the same at the next try.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	// 22 data exception, 23 integrity constraint violation, 54 program limit
	// exceeded.
	return ok && (strings.HasPrefix(e.Code, "22") || strings.HasPrefix(e.Code, "23") || strings.HasPrefix(e.Code, "54"))
}

// isDeadlock reports whether the server undid a transaction because it and
// another one waited for each other: done again, it may succeed.
func isDeadlock(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "40P01"
}
