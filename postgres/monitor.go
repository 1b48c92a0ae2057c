package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
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
		live, err := readLive(ctx, tx)
		if err != nil {
			return err
		}
		if s.Desks, err = withBacklogs(ctx, tx, live.desks); err != nil {
			return err
		}
		s.Agents, err = agents(ctx, tx, live.phones, s.Nodes)
		return err
	})
	if err != nil {
		return callbacks.Situation{}, fmt.Errorf("read what goes on: %w", err)
	}
	return s, nil
}

// live is what goes on in the calls that run.
type live struct {
	// desks are the call centers that are called, without their callbacks.
	desks map[string]callbacks.Desk
	// phones are the calls of the phones of accounts, by endpoint.
	phones map[string][]callbacks.PhoneCall
}

// readLive reads the calls that run, once: they lie scattered among those
// that ended, and to find them is most of the work.
func readLive(ctx context.Context, q querier) (live, error) {
	// A row is a call center, or else a phone in a call.
	type liveRow struct {
		CallCenter       optional   `db:"call_center"`
		Waiting          int        `db:"waiting"`
		LongestWaitSince *time.Time `db:"longest_wait_since"`
		Talking          int        `db:"talking"`

		Endpoint    optional   `db:"endpoint"`
		State       optional   `db:"state"`
		Since       *time.Time `db:"since"`
		RequestID   optional   `db:"request_id"`
		Node        optional   `db:"node"`
		CallCenters []string   `db:"call_centers"`
		Agents      []string   `db:"agents"`
	}
	rows, err := collect[liveRow](ctx, q, `
		WITH live AS MATERIALIZED (
			SELECT request_id, node, call_centers, agents, phase, phase_call_center, phase_since, phones
			FROM calls
			WHERE state = 'active'
		)
		SELECT phase_call_center AS call_center,
			count(*) FILTER (WHERE phase = 'waiting') AS waiting,
			min(phase_since) FILTER (WHERE phase = 'waiting') AS longest_wait_since,
			count(*) FILTER (WHERE phase = 'talking') AS talking,
			NULL AS endpoint, NULL AS state, NULL::timestamptz AS since,
			NULL AS request_id, NULL AS node, NULL::text[] AS call_centers, NULL::text[] AS agents
		FROM live
		WHERE phase IS NOT NULL
		GROUP BY phase_call_center
		UNION ALL
		SELECT NULL, 0, NULL, 0, p.endpoint, p.state, p.since, l.request_id, l.node, l.call_centers, l.agents
		FROM live l
		CROSS JOIN jsonb_to_recordset(l.phones) AS p (endpoint text, state text, since timestamptz)
		JOIN accounts a ON a.endpoint = p.endpoint
		WHERE l.phones <> '[]' AND a.enabled`, nil)
	if err != nil {
		return live{}, err
	}
	found := live{desks: map[string]callbacks.Desk{}, phones: map[string][]callbacks.PhoneCall{}}
	for _, r := range rows {
		if r.Endpoint == "" {
			found.desks[string(r.CallCenter)] = callbacks.Desk{
				CallCenter: string(r.CallCenter), Waiting: r.Waiting, LongestWaitSince: orZero(r.LongestWaitSince), Talking: r.Talking,
			}
			continue
		}
		endpoint := string(r.Endpoint)
		found.phones[endpoint] = append(found.phones[endpoint], callbacks.PhoneCall{
			Phone:     callcenter.Phone{Endpoint: endpoint, State: callcenter.PhoneState(r.State), Since: orZero(r.Since)},
			RequestID: callcenter.RequestID(r.RequestID), Node: string(r.Node), CallCenters: r.CallCenters, Agents: r.Agents,
		})
	}
	return found, nil
}

// withBacklogs adds what is still to be done to what goes on, and returns all
// call centers where there is either, by their IDs.
func withBacklogs(ctx context.Context, q querier, called map[string]callbacks.Desk) ([]callbacks.Desk, error) {
	type backlogRow struct {
		CallCenter   string    `db:"call_center"`
		Open         int       `db:"open"`
		Unassigned   int       `db:"unassigned"`
		OldestOpenAt time.Time `db:"oldest_open_at"`
	}
	rows, err := collect[backlogRow](ctx, q, `
		SELECT call_center, count(*) AS open, count(*) FILTER (WHERE assignee IS NULL) AS unassigned,
			min(registered_at) AS oldest_open_at
		FROM callbacks
		WHERE status = 'open'
		GROUP BY call_center`, nil)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		desk := called[r.CallCenter]
		desk.CallCenter, desk.Open, desk.Unassigned, desk.OldestOpenAt = r.CallCenter, r.Open, r.Unassigned, r.OldestOpenAt
		called[r.CallCenter] = desk
	}
	return slices.SortedFunc(maps.Values(called), func(a, b callbacks.Desk) int { return cmp.Compare(a.CallCenter, b.CallCenter) }), nil
}

// agents returns the people with a phone, and what it does in which calls.
func agents(ctx context.Context, q querier, calls map[string][]callbacks.PhoneCall, nodes []callcenter.NodeStatus) ([]callbacks.Agent, error) {
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
