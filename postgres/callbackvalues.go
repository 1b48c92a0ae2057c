package postgres

import (
	"fmt"

	"callbackd/callbacks"
)

// byValues is SQL for the IDs of the page as lists in the order of the IDs,
// one for each value that is sorted by; or as all that match, sorted, when
// they are few.
func (l *list) byValues() string {
	with, enough, fromNames := "", "", ""
	if len(l.names.numbers) > 0 {
		with = `, of_names AS MATERIALIZED (` + l.ofNames(`b.id, `+l.key+` AS sort_key`) + `)`
		fromNames = fmt.Sprintf(`
			UNION (SELECT o.id FROM of_names o WHERE o.sort_key = v.value AND o.id BETWEEN v.lowest AND v.highest
				ORDER BY o.id %s LIMIT %d)`, l.order, l.n)
	}
	if l.gathers() {
		after := `true`
		if l.query.After != nil {
			after = l.afterPage(`sort_key`)
		}
		most := l.store.gathered
		// Any will do: when there are more, what was gathered is not looked at.
		columns := `b.id, ` + l.key + ` AS sort_key`
		gathered := l.matching(columns, "", most+1)
		if l.gathersOpen() {
			gathered = fmt.Sprintf(`SELECT `+columns+`
				FROM (SELECT * FROM callbacks b WHERE b.status = 'open' AND b.call_centers && @visible_to OFFSET 0) AS b
				WHERE `+l.where(inRange)+` LIMIT %d`, most+1)
		}
		with += `, gathered AS MATERIALIZED (` + gathered + `)`
		enough = fmt.Sprintf(`(SELECT count(*) FROM gathered) <= %d`, most)
		few := fmt.Sprintf(`SELECT b.id FROM gathered b WHERE `+enough+` AND `+after+`
			ORDER BY sort_key `+l.order+`, b.id `+l.order+` LIMIT %d`, l.n)
		return `WITH RECURSIVE ` + l.values() + with + ` (` + few + `) UNION ALL (` + l.ofValues(fromNames, `NOT `+enough) + `)`
	}
	return `WITH RECURSIVE ` + l.values() + with + l.ofValues(fromNames, `true`)
}

// gathers reports whether it is worth while to gather what matches: not when
// there are but two values, and not when many will match.
func (l *list) gathers() bool {
	return l.query.Sort != callbacks.SortStatus && len(l.conditions("V")) > 0
}

// gathersOpen reports whether what is gathered is found among the open
// callbacks that the principal may see, which are few.
func (l *list) gathersOpen() bool {
	return l.gathers() && l.onlyOpen() && l.query.VisibleTo != nil && l.text == "" && !l.leavesFew()
}

// ofValues is SQL for the IDs of the page, value by value, under a condition.
// As in inBlocks, no more values are read than the page takes.
func (l *list) ofValues(fromNames, condition string) string {
	where := l.where(`b.id BETWEEN v.lowest AND v.highest`, l.key+` = v.value`)
	return fmt.Sprintf(`
		SELECT f.id
		FROM (`+l.bounded()+`) AS v
		CROSS JOIN LATERAL (
			SELECT b.id
			FROM ((`+l.inBlocks(`b.id`, l.blocks(`v.lowest`, `v.highest`), l.valueConditions(), where, l.order, l.n)+`)`+fromNames+`) AS b
			ORDER BY b.id `+l.order+`
			LIMIT %d
		) AS f
		WHERE `+condition+`
		LIMIT %[1]d`, l.n)
}

// valueConditions are the conditions on the index for one value.
func (l *list) valueConditions() []string {
	switch {
	case l.query.Sort == callbacks.SortStatus:
		return l.conditions("S", termsExpression+` @> ARRAY[block || 'S' || v.value]`)
	case l.query.Sort == callbacks.SortAssignee:
		return l.conditions("A", termsExpression+` @> ARRAY[block || 'A' || v.value]`)
	case l.query.VisibleTo == nil:
		return l.conditions("CW", termsExpression+` @> ARRAY[block || 'C' || left(v.value, 200)]`)
	default:
		return l.conditions("CVW", termsExpression+` && string_to_array(block || replace(v.pairs, E'\x1f', E'\x1f' || block), E'\x1f')`)
	}
}

// values is SQL for the values that callbacks have, from that with which the
// page begins, NULL at the end.
func (l *list) values() string {
	first := `SELECT ` + l.key + ` FROM callbacks b ORDER BY ` + l.key + ` ` + l.order + ` LIMIT 1`
	if l.query.After != nil {
		l.args["after_key"], l.args["after_id"] = l.query.After.Key, int64(l.query.After.ID)
		first = `SELECT @after_key::text`
	}
	return `sorted (value) AS (
			(` + first + `)
			UNION ALL
			SELECT (SELECT ` + l.key + ` FROM callbacks b WHERE ` + l.key + ` ` + l.after + ` s.value
				ORDER BY ` + l.key + ` ` + l.order + ` LIMIT 1)
			FROM sorted s
			WHERE s.value IS NOT NULL
		)`
}

// bounded is SQL for the values that come into question, each with the range
// of IDs that is left of its list; and with the terms of its pairs of call
// centers.
//
// Who sees only the callbacks of some call centers may see few of another, of
// calls that visited both. The index of terms knows the pairs, so that not
// every call center is looked into.
func (l *list) bounded() string {
	lowest, highest := `@lowest::bigint`, `@highest::bigint`
	if l.query.After != nil {
		if l.query.Descending {
			highest = `least(@highest, CASE WHEN s.value = @after_key THEN @after_id::bigint - 1 ELSE @highest END)`
		} else {
			lowest = `greatest(@lowest, CASE WHEN s.value = @after_key THEN @after_id::bigint + 1 ELSE @lowest END)`
		}
	}
	pairs, where := `NULL::text`, `s.value IS NOT NULL`
	switch {
	case l.query.Sort == callbacks.SortStatus && l.query.Statuses != nil:
		where += ` AND s.value = ANY (@statuses)`
	case l.query.Sort == callbacks.SortAssignee && l.query.Assignees != nil:
		where += ` AND s.value = ANY (@assignees)`
	case l.query.Sort == callbacks.SortCallCenter && l.query.CallCenters != nil:
		where += ` AND s.value = ANY (@call_centers)`
	}
	if l.query.Sort == callbacks.SortCallCenter && l.query.VisibleTo != nil {
		pair := `'W' || left(visited, 100) || E'\x1e' || left(s.value, 100)`
		pairs = `(SELECT string_agg(` + pair + `, E'\x1f') FROM unnest(@visible_to::text[]) AS visited)`
		where += ` AND (s.value = ANY (@visible_to) OR EXISTS (
				WITH seen AS MATERIALIZED (
					SELECT 1 FROM callbacks b WHERE ` + termsExpression + ` && (
						SELECT array_agg('*' || ` + pair + `) FROM unnest(@visible_to::text[]) AS visited)
				)
				SELECT FROM seen))`
	}
	return `SELECT s.value, ` + lowest + ` AS lowest, ` + highest + ` AS highest, ` + pairs + ` AS pairs FROM sorted s WHERE ` + where
}
