package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/callcenter"
)

// LastProven implements callcenter.Store.
func (c *Calls) LastProven(ctx context.Context, node string) (time.Time, error) {
	at, err := scalar[*time.Time](ctx, c.db.pool, `
		SELECT proven_at FROM nodes WHERE name = @node`, pgx.StrictNamedArgs{"node": node})
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read until when node %q is proven: %w", node, err)
	}
	if at == nil {
		return time.Time{}, nil
	}
	return *at, nil
}

// SaveProven implements callcenter.Store. What was proven stays proven: an
// earlier time than the stored one changes nothing.
func (c *Calls) SaveProven(ctx context.Context, node string, at time.Time) error {
	err := c.exec(ctx, `
		INSERT INTO nodes AS n (name, proven_at)
		VALUES (@node, @at)
		ON CONFLICT (name) DO UPDATE SET proven_at = greatest(n.proven_at, excluded.proven_at)`,
		pgx.StrictNamedArgs{"node": node, "at": at})
	if err != nil {
		return fmt.Errorf("save until when node %q is proven: %w", node, err)
	}
	return nil
}

// SaveCanary writes about a node as its calls are written, and has those who
// wait for changes woken up, though nothing changes.
func (c *Calls) SaveCanary(ctx context.Context, node string) error {
	err := c.exec(ctx, `
		WITH written AS (UPDATE nodes SET proven_at = proven_at WHERE name = @node RETURNING name)
		SELECT pg_notify('`+channel+`', '') FROM written`, pgx.StrictNamedArgs{"node": node})
	if err != nil {
		return fmt.Errorf("save a canary of node %q: %w", node, err)
	}
	return nil
}

// SaveNode implements callcenter.Store.
func (c *Calls) SaveNode(ctx context.Context, report callcenter.NodeReport) error {
	err := c.write(ctx, func(tx pgx.Tx) error {
		changed, err := nodeChanges(ctx, tx, &report)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO nodes (name, state, why, state_since, connections, event_at, lines, seen_at)
			VALUES (@node, @state, @why, @since, @connections, @event_at, @lines, clock_timestamp())
			ON CONFLICT (name) DO UPDATE SET
				state = excluded.state, why = excluded.why, state_since = excluded.state_since,
				connections = excluded.connections, event_at = excluded.event_at, lines = excluded.lines, seen_at = excluded.seen_at`,
			pgx.StrictNamedArgs{
				"node": report.Node, "state": report.State, "why": orNull(cut(report.Why)), "since": report.Since,
				"connections": report.Connections, "event_at": timeOrNull(report.EventAt), "lines": linesOrNull(report.Lines),
			})
		if err != nil || !changed {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO changes (kind, node, call_centers) VALUES ('node', @node, '{}')`,
			pgx.StrictNamedArgs{"node": report.Node})
		return err
	})
	if err != nil {
		return fmt.Errorf("save how node %q is followed: %w", report.Node, err)
	}
	return nil
}

// nodeChanges reports whether a report says something new, and keeps others
// from reporting on the node until the transaction ends.
func nodeChanges(ctx context.Context, tx pgx.Tx, report *callcenter.NodeReport) (bool, error) {
	changed, err := scalar[bool](ctx, tx, `
		SELECT state IS DISTINCT FROM @state OR clock_timestamp() - seen_at > @stale_after
			OR jsonb_path_query_array(lines, '$[*].state') IS DISTINCT FROM jsonb_path_query_array(@lines, '$[*].state')
		FROM nodes
		WHERE name = @node
		FOR UPDATE`, pgx.StrictNamedArgs{"node": report.Node, "state": report.State, "stale_after": callcenter.NodeStaleAfter, "lines": linesOrNull(report.Lines)})
	if errors.Is(err, pgx.ErrNoRows) {
		return true, nil
	}
	return changed, err
}

// linesOrNull cuts what lines say to what is kept of texts.
func linesOrNull(lines []callcenter.Line) []callcenter.Line {
	for i := range lines {
		lines[i].Why = cut(lines[i].Why)
	}
	return lines
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// nodeRow is a node with what was reported of it last, and its newest gap.
type nodeRow struct {
	Name        string            `db:"name"`
	State       optional          `db:"state"`
	Why         optional          `db:"why"`
	Since       *time.Time        `db:"state_since"`
	Connections *int              `db:"connections"`
	EventAt     *time.Time        `db:"event_at"`
	Lines       []callcenter.Line `db:"lines"`
	SeenAt      *time.Time        `db:"seen_at"`
	GapFrom     *time.Time        `db:"from_at"`
	GapTo       *time.Time        `db:"to_at"`
	GapWhy      optional          `db:"gap_why"`
	GapUntil    *time.Time        `db:"repaired_until"`
	GapSettleAt *time.Time        `db:"settled_at"`
	GapSettled  optional          `db:"settled"`
	GapRepaired *int              `db:"repaired"`
	GapCalls    *int              `db:"calls"`
	GapUnknown  *int              `db:"unknown"`
	Holder      optional          `db:"holder"`
	Now         time.Time         `db:"now"`
}

func (r *nodeRow) status() callcenter.NodeStatus {
	n := callcenter.NodeStatus{
		NodeReport: callcenter.NodeReport{
			Node: r.Name, State: callcenter.NodeState(r.State), Why: string(r.Why), Since: orZero(r.Since),
			Connections: orZero(r.Connections), EventAt: orZero(r.EventAt), Lines: r.Lines,
		},
		SeenAt: orZero(r.SeenAt), FollowedBy: string(r.Holder),
	}
	if r.GapFrom != nil {
		n.LastGap = &callcenter.Gap{
			Node: r.Name, From: *r.GapFrom, To: r.GapTo, Why: string(r.GapWhy),
			Repair: callcenter.GapRepair{
				Until: r.GapUntil, SettledAt: r.GapSettleAt, Settled: callcenter.Settling(r.GapSettled),
				Repaired: orZero(r.GapRepaired), Calls: orZero(r.GapCalls), Unknown: orZero(r.GapUnknown),
			},
		}
	}
	return n.At(r.Now)
}

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// nodes returns how nodes are followed, by name, those too that nobody ever
// reported on.
func nodes(ctx context.Context, q querier, names []string) ([]callcenter.NodeStatus, error) {
	rows, err := collect[nodeRow](ctx, q, `
		SELECT w.name, n.state, n.why, n.state_since, n.connections, n.event_at, n.lines, n.seen_at,
			g.from_at, g.to_at, g.why AS gap_why,
			g.repaired_until, g.settled_at, g.settled, g.repaired, g.calls, g.unknown,
			l.holder, clock_timestamp() AS now
		FROM unnest(@names::text[]) WITH ORDINALITY AS w (name, place)
		LEFT JOIN nodes n USING (name)
		LEFT JOIN leases l ON l.node = w.name AND l.held_until > clock_timestamp()
		LEFT JOIN LATERAL (
			SELECT * FROM gaps WHERE node = w.name ORDER BY from_at DESC LIMIT 1
		) AS g ON true
		ORDER BY place`, pgx.StrictNamedArgs{"names": names})
	if err != nil {
		return nil, err
	}
	statuses := make([]callcenter.NodeStatus, len(rows))
	for i := range rows {
		statuses[i] = rows[i].status()
	}
	return statuses, nil
}
