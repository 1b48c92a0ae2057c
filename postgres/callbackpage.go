package postgres

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"callbackd/callbacks"
)

// page finds a page, in one of the ways of [list].
func (l *list) page(ctx context.Context, q querier) ([]callbacks.Callback, *callbacks.Position, error) {
	if !l.possible {
		return nil, nil, nil
	}
	var rows []callbackRow
	var err error
	if sql := l.walk(); sql != "" {
		if rows, err = l.read(ctx, q, sql); err != nil {
			return nil, nil, fmt.Errorf("walk: %w", err)
		}
	}
	if len(rows) < l.n && !l.walksAll() {
		sql := l.found(l.matching(`b.id`, l.order, l.n))
		if l.key != "" {
			sql = l.found(l.byValues())
		}
		if rows, err = l.read(ctx, q, sql); err != nil {
			return nil, nil, fmt.Errorf("find: %w", err)
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

func (l *list) read(ctx context.Context, q querier, sql string) ([]callbackRow, error) {
	return collect[callbackRow](ctx, q, sql, usedArgs(sql, l.args))
}

// orderBy is the order of the list, of callbacks b.
func (l *list) orderBy() string {
	if l.key == "" {
		return ` ORDER BY b.id ` + l.order
	}
	return ` ORDER BY ` + l.key + ` ` + l.order + `, b.id ` + l.order
}

// walk is SQL that looks at the next callbacks of the list; empty when others
// find them sooner. The number of callbacks is bounded, not that of those that
// match, so nothing but the place of the page may be among the conditions of
// the inner query; and that they are open, for which there are indexes.
func (l *list) walk() string {
	if l.names.many && l.key == "" && len(l.terms) == 0 {
		return "" // all that is left is to walk until the page is full
	}
	most := l.walked()
	place := inRange
	if l.key != "" {
		if place = `true`; l.query.After != nil {
			place = l.afterPage(l.key)
		}
	}
	switch {
	case l.onlyOpen():
		if l.text != "" || l.leavesFew() || l.key != "" && l.gathersOpen() {
			return ""
		}
		place += ` AND b.status = 'open'`
	case (l.query.Sort == callbacks.SortAssignee || l.query.Sort == callbacks.SortCallCenter) && l.key != "" && (len(l.rows) > 0 || l.text != ""):
		// The values' lists give a page more quickly, unless any callback will
		// do: neighbours in these orders are far apart in the table.
		return ""
	}
	from := fmt.Sprintf(`(SELECT * FROM callbacks b WHERE `+place+l.orderBy()+` LIMIT %d) AS b`, max(most, l.n))
	orderBy := l.orderBy()
	if l.key != "" {
		// The index alone is walked, or the planner would rather sort all that
		// are open.
		from = fmt.Sprintf(`(SELECT b.id, `+l.key+` AS sort_key FROM callbacks b WHERE `+place+l.orderBy()+` LIMIT %d) AS w
			CROSS JOIN LATERAL (SELECT * FROM callbacks b WHERE b.id = w.id OFFSET 0) AS b`, max(most, l.n))
		orderBy = ` ORDER BY w.sort_key ` + l.order + `, w.id ` + l.order
	}
	return fmt.Sprintf(`SELECT `+callbackColumns+` FROM `+from+` WHERE `+l.where(inRange)+orderBy+` LIMIT %d`, l.n)
}

// walked is how many callbacks of the list are looked at one after another.
func (l *list) walked() int {
	most := l.store.walked
	switch {
	case l.names.many:
		return min(most, walkedWithNames)
	case l.leavesFew() && len(l.rows) > 1, len(l.names.numbers) > 0,
		l.query.Text != nil && utf8.RuneCountInString(l.query.Text.Forms[0]) > 3:
		return min(most, walkedForFew)
	case l.text != "":
		return min(most, walkedWithText)
	}
	return most
}

// walksAll reports whether the walk looks at all that there is.
func (l *list) walksAll() bool {
	return l.key == "" && l.highest-l.lowest < int64(l.walked()) && l.walk() != ""
}

// leavesFew reports whether a condition on more than the status leaves few
// callbacks.
func (l *list) leavesFew() bool {
	return slices.ContainsFunc(l.terms, func(c termCondition) bool { return c.kind != 'S' && c.strength == leavesFew })
}

// onlyOpen reports whether open callbacks are asked for, and no others.
func (l *list) onlyOpen() bool {
	return len(l.query.Statuses) == 1 && l.query.Statuses[0] == callbacks.StatusOpen
}

// afterPage is the condition that a callback comes after the page before, in
// a list of another order than that of the IDs.
func (l *list) afterPage(key string) string {
	l.args["after_key"], l.args["after_id"] = l.query.After.Key, int64(l.query.After.ID)
	return `(` + key + `, b.id) ` + l.after + ` (@after_key, @after_id)`
}

// found is SQL for the page whose IDs a statement finds.
func (l *list) found(ids string) string {
	return fmt.Sprintf(`
		SELECT `+callbackColumns+`
		FROM (`+ids+`) AS f CROSS JOIN LATERAL (SELECT * FROM callbacks b WHERE b.id = f.id OFFSET 0) AS b
		`+l.orderBy()+`
		LIMIT %d`, l.n)
}

// matching is SQL for columns of the first callbacks b in an order of their
// IDs, or of any when it is empty, wherever the page before ended in another
// order. When the text may be a name, there may be more than asked for.
func (l *list) matching(columns, order string, most int) string {
	sql := l.inBlocks(columns, l.blocks(`@lowest`, `@highest`), l.conditions(""), l.where(inRange), order, most)
	if len(l.names.numbers) > 0 {
		// Union, as a callback may be found both ways.
		sql = fmt.Sprintf(`(`+sql+`) UNION (`+l.ofNames(columns)+` LIMIT %d)`, most)
	}
	return sql
}

const inRange = `b.id BETWEEN @lowest AND @highest`

// ofNames is SQL for columns of the callbacks b of the numbers whose names hold
// the text, in the order of their IDs.
//
// OFFSET 0, so that each number is looked up: the planner may take them for so
// frequent that it reads all callbacks. The IDs are in the index of numbers;
// no more callbacks are read than the page takes.
func (l *list) ofNames(columns string) string {
	return `
		SELECT ` + columns + `
		FROM (
			SELECT b.id
			FROM unnest(@numbers::text[]) AS n (number)
				CROSS JOIN LATERAL (SELECT b.id FROM callbacks b WHERE b.remote_key = n.number OFFSET 0) AS b
			WHERE ` + inRange + `
			ORDER BY b.id ` + l.order + `
		) AS i CROSS JOIN LATERAL (SELECT * FROM callbacks b WHERE b.id = i.id OFFSET 0) AS b
		WHERE ` + and(l.rows)
}

// blocks are the arguments of generate_series for the blocks of a range of
// IDs, in the order of the list.
func (l *list) blocks(lowest, highest string) string {
	lowest = fmt.Sprintf(`%s >> %d`, lowest, blockBits)
	highest = fmt.Sprintf(`least(%s, coalesce((SELECT max(id) FROM callbacks), 0)) >> %d`, highest, blockBits)
	if l.query.Descending {
		return highest + `, ` + lowest + `, -1`
	}
	return lowest + `, ` + highest
}
