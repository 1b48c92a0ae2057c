package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

// Calls stores calls, gaps and what is proven about nodes.
type Calls struct {
	db     *DB
	bounds callBounds // of lists
	lease  *Lease     // that allows to write; nil for always
}

var _ callcenter.Store = (*Calls)(nil)

// Calls returns the store of calls. Who follows a node writes by that of its
// lease instead.
func (db *DB) Calls() *Calls {
	return &Calls{db: db, bounds: usualCallBounds}
}

// ActiveCalls implements callcenter.Store.
func (c *Calls) ActiveCalls(ctx context.Context, node string) ([]callcenter.Call, error) {
	rows, err := collect[callRow](ctx, c.db.pool, `
		SELECT `+callColumns+`
		FROM calls
		WHERE node = @node AND state = 'active'
		ORDER BY started_at DESC, request_id DESC`, pgx.StrictNamedArgs{"node": node})
	if err != nil {
		return nil, fmt.Errorf("read active calls of node %q: %w", node, err)
	}
	return toCalls(rows), nil
}

// EndedCalls implements callcenter.Store.
func (c *Calls) EndedCalls(ctx context.Context, node string, since time.Time) ([]callcenter.Call, error) {
	rows, err := collect[callRow](ctx, c.db.pool, `
		SELECT `+callColumns+`
		FROM calls
		WHERE node = @node AND state = 'ended' AND ended_at >= @since
			AND started_at >= @since::timestamptz - interval '1 day'
		ORDER BY started_at, request_id`, pgx.StrictNamedArgs{"node": node, "since": since})
	if err != nil {
		return nil, fmt.Errorf("read calls of node %q that have ended: %w", node, err)
	}
	return toCalls(rows), nil
}

// SaveCalls implements callcenter.Store. Text that PostgreSQL cannot hold is
// repaired, and text that the schema bounds is cut off.
//
// When the schema refuses a call all the same, the others are stored in
// further transactions, and a callcenter.RefusedError names the refused ones:
// one odd call must not keep a whole node's calls from being stored.
func (c *Calls) SaveCalls(ctx context.Context, calls []callcenter.Call) error {
	if len(calls) == 0 {
		return nil
	}
	var refused callcenter.RefusedError
	err := c.saveRows(ctx, newCallRows(calls), &refused)
	if err == nil && len(refused.Calls) > 0 {
		err = &refused
	}
	if err != nil {
		return fmt.Errorf("save %d calls: %w", len(calls), err)
	}
	return nil
}

// saveTries is how often a batch is saved anew that another one was in the way
// of. Two that both insert a call wait for each other when each is first in one
// of the table's unique indexes: ON CONFLICT gives way in its own only. The
// server ends one of them, which then finds the call there.
const saveTries = 5

// saveRows saves rows, in one transaction if it can, and leaves out those that
// are refused.
func (c *Calls) saveRows(ctx context.Context, rows []callRow, refused *callcenter.RefusedError) error {
	batch, err := json.Marshal(rows)
	encoded := err == nil // what cannot be is refused like what the schema refuses
	for try := 0; encoded && try < saveTries; try++ {
		if err = c.saveBatch(ctx, rows, batch); !isDeadlock(err) {
			break
		}
	}
	switch {
	case encoded && !isRefusal(err):
		return err
	case len(rows) == 1:
		refused.Calls = append(refused.Calls, callcenter.RequestID(rows[0].RequestID))
		refused.Err = errors.Join(refused.Err, err)
		return nil
	default:
		half := len(rows) / 2
		if err := c.saveRows(ctx, rows[:half], refused); err != nil {
			return err
		}
		return c.saveRows(ctx, rows[half:], refused)
	}
}

// saveBatch saves rows, given as a JSON array too, in one transaction. It asks
// the database once for all of it, unless recordings must be looked for: people
// wait for what happens to be shown, and each answer that must be waited for
// takes as long as half a commit.
func (c *Calls) saveBatch(ctx context.Context, rows []callRow, batch []byte) error {
	ids := make([]string, len(rows))
	recorded, ended := false, false
	for i := range rows {
		ids[i] = rows[i].RequestID
		if len(rows[i].Recordings) > 0 {
			recorded = true
			ended = ended || rows[i].EndedAt != nil
		}
	}
	statements := []statement{upsertCalls(batch)}
	if recorded {
		statements = append(statements, expectRecordings(ids))
	}
	if phones, any := savePhones(rows); any {
		statements = append(statements, phones)
	}
	if !ended {
		return c.writeAtOnce(ctx, statements, logCalls(ids))
	}
	return c.write(ctx, func(tx pgx.Tx) error {
		if err := execAll(ctx, tx, statements); err != nil {
			return err
		}
		if err := c.findRecordings(ctx, tx, ids); err != nil {
			return err
		}
		return execAll(ctx, tx, []statement{logCalls(ids)})
	})
}

// newCallRows returns the rows of calls in order of their request IDs, so
// that two batches that share calls lock them in the same order. Of several
// states of one call the last counts: a statement can write a row only once.
func newCallRows(calls []callcenter.Call) []callRow {
	rows := make([]callRow, 0, len(calls))
	for i := range calls {
		rows = append(rows, newCallRow(&calls[i]))
	}
	slices.SortStableFunc(rows, func(a, b callRow) int { return cmp.Compare(a.RequestID, b.RequestID) })
	last := rows[:0]
	for i, row := range rows {
		if i+1 == len(rows) || rows[i+1].RequestID != row.RequestID {
			last = append(last, row)
		}
	}
	return last
}

// upsertCalls inserts or replaces rows, given as a JSON array, that are new or
// differ.
func upsertCalls(batch []byte) statement {
	return statement{"save calls", `
		INSERT INTO calls AS c (` + callColumns + `)
		SELECT ` + callColumns + `
		FROM json_to_recordset(@batch::json) AS r (
			request_id text, node text, linked_id text, kind text, direction text,
			call_center text, call_centers text[], business_label text,
			remote_number text, local_number text, agent text, agents text[],
			state text, result text, reason text,
			started_at timestamptz, answered_at timestamptz, ended_at timestamptz,
			recordings text[], receipt jsonb, legs jsonb,
			merged_into text, last_event_at timestamptz,
			phase text, phase_call_center text, phase_since timestamptz, phones jsonb)
		ON CONFLICT (request_id) DO UPDATE SET
			-- A call-center call stays one, with what says so: a tracker that
			-- knows less of a call than was stored, after a restart or a gap,
			-- must not take away its callback.
			kind         = CASE WHEN c.kind = 'call_center' AND excluded.kind <> 'call_center' THEN c.kind         ELSE excluded.kind         END,
			call_center  = CASE WHEN c.kind = 'call_center' AND excluded.kind <> 'call_center' THEN c.call_center  ELSE excluded.call_center  END,
			call_centers = CASE WHEN c.kind = 'call_center' AND excluded.kind <> 'call_center' THEN c.call_centers ELSE excluded.call_centers END,
			receipt      = CASE WHEN c.kind = 'call_center' AND excluded.kind <> 'call_center' THEN c.receipt      ELSE excluded.receipt      END,
			direction = excluded.direction, business_label = excluded.business_label,
			remote_number = excluded.remote_number, local_number = excluded.local_number,
			agent = excluded.agent, agents = excluded.agents,
			state = excluded.state, result = excluded.result, reason = excluded.reason,
			started_at = excluded.started_at, answered_at = excluded.answered_at, ended_at = excluded.ended_at,
			recordings = excluded.recordings, legs = excluded.legs,
			merged_into = excluded.merged_into, last_event_at = excluded.last_event_at,
			phase = excluded.phase, phase_call_center = excluded.phase_call_center, phase_since = excluded.phase_since,
			phones = excluded.phones, stored_at = now()
		-- A row that would stay as it is is not written, and not logged. What
		-- goes on in a call follows from the rest.
		WHERE (c.direction, c.business_label, c.remote_number, c.local_number, c.agent, c.agents,
				c.state, c.result, c.reason, c.started_at, c.answered_at, c.ended_at,
				c.recordings, c.legs, c.merged_into, c.last_event_at)
			IS DISTINCT FROM (excluded.direction, excluded.business_label, excluded.remote_number,
				excluded.local_number, excluded.agent, excluded.agents,
				excluded.state, excluded.result, excluded.reason,
				excluded.started_at, excluded.answered_at, excluded.ended_at,
				excluded.recordings, excluded.legs, excluded.merged_into, excluded.last_event_at)
		OR (c.kind, c.call_center, c.call_centers, c.receipt)
			IS DISTINCT FROM (excluded.kind, excluded.call_center, excluded.call_centers, excluded.receipt)
			AND NOT (c.kind = 'call_center' AND excluded.kind <> 'call_center')`, pgx.StrictNamedArgs{"batch": string(batch)}}
}

// savePhones notes when the phones of accounts left calls, if any did.
func savePhones(rows []callRow) (save statement, any bool) {
	var endpoints []string
	var times []time.Time
	for i := range rows {
		for endpoint, at := range rows[i].freed {
			endpoints, times = append(endpoints, endpoint), append(times, at)
		}
	}
	// In one order, so that two nodes that share phones do not wait for each
	// other in a circle.
	return statement{"save when phones were free", `
		INSERT INTO phones AS p (endpoint, freed_at)
		SELECT endpoint, max(freed_at)
		FROM unnest(@endpoints::text[], @times::timestamptz[]) AS f (endpoint, freed_at)
		JOIN accounts a USING (endpoint)
		WHERE a.enabled
		GROUP BY endpoint
		ORDER BY endpoint
		ON CONFLICT (endpoint) DO UPDATE SET freed_at = excluded.freed_at
		WHERE p.freed_at < excluded.freed_at`, pgx.StrictNamedArgs{"endpoints": endpoints, "times": times}}, len(endpoints) > 0
}

// logCalls writes an entry of the change log for each of the calls that the
// transaction has written. It must be its last statement: from here on all other
// writers wait.
//
// A call that visits another call center shows its callback there, which a
// trigger has written in this transaction: readers of that call center are
// told of the callback too.
func logCalls(requestIDs []string) statement {
	return statement{"log changes", `
		INSERT INTO changes (kind, request_id, callback_id, call_centers)
		SELECT kind, request_id, callback_id, call_centers
		FROM (
			SELECT 'call' AS kind, request_id, NULL::bigint AS callback_id, call_centers, last_event_at
			FROM calls
			WHERE request_id = ANY (@request_ids) AND xmin = pg_current_xact_id()::xid
			UNION ALL
			SELECT 'callback', b.request_id, b.id, b.call_centers, c.last_event_at
			FROM callbacks b JOIN calls c USING (request_id)
			WHERE b.request_id = ANY (@request_ids) AND b.xmin = pg_current_xact_id()::xid
		) AS changed
		ORDER BY last_event_at, request_id, kind`, pgx.StrictNamedArgs{"request_ids": requestIDs}}
}

// Get returns a call, or callcenter.ErrNotFound.
func (c *Calls) Get(ctx context.Context, id callcenter.RequestID) (callcenter.Call, error) {
	call, err := getCall(ctx, c.db.pool, id, "")
	if err != nil {
		return callcenter.Call{}, fmt.Errorf("get call %q: %w", id, err)
	}
	return call, nil
}

// getCall reads one call; lock is a locking clause or empty.
func getCall(ctx context.Context, q querier, id callcenter.RequestID, lock string) (callcenter.Call, error) {
	if !storable(string(id)) {
		return callcenter.Call{}, callcenter.ErrNotFound
	}
	row, err := collectOne[callRow](ctx, q, `
		SELECT `+callColumns+`
		FROM calls
		WHERE request_id = @request_id `+lock, pgx.StrictNamedArgs{"request_id": string(id)})
	if errors.Is(err, pgx.ErrNoRows) {
		return callcenter.Call{}, callcenter.ErrNotFound
	}
	if err != nil {
		return callcenter.Call{}, err
	}
	return row.call(), nil
}

// CallsByID implements callcenter.Store.
func (c *Calls) CallsByID(ctx context.Context, ids []callcenter.RequestID) ([]callcenter.Call, error) {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	rows, err := collect[callRow](ctx, c.db.pool, `
		SELECT `+callColumns+`
		FROM calls
		WHERE request_id = ANY (@request_ids)
		ORDER BY started_at, request_id`, pgx.StrictNamedArgs{"request_ids": texts})
	if err != nil {
		return nil, fmt.Errorf("read %d calls: %w", len(ids), err)
	}
	return toCalls(rows), nil
}

// CallbackOf returns the callbacks of those of the calls that have one.
func (c *Calls) CallbackOf(ctx context.Context, ids []callcenter.RequestID) (map[callcenter.RequestID]callbacks.ID, error) {
	type pair struct {
		RequestID string `db:"request_id"`
		ID        int64  `db:"id"`
	}
	texts := make([]string, 0, len(ids))
	for _, id := range ids {
		if storable(string(id)) {
			texts = append(texts, string(id))
		}
	}
	rows, err := collect[pair](ctx, c.db.pool, `
		SELECT request_id, id
		FROM callbacks
		WHERE request_id = ANY (@request_ids)`, pgx.StrictNamedArgs{"request_ids": texts})
	if err != nil {
		return nil, fmt.Errorf("read callbacks of %d calls: %w", len(ids), err)
	}
	found := make(map[callcenter.RequestID]callbacks.ID, len(rows))
	for _, row := range rows {
		found[callcenter.RequestID(row.RequestID)] = callbacks.ID(row.ID)
	}
	return found, nil
}
