package postgres

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
)

const (
	// maxConditions bounds the conditions that the index is asked for at once.
	// Each takes a look into it, in every block, and the strongest find hardly
	// more than all.
	maxConditions = 3
	// maxTerms bounds the terms that a text is looked up by.
	maxTerms = 3
	// maxDigitTerms bounds those of digits in a row.
	maxDigitTerms = 3
	// maxPairTerms bounds those of pairs of call centers.
	maxPairTerms = 64
)

// nameMatches is a condition on phonebook_entries: its name holds the text.
const nameMatches = `strpos(` + nameLetters + `, @name) > 0`

// search is a callbacks.Query as SQL. It says each condition twice: as what
// is true of the row, which decides, and as terms of the index, which find
// the rows that come into question.
type search struct {
	args pgx.StrictNamedArgs
	// possible is false when the query asks for text that no row can hold.
	possible bool
	// rows are conditions on callbacks b, all but those of the text.
	rows []string
	// text is the condition on callbacks b of the text; empty for none.
	text string
	// terms are conditions on the index, all but those of the text.
	terms []termCondition
	// textTerms are conditions of which one is enough; none for no text, and
	// when they would miss the names that hold it.
	textTerms []string
	// number is set when the text has so many digits in a row that few
	// callbacks have them.
	number bool
	// names are those that hold the text.
	names named
}

// termCondition is a condition on the index, for the block whose terms begin
// with the column "block".
type termCondition struct {
	// kind is that of its terms; see callback_block_terms.
	kind     byte
	strength strength
	sql      string
}

// strength is how few callbacks a condition usually leaves.
type strength int

const (
	leavesMost      strength = iota // perhaps all
	leavesMany                      // one in some
	leavesFew                       // one in hundreds
	leavesHardlyAny                 // one in thousands
)

// named are the people whose names hold a text.
type named struct {
	// assignees are the accounts with such display names.
	assignees []string
	// numbers are those in the phone book with such names.
	numbers []string
	// many is set instead of numbers when there are more than namedNumbers.
	many bool
}

// newSearch returns the SQL of a query. names are those that hold its text.
func newSearch(q *callbacks.Query, names named) *search {
	s := &search{args: pgx.StrictNamedArgs{}, possible: true, names: names}
	statusStrength := leavesMost
	if len(q.Statuses) == 1 && q.Statuses[0] == callbacks.StatusOpen {
		statusStrength = leavesFew
	}
	oneOf(s, "statuses", 'S', statusStrength, q.Statuses, `b.status = ANY (@statuses)`)
	oneOf(s, "assignees", 'A', leavesFew, q.Assignees, `coalesce(b.assignee, '') = ANY (@assignees)`)
	oneOf(s, "business_labels", 'L', leavesMany, q.BusinessLabels, `b.business_label = ANY (@business_labels)`)
	s.addCallCenters(q.VisibleTo, q.CallCenters)
	originStrength := leavesMany
	if len(q.Origins) == len(callbacks.Origins) {
		originStrength = leavesMost
	}
	oneOf(s, "origins", 'O', originStrength, q.Origins, `b.origin = ANY (@origins)`)
	if q.RequestID != "" {
		s.row(`b.request_id = @request_id`, "request_id", string(q.RequestID))
	}
	if q.RemoteNumbers != nil {
		s.addRemoteNumbers(q.RemoteNumbers)
	}
	if q.LocalNumber != "" {
		s.row(`starts_with(fold(b.local_number), @local_number)`, "local_number", q.LocalNumber)
		s.anyTerm("local_terms", 'M', strengthOf(q.LocalNumber), []string{beginningTerm('M', q.LocalNumber)})
	}
	if !q.From.IsZero() {
		s.row(`b.registered_at >= @from`, "from", q.From)
	}
	if !q.To.IsZero() {
		s.row(`b.registered_at < @to`, "to", q.To)
	}
	if q.First > 0 {
		s.row(`b.id >= @first`, "first", int64(q.First))
	}
	if q.Text != nil {
		s.addText(q.Text)
	}
	return s
}

// parameter is the name of an argument in a statement.
var parameter = regexp.MustCompile(`@([a-z][a-z0-9_]*)`)

// usedArgs returns those of some arguments that a statement has.
func usedArgs(sql string, all pgx.StrictNamedArgs) pgx.StrictNamedArgs {
	args := pgx.StrictNamedArgs{}
	for _, match := range parameter.FindAllStringSubmatch(sql, -1) {
		if value, found := all[match[1]]; found {
			args[match[1]] = value
		}
	}
	return args
}

// addRemoteNumbers adds the condition that a form of the remote number begins
// with one of some texts.
func (s *search) addRemoteNumbers(beginnings []string) {
	var terms, enough []string
	weakest := leavesFew
	for i, beginning := range beginnings {
		name := fmt.Sprintf("remote%d", i)
		// What begins a form comes after a character that none has.
		enough = append(enough, `strpos(E'\x01' || array_to_string(b.remote_forms, E'\x01'), E'\x01' || @`+name+`) > 0`)
		s.args[name] = beginning
		terms = append(terms, remoteTerm(beginning))
		weakest = min(weakest, strengthOf(beginning))
	}
	s.rows = append(s.rows, `(`+strings.Join(enough, ` OR `)+`)`)
	s.anyTerm("remote_terms", 'N', weakest, terms)
}

// strengthOf is how few numbers have a beginning.
func strengthOf(beginning string) strength {
	if utf8.RuneCountInString(beginning) < 4 {
		return leavesMost
	}
	return leavesFew
}

// addCallCenters adds the conditions that one of some call centers sees the
// callback, and that it counts for one of some. With both, the index is asked
// for pairs: each alone may be frequent where a pair is rare.
func (s *search) addCallCenters(visibleTo, callCenters []string) {
	const visible, counts = `b.call_centers && @visible_to`, `b.call_center = ANY (@call_centers)`
	if pairs := len(visibleTo) * len(callCenters); pairs == 0 || pairs > maxPairTerms {
		oneOf(s, "visible_to", 'V', leavesMany, visibleTo, visible)
		oneOf(s, "call_centers", 'C', leavesMany, callCenters, counts)
		return
	}
	visibleTo, _ = storableValues('V', visibleTo)
	callCenters, _ = storableValues('C', callCenters)
	s.row(visible, "visible_to", visibleTo)
	s.row(counts, "call_centers", callCenters)
	var terms []string
	for _, to := range visibleTo {
		for _, callCenter := range callCenters {
			terms = append(terms, pairTerm(to, callCenter))
		}
	}
	s.anyTerm("pair_terms", 'W', leavesFew, terms)
}

// row adds a condition on the row.
func (s *search) row(condition, name string, value any) {
	s.rows = append(s.rows, condition)
	s.args[name] = value
	if text, ok := value.(string); ok && !storable(text) {
		s.possible = false
	}
}

// anyTerm adds the condition that a row has one of some terms.
func (s *search) anyTerm(name string, kind byte, strength strength, terms []string) {
	if len(terms) == 0 {
		s.possible = false
	}
	s.terms = append(s.terms, termCondition{kind, strength, termsExpression + ` && ` + blockTerms(name)})
	s.args[name] = strings.Join(terms, termSeparator)
}

// oneOf adds a condition on the row, that a column has one of some values,
// and the same in terms; nothing when the values are nil.
func oneOf[T ~string](s *search, name string, kind byte, strength strength, values []T, condition string) {
	if values == nil {
		return
	}
	texts, terms := storableValues(kind, values)
	s.row(condition, name, texts)
	s.anyTerm(name+"_terms", kind, strength, terms)
}

// addText adds the conditions of a text.
func (s *search) addText(t *callbacks.TextQuery) {
	var rows []string
	or := func(condition, name string, value any) {
		rows = append(rows, condition)
		s.args[name] = value
	}
	var formTerms [][]string
	var terms []string // of which one is enough
	for i, form := range t.Forms {
		if !storable(form) {
			continue
		}
		name := fmt.Sprintf("form%d", i)
		or(`strpos(b.search, @`+name+`) > 0`, name, form)
		// What has all terms of one form and more is found by those already.
		wanted := textTerms(form)
		s.number = s.number || slices.ContainsFunc(wanted, isSevenDigits)
		if slices.ContainsFunc(formTerms, func(terms []string) bool { return isSubset(terms, wanted) }) {
			continue
		}
		formTerms = append(formTerms, wanted)
		if len(wanted) == 1 {
			terms = append(terms, wanted[0])
			continue
		}
		s.textTerms = append(s.textTerms, termsExpression+` @> `+blockTerms(name+`_terms`))
		s.args[name+"_terms"] = strings.Join(wanted, termSeparator)
	}
	values := func(name string, kind byte, ids []string, condition string) {
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !storable(id) })
		if len(ids) > 0 {
			s.number = false
			or(condition, name, ids)
			for _, id := range ids {
				terms = append(terms, valueTerm(kind, id))
			}
		}
	}
	values("text_call_centers", 'C', t.CallCenters, `b.call_center = ANY (@text_call_centers)`)
	values("text_business_labels", 'L', t.BusinessLabels, `b.business_label = ANY (@text_business_labels)`)
	values("text_assignees", 'A', s.names.assignees, `b.assignee = ANY (@text_assignees)`)
	if len(terms) > 0 {
		s.textTerms = append(s.textTerms, termsExpression+` && `+blockTerms(`text_terms`))
		s.args["text_terms"] = strings.Join(terms, termSeparator)
	}
	switch {
	case s.names.many:
		s.textTerms = nil
		// Not EXISTS, for which the planner may read the whole book to look
		// each number up in what it found.
		or(`(SELECT `+nameMatches+` FROM phonebook_entries p WHERE p.number = b.remote_key)`, "name", t.Name)
	case len(s.names.numbers) > 0:
		// A subquery is made a hash table of, an array would be gone through.
		or(`b.remote_key IN (SELECT unnest(@numbers::text[]))`, "numbers", s.names.numbers)
	}
	if len(rows) == 0 {
		s.possible = false
		return
	}
	s.text = `(` + strings.Join(rows, ` OR `) + `)`
}

// row conditions and text, joined; "true" for none.
func (s *search) where(more ...string) string {
	conditions := slices.Concat(more, s.rows)
	if s.text != "" {
		conditions = append(conditions, s.text)
	}
	return and(conditions)
}

// conditions are the strongest conditions on the index, without those of some
// kinds, and with one more.
func (s *search) conditions(without string, more ...string) []string {
	terms := slices.DeleteFunc(slices.Clone(s.terms), func(c termCondition) bool {
		return strings.IndexByte(without, c.kind) >= 0
	})
	conditions := slices.Clone(more)
	if len(s.textTerms) > 0 {
		conditions = append(conditions, `(`+strings.Join(s.textTerms, ` OR `)+`)`)
		if s.number {
			return conditions
		}
	}
	return append(conditions, strongest(terms, maxConditions-len(conditions))...)
}

// strongest returns the strongest conditions, at most as many as said; those
// that leave most only when there are no others.
func strongest(terms []termCondition, most int) (conditions []string) {
	terms = slices.Clone(terms)
	slices.SortStableFunc(terms, func(a, b termCondition) int { return cmp.Compare(b.strength, a.strength) })
	for i, c := range terms {
		if i >= most || i > 0 && c.strength == leavesMost {
			break
		}
		conditions = append(conditions, c.sql)
	}
	return conditions
}

// inBlocks is SQL for columns of the first callbacks b, at most as many as
// said, that meet a condition. blocks are arguments of generate_series; with
// an empty order any will do.
func (s *search) inBlocks(columns, blocks string, conditions []string, where, order string, most int) string {
	orderBy := ""
	if order != "" {
		orderBy = ` ORDER BY b.id ` + order
	}
	if len(conditions) == 0 {
		// All that is left is a range of IDs.
		return fmt.Sprintf(`SELECT `+columns+` FROM callbacks b WHERE `+where+orderBy+` LIMIT %d`, most)
	}
	// A nested loop is the only way to join a LATERAL subquery, so the blocks
	// are read in their order, and no more of them than the LIMIT takes.
	//
	// OFFSET 0 keeps the conditions on rows out of the scan of the index: the
	// planner cannot know how few rows the terms leave and would look up the
	// others in further indexes, whole.
	inBlock := `SELECT * FROM callbacks b WHERE ` + and(conditions)
	if s.names.many {
		// In order, so that no more names are looked up than the page takes.
		inBlock += orderBy
	}
	return fmt.Sprintf(`
		SELECT f.*
		FROM (SELECT to_hex(n) AS block FROM generate_series(%s) AS n) AS blocks
		CROSS JOIN LATERAL (
			SELECT `+columns+`
			FROM (`+inBlock+` OFFSET 0) AS b
			WHERE `+where+orderBy+`
			LIMIT %d
		) AS f
		LIMIT %[2]d`, blocks, most)
}

func and(conditions []string) string {
	if len(conditions) == 0 {
		return `true`
	}
	return strings.Join(conditions, ` AND `)
}

// isSubset reports whether all texts of a are in b.
func isSubset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(text string) bool { return !slices.Contains(b, text) })
}
