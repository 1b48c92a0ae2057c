package postgres

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
)

const (
	// walked is how many callbacks of a list are looked at one after another
	// before the index of terms is asked. It finds what is frequent, such as
	// those of a call center out of thirty.
	walked = 1500
	// walkedWithText and walkedWithNames are the same when there is a text,
	// and when the name of each has to be looked up: each takes longer.
	walkedWithText  = 900
	walkedWithNames = 300
	// walkedForFew is the same when a longer text, names or several conditions
	// leave few callbacks, most likely.
	walkedForFew = 400
	// gathered is how many callbacks are sorted by something else than their
	// IDs when they are all that match. When there are more, many match, and
	// they are found in the order of the list.
	gathered = 1000
	// namedNumbers is how many numbers of the phone book are looked up one by
	// one when their names hold the text. When there are more, many callbacks
	// match, and the name of each is looked at.
	namedNumbers = 1000
)

// List implements callbacks.Store.
func (c *Callbacks) List(ctx context.Context, query callbacks.Query) ([]callbacks.Callback, *callbacks.Position, error) {
	if query.Limit < 1 {
		return nil, nil, fmt.Errorf("list callbacks: limit %d is less than 1", query.Limit)
	}
	items, next, err := c.page(ctx, c.db.pool, query)
	if err != nil {
		return nil, nil, fmt.Errorf("list callbacks: %w", err)
	}
	return items, next, nil
}

// page returns the page of a query and where the next one begins.
func (c *Callbacks) page(ctx context.Context, q querier, query callbacks.Query) ([]callbacks.Callback, *callbacks.Position, error) {
	l, err := c.newList(ctx, q, query)
	if err != nil {
		return nil, nil, err
	}
	return l.page(ctx, q)
}

// Export implements callbacks.Store. It reads page by page: a cursor of the
// server would have to sort all callbacks before it gave the first.
func (c *Callbacks) Export(ctx context.Context, query callbacks.Query, f func(batch []callbacks.Callback) error) error {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, c.db.pool, snapshot, func(tx pgx.Tx) error {
		for {
			items, next, err := c.page(ctx, tx, query)
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
	l, err := c.newList(ctx, c.db.pool, query)
	if err != nil {
		return 0, fmt.Errorf("count callbacks: %w", err)
	}
	if !l.possible {
		return 0, nil
	}
	sql := `SELECT count(*) FROM callbacks b WHERE ` + l.where(`b.id BETWEEN @lowest AND @highest`)
	total, err := scalar[int64](ctx, c.db.pool, sql, usedArgs(sql, l.args))
	if err != nil {
		return 0, fmt.Errorf("count callbacks: %w", err)
	}
	return total, nil
}

// list is a query on its way to its page.
//
// A page is found in one of these ways, each of which is one statement that
// gives the whole page, or leaves it to the next:
//
//   - Walk: look at the next callbacks in the order of the list. When many
//     match, these make the page.
//   - By blocks: ask the index of terms, block by block in the order of the
//     IDs (see callback_block_terms).
//   - By values, in a list of another order: gather all that match, when they
//     are few; else take the values that are sorted by one after another, as
//     lists in the order of the IDs. Where many match, a page takes few values.
//
// So no page costs more when there are more callbacks, but for a look into
// the index every 32,768 of them.
type list struct {
	*search
	store *Callbacks
	query callbacks.Query
	// n is one more than the page has room for, which tells whether there is a
	// next one.
	n int
	// key is SQL for the value that is sorted by; empty for IDs.
	key string
	// order and after are the direction in SQL: of sorting, and how what comes
	// later compares.
	order, after string
	// lowest and highest are the range of IDs of all pages.
	lowest, highest int64
}

func (c *Callbacks) newList(ctx context.Context, q querier, query callbacks.Query) (*list, error) {
	var names named
	if query.Text != nil && storable(query.Text.Name) {
		var err error
		if names, err = c.findNames(ctx, q, query.Text); err != nil {
			return nil, err
		}
	}
	l := &list{store: c, search: newSearch(&query, names), query: query, n: query.Limit + 1}
	l.order, l.after = `ASC`, `>`
	if query.Descending {
		l.order, l.after = `DESC`, `<`
	}
	switch query.Sort {
	case callbacks.SortStatus:
		sortBy(l, `b.status`, query.Statuses)
	case callbacks.SortAssignee:
		sortBy(l, `coalesce(b.assignee, '')`, query.Assignees)
	case callbacks.SortCallCenter:
		sortBy(l, `b.call_center`, query.CallCenters)
	case callbacks.SortID, callbacks.SortRegisteredAt:
		// Times of registration are in the order of the IDs.
	}
	return l, l.bound(ctx, q)
}

// sortBy sorts by a column that has one of some values; nil for any.
func sortBy[T ~string](l *list, key string, values []T) {
	if len(values) != 1 {
		l.key = key
		return
	}
	// What is left is the order of the IDs.
	after, value := l.query.After, string(values[0])
	if after != nil && after.Key != value {
		// The page before was another query's.
		l.possible = l.possible && (after.Key < value) != l.query.Descending
		l.query.After = nil
	}
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
	l.lowest, l.highest = lowest, highest
	l.within(lowest, highest)
	return nil
}

// within sets the range of IDs that come into question, of which the pages
// before may have had some.
func (l *list) within(lowest, highest int64) {
	if after := l.query.After; after != nil && l.key == "" {
		if l.query.Descending {
			highest = min(highest, int64(after.ID)-1)
		} else {
			lowest = max(lowest, int64(after.ID)+1)
		}
	}
	l.args["lowest"], l.args["highest"] = lowest, highest
	l.possible = l.possible && lowest <= highest
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
	low, high, call := `NULL::bigint`, `NULL::bigint`, `NULL::bigint`
	if !l.query.From.IsZero() {
		low = `(` + fmt.Sprintf(first, `@from`) + `)`
	}
	if !l.query.To.IsZero() {
		high = `(` + fmt.Sprintf(first, `@to`) + `)`
	}
	if l.query.RequestID != "" {
		call = `(SELECT id FROM callbacks WHERE request_id = @request_id)`
	}
	sql := `SELECT ` + low + ` AS lowest, ` + high + ` AS highest, ` + call + ` AS call`
	found, err := collectOne[bounds](ctx, q, sql, usedArgs(sql, l.args))
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

// findNames finds the people whose names hold a text.
func (c *Callbacks) findNames(ctx context.Context, q querier, text *callbacks.TextQuery) (named, error) {
	type foundNames struct {
		Assignees []string `db:"assignees"`
		Numbers   []string `db:"numbers"`
	}
	inBook := `ARRAY[]::text[]`
	if hasGrams(text.Name) {
		inBook = fmt.Sprintf(`ARRAY(
			SELECT number
			FROM (SELECT * FROM phonebook_entries p
				WHERE phonebook_grams(`+nameLetters+`) @> phonebook_grams(@name) OFFSET 0) AS p
			WHERE `+nameMatches+`
			LIMIT %d)`, c.named+1)
	}
	sql := `SELECT ARRAY(SELECT name FROM accounts a WHERE strpos(replace(a.search, ' ', ''), @text) > 0) AS assignees, ` + inBook + ` AS numbers`
	found, err := collectOne[foundNames](ctx, q, sql, usedArgs(sql, pgx.StrictNamedArgs{"text": strings.ReplaceAll(text.Forms[0], " ", ""), "name": text.Name}))
	if err != nil {
		return named{}, fmt.Errorf("find names: %w", err)
	}
	names := named{assignees: found.Assignees, numbers: found.Numbers}
	if !hasGrams(text.Name) || len(names.numbers) > c.named {
		names.numbers, names.many = nil, true
	}
	return names, nil
}
