package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/callcenter"
)

// SaveGap implements callcenter.Store.
func (c *Calls) SaveGap(ctx context.Context, gap callcenter.Gap) error {
	// One statement, and so one transaction. A daemon that died during a gap
	// left it open: it cannot last longer than one that began later.
	_, err := c.db.pool.Exec(ctx, `
		WITH stale AS (
			UPDATE gaps SET to_at = @to
			WHERE node = @node AND to_at IS NULL AND from_at < @to AND from_at <> @from
		)
		INSERT INTO gaps (node, from_at, to_at, why)
		VALUES (@node, @from, @to, @why)
		ON CONFLICT (node, from_at) DO UPDATE SET to_at = excluded.to_at`,
		pgx.StrictNamedArgs{"node": gap.Node, "from": gap.From, "to": gap.To, "why": gap.Why})
	if err != nil {
		return fmt.Errorf("save gap of node %q: %w", gap.Node, err)
	}
	return nil
}

// gapRow is a row of gaps.
type gapRow struct {
	Node string     `db:"node"`
	From time.Time  `db:"from_at"`
	To   *time.Time `db:"to_at"`
	Why  string     `db:"why"`
}

// Gaps returns a page of the gaps that match a filter, newest first, and where
// the next page begins; nil when this is the last one.
func (c *Calls) Gaps(ctx context.Context, filter callcenter.GapFilter) ([]callcenter.Gap, *callcenter.GapCursor, error) {
	if filter.Limit < 1 {
		return nil, nil, fmt.Errorf("list gaps: limit %d is less than 1", filter.Limit)
	}
	conditions := []string{"true"}
	args := pgx.StrictNamedArgs{"limit": filter.Limit + 1} // one more tells whether there is a next page
	if filter.Node != "" {
		conditions = append(conditions, `node = @node`)
		args["node"] = filter.Node
	}
	if !filter.From.IsZero() {
		conditions = append(conditions, `(to_at IS NULL OR to_at > @from)`)
		args["from"] = filter.From
	}
	if !filter.To.IsZero() {
		conditions = append(conditions, `from_at < @to`)
		args["to"] = filter.To
	}
	if filter.After != nil {
		conditions = append(conditions, `(from_at, node) < (@after_from, @after_node)`)
		args["after_from"], args["after_node"] = filter.After.From, filter.After.Node
	}
	rows, err := collect[gapRow](ctx, c.db.pool, `
		SELECT node, from_at, to_at, why
		FROM gaps
		WHERE `+strings.Join(conditions, " AND ")+`
		ORDER BY from_at DESC, node DESC
		LIMIT @limit`, args)
	if err != nil {
		return nil, nil, fmt.Errorf("list gaps: %w", err)
	}
	gaps := make([]callcenter.Gap, len(rows))
	for i, row := range rows {
		gaps[i] = callcenter.Gap(row)
	}
	if len(gaps) <= filter.Limit {
		return gaps, nil, nil
	}
	gaps = gaps[:filter.Limit]
	last := &gaps[len(gaps)-1]
	return gaps, &callcenter.GapCursor{From: last.From, Node: last.Node}, nil
}
