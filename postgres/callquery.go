package postgres

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"callbackd/callcenter"
)

const (
	// blockSeconds is the size of a block of call_terms.
	blockSeconds = 1 << 17
	// spanBits is the size of its spans: 2 to the power of it are the blocks
	// of one.
	spanBits = 6
)

// callTermsExpression is the expression of the index calls_by_term.
const callTermsExpression = `call_terms(c.started_at, c.kind, c.direction, c.call_centers,
	c.agents, c.remote_number, c.local_number) COLLATE "C"`

// A range, in contrast to LIKE, has no characters to escape and uses the index
// whatever kind of plan is chosen.
const (
	remoteNumberBegins = `c.remote_number ~>=~ @number AND c.remote_number ~<~ @number_end`
	localNumberBegins  = `c.local_number ~>=~ @number AND c.local_number ~<~ @number_end`
)

// callSearch is a callcenter.CallFilter as SQL, about calls c. As in search,
// each condition is said twice: as what is true of the row, which decides, and
// as terms of the index, which find the rows that come into question.
type callSearch struct {
	args pgx.StrictNamedArgs
	// possible is false when the filter asks for text that no row can hold.
	possible bool
	// place are conditions on the place in the list: the period, and the page
	// before.
	place []string
	// rows are all other conditions.
	rows []string
	// terms are conditions on the index.
	terms []termCondition
	// active is set when only running calls are asked for.
	active bool
	// number is how many digits of a number are asked for; 0 for any.
	number int
}

func newCallSearch(filter callcenter.CallFilter) *callSearch {
	s := &callSearch{args: pgx.StrictNamedArgs{}, possible: true}
	if len(filter.Kinds) > 0 {
		strength := leavesMany
		if slices.Contains(filter.Kinds, callcenter.KindCallCenter) {
			strength = leavesMost
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
	if filter.Number != "" {
		s.addNumber(filter.Number)
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
		s.place = append(s.place, `c.started_at >= @from`)
		s.args["from"] = filter.From
	}
	if !filter.To.IsZero() {
		s.place = append(s.place, `c.started_at < @to`)
		s.args["to"] = filter.To
	}
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
	s.anyTerm(name, kind, strength, terms)
}

// own adds the condition that a call visited one of some call centers or was
// answered by the principal's own agent.
func (s *callSearch) own(callCenters []string, agent string) {
	visible, terms := storableValues('V', callCenters)
	agents, agentTerms := storableValues('A', []string{agent})
	s.rows = append(s.rows, `(c.call_centers && @visible_to OR c.agents && @own_agent)`)
	s.args["visible_to"], s.args["own_agent"] = visible, agents
	s.anyTerm("visible_to", 'V', leavesMany, append(terms, agentTerms...))
}

// anyTerm adds the condition on the index that a call has one of some terms.
func (s *callSearch) anyTerm(name string, kind byte, strength strength, terms []string) {
	if len(terms) == 0 {
		s.possible = false
		return
	}
	joined := strings.Join(terms, termSeparator)
	if strings.Count(joined, termSeparator) >= len(terms) {
		return // a value has the separator in it
	}
	s.terms = append(s.terms, termCondition{kind, strength, callTermsExpression + ` && ` + blockTerms(name+`_terms`)})
	s.args[name+"_terms"] = joined
}

// addNumber adds the condition that the remote or local number begins so.
func (s *callSearch) addNumber(number string) {
	if !storable(number) {
		s.possible = false
		return
	}
	s.number = utf8.RuneCountInString(number)
	s.rows = append(s.rows, `(`+remoteNumberBegins+` OR `+localNumberBegins+`)`)
	s.args["number"], s.args["number_end"] = number, number+string(utf8.MaxRune)
	s.anyTerm("number", 'N', strengthOf(number), []string{beginningTerm('N', number)})
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
