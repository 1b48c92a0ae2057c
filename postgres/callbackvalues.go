package postgres

import (
	"context"
	"errors"
	"fmt"
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
		sub, possible := l.only(*value, l.n-len(rows))
		if !possible {
			continue
		}
		part, err := l.store.newList(ctx, q, sub)
		if err != nil {
			return nil, err
		}
		if !part.possible {
			continue
		}
		found, err := part.byBlocks(ctx, q, part.n)
		if err != nil {
			return nil, err
		}
		if rows = append(rows, found...); len(rows) >= l.n {
			return rows[:l.n], nil
		}
	}
	return rows, err
}

// only returns the query for the callbacks with one value of what is sorted
// by, in the order of their IDs; not possible when the query rules the value
// out.
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

func (l *list) oneValue(ctx context.Context, q querier, where string, args pgx.StrictNamedArgs) (*string, error) {
	value, err := scalar[string](ctx, q, `
		SELECT `+l.key+` FROM callbacks b WHERE `+where+` ORDER BY `+l.key+` `+l.order+` LIMIT 1`, args)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find values: %w", err)
	}
	return &value, nil
}
