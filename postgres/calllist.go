package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"callbackd/callcenter"
)

// List returns a page of the calls that match a filter, newest first, and
// where the next page begins; nil when this is the last one.
func (c *Calls) List(ctx context.Context, filter callcenter.CallFilter) ([]callcenter.Call, *callcenter.CallCursor, error) {
	if filter.Limit < 1 {
		return nil, nil, fmt.Errorf("list calls: limit %d is less than 1", filter.Limit)
	}
	rows, err := c.newList(filter).page(ctx, c.db.pool)
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
	filter.After = nil
	l := c.newList(filter)
	if !l.possible {
		return 0, nil
	}
	sql := `SELECT count(*) FROM calls c WHERE ` + l.where()
	// Those of a number are found by its indexes.
	if len(l.terms) > 0 && l.number == 0 {
		sql = `WITH RECURSIVE ` + l.spans() + `
			SELECT count(*)
			FROM (` + fmt.Sprintf(`SELECT to_hex(i) AS block FROM spans, generate_series(spans.newest, spans.n << %d, -1) AS i`, spanBits) + `) AS blocks
				CROSS JOIN LATERAL (` + l.inBlock() + `) AS c
			WHERE ` + l.where()
	}
	total, err := scalar[int64](ctx, c.db.pool, sql, usedArgs(sql, l.args))
	if err != nil {
		return 0, fmt.Errorf("count calls: %w", err)
	}
	return total, nil
}

// callList is a filter on its way to its page.
//
// A page is found in one of several ways, each of which gives the whole page
// or leaves it to the next:
//
//   - Running calls are few. They have an index.
//   - Walk: look at the next calls of the list. When many match, these make
//     the page.
//   - By number: when a number has few calls, sort them.
//   - By terms: ask the index of terms (see call_block_terms), for the newest calls
//     block by block, then in spans of 64 blocks: what matches there is
//     gathered when it is little, else found block by block again.
//
// So no page costs more when there are more calls, but for a look into the
// index for every three months.
type callList struct {
	*callSearch
	// n is one more than the page has room for, which tells whether there is a
	// next one.
	n      int
	bounds callBounds
}

// callBounds bound the ways to a page.
type callBounds struct {
	// walked is how many calls of a list are looked at one after another
	// before an index is asked. It finds what is frequent.
	walked int
	// walkedForFew is the same when few calls match, most likely.
	walkedForFew int
	// gathered is how many calls of a number, or of a span, are sorted when
	// they are all that there are.
	gathered int
	// near is how many blocks are looked into before spans are.
	near int
}

var usualCallBounds = callBounds{walked: 2000, walkedForFew: 300, gathered: 800, near: 24}

// maxCallConditions bounds the conditions that the index is asked for at once:
// in a span of three months it takes long to compare more.
const maxCallConditions = 3

// wholeNumber is how many digits nearly say whose a number is, so that it has
// few calls, unless it is the site's own.
const wholeNumber = 9

func (c *Calls) newList(filter callcenter.CallFilter) *callList {
	return &callList{callSearch: newCallSearch(filter), n: filter.Limit + 1, bounds: c.bounds}
}

// newestCalls is the order of the list.
const newestCalls = ` ORDER BY c.started_at DESC, c.request_id DESC `

func (l *callList) page(ctx context.Context, q querier) ([]callRow, error) {
	switch {
	case !l.possible:
		return nil, nil
	case l.active:
		return l.read(ctx, q, `(SELECT * FROM calls c WHERE c.state = 'active' OFFSET 0) AS c WHERE `+l.where())
	case len(l.rows) == 0:
		return l.read(ctx, q, `calls c WHERE `+l.where())
	}
	// The number of calls that are looked at is bounded, not that of those that
	// match, so nothing but the place of the page may be among the conditions
	// of the inner query.
	rows, err := l.read(ctx, q, fmt.Sprintf(`(SELECT * FROM calls c WHERE %s %s LIMIT %d) AS c WHERE %s`,
		and(l.place), newestCalls, max(l.walked(), l.n), and(l.rows)))
	if err != nil || len(rows) == l.n {
		return rows, err
	}
	if l.number >= wholeNumber {
		if rows, found, err := l.ofNumber(ctx, q); err != nil || found {
			return rows, err
		}
	}
	if len(l.terms) == 0 {
		return l.read(ctx, q, `calls c WHERE `+l.where())
	}
	sql := l.byTerms()
	if rows, err = collect[callRow](ctx, q, sql, usedArgs(sql, l.args)); err != nil {
		return nil, fmt.Errorf("find by terms: %w", err)
	}
	return rows, nil
}

// walked is how many calls of the list are looked at one after another.
func (l *callList) walked() int {
	if slices.ContainsFunc(l.terms, func(t callTerms) bool { return t.strength >= leavesFew }) {
		return l.bounds.walkedForFew
	}
	return l.bounds.walked / min(len(l.rows), 2)
}

// read returns the first calls of the list out of what follows FROM.
func (l *callList) read(ctx context.Context, q querier, from string) ([]callRow, error) {
	sql := fmt.Sprintf(`SELECT `+callColumns+` FROM `+from+newestCalls+`LIMIT %d`, l.n)
	return collect[callRow](ctx, q, sql, usedArgs(sql, l.args))
}

// ofNumber finds the page among the calls whose remote or local number begins
// so, in any of the ways, when they are few.
//
// They are taken in the order of the numbers, as the planner might read the
// whole table for what it takes to be frequent.
func (l *callList) ofNumber(ctx context.Context, q querier) (rows []callRow, found bool, err error) {
	type gathered struct {
		Count int      `db:"count"`
		IDs   []string `db:"ids"`
	}
	ranges := make([]string, len(l.numbers))
	for i, n := range l.numbers {
		ranges[i] = fmt.Sprintf(`
			(SELECT c.request_id, c.started_at, `+l.where()+` AS matches
			FROM calls c WHERE `+n.begins+` ORDER BY `+n.column+` USING ~<~ LIMIT %d)`, l.bounds.gathered+1)
	}
	sql := fmt.Sprintf(`
		WITH found AS MATERIALIZED (`+strings.Join(ranges, ` UNION`)+`)
		SELECT (SELECT count(*) FROM found) AS count,
			ARRAY(SELECT request_id FROM found c WHERE matches`+newestCalls+`LIMIT %d) AS ids`, l.n)
	g, err := collectOne[gathered](ctx, q, sql, usedArgs(sql, l.args))
	if err != nil {
		return nil, false, fmt.Errorf("find by number: %w", err)
	}
	if g.Count > l.bounds.gathered {
		return nil, false, nil
	}
	l.args["ids"] = g.IDs
	rows, err = l.read(ctx, q, `calls c WHERE c.request_id = ANY (@ids)`)
	return rows, true, err
}

// byTerms is SQL for the first calls by the index of terms.
//
// A nested loop is the only way to join a LATERAL subquery, and what is united
// is read in turn, so blocks and spans are read in their order, and no more of
// them than the LIMIT takes.
func (l *callList) byTerms() string {
	return fmt.Sprintf(`WITH RECURSIVE `+l.spans()+`
		SELECT *
		FROM (
			(`+l.inBlocks(fmt.Sprintf(`SELECT to_hex(newest - i) AS block FROM nearest, generate_series(0, %d) AS i`, l.bounds.near-1), `true`)+`)
			UNION ALL
			(`+l.inSpans()+`)
		) AS c
		LIMIT %d`, l.n)
}

// inBlocks is SQL for the first calls in blocks, which are SQL with a column
// "block", under a further condition.
func (l *callList) inBlocks(blocks, condition string) string {
	return fmt.Sprintf(`
		SELECT c.*
		FROM (`+blocks+`) AS blocks
		CROSS JOIN LATERAL (
			SELECT `+callColumns+`
			FROM (`+l.inBlock()+`) AS c
			WHERE `+l.where()+newestCalls+`
			LIMIT %d
		) AS c
		WHERE `+condition+`
		LIMIT %[1]d`, l.n)
}

// inSpans is SQL for the first calls before the near blocks, by spans.
// MATERIALIZED, since for few rows the planner would rather read the table
// until it meets them.
func (l *callList) inSpans() string {
	older := fmt.Sprintf(blockOf(`c.started_at`)+` <= (SELECT newest FROM nearest) - %d`, l.bounds.near)
	few := fmt.Sprintf(`(SELECT count(*) FROM gathered) <= %d`, l.bounds.gathered)
	blocks := fmt.Sprintf(`SELECT to_hex(i) AS block
		FROM generate_series(least(spans.newest, (SELECT newest FROM nearest) - %d), spans.n << %d, -1) AS i`, l.bounds.near, spanBits)
	return fmt.Sprintf(`
		SELECT c.*
		FROM (SELECT n, newest, 's' || to_hex(n) AS block FROM spans) AS spans
		CROSS JOIN LATERAL (
			WITH gathered AS MATERIALIZED (
				SELECT c.request_id, c.started_at, `+older+` AND `+l.where()+` AS matches FROM (`+l.inBlock()+`) AS c LIMIT %d
			)
			SELECT *
			FROM (
				(SELECT `+callColumns+`
				FROM (SELECT c.request_id AS id FROM gathered c WHERE `+few+` AND c.matches`+newestCalls+`LIMIT %d) AS g
					CROSS JOIN LATERAL (SELECT * FROM calls c WHERE c.request_id = g.id OFFSET 0) AS c)
				UNION ALL
				(`+l.inBlocks(blocks, `NOT `+few)+`)
			) AS c
			LIMIT %[2]d
		) AS c
		LIMIT %[2]d`, l.bounds.gathered+1, l.n)
}

// inBlock is SQL for the calls of "block" that come into question. OFFSET 0
// keeps the conditions on rows out of the scan of the index: the planner
// cannot know how few rows the terms leave and would look up the others in
// further indexes, whole.
func (l *callList) inBlock() string {
	return `SELECT * FROM calls c WHERE ` + and(l.conditions()) + ` OFFSET 0`
}

// blockOf is SQL for the number of the block of a time.
func blockOf(at string) string {
	return fmt.Sprintf(`floor(date_part('epoch', %s) / %d)::bigint`, at, blockSeconds)
}

// newestBlock is SQL for the block of the newest call under some conditions.
func newestBlock(conditions []string) string {
	return `(SELECT ` + blockOf(`c.started_at`) + ` FROM calls c WHERE ` + and(conditions) + newestCalls + `LIMIT 1)`
}

// spans is SQL for the spans in which there are calls of the period, newest
// first, each with its first block; and for the nearest. A clock that once was
// wrong by years makes no more of them.
//
// That of the page before is no condition on further spans: beside their own,
// all calls between the two would be looked at.
func (l *callList) spans() string {
	before := fmt.Sprintf(`c.started_at < to_timestamp((s.n << %d) * %d)`, spanBits, blockSeconds)
	return fmt.Sprintf(`nearest (newest) AS MATERIALIZED (SELECT `+newestBlock(l.place)+`),
		spans (n, newest) AS (
			SELECT newest >> %[1]d, newest FROM nearest WHERE newest IS NOT NULL
			UNION ALL
			SELECT f.newest >> %[1]d, f.newest FROM spans s CROSS JOIN LATERAL `+newestBlock(slices.Concat(l.period, []string{before}))+` AS f (newest))`, spanBits)
}
