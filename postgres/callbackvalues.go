package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
)

// byValues finds the page as lists in the order of the IDs, one for each
// value that is sorted by.
func (l *list) byValues(ctx context.Context, q querier) ([]callbackRow, error) {
	var rows []callbackRow
	value, err := l.firstValue(ctx, q)
	for ; err == nil && value != nil; value, err = l.nextValue(ctx, q, *value) {
		part := l.part(*value, l.n-len(rows))
		if part == nil || !part.possible {
			continue
		}
		found, err := part.byBlocks(ctx, q, part.n)
		if err != nil {
			return nil, err
		}
		l.names = part.names
		if rows = append(rows, found...); len(rows) >= l.n {
			return rows[:l.n], nil
		}
	}
	return rows, err
}

// part returns the list of the callbacks with one value of what is sorted by,
// in the order of their IDs; nil when the query rules the value out.
func (l *list) part(value string, room int) *list {
	query, possible := l.only(value, room)
	if !possible {
		return nil
	}
	p := &list{
		store: l.store, search: newSearch(&query, l.assignees), query: query, n: room,
		order: l.order, after: l.after, assignees: l.assignees, names: l.names,
	}
	p.within(l.lowest, l.highest)
	return p
}

// only returns the query of a part.
func (l *list) only(value string, room int) (query callbacks.Query, possible bool) {
	query = l.query
	query.Sort, query.Limit, query.After = callbacks.SortID, room, nil
	if after := l.query.After; after != nil && after.Key == value {
		query.After = &callbacks.Position{ID: after.ID}
	}
	switch l.query.Sort {
	case callbacks.SortStatus:
		possible = query.Statuses == nil || slices.Contains(query.Statuses, callbacks.Status(value))
		query.Statuses = []callbacks.Status{callbacks.Status(value)}
	case callbacks.SortAssignee:
		possible = query.Assignees == nil || slices.Contains(query.Assignees, value)
		query.Assignees = []string{value}
	case callbacks.SortCallCenter:
		possible = query.CallCenters == nil || slices.Contains(query.CallCenters, value)
		query.CallCenters = []string{value}
	default:
		// IDs have no lists of their own.
	}
	return query, possible
}

// firstValue is the value with which the page begins, if any callback has
// one.
func (l *list) firstValue(ctx context.Context, q querier) (*string, error) {
	if l.query.After != nil {
		return &l.query.After.Key, nil
	}
	return l.oneValue(ctx, q, `true`, nil)
}

func (l *list) nextValue(ctx context.Context, q querier, value string) (*string, error) {
	return l.oneValue(ctx, q, l.key+` `+l.after+` @value`, pgx.StrictNamedArgs{"value": value})
}

// oneValue returns the first value that meets a condition, out of those that
// callbacks have.
//
// Who sees only the callbacks of some call centers may see few of another, of
// calls that visited both. The index of terms knows the pairs, so that not
// every call center is looked into.
func (l *list) oneValue(ctx context.Context, q querier, where string, args pgx.StrictNamedArgs) (*string, error) {
	sql := `SELECT ` + l.key + ` FROM callbacks b WHERE ` + where + ` ORDER BY ` + l.key + ` ` + l.order + ` LIMIT 1`
	if l.query.Sort == callbacks.SortCallCenter && l.query.VisibleTo != nil {
		sql = `
			WITH RECURSIVE found (value) AS (
				(` + sql + `)
				UNION ALL
				SELECT (SELECT b.call_center FROM callbacks b WHERE b.call_center ` + l.after + ` f.value
					ORDER BY b.call_center ` + l.order + ` LIMIT 1)
				FROM found f
				WHERE f.value IS NOT NULL
			)
			SELECT value
			FROM found
			WHERE value = ANY (@visible_to) OR EXISTS (
				WITH seen AS MATERIALIZED (
					SELECT 1 FROM callbacks b WHERE ` + termsExpression + ` && (
						SELECT array_agg('*W' || left(visited, 100) || E'\x1e' || left(value, 100))
						FROM unnest(@visible_to::text[]) AS visited)
				)
				SELECT FROM seen)
			LIMIT 1`
		args = maps.Clone(args)
		if args == nil {
			args = pgx.StrictNamedArgs{}
		}
		args["visible_to"] = l.args["visible_to"]
	}
	value, err := scalar[string](ctx, q, sql, args)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find values: %w", err)
	}
	return &value, nil
}
