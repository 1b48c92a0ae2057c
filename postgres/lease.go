package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"callbackd/callcenter"
)

const (
	// LeaseDuration is how long a node is kept for a daemon that has not been
	// heard of: so much later at the latest another one begins to follow it.
	LeaseDuration = 3 * time.Second

	// leasePause is how long a writer may pause within a transaction. It holds
	// locks: on its lease, so that nobody takes the node over while it may
	// still commit, and perhaps on the change log. The server ends it then.
	leasePause = 2 * time.Second
)

// Lease is the right to follow a node, which one daemon at a time has, for one
// term. Nothing can be written by one that was not taken.
type Lease struct {
	db           *DB
	node, holder string
	// heir is whom a node is handed over to that is to take this lease.
	heir string
	term atomic.Int64 // 0 before it is taken
	// givenUp counts the writes of the term whose outcome is not known, and
	// settled is how many of them the database was told of: see settle.
	givenUp, settled atomic.Int64
}

// Lease returns a lease of a node, to be taken. holder says to people who has
// it then.
func (db *DB) Lease(node, holder string) *Lease {
	return &Lease{db: db, node: node, holder: holder, heir: rand.Text()}
}

// Take takes the node over from nobody, or from a daemon that let go of it or
// has not been heard of for LeaseDuration. Otherwise it returns
// callcenter.ErrHeld. handed says that the daemon before has handed the node
// over to this one.
func (l *Lease) Take(ctx context.Context) (handed bool, err error) {
	type taken struct {
		Term   int64 `db:"term"`
		Handed bool  `db:"handed"`
	}
	rows, err := collect[taken](ctx, l.db.pool, `
		WITH taken AS (
			INSERT INTO leases AS l (node, term, holder, taken_at, held_until)
			VALUES (@node, 1, @holder, clock_timestamp(), clock_timestamp() + @duration::interval)
			ON CONFLICT (node) DO UPDATE SET
				term = l.term + 1, holder = excluded.holder, taken_at = excluded.taken_at, held_until = excluded.held_until, given_up = 0
			WHERE l.held_until <= clock_timestamp() OR EXISTS (
				SELECT FROM handovers h WHERE h.node = l.node AND h.heir = @heir AND h.term = l.term AND h.state = 'done')
			RETURNING term, EXISTS (
				SELECT FROM handovers h WHERE h.node = l.node AND h.heir = @heir AND h.term = l.term - 1 AND h.state = 'done') AS handed
		), waits AS ( -- no longer, so that another one may
			UPDATE handovers SET heir_until = clock_timestamp()
			WHERE node = @node AND heir = @heir AND EXISTS (SELECT FROM taken)
		)
		SELECT term, handed FROM taken`,
		pgx.StrictNamedArgs{"node": l.node, "holder": l.holder, "heir": l.heir, "duration": LeaseDuration})
	if err == nil && len(rows) == 0 {
		err = callcenter.ErrHeld
	}
	if err != nil {
		return false, fmt.Errorf("take over node %q: %w", l.node, err)
	}
	l.givenUp.Store(0)
	l.settled.Store(0)
	l.term.Store(rows[0].Term)
	return rows[0].Handed, nil
}

// Renew keeps the node for another LeaseDuration. It returns
// callcenter.ErrSuperseded when another daemon has taken it over. A daemon that
// comes late has it still when nobody else wanted it.
func (l *Lease) Renew(ctx context.Context) error {
	return l.keep(ctx, `held_until = clock_timestamp() + @duration::interval`, pgx.StrictNamedArgs{"duration": LeaseDuration})
}

// Release lets go of the node, so that another daemon need not wait. What was
// handed over stays that daemon's to take: any other would have to declare a gap.
func (l *Lease) Release(ctx context.Context) error {
	return l.keep(ctx, `held_until = CASE
		WHEN EXISTS (SELECT FROM handovers h WHERE h.node = leases.node AND h.term = leases.term AND h.state = 'done') THEN held_until
		ELSE clock_timestamp() END`, pgx.StrictNamedArgs{})
}

func (l *Lease) keep(ctx context.Context, set string, args pgx.StrictNamedArgs) error {
	args["node"], args["term"] = l.node, l.term.Load()
	tag, err := l.db.pool.Exec(ctx, `UPDATE leases SET `+set+` WHERE node = @node AND term = @term`, args)
	if err == nil && tag.RowsAffected() == 0 {
		err = callcenter.ErrSuperseded
	}
	if err != nil {
		return fmt.Errorf("keep node %q: %w", l.node, err)
	}
	return nil
}

// Calls returns a store of calls that writes only as long as nobody has taken
// the node over; then it returns callcenter.ErrSuperseded.
func (l *Lease) Calls() *Calls {
	calls := l.db.Calls()
	calls.lease = l
	return calls
}

// superseded is the SQLSTATE of hold_lease where another daemon has taken a node
// over.
const superseded = "LE001"

// settle makes sure that no write is done any more whose outcome nobody waited
// for: what was sent as a whole is committed whenever it comes to the server,
// perhaps after what is written now, and an ended call would go on. It returns
// what a write that begins now says of it to hold_lease.
func (l *Lease) settle(ctx context.Context) (givenUp int64, err error) {
	givenUp = l.givenUp.Load()
	if givenUp <= l.settled.Load() {
		return givenUp, nil
	}
	// It waits for those that hold the lease already: they are done.
	_, err = l.db.pool.Exec(ctx, `
		UPDATE leases SET given_up = @given_up
		WHERE node = @node AND term = @term AND given_up < @given_up`,
		pgx.StrictNamedArgs{"node": l.node, "term": l.term.Load(), "given_up": givenUp})
	if err != nil {
		return 0, fmt.Errorf("give up earlier writes: %w", err)
	}
	l.settled.Store(givenUp)
	return givenUp, nil
}

// answered notes a write whose outcome its error does not tell, and makes
// callcenter.ErrSuperseded of hold_lease's.
func (l *Lease) answered(err error) error {
	if err == nil {
		return nil
	}
	switch e, ok := errors.AsType[*pgconn.PgError](err); {
	case !ok:
		l.givenUp.Add(1)
	case e.Code == superseded:
		return callcenter.ErrSuperseded
	}
	return err
}

// hold makes sure that the lease outlasts the transaction.
func (l *Lease) hold(givenUp int64) statement {
	return statement{
		"hold the lease", `SELECT hold_lease(@node, @term, @given_up)`,
		pgx.StrictNamedArgs{"node": l.node, "term": l.term.Load(), "given_up": givenUp},
	}
}

// write runs a transaction in which c may write: for a store without a lease
// any, and else none after another daemon has taken the node over.
func (c *Calls) write(ctx context.Context, do func(pgx.Tx) error) error {
	if c.lease == nil {
		return pgx.BeginFunc(ctx, c.db.pool, do)
	}
	givenUp, err := c.lease.settle(ctx)
	if err != nil {
		return err
	}
	return c.lease.answered(pgx.BeginFunc(ctx, c.db.pool, func(tx pgx.Tx) error {
		pause := statement{
			"bound pauses", `SELECT set_config('idle_in_transaction_session_timeout', @pause, true)`,
			pgx.StrictNamedArgs{"pause": fmt.Sprintf("%dms", leasePause.Milliseconds())},
		}
		if err := execAll(ctx, tx, []statement{c.lease.hold(givenUp), pause}); err != nil {
			return err
		}
		return do(tx)
	}))
}

// writeAtOnce is write for statements that need not wait for each other's
// answers: they go to the server together, which commits when it has done the
// last one. So it waits for nothing with locks taken. The lease is held when the
// statements have arrived that may be long, and before the last, which makes
// others wait.
func (c *Calls) writeAtOnce(ctx context.Context, statements []statement, last statement) error {
	if c.lease == nil {
		return execAll(ctx, c.db.pool, append(statements, last))
	}
	givenUp, err := c.lease.settle(ctx)
	if err != nil {
		return err
	}
	return c.lease.answered(execAll(ctx, c.db.pool, append(statements, c.lease.hold(givenUp), last)))
}

// exec is write for one statement.
func (c *Calls) exec(ctx context.Context, sql string, args pgx.StrictNamedArgs) error {
	return c.writeAtOnce(ctx, nil, statement{"write", sql, args})
}
