package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/webhooks"
)

// ExplainList lists callbacks and returns the plans of the statements that
// this took.
func ExplainList(ctx context.Context, c *Callbacks, query callbacks.Query) (plans []string, err error) {
	e := &explaining{querier: c.db.pool, pool: c.db.pool}
	l, err := c.newList(ctx, e, query)
	if err != nil {
		return nil, err
	}
	_, _, err = l.page(ctx, e)
	return e.plans, err
}

// ExplainCalls lists calls and returns the plans of the statements that this
// took.
func ExplainCalls(ctx context.Context, calls *Calls, filter callcenter.CallFilter) (plans []string, err error) {
	e := &explaining{querier: calls.db.pool, pool: calls.db.pool}
	_, err = calls.newList(filter).page(ctx, e)
	return e.plans, err
}

// ExplainDeliveries lists deliveries and returns the plan of the statement that
// this took.
func ExplainDeliveries(ctx context.Context, s *Webhooks, id webhooks.ID, filter webhooks.DeliveryFilter) (plan string, err error) {
	e := &explaining{querier: s.db.pool, pool: s.db.pool}
	_, err = listDeliveries(ctx, e, id, filter)
	return strings.Join(e.plans, "\n"), err
}

// Narrow bounds the ways to a page, so that few calls lead to all ways.
func (c *Calls) Narrow(walked, gathered, near int) *Calls {
	return &Calls{db: c.db, bounds: callBounds{walked, walked / 2, gathered, near}}
}

// Narrow bounds the ways to a page, so that few callbacks lead to all ways.
func (c *Callbacks) Narrow(walked, gathered, named int) *Callbacks {
	return &Callbacks{db: c.db, walked: walked, gathered: gathered, named: named}
}

// explaining notes the plan of each query, and runs it.
type explaining struct {
	querier
	pool  *pgxpool.Pool
	plans []string
}

func (e *explaining) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	err := e.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return e.explain(ctx, c.Conn(), sql, args) })
	if err != nil {
		return nil, err
	}
	return e.querier.Query(ctx, sql, args...)
}

// explain notes the plan as it is for any arguments: that of a statement that
// was prepared.
func (e *explaining) explain(ctx context.Context, conn *pgx.Conn, sql string, args []any) error {
	if named, ok := args[0].(pgx.StrictNamedArgs); ok {
		var err error
		if sql, args, err = named.RewriteQuery(ctx, conn, sql, args[1:]); err != nil {
			return err
		}
	}
	if _, err := conn.Prepare(ctx, "explained", sql); err != nil {
		return err
	}
	places := make([]string, len(args))
	for i := range args {
		places[i] = fmt.Sprint("$", i+1)
	}
	execute := `EXPLAIN EXECUTE explained`
	if len(args) > 0 {
		execute += `(` + strings.Join(places, `, `) + `)`
	}
	rows, err := conn.Query(ctx, execute, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
	if err != nil {
		return err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	e.plans = append(e.plans, strings.Join(lines, "\n"))
	return errors.Join(err, conn.Deallocate(ctx, "explained"))
}

func (e *explaining) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, errors.New("a list executes nothing")
}
