package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

// Monitor reads what goes on now. What it costs grows with the calls that run
// and the callbacks that are open, not with what is stored.
type Monitor struct {
	db    *DB
	nodes []string
}

// Monitor returns a reader of what goes on at all call centers and at nodes,
// which it shows in the given order.
func (db *DB) Monitor(nodes []string) *Monitor { return &Monitor{db: db, nodes: nodes} }

// Nodes returns how each node is followed.
func (m *Monitor) Nodes(ctx context.Context) ([]callcenter.NodeStatus, error) {
	found, err := nodes(ctx, m.db.pool, m.nodes)
	if err != nil {
		return nil, fmt.Errorf("read how nodes are followed: %w", err)
	}
	return found, nil
}

// Situation returns what goes on, at one moment.
func (m *Monitor) Situation(ctx context.Context) (callbacks.Situation, error) {
	var s callbacks.Situation
	// One snapshot for all of it, so that no call is in two places.
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, m.db.pool, options, func(tx pgx.Tx) (err error) {
		if s.At, err = scalar[time.Time](ctx, tx, `SELECT clock_timestamp()`, nil); err != nil {
			return err
		}
		if s.Nodes, err = nodes(ctx, tx, m.nodes); err != nil {
			return err
		}
		if s.Desks, err = desks(ctx, tx); err != nil {
			return err
		}
		s.Agents, err = agents(ctx, tx, s.Nodes)
		return err
	})
	if err != nil {
		return callbacks.Situation{}, fmt.Errorf("read what goes on: %w", err)
	}
	return s, nil
}

// desks returns what goes on at each call center where anything does.
func desks(ctx context.Context, q querier) ([]callbacks.Desk, error) {
	type deskRow struct {
		CallCenter       string     `db:"call_center"`
		Waiting          int        `db:"waiting"`
		LongestWaitSince *time.Time `db:"longest_wait_since"`
		Talking          int        `db:"talking"`
		Open             int        `db:"open"`
		Unassigned       int        `db:"unassigned"`
		OldestOpenAt     *time.Time `db:"oldest_open_at"`
	}
	rows, err := collect[deskRow](ctx, q, `
		WITH live AS (
			SELECT phase_call_center AS call_center,
				count(*) FILTER (WHERE phase = 'waiting') AS waiting,
				min(phase_since) FILTER (WHERE phase = 'waiting') AS longest_wait_since,
				count(*) FILTER (WHERE phase = 'talking') AS talking
			FROM calls
			WHERE state = 'active' AND phase IS NOT NULL
			GROUP BY phase_call_center
		), backlog AS (
			SELECT call_center, count(*) AS open, count(*) FILTER (WHERE assignee IS NULL) AS unassigned,
				min(registered_at) AS oldest_open_at
			FROM callbacks
			WHERE status = 'open'
			GROUP BY call_center
		)
		SELECT call_center, coalesce(waiting, 0) AS waiting, longest_wait_since, coalesce(talking, 0) AS talking,
			coalesce(open, 0) AS open, coalesce(unassigned, 0) AS unassigned, oldest_open_at
		FROM live FULL JOIN backlog USING (call_center)
		ORDER BY call_center COLLATE "C"`, nil)
	if err != nil {
		return nil, err
	}
	found := make([]callbacks.Desk, len(rows))
	for i, r := range rows {
		found[i] = callbacks.Desk{
			CallCenter: r.CallCenter, Waiting: r.Waiting, LongestWaitSince: orZero(r.LongestWaitSince), Talking: r.Talking,
			Open: r.Open, Unassigned: r.Unassigned, OldestOpenAt: orZero(r.OldestOpenAt),
		}
	}
	return found, nil
}

// agents returns the people with a phone, and what it does.
func agents(ctx context.Context, q querier, nodes []callcenter.NodeStatus) ([]callbacks.Agent, error) {
	calls, err := phoneCalls(ctx, q)
	if err != nil {
		return nil, err
	}
	type agentRow struct {
		ID          int64      `db:"id"`
		Name        string     `db:"name"`
		DisplayName string     `db:"display_name"`
		CallCenters []string   `db:"call_centers"`
		Endpoint    string     `db:"endpoint"`
		FreedAt     *time.Time `db:"freed_at"`
	}
	rows, err := collect[agentRow](ctx, q, `
		SELECT a.id, a.name, a.display_name, a.call_centers, a.endpoint, p.freed_at
		FROM accounts a LEFT JOIN phones p USING (endpoint)
		WHERE a.enabled AND a.endpoint IS NOT NULL AND a.call_centers <> '{}'
		ORDER BY a.name`, nil)
	if err != nil {
		return nil, err
	}
	found := make([]callbacks.Agent, len(rows))
	for i, r := range rows {
		found[i] = callbacks.Agent{
			ID: accounts.AccountID(r.ID), Name: r.Name, DisplayName: r.DisplayName, CallCenters: r.CallCenters, Endpoint: r.Endpoint,
		}
		found[i].Settle(calls[r.Endpoint], orZero(r.FreedAt), nodes)
	}
	return found, nil
}

// phoneCalls returns the running calls of the phones of accounts, by endpoint.
func phoneCalls(ctx context.Context, q querier) (map[string][]callbacks.PhoneCall, error) {
	type phoneRow struct {
		Endpoint    string    `db:"endpoint"`
		State       string    `db:"state"`
		Since       time.Time `db:"since"`
		RequestID   string    `db:"request_id"`
		Node        string    `db:"node"`
		CallCenters []string  `db:"call_centers"`
		Agents      []string  `db:"agents"`
	}
	rows, err := collect[phoneRow](ctx, q, `
		SELECT p.endpoint, p.state, p.since, c.request_id, c.node, c.call_centers, c.agents
		FROM calls c
		CROSS JOIN jsonb_to_recordset(c.phones) AS p (endpoint text, state text, since timestamptz)
		JOIN accounts a ON a.endpoint = p.endpoint
		WHERE c.state = 'active' AND c.phones <> '[]' AND a.enabled`, nil)
	if err != nil {
		return nil, err
	}
	calls := map[string][]callbacks.PhoneCall{}
	for _, r := range rows {
		calls[r.Endpoint] = append(calls[r.Endpoint], callbacks.PhoneCall{
			Phone:     callcenter.Phone{Endpoint: r.Endpoint, State: callcenter.PhoneState(r.State), Since: r.Since},
			RequestID: callcenter.RequestID(r.RequestID), Node: r.Node, CallCenters: r.CallCenters, Agents: r.Agents,
		})
	}
	return calls, nil
}
