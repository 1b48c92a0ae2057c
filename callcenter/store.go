package callcenter

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrNotFound says that no such call is stored.
var ErrNotFound = errors.New("call not found")

// ErrHeld says that another daemon follows the node.
var ErrHeld = errors.New("another daemon follows the node")

// ErrSuperseded says that another daemon has taken the node over meanwhile:
// nothing was written, and never will be by this one's lease.
var ErrSuperseded = errors.New("another daemon has taken the node over")

// RefusedError says that a store cannot hold calls as they are, at the next
// attempt no more than at this one. All others were stored.
type RefusedError struct {
	Calls []RequestID
	Err   error
}

// Error implements error.
func (e *RefusedError) Error() string { return fmt.Sprintf("calls %s are refused: %v", e.Calls, e.Err) }

// Unwrap returns why.
func (e *RefusedError) Unwrap() error { return e.Err }

// Store keeps calls and gaps for the service. Times may be rounded to
// microseconds. What writes returns ErrSuperseded when the node is another
// daemon's to follow by now. After any other error it may have been done, or not
// be done yet; but never is it done after a later write.
type Store interface {
	// ActiveCalls returns the calls of a node that were active when they were
	// last saved, so that a restarted daemon goes on with them.
	ActiveCalls(ctx context.Context, node string) ([]Call, error)

	// EndedCalls returns the calls of a node that began within the day before a
	// time by the PBX's clock and ended after it, of which events may come again.
	EndedCalls(ctx context.Context, node string, since time.Time) ([]Call, error)

	// SaveCalls inserts or replaces calls (keyed by RequestID, which stands
	// for node and linkedid) in one transaction, together with one entry in
	// the change log for each call that differs from what was stored. Saving
	// the same calls again changes nothing. A call-center call is never
	// turned into another kind. A RefusedError means that all calls but those
	// it names are stored.
	SaveCalls(ctx context.Context, calls []Call) error

	// SaveGap inserts a gap or, when one of the same node and From is stored,
	// sets its To. A gap that has ended ends all others of its node that began
	// before its end: those that a daemon left open when it died.
	SaveGap(ctx context.Context, gap Gap) error

	// UnsettledGaps returns the gaps of a node, or of all when it is empty, that
	// are not settled, oldest first: those that last, too.
	UnsettledGaps(ctx context.Context, node string) ([]Gap, error)

	// SaveRepair records how far a gap is repaired, and that it is settled when
	// the gap says how; then the calls that overlap it are counted.
	SaveRepair(ctx context.Context, gap Gap) error

	// CallsByID returns those of the calls that are stored.
	CallsByID(ctx context.Context, ids []RequestID) ([]Call, error)

	// LastProven returns until when a node's events are known to have been
	// followed; the zero time for a node that never was.
	LastProven(ctx context.Context, node string) (time.Time, error)

	// SaveProven records that all of a node's events until at were followed
	// and are stored.
	SaveProven(ctx context.Context, node string, at time.Time) error

	// SaveNode stores how a node is followed, with when the store was told.
	// A state other than the stored one, or than what the age of the stored
	// one made of it, is an entry in the change log.
	SaveNode(ctx context.Context, report NodeReport) error
}

// EventLog is where a PBX keeps its channel events (CEL).
type EventLog interface {
	// LinkedIDs returns the linkedids of the calls of which the log tells
	// something within [from, to), by the PBX's clock.
	LinkedIDs(ctx context.Context, from, to time.Time) ([]string, error)

	// Latest returns the time of the last event that the log has, of those since
	// a time, by the PBX's clock; the zero time when it has none. Asterisk writes
	// them in the order of time.
	Latest(ctx context.Context, since time.Time) (time.Time, error)

	// Events returns all that the log tells of calls, and of those that their
	// channels were part of before, in the order in which it happened; but not
	// more than limit.
	Events(ctx context.Context, linkedIDs []string, limit int) ([]CELEvent, error)
}

// GapFilter says which gaps to list, and which page of them. What is set
// narrows it together.
type GapFilter struct {
	// Node is the name of one node; empty for all.
	Node string
	// From and To bound the time: gaps that have a part of it match. Zero for
	// no bound.
	From, To time.Time

	// Limit is the largest number of gaps in a page, at least 1.
	Limit int
	// After is where the page before ended; nil for the first page.
	After *GapCursor
}

// GapCursor is a place in a list of gaps. They are listed newest first, by
// when they began and then by node.
type GapCursor struct {
	From time.Time
	Node string
}
