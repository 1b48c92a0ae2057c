package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
)

const (
	// walked is how many callbacks of a list are looked at one after another
	// before the index of terms is asked. It finds what is frequent.
	walked = 1000
	// gathered is how many callbacks are sorted by something else than their
	// IDs when they are all that match. When there are more, many match, and
	// they are found in the order of the list.
	gathered = 2000
)

// List implements callbacks.Store.
func (c *Callbacks) List(ctx context.Context, query callbacks.Query) ([]callbacks.Callback, *callbacks.Position, error) {
	if query.Limit < 1 {
		return nil, nil, fmt.Errorf("list callbacks: limit %d is less than 1", query.Limit)
	}
	l, err := newList(ctx, c.db.pool, query)
	if err != nil {
		return nil, nil, fmt.Errorf("list callbacks: %w", err)
	}
	items, next, err := l.page(ctx, c.db.pool, func(f func(q querier) error) error {
		return pgx.BeginTxFunc(ctx, c.db.pool, snapshot, func(tx pgx.Tx) error { return f(tx) })
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list callbacks: %w", err)
	}
	return items, next, nil
}

// snapshot is a transaction that sees everything as it was at its beginning.
var snapshot = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// Export implements callbacks.Store. It reads page by page: a cursor of the
// server would have to sort all callbacks before it gave the first.
func (c *Callbacks) Export(ctx context.Context, query callbacks.Query, f func(batch []callbacks.Callback) error) error {
	return pgx.BeginTxFunc(ctx, c.db.pool, snapshot, func(tx pgx.Tx) error {
		for {
			l, err := newList(ctx, tx, query)
			if err != nil {
				return fmt.Errorf("export callbacks: %w", err)
			}
			items, next, err := l.page(ctx, tx, func(f func(q querier) error) error { return f(tx) })
			if err != nil {
				return fmt.Errorf("export callbacks: %w", err)
			}
			if len(items) > 0 {
				if err := f(items); err != nil {
					return err
				}
			}
			if next == nil {
				return nil
			}
			query.After = next
		}
	})
}

// Count implements callbacks.Store.
func (c *Callbacks) Count(ctx context.Context, query callbacks.Query) (int64, error) {
	l, err := newList(ctx, c.db.pool, query)
	if err != nil {
		return 0, fmt.Errorf("count callbacks: %w", err)
	}
	if !l.possible {
		return 0, nil
	}
	total, err := scalar[int64](ctx, c.db.pool, `
		SELECT count(*) FROM callbacks b WHERE `+l.where(`b.id BETWEEN @lowest AND @highest`), l.args)
	if err != nil {
		return 0, fmt.Errorf("count callbacks: %w", err)
	}
	return total, nil
}

// list is a query on its way to its page.
//
// A page is found in one of three ways, each of which gives the whole page or
// leaves it to the next:
//
//   - Walk: look at the next callbacks in the order of the list. When many
//     match, these make the page.
//   - By blocks: ask the index of terms, block by block in the order of the
//     IDs (see callback_terms). In a list of another order this gathers all
//     that match, when they are few.
//   - By values: take the values that are sorted by one after another, as
//     lists in the order of the IDs. Here many match, so a page takes few
//     values.
//
// So no page costs more when there are more callbacks, but for a look into
// the index every 32,768 of them.
type list struct {
	*search
	query callbacks.Query
	// n is one more than the page has room for, which tells whether there is a
	// next one.
	n int
	// key is SQL for the value that is sorted by; empty for IDs.
	key string
	// order and after are the direction, in SQL: of sorting, and what comes
	// later.
	order, after string
	// walkOnly is a condition in whose index the walk is; empty for none.
	walkOnly string
}

func newList(ctx context.Context, q querier, query callbacks.Query) (*list, error) {
	var assignees []string
	if query.Text != nil && storable(query.Text.Forms[0]) {
		var err error
		if assignees, err = assigneesNamed(ctx, q, query.Text.Forms[0]); err != nil {
			return nil, err
		}
	}
	l := &list{search: newSearch(&query, assignees), query: query, n: query.Limit + 1, order: `ASC`, after: `>`}
	if query.Descending {
		l.order, l.after = `DESC`, `<`
	}
	switch query.Sort {
	case callbacks.SortStatus:
		l.key = `b.status`
	case callbacks.SortAssignee:
		l.key = `coalesce(b.assignee, '')`
	case callbacks.SortCallCenter:
		l.key = `b.call_center`
	}
	return l, l.bound(ctx, q)
}

// bound finds the range of IDs that come into question. What does not is not
// possible.
func (l *list) bound(ctx context.Context, q querier) error {
	lowest, highest := int64(l.query.First), int64(math.MaxInt64)
	if l.possible && (!l.query.From.IsZero() || !l.query.To.IsZero() || l.query.RequestID != "") {
		var err error
		if lowest, highest, err = l.period(ctx, q); err != nil {
			return err
		}
	}
	if after := l.query.After; after != nil && l.key == "" {
		if l.query.Descending {
			highest = min(highest, int64(after.ID)-1)
		} else {
			lowest = max(lowest, int64(after.ID)+1)
		}
	}
	l.args["lowest"], l.args["highest"] = lowest, highest
	l.possible = l.possible && lowest <= highest
	return nil
}

// period returns the range of IDs that belongs to the period of registration
// and the request ID of the query. Times of registration are in the order of
// the IDs, so a period is a range.
func (l *list) period(ctx context.Context, q querier) (lowest, highest int64, err error) {
	type bounds struct {
		Lowest  *int64 `db:"lowest"`
		Highest *int64 `db:"highest"`
		Call    *int64 `db:"call"`
	}
	const first = `SELECT id FROM callbacks WHERE registered_at >= %s ORDER BY registered_at, id LIMIT 1`
	args := pgx.StrictNamedArgs{"request_id": string(l.query.RequestID)}
	low, high := `NULL::bigint`, `NULL::bigint`
	if !l.query.From.IsZero() {
		low, args["from"] = `(`+fmt.Sprintf(first, `@from`)+`)`, l.query.From
	}
	if !l.query.To.IsZero() {
		high, args["to"] = `(`+fmt.Sprintf(first, `@to`)+`)`, l.query.To
	}
	found, err := collectOne[bounds](ctx, q, `
		SELECT `+low+` AS lowest, `+high+` AS highest,
			(SELECT id FROM callbacks WHERE request_id = @request_id) AS call`, args)
	if err != nil {
		return 0, 0, fmt.Errorf("find period: %w", err)
	}
	lowest, highest = int64(l.query.First), math.MaxInt64
	if !l.query.From.IsZero() {
		if found.Lowest == nil {
			return 1, 0, nil
		}
		lowest = max(lowest, *found.Lowest)
	}
	if found.Highest != nil {
		highest = *found.Highest - 1
	}
	if l.query.RequestID != "" {
		if found.Call == nil {
			return 1, 0, nil
		}
		lowest, highest = max(lowest, *found.Call), min(highest, *found.Call)
	}
	return lowest, highest, nil
}

// assigneesNamed returns the accounts whose display names hold a folded text.
func assigneesNamed(ctx context.Context, q querier, name string) ([]string, error) {
	rows, err := q.Query(ctx, `SELECT name FROM accounts WHERE strpos(fold(display_name), @name) > 0`,
		pgx.StrictNamedArgs{"name": name})
	if err != nil {
		return nil, fmt.Errorf("find assignees: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("find assignees: %w", err)
	}
	return names, nil
}

// page returns the page and where the next one begins. What takes several
// statements is done within a transaction that sees one state of everything.
func (l *list) page(ctx context.Context, q querier, within func(f func(q querier) error) error) ([]callbacks.Callback, *callbacks.Position, error) {
	if !l.possible {
		return nil, nil, nil
	}
	rows, err := l.walk(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	if len(rows) < l.n {
		err = within(func(q querier) error {
			rows, err = l.findFurther(ctx, q)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	more := len(rows) == l.n
	if more {
		rows = rows[:l.n-1]
	}
	items := make([]callbacks.Callback, len(rows))
	for i := range rows {
		items[i] = rows[i].callback()
	}
	if !more {
		return items, nil, nil
	}
	last := l.query.Sort.Position(&items[len(items)-1])
	return items, &last, nil
}

// findFurther finds the page by blocks or by values.
func (l *list) findFurther(ctx context.Context, q querier) ([]callbackRow, error) {
	if l.key == "" {
		rows, _, err := l.byBlocks(ctx, q, l.n)
		return rows, err
	}
	rows, all, err := l.byBlocks(ctx, q, gathered+1)
	if err != nil || all <= gathered {
		return rows, err
	}
	return l.byValues(ctx, q)
}

// orderBy is the order of the list.
func (l *list) orderBy() string {
	if l.key == "" {
		return `b.id ` + l.order
	}
	return l.key + ` ` + l.order + `, b.id ` + l.order
}

// begin is the condition that a callback comes after the page before.
func (l *list) begin() []string {
	conditions := []string{`b.id BETWEEN @lowest AND @highest`}
	if l.key != "" && l.query.After != nil {
		l.args["after_key"], l.args["after_id"] = l.query.After.Key, int64(l.query.After.ID)
		conditions = append(conditions, `(`+l.key+`, b.id) `+l.after+` (@after_key, @after_id)`)
	}
	return conditions
}

// walk looks at the next callbacks of the list.
func (l *list) walk(ctx context.Context, q querier) ([]callbackRow, error) {
	stretch := l.begin()
	if l.walkOnly != "" {
		stretch = append(stretch, l.walkOnly)
	}
	rows, err := collect[callbackRow](ctx, q, fmt.Sprintf(`
		SELECT `+callbackColumns+`
		FROM (
			SELECT * FROM callbacks b
			WHERE `+and(stretch)+`
			ORDER BY `+l.orderBy()+`
			LIMIT %d
		) AS b
		WHERE `+l.where()+`
		ORDER BY `+l.orderBy()+`
		LIMIT %d`, max(walked, 2*l.n), l.n), l.args)
	if err != nil {
		return nil, fmt.Errorf("walk: %w", err)
	}
	return rows, nil
}

// byBlocks finds the first callbacks in the order of their IDs, at most as
// many as asked for, and returns of these the first in the order of the list,
// and how many were found.
func (l *list) byBlocks(ctx context.Context, q querier, most int) (rows []callbackRow, found int, err error) {
	// A nested loop is the only way to join a LATERAL subquery, so the blocks
	// are read in their order, and no more of them than the LIMIT takes.
	sql := fmt.Sprintf(`
		SELECT f.id
		FROM (
			SELECT to_hex(n) AS block
			FROM generate_series(%s) AS n
		) AS blocks CROSS JOIN LATERAL (
			SELECT b.id
			FROM callbacks b
			WHERE `+l.indexed()+` AND `+l.where(l.begin()...)+`
			ORDER BY b.id `+l.order+`
			LIMIT %d
		) AS f
		LIMIT %[2]d`, l.blocks(), most)
	if l.named {
		// Callbacks of numbers with such a name. Union, as a callback may be
		// found both ways.
		sql = fmt.Sprintf(`(`+sql+`) UNION (
			SELECT b.id
			FROM phonebook_entries p JOIN callbacks b ON b.remote_key = p.number
			WHERE phonebook_grams(p.search) @> phonebook_grams(@name) AND `+nameMatches+` AND `+and(append(l.begin(), l.rows...))+`
			ORDER BY b.id `+l.order+`
			LIMIT %d)`, most)
	}
	type foundRow struct {
		callbackRow
		Found int `db:"found"`
	}
	matches, err := collect[foundRow](ctx, q, fmt.Sprintf(`
		WITH found AS MATERIALIZED (`+sql+`)
		SELECT `+callbackColumns+`, (SELECT count(*) FROM found) AS found
		FROM found JOIN callbacks b USING (id)
		ORDER BY `+l.orderBy()+`
		LIMIT %d`, l.n), l.args)
	if err != nil {
		return nil, 0, fmt.Errorf("search by blocks: %w", err)
	}
	for _, match := range matches {
		rows, found = append(rows, match.callbackRow), match.Found
	}
	return rows, found, nil
}

// blocks are the arguments of generate_series for the blocks that come into
// question, in the order of the list.
func (l *list) blocks() string {
	lowest := fmt.Sprintf(`@lowest >> %d`, blockBits)
	highest := fmt.Sprintf(`least(@highest, (SELECT max(id) FROM callbacks)) >> %d`, blockBits)
	if l.query.Descending {
		return highest + `, ` + lowest + `, -1`
	}
	return lowest + `, ` + highest
}

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
		part, err := newList(ctx, q, sub)
		if err != nil {
			return nil, err
		}
		part.walkOnly = l.key + ` = @only`
		part.args["only"] = *value
		found, err := part.find(ctx, q)
		if err != nil {
			return nil, err
		}
		if rows = append(rows, found...); len(rows) >= l.n {
			return rows[:l.n], nil
		}
	}
	return rows, err
}

// find finds the whole page of a list in the order of the IDs.
func (l *list) find(ctx context.Context, q querier) ([]callbackRow, error) {
	if !l.possible {
		return nil, nil
	}
	rows, err := l.walk(ctx, q)
	if err == nil && len(rows) < l.n {
		rows, _, err = l.byBlocks(ctx, q, l.n)
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
