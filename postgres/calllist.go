package postgres

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"callbackd/callcenter"
)

// List returns a page of the calls that match a filter, newest first, and
// where the next page begins; nil when this is the last one.
func (c *Calls) List(ctx context.Context, filter callcenter.CallFilter) ([]callcenter.Call, *callcenter.CallCursor, error) {
	if filter.Limit < 1 {
		return nil, nil, fmt.Errorf("list calls: limit %d is less than 1", filter.Limit)
	}
	where, args, possible := callConditions(filter)
	if !possible {
		return nil, nil, nil
	}
	if filter.After != nil {
		if !storable(string(filter.After.RequestID)) {
			return nil, nil, nil
		}
		where += ` AND (started_at, request_id) < (@after_started_at, @after_request_id)`
		args["after_started_at"] = filter.After.StartedAt
		args["after_request_id"] = string(filter.After.RequestID)
	}
	// One more than asked for tells whether there is a next page.
	args["limit"] = filter.Limit + 1
	rows, err := collect[callRow](ctx, c.db.pool, `
		SELECT `+callColumns+`
		FROM calls
		WHERE `+where+`
		ORDER BY started_at DESC, request_id DESC
		LIMIT @limit`, args)
	if err != nil {
		return nil, nil, fmt.Errorf("list calls: %w", err)
	}
	if len(rows) <= filter.Limit {
		return toCalls(rows), nil, nil
	}
	calls := toCalls(rows[:filter.Limit])
	last := &calls[len(calls)-1]
	return calls, &callcenter.CallCursor{StartedAt: last.StartedAt, RequestID: last.RequestID}, nil
}

// Count returns how many calls match a filter, on all pages. It reads all of
// them.
func (c *Calls) Count(ctx context.Context, filter callcenter.CallFilter) (int64, error) {
	where, args, possible := callConditions(filter)
	if !possible {
		return 0, nil
	}
	total, err := scalar[int64](ctx, c.db.pool, `SELECT count(*) FROM calls WHERE `+where, args)
	if err != nil {
		return 0, fmt.Errorf("count calls: %w", err)
	}
	return total, nil
}

// callConditions returns the conditions of a filter, which is not possible
// when it asks for text that no row can hold. The statement names only what
// the filter narrows by, so that it gets a plan of its own.
func callConditions(filter callcenter.CallFilter) (where string, args pgx.StrictNamedArgs, possible bool) {
	conditions := []string{"true"}
	args = pgx.StrictNamedArgs{}
	and := func(condition, name string, value any) {
		conditions = append(conditions, condition)
		args[name] = value
	}
	switch {
	case filter.CallCenters == nil:
	case filter.OwnAgent == "":
		and(`call_centers && @visible_to`, "visible_to", filter.CallCenters)
	default:
		and(`(call_centers && @visible_to OR agents @> ARRAY[@own_agent::text])`, "visible_to", filter.CallCenters)
		args["own_agent"] = filter.OwnAgent
	}
	if len(filter.Kinds) > 0 {
		and(`kind = ANY (@kinds)`, "kinds", filter.Kinds)
	}
	if len(filter.Directions) > 0 {
		and(`direction = ANY (@directions)`, "directions", filter.Directions)
	}
	if filter.CallCenter != "" {
		and(`call_centers @> ARRAY[@call_center::text]`, "call_center", filter.CallCenter)
	}
	if filter.Agent != "" {
		and(`agents @> ARRAY[@agent::text]`, "agent", filter.Agent)
	}
	if filter.Number != "" {
		// A range, in contrast to LIKE, has no characters to escape and uses
		// the index whatever kind of plan is chosen.
		and(`(remote_number ~>=~ @number AND remote_number ~<~ @number_end
			OR local_number ~>=~ @number AND local_number ~<~ @number_end)`, "number", filter.Number)
		args["number_end"] = filter.Number + string(utf8.MaxRune)
	}
	if filter.Active != nil {
		// Written out, so that the index of active calls can be used.
		if *filter.Active {
			conditions = append(conditions, `state = 'active'`)
		} else {
			conditions = append(conditions, `state = 'ended'`)
		}
	}
	if !filter.From.IsZero() {
		and(`started_at >= @from`, "from", filter.From)
	}
	if !filter.To.IsZero() {
		and(`started_at < @to`, "to", filter.To)
	}
	possible = storable(filter.CallCenter) && storable(filter.OwnAgent) && storable(filter.Agent) && storable(filter.Number)
	return strings.Join(conditions, " AND "), args, possible
}
