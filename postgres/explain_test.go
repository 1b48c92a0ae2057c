package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

// ExplainList lists callbacks and returns the plans of the statements that
// this took.
func ExplainList(ctx context.Context, c *Callbacks, query callbacks.Query) (plans []string, err error) {
	e := &explaining{querier: c.db.pool}
	l, err := c.newList(ctx, e, query)
	if err != nil {
		return nil, err
	}
	_, _, err = l.page(ctx, e, func(f func(q querier) error) error { return f(e) })
	return e.plans, err
}

// ExplainCalls lists calls and returns the plans of the statements that this
// took.
func ExplainCalls(ctx context.Context, calls *Calls, filter callcenter.CallFilter) (plans []string, err error) {
	e := &explaining{querier: calls.db.pool}
	_, err = calls.newList(filter).page(ctx, e)
	return e.plans, err
}

// Narrow bounds the ways to a page, so that few calls lead to all ways.
func (c *Calls) Narrow(walked, gathered, near int) *Calls {
	return &Calls{db: c.db, bounds: callBounds{walked, gathered, near}}
}

// Narrow bounds the ways to a page, so that few callbacks lead to all ways.
func (c *Callbacks) Narrow(walked, gathered, named int) *Callbacks {
	return &Callbacks{db: c.db, walked: walked, gathered: gathered, named: named}
}

// explaining notes the plan of each query, and runs it.
type explaining struct {
	querier
	plans []string
}

func (e *explaining) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	rows, err := e.querier.Query(ctx, `EXPLAIN `+sql, args...)
	if err != nil {
		return nil, err
	}
	var plan strings.Builder
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, line := range lines {
		plan.WriteString(line + "\n")
	}
	e.plans = append(e.plans, plan.String())
	if err != nil {
		return nil, err
	}
	return e.querier.Query(ctx, sql, args...)
}

func (e *explaining) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, errors.New("a list executes nothing")
}
