package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"callbackd/callcenter"
)

const (
	// blockSeconds is the size of a block of call_block_terms.
	blockSeconds = 1 << 17
	// spanBits is the size of its spans: 2 to the power of it are the blocks
	// of one.
	spanBits = 6
	// maxBeginning is how many characters of a number it knows.
	maxBeginning = 8
)

// callTermsExpression is the expression of the index calls_by_block_term.
const callTermsExpression = `call_block_terms(c.started_at, c.kind, c.direction, c.call_centers,
	c.agents, c.remote_number, c.local_number) COLLATE "C"`

// callSearch is a callcenter.CallFilter as SQL, about calls c. As in search,
// each condition is said twice: as what is true of the row, which decides, and
// as terms of the index, which find the rows that come into question.
type callSearch struct {
	args pgx.StrictNamedArgs
	// possible is false when the filter asks for text that no row can hold.
	possible bool
	// period are conditions on when calls began, and place those and that they
	// come after the page before.
	period, place []string
	// rows are all other conditions.
	rows []string
	// terms are conditions on the index: of each, one term is enough.
	terms []callTerms
	// active is set when only running calls are asked for.
	active bool
	// numbers are conditions on the remote and on the local number, of which
	// one is enough; none for any number.
	numbers []numberCondition
	// number is how many digits of a number are asked for at least.
	number int
}

// numberCondition is a condition on a column with a number, and its index.
type numberCondition struct{ column, begins string }

// callTerms are terms of which calls have one.
type callTerms struct {
	strength strength
	terms    []string
	// paired is set when the index knows their pairs with others.
	paired bool
	// found is set when others are looked up with them.
	found bool
}

func newCallSearch(filter callcenter.CallFilter) *callSearch {
	s := &callSearch{args: pgx.StrictNamedArgs{}, possible: true}
	if len(filter.Kinds) > 0 {
		strength := leavesMany
		if slices.Contains(filter.Kinds, callcenter.KindCallCenter) {
			strength = leavesMost
		} else if len(filter.Kinds) == 1 && filter.Kinds[0] == callcenter.KindUnknown {
			strength = leavesFew
		}
		oneOfCalls(s, "kinds", 'K', strength, filter.Kinds, `c.kind = ANY (@kinds)`)
	}
	if len(filter.Directions) > 0 {
		strength := leavesMany
		if slices.Contains(filter.Directions, callcenter.DirectionInbound) {
			strength = leavesMost
		}
		oneOfCalls(s, "directions", 'D', strength, filter.Directions, `c.direction = ANY (@directions)`)
	}
	if filter.CallCenter != "" {
		oneOfCalls(s, "call_center", 'V', leavesMany, []string{filter.CallCenter}, `c.call_centers && @call_center`)
	}
	if filter.Agent != "" {
		oneOfCalls(s, "agent", 'A', leavesFew, []string{filter.Agent}, `c.agents && @agent`)
	}
	if len(filter.Numbers) > 0 {
		s.addNumbers(filter.Numbers)
	}
	switch {
	case filter.CallCenters == nil:
	case filter.OwnAgent == "":
		oneOfCalls(s, "visible_to", 'V', leavesMany, filter.CallCenters, `c.call_centers && @visible_to`)
	default:
		s.own(filter.CallCenters, filter.OwnAgent)
	}
	if filter.Active != nil {
		// Written out, so that the index of active calls can be used.
		if s.active = *filter.Active; s.active {
			s.rows = append(s.rows, `c.state = 'active'`)
		} else {
			s.rows = append(s.rows, `c.state = 'ended'`)
		}
	}
	s.addPlace(filter)
	return s
}

// addPlace adds the period and the page before.
func (s *callSearch) addPlace(filter callcenter.CallFilter) {
	if !filter.From.IsZero() {
		s.period = append(s.period, `c.started_at >= @from`)
		s.args["from"] = filter.From
	}
	if !filter.To.IsZero() {
		s.period = append(s.period, `c.started_at < @to`)
		s.args["to"] = filter.To
	}
	s.place = slices.Clone(s.period)
	if filter.After != nil {
		s.place = append(s.place, `(c.started_at, c.request_id) < (@after_started_at, @after_request_id)`)
		s.args["after_started_at"] = filter.After.StartedAt
		s.args["after_request_id"] = string(filter.After.RequestID)
		s.possible = s.possible && storable(string(filter.After.RequestID))
	}
}

// where are all conditions on rows.
func (s *callSearch) where() string { return and(slices.Concat(s.place, s.rows)) }

// oneOfCalls adds the condition that a call has one of some values.
func oneOfCalls[T ~string](s *callSearch, name string, kind byte, strength strength, values []T, condition string) {
	texts, terms := storableValues(kind, values)
	s.rows = append(s.rows, condition)
	s.args[name] = texts
	s.anyTerm(callTerms{strength: strength, terms: terms, paired: true})
}

// own adds the condition that a call visited one of some call centers or was
// answered by the principal's own agent.
func (s *callSearch) own(callCenters []string, agent string) {
	visible, terms := storableValues('V', callCenters)
	agents, agentTerms := storableValues('A', []string{agent})
	s.rows = append(s.rows, `(c.call_centers && @visible_to OR c.agents && @own_agent)`)
	s.args["visible_to"], s.args["own_agent"] = visible, agents
	s.anyTerm(callTerms{strength: leavesMany, terms: append(terms, agentTerms...), paired: true})
}

// anyTerm adds a condition on the index.
func (s *callSearch) anyTerm(t callTerms) {
	s.possible = s.possible && len(t.terms) > 0
	if !slices.ContainsFunc(t.terms, func(term string) bool { return strings.Contains(term, termSeparator) }) {
		s.terms = append(s.terms, t)
	}
}

// conditions are the strongest conditions on the index. Where it knows pairs,
// the strongest is asked for with each of the others: each of two may be
// frequent where both are rare. Those that leave most are there only when
// there are no others, and none beside one that leaves hardly any.
func (s *callSearch) conditions() (conditions []string) {
	terms := slices.Clone(s.terms)
	slices.SortStableFunc(terms, func(a, b callTerms) int { return cmp.Compare(b.strength, a.strength) })
	terms = slices.DeleteFunc(terms, func(t callTerms) bool {
		return t.strength < terms[0].strength && (t.strength == leavesMost || terms[0].strength == leavesHardlyAny)
	})
	if first := slices.IndexFunc(terms, func(t callTerms) bool { return t.paired }); first >= 0 {
		for i := first + 1; i < len(terms); i++ {
			if terms[i].paired && len(terms[first].terms)*len(terms[i].terms) <= maxPairTerms {
				terms[i].terms = pairTerms(terms[first].terms, terms[i].terms)
				terms[first].found = true
			}
		}
	}
	for _, t := range terms {
		if t.found || len(conditions) == maxCallConditions {
			continue
		}
		name := fmt.Sprintf("terms%d", len(conditions))
		s.args[name] = strings.Join(t.terms, termSeparator)
		conditions = append(conditions, callTermsExpression+` && `+blockTerms(name))
	}
	return conditions
}

// pairTerms are the terms of all pairs of one of a and one of b, and that of
// calls whose pairs the index does not know. See call_block_terms.
func pairTerms(a, b []string) []string {
	const manyValues = "*"
	pairs := []string{manyValues}
	for _, x := range a {
		for _, y := range b {
			pair := x
			if x != y {
				pair = min(x, y) + "\x1e" + max(x, y)
			}
			if !slices.Contains(pairs, pair) {
				pairs = append(pairs, pair)
			}
		}
	}
	return pairs
}

// addNumbers adds the condition that the remote or local number has one of
// some prefixes.
//
// A range, in contrast to LIKE, has no characters to escape and uses the index
// whatever kind of plan is chosen.
func (s *callSearch) addNumbers(prefixes []callcenter.NumberPrefix) {
	var conditions, terms []string
	weakest := leavesHardlyAny
	for i, prefix := range prefixes {
		if !storable(prefix.Text) {
			continue
		}
		name := fmt.Sprintf("number%d", i)
		s.args[name], s.args[name+"_end"] = prefix.Text, prefix.Text+string(utf8.MaxRune)
		for _, column := range []string{`c.remote_number`, `c.local_number`} {
			begins := column + ` ~>=~ @` + name + ` AND ` + column + ` ~<~ @` + name + `_end`
			if prefix.MinLength > 0 {
				begins += fmt.Sprintf(` AND length(`+column+`) >= %d`, prefix.MinLength)
			}
			conditions = append(conditions, begins)
			s.numbers = append(s.numbers, numberCondition{column, begins})
		}
		digits := []rune(prefix.Text)
		if s.number == 0 || len(digits) < s.number {
			s.number = len(digits)
		}
		if len(digits) < maxBeginning {
			weakest = min(weakest, strengthOf(prefix.Text))
		}
		terms = append(terms, "N"+string(digits[:min(len(digits), maxBeginning)]))
	}
	s.rows = append(s.rows, `(`+strings.Join(conditions, ` OR `)+`)`)
	s.anyTerm(callTerms{strength: weakest, terms: terms})
}

// storableValues returns those of some values that a row can hold, and their
// terms.
func storableValues[T ~string](kind byte, values []T) (texts, terms []string) {
	texts, terms = make([]string, 0, len(values)), make([]string, 0, len(values))
	for _, value := range values {
		if storable(string(value)) {
			texts = append(texts, string(value))
			terms = append(terms, valueTerm(kind, string(value)))
		}
	}
	return texts, terms
}
