package postgres

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
)

const (
	// walked is how many callbacks of a list are looked at one after another
	// before the index of terms is asked. It finds what is frequent. With a
	// text each of them takes longer, since its name is looked up, so fewer are.
	walked         = 1000
	walkedWithText = 400
	// gathered is how many callbacks are sorted by something else than their
	// IDs when they are all that match. When there are more, many match, and
	// they are found in the order of the list.
	gathered = 500
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
	l, err := c.newList(ctx, c.db.pool, query)
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
			l, err := c.newList(ctx, tx, query)
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
// the index every 16,384 of them.
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
	// assignees are the accounts whose display names hold the text.
	assignees []string
	// names are those of the phone book that do; nil until they are asked for.
	names *named
}

// named are the numbers in the phone book whose names hold a text.
type named struct {
	numbers []string
	// many is set when there are more than namedNumbers.
	many bool
}

func (c *Callbacks) newList(ctx context.Context, q querier, query callbacks.Query) (*list, error) {
	var assignees []string
	if query.Text != nil && storable(query.Text.Forms[0]) {
		var err error
		if assignees, err = assigneesNamed(ctx, q, query.Text.Forms[0]); err != nil {
			return nil, err
		}
	}
	l := &list{store: c, search: newSearch(&query, assignees), query: query, n: query.Limit + 1, assignees: assignees}
	l.order, l.after = `ASC`, `>`
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
	case callbacks.SortID, callbacks.SortRegisteredAt:
		// Times of registration are in the order of the IDs.
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
			rows, err = l.find(ctx, q)
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

// find finds the page by blocks or by values.
func (l *list) find(ctx context.Context, q querier) ([]callbackRow, error) {
	if l.key == "" {
		return l.byBlocks(ctx, q, l.n)
	}
	ids, err := l.ids(ctx, q, l.store.gathered+1)
	switch {
	case err != nil:
		return nil, err
	case len(ids) > l.store.gathered:
		return l.byValues(ctx, q)
	default:
		return l.fetch(ctx, q, ids)
	}
}

// walk looks at the next callbacks of the list. Their number is bounded, not
// that of those that match, so nothing but the place of the page may be among
// the conditions of the inner query.
func (l *list) walk(ctx context.Context, q querier) ([]callbackRow, error) {
	key, place, rest := `b.id`, `b.id BETWEEN @lowest AND @highest`, []string(nil)
	orderBy := `b.id ` + l.order
	if l.key != "" {
		key, place, rest = l.key, `true`, []string{`b.id BETWEEN @lowest AND @highest`}
		orderBy = `sort_key ` + l.order + `, b.id ` + l.order
	}
	if l.key != "" && l.query.After != nil {
		place = l.afterPage()
	}
	most := l.store.walked
	if l.text != "" {
		most = min(most, walkedWithText)
	}
	sql := fmt.Sprintf(`
		SELECT `+callbackColumns+`
		FROM (
			SELECT b.*, `+key+` AS sort_key
			FROM callbacks b
			WHERE `+place+`
			ORDER BY `+orderBy+`
			LIMIT %d
		) AS b
		WHERE `+l.where(rest...)+`
		ORDER BY `+orderBy+`
		LIMIT %d`, max(most, l.n), l.n)
	rows, err := collect[callbackRow](ctx, q, sql, usedArgs(sql, l.args))
	if err != nil {
		return nil, fmt.Errorf("walk: %w", err)
	}
	return rows, nil
}

// afterPage is the condition that a callback comes after the page before, in
// a list of another order than that of the IDs.
func (l *list) afterPage() string {
	l.args["after_key"], l.args["after_id"] = l.query.After.Key, int64(l.query.After.ID)
	return `(` + l.key + `, b.id) ` + l.after + ` (@after_key, @after_id)`
}

// byBlocks finds the first callbacks in the order of their IDs.
func (l *list) byBlocks(ctx context.Context, q querier, most int) ([]callbackRow, error) {
	ids, err := l.ids(ctx, q, most)
	if err != nil {
		return nil, err
	}
	return l.fetch(ctx, q, ids)
}

// ids finds the IDs of the first callbacks in the order of their IDs, wherever
// the page before ended in another order. When the text may be a name, there
// may be more than asked for.
func (l *list) ids(ctx context.Context, q querier, most int) ([]int64, error) {
	terms := l.textTerms
	if l.named {
		if err := l.findNames(ctx, q); err != nil {
			return nil, err
		}
		if l.names.many {
			terms = nil
		}
	}
	const place = `b.id BETWEEN @lowest AND @highest`
	sql := l.inBlocks(l.blocks(), l.where(place), l.order, terms, most)
	if l.named && len(l.names.numbers) > 0 {
		// Union, as a callback may be found both ways. OFFSET 0, so that each
		// number is looked up: the planner may take them for so frequent that it
		// reads all callbacks.
		sql = fmt.Sprintf(`(`+sql+`) UNION (
			SELECT b.id
			FROM unnest(@numbers::text[]) AS n (number)
				CROSS JOIN LATERAL (SELECT * FROM callbacks b WHERE b.remote_key = n.number OFFSET 0) AS b
			WHERE `+and(append([]string{place}, l.rows...))+`
			ORDER BY b.id `+l.order+`
			LIMIT %d)`, most)
		l.args["numbers"] = l.names.numbers
	}
	rows, err := q.Query(ctx, sql, usedArgs(sql, l.args))
	if err != nil {
		return nil, fmt.Errorf("find by blocks: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("find by blocks: %w", err)
	}
	return ids, nil
}

// findNames finds the names that hold the text, once.
func (l *list) findNames(ctx context.Context, q querier) error {
	if l.names != nil {
		return nil
	}
	l.names = &named{}
	if !hasGrams(l.query.Text.Name) {
		l.names.many = true
		return nil
	}
	rows, err := q.Query(ctx, fmt.Sprintf(`
		SELECT number
		FROM (SELECT * FROM phonebook_entries p
			WHERE phonebook_grams(split_part(p.search, E'\n', 2)) @> phonebook_grams(@name) OFFSET 0) AS p
		WHERE `+nameMatches+`
		LIMIT %d`, l.store.named+1), pgx.StrictNamedArgs{"name": l.query.Text.Name})
	if err != nil {
		return fmt.Errorf("find names: %w", err)
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("find names: %w", err)
	}
	if l.names.many = len(numbers) > l.store.named; !l.names.many {
		l.names.numbers = numbers
	}
	return nil
}

// fetch returns the callbacks of the page, out of some.
func (l *list) fetch(ctx context.Context, q querier, ids []int64) ([]callbackRow, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	where, orderBy := `b.id = ANY (@ids)`, `b.id `+l.order
	if l.key != "" {
		orderBy = l.key + ` ` + l.order + `, ` + orderBy
		if l.query.After != nil {
			where += ` AND ` + l.afterPage()
		}
	}
	l.args["ids"] = ids
	sql := fmt.Sprintf(`
		SELECT `+callbackColumns+`
		FROM callbacks b
		WHERE `+where+`
		ORDER BY `+orderBy+`
		LIMIT %d`, l.n)
	rows, err := collect[callbackRow](ctx, q, sql, usedArgs(sql, l.args))
	if err != nil {
		return nil, fmt.Errorf("fetch callbacks: %w", err)
	}
	return rows, nil
}

// blocks are the arguments of generate_series for the blocks that come into
// question, in the order of the list.
func (l *list) blocks() string {
	lowest := fmt.Sprintf(`@lowest >> %d`, blockBits)
	highest := fmt.Sprintf(`least(@highest, coalesce((SELECT max(id) FROM callbacks), 0)) >> %d`, blockBits)
	if l.query.Descending {
		return highest + `, ` + lowest + `, -1`
	}
	return lowest + `, ` + highest
}
