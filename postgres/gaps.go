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
	err := c.exec(ctx, `
		WITH stale AS (
			UPDATE gaps SET to_at = @to
			WHERE node = @node AND to_at IS NULL AND from_at < @to AND from_at <> @from
		)
		INSERT INTO gaps AS g (node, from_at, to_at, why)
		VALUES (@node, @from, @to, @why)
		-- One that was settled lasts again: the daemon that settled it died
		-- before it had proven anything new. What was repaired stays repaired.
		ON CONFLICT (node, from_at) DO UPDATE SET to_at = excluded.to_at, settled_at = NULL, settled = NULL
		WHERE g.to_at IS DISTINCT FROM excluded.to_at`,
		pgx.StrictNamedArgs{"node": gap.Node, "from": gap.From, "to": gap.To, "why": gap.Why})
	if err != nil {
		return fmt.Errorf("save gap of node %q: %w", gap.Node, err)
	}
	return nil
}

// gapColumns are the columns of gaps that a gapRow has.
const gapColumns = `node, from_at, to_at, why, repaired_until, settled_at, settled, repaired, calls, unknown`

// gapRow is a row of gaps.
type gapRow struct {
	Node     string     `db:"node"`
	From     time.Time  `db:"from_at"`
	To       *time.Time `db:"to_at"`
	Why      string     `db:"why"`
	Until    *time.Time `db:"repaired_until"`
	SettleAt *time.Time `db:"settled_at"`
	Settled  optional   `db:"settled"`
	Repaired int        `db:"repaired"`
	Calls    int        `db:"calls"`
	Unknown  int        `db:"unknown"`
}

func toGaps(rows []gapRow) []callcenter.Gap {
	gaps := make([]callcenter.Gap, len(rows))
	for i, r := range rows {
		gaps[i] = callcenter.Gap{
			Node: r.Node, From: r.From, To: r.To, Why: r.Why,
			Repair: callcenter.GapRepair{
				Until: r.Until, SettledAt: r.SettleAt, Settled: callcenter.Settling(r.Settled),
				Repaired: r.Repaired, Calls: r.Calls, Unknown: r.Unknown,
			},
		}
	}
	return gaps
}

// UnsettledGaps implements callcenter.Store.
func (c *Calls) UnsettledGaps(ctx context.Context, node string) ([]callcenter.Gap, error) {
	rows, err := collect[gapRow](ctx, c.db.pool, `
		SELECT `+gapColumns+`
		FROM gaps
		WHERE settled_at IS NULL AND (node = @node OR @node = '')
		ORDER BY from_at, node`, pgx.StrictNamedArgs{"node": node})
	if err != nil {
		return nil, fmt.Errorf("read gaps that are not settled: %w", err)
	}
	return toGaps(rows), nil
}

// SaveRepair implements callcenter.Store. Of the calls that overlap the gap
// those are counted that began within the day before its beginning.
func (c *Calls) SaveRepair(ctx context.Context, gap callcenter.Gap) error {
	err := c.exec(ctx, `
		UPDATE gaps g
		SET repaired_until = @until, repaired = @repaired, settled_at = @settled_at, settled = @settled,
			calls = coalesce(n.calls, 0), unknown = coalesce(n.unknown, 0)
		FROM (
			SELECT count(*) AS calls, count(*) FILTER (WHERE result = 'unknown') AS unknown
			FROM calls
			WHERE @settled_at::timestamptz IS NOT NULL AND node = @node
				AND started_at >= @from::timestamptz - interval '1 day' AND started_at < @to
				AND (ended_at IS NULL OR ended_at > @from)
		) n
		WHERE g.node = @node AND g.from_at = @from`,
		pgx.StrictNamedArgs{
			"node": gap.Node, "from": gap.From, "to": gap.To, "until": gap.Repair.Until, "repaired": gap.Repair.Repaired,
			"settled_at": gap.Repair.SettledAt, "settled": orNull(string(gap.Repair.Settled)),
		})
	if err != nil {
		return fmt.Errorf("save the repair of a gap of node %q: %w", gap.Node, err)
	}
	return nil
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
		SELECT `+gapColumns+`
		FROM gaps
		WHERE `+strings.Join(conditions, " AND ")+`
		ORDER BY from_at DESC, node DESC
		LIMIT @limit`, args)
	if err != nil {
		return nil, nil, fmt.Errorf("list gaps: %w", err)
	}
	gaps := toGaps(rows)
	if len(gaps) <= filter.Limit {
		return gaps, nil, nil
	}
	gaps = gaps[:filter.Limit]
	last := &gaps[len(gaps)-1]
	return gaps, &callcenter.GapCursor{From: last.From, Node: last.Node}, nil
}
