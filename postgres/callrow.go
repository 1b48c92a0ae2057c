package postgres

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"callbackd/callcenter"
)

// callColumns are the columns of calls that a callRow has.
const callColumns = `request_id, node, linked_id, kind, direction,
	call_center, call_centers, business_label, remote_number, local_number, agent, agents,
	state, result, reason, started_at, answered_at, ended_at,
	recordings, receipt, legs, merged_into, last_event_at,
	phase, phase_call_center, phase_since, phones`

// callRow is a row of calls: read by its db tags, written by its JSON tags.
type callRow struct {
	RequestID     string              `db:"request_id"     json:"request_id"`
	Node          string              `db:"node"           json:"node"`
	LinkedID      string              `db:"linked_id"      json:"linked_id"`
	Kind          string              `db:"kind"           json:"kind"`
	Direction     string              `db:"direction"      json:"direction"`
	CallCenter    optional            `db:"call_center"    json:"call_center"`
	CallCenters   []string            `db:"call_centers"   json:"call_centers"`
	BusinessLabel optional            `db:"business_label" json:"business_label"`
	RemoteNumber  optional            `db:"remote_number"  json:"remote_number"`
	LocalNumber   optional            `db:"local_number"   json:"local_number"`
	Agent         optional            `db:"agent"          json:"agent"`
	Agents        []string            `db:"agents"         json:"agents"`
	State         string              `db:"state"          json:"state"`
	Result        optional            `db:"result"         json:"result"`
	Reason        optional            `db:"reason"         json:"reason"`
	StartedAt     time.Time           `db:"started_at"     json:"started_at"`
	AnsweredAt    *time.Time          `db:"answered_at"    json:"answered_at"`
	EndedAt       *time.Time          `db:"ended_at"       json:"ended_at"`
	Recordings    []string            `db:"recordings"     json:"recordings"`
	Receipt       []callcenter.Signal `db:"receipt"        json:"receipt"`
	Legs          []callcenter.Leg    `db:"legs"           json:"legs"`
	MergedInto    optional            `db:"merged_into"    json:"merged_into"`
	LastEventAt   time.Time           `db:"last_event_at"  json:"last_event_at"`

	Phase           optional           `db:"phase"             json:"phase"`
	PhaseCallCenter optional           `db:"phase_call_center" json:"phase_call_center"`
	PhaseSince      *time.Time         `db:"phase_since"       json:"phase_since"`
	Phones          []callcenter.Phone `db:"phones"            json:"phones"`

	// freed are the phones that left the call, with when; a table of its own.
	freed map[string]time.Time
}

// maxIndexed is the largest length of an indexed text in characters, as the
// schema has it.
const maxIndexed = 255

func newCallRow(c *callcenter.Call) callRow {
	return callRow{
		RequestID:     string(c.RequestID),
		Node:          cut(c.Node),
		LinkedID:      cut(c.LinkedID),
		Kind:          string(c.Kind),
		Direction:     string(c.Direction),
		CallCenter:    optional(repair(c.CallCenter)),
		CallCenters:   repairAll(c.CallCenters),
		BusinessLabel: optional(repair(c.BusinessLabel)),
		RemoteNumber:  optional(cut(c.RemoteNumber)),
		LocalNumber:   optional(cut(c.LocalNumber)),
		Agent:         optional(cut(c.Agent)),
		Agents:        cutAll(c.Agents),
		State:         string(c.State),
		Result:        optional(c.Outcome.Result),
		Reason:        optional(repair(c.Outcome.Reason)),
		StartedAt:     c.StartedAt.UTC(),
		AnsweredAt:    c.AnsweredAt,
		EndedAt:       c.EndedAt,
		Recordings:    repairAll(c.Recordings),
		Receipt:       repairReceipt(c.Receipt),
		Legs:          repairLegs(c.Legs),
		MergedInto:    optional(c.MergedInto),
		LastEventAt:   c.LastEventAt.UTC(),

		Phase:           optional(c.Activity.Phase),
		PhaseCallCenter: optional(repair(c.Activity.CallCenter)),
		PhaseSince:      timeOrNull(c.Activity.Since.UTC()),
		Phones:          repairPhones(c.Activity.Phones),
		freed:           freed(c),
	}
}

func (r *callRow) call() callcenter.Call {
	return callcenter.Call{
		RequestID:     callcenter.RequestID(r.RequestID),
		Node:          r.Node,
		LinkedID:      r.LinkedID,
		Kind:          callcenter.Kind(r.Kind),
		Direction:     callcenter.Direction(r.Direction),
		CallCenter:    string(r.CallCenter),
		CallCenters:   r.CallCenters,
		BusinessLabel: string(r.BusinessLabel),
		RemoteNumber:  string(r.RemoteNumber),
		LocalNumber:   string(r.LocalNumber),
		Agent:         string(r.Agent),
		Agents:        r.Agents,
		State:         callcenter.State(r.State),
		Outcome: callcenter.Outcome{
			Result: callcenter.Result(r.Result), Reason: string(r.Reason),
		},
		StartedAt:   r.StartedAt,
		AnsweredAt:  r.AnsweredAt,
		EndedAt:     r.EndedAt,
		Recordings:  r.Recordings,
		Receipt:     r.Receipt,
		Legs:        r.Legs,
		MergedInto:  callcenter.RequestID(r.MergedInto),
		LastEventAt: r.LastEventAt,
		Activity: callcenter.Activity{
			Phase: callcenter.Phase(r.Phase), CallCenter: string(r.PhaseCallCenter), Since: orZero(r.PhaseSince), Phones: r.Phones,
		},
	}
}

func toCalls(rows []callRow) []callcenter.Call {
	calls := make([]callcenter.Call, len(rows))
	for i := range rows {
		calls[i] = rows[i].call()
	}
	return calls
}

// optional is a text that is empty in Go and NULL in SQL when there is none.
type optional string

// Scan implements sql.Scanner.
func (o *optional) Scan(value any) error {
	switch value := value.(type) {
	case nil:
		*o = ""
	case string:
		*o = optional(value)
	default:
		return fmt.Errorf("scan %T as optional text", value)
	}
	return nil
}

// MarshalJSON gives null for no text.
func (o optional) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(o))
}

// orNull is the argument of a statement for an optional text.
func orNull[T ~string](text T) *string {
	if text == "" {
		return nil
	}
	s := string(text)
	return &s
}

// storable reports whether PostgreSQL can hold a text.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// repair replaces what PostgreSQL cannot hold, invalid UTF-8 and NUL, by
// U+FFFD.
func repair(text string) string {
	if storable(text) {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// cut repairs a text that is indexed and cuts it off where the schema ends
// it.
func cut(text string) string {
	text = repair(text)
	if len(text) <= maxIndexed || utf8.RuneCountInString(text) <= maxIndexed {
		return text
	}
	return string([]rune(text)[:maxIndexed])
}

// repairAll repairs each text. It never returns nil, which would become NULL.
func repairAll(texts []string) []string { return mapped(texts, repair) }

func cutAll(texts []string) []string { return mapped(texts, cut) }

func repairReceipt(receipt []callcenter.Signal) []callcenter.Signal {
	return mapped(receipt, func(s callcenter.Signal) callcenter.Signal {
		s.Value, s.Channel = repair(s.Value), ariID(s.Channel)
		return s
	})
}

func repairLegs(legs []callcenter.Leg) []callcenter.Leg {
	return mapped(legs, func(l callcenter.Leg) callcenter.Leg {
		l.Endpoint, l.DialStatus, l.Channel = repair(l.Endpoint), repair(l.DialStatus), ariID(l.Channel)
		return l
	})
}

func repairPhones(phones []callcenter.Phone) []callcenter.Phone {
	return mapped(phones, func(p callcenter.Phone) callcenter.Phone {
		p.Endpoint = repair(p.Endpoint)
		return p
	})
}

// freed are the phones that left a call, by endpoints that can be compared
// with an account's.
func freed(c *callcenter.Call) map[string]time.Time {
	phones := c.Freed()
	for endpoint := range phones {
		if !storable(endpoint) {
			delete(phones, endpoint) // no account's
		}
	}
	return phones
}

// ariID repairs an identifier that may have been chosen by a program which
// created the channel.
func ariID[T ~string](id T) T { return T(repair(string(id))) }

// mapped returns f of each element, and an empty slice for none.
func mapped[T any](items []T, f func(T) T) []T {
	out := make([]T, len(items))
	for i, item := range items {
		out[i] = f(item)
	}
	return out
}
