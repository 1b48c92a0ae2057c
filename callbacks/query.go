package callbacks

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"callbackd/accounts"
	"callbackd/callcenter"
	"callbackd/phonebook"
)

// Query is a Filter made ready for a store: everything in it is said in terms
// of what is stored. What is nil narrows nothing; what is empty but not nil
// matches nothing.
type Query struct {
	// VisibleTo are the ids of call centers one of which the callback's call
	// must have visited.
	VisibleTo []string
	// Text is nil for any.
	Text *TextQuery

	Statuses []Status
	// Assignees are accounts' names; "" among them stands for none.
	Assignees      []string
	CallCenters    []string
	BusinessLabels []string
	Origins        []Origin
	From, To       time.Time // zero times are no bounds
	// RemoteNumbers are beginnings, of which one of the remote number's forms
	// has one.
	RemoteNumbers []string
	// LocalNumber is the beginning of the folded local number; empty for any.
	LocalNumber string
	RequestID   callcenter.RequestID // empty for any
	// First is the smallest ID; 0 for no bound.
	First ID

	Sort       Sort
	Descending bool
	// After is the last callback of the page before; nil for the first page.
	After *Position
	Limit int
}

// TextQuery is what Filter.Text stands for: a callback matches when any of
// this does.
type TextQuery struct {
	// Forms are folded texts, one of which is part of the ID, a number's form,
	// the call center's or business label's id, the assignee or the memo. The
	// first is the text itself, which may be part of the assignee's display
	// name too, wherever there is space in either.
	Forms []string
	// Name is part of the remote name, as the phone book's Letters.
	Name string
	// CallCenters and BusinessLabels are the ids of those whose names match.
	CallCenters, BusinessLabels []string
}

// Position is where a callback stands in a sorted list.
type Position struct {
	// Key is the value that is sorted by; empty for SortID and
	// SortRegisteredAt.
	Key string
	ID  ID
}

// Position returns where a callback stands in a list.
func (s Sort) Position(c *Callback) Position {
	switch s {
	case SortStatus:
		return Position{string(c.Status), c.ID}
	case SortAssignee:
		return Position{c.Assignee, c.ID}
	case SortCallCenter:
		return Position{c.CallCenter, c.ID}
	default:
		return Position{ID: c.ID}
	}
}

// cursor is the JSON in a Cursor. It holds nothing that the page did not
// show.
type cursor struct {
	Sort       Sort   `json:"s"`
	Descending bool   `json:"d"`
	Key        string `json:"k"`
	ID         ID     `json:"i"`
}

// maxCursorLength bounds what is decoded.
const maxCursorLength = 1024

func (q *Query) next(p Position) string {
	// Marshalling strings and numbers cannot fail.
	text, _ := json.Marshal(cursor{q.Sort, q.Descending, p.Key, p.ID})
	return base64.RawURLEncoding.EncodeToString(text)
}

// resume sets After from a cursor.
func (q *Query) resume(text string) error {
	bad := &FieldError{Field: "cursor", Problem: "must be the next_cursor of a page with the same sort and direction"}
	if len(text) > maxCursorLength {
		return bad
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return bad
	}
	var c cursor
	if err := json.Unmarshal(raw, &c); err != nil {
		return bad
	}
	if c.Sort != q.Sort || c.Descending != q.Descending || c.ID < 1 || c.ID == math.MaxInt64 || checkText("", c.Key, maxCursorLength) != nil {
		return bad
	}
	q.After = &Position{Key: c.Key, ID: c.ID}
	return nil
}

// query makes a filter of a principal ready for the store, or reports
// everything that is wrong with it at once.
func (s *Service) query(by accounts.Principal, f *Filter) (Query, error) {
	q := Query{
		VisibleTo: by.CallCenters, Statuses: f.Statuses, CallCenters: f.CallCenters, BusinessLabels: f.BusinessLabels,
		Origins: f.Origins, From: f.From, To: f.To, RequestID: f.RequestID, LocalNumber: Fold(f.LocalNumber),
		Sort: f.Sort, Descending: f.Descending, Limit: f.Limit,
	}
	if !by.Role.Valid() {
		q.VisibleTo = []string{}
	}
	if q.Sort == "" {
		q.Sort = SortID
	}
	if q.Limit == 0 {
		q.Limit = DefaultPageSize
	}
	errs := []error{f.check()}
	if f.Cursor != "" {
		errs = append(errs, q.resume(f.Cursor))
	}
	if f.RemoteNumber != "" {
		if q.RemoteNumbers = s.numbers.Keys(f.RemoteNumber); q.RemoteNumbers == nil {
			errs = append(errs, &FieldError{Field: "remote_number", Problem: "must be the beginning of a telephone number"})
		}
	}
	if len(f.Assignees) > 0 || f.Unassigned || f.Mine {
		q.Assignees = slices.DeleteFunc(slices.Clone(f.Assignees), func(name string) bool { return name == "" })
		if f.Unassigned {
			q.Assignees = append(q.Assignees, "")
		}
		switch {
		case f.Mine && by.Kind == accounts.KindAccount:
			q.Assignees = append(q.Assignees, by.Name)
		case f.Mine:
			errs = append(errs, &FieldError{Field: "assignee", Problem: "only an account has callbacks of its own"})
		}
	}
	if text := strings.TrimSpace(f.Text); text != "" {
		q.Text = s.textQuery(text)
	}
	return q, errors.Join(errs...)
}

// textQuery says where a text is looked for.
func (s *Service) textQuery(text string) *TextQuery {
	folded := Fold(text)
	t := &TextQuery{Forms: []string{folded}, Name: phonebook.Letters(text)}
	for _, key := range s.numbers.Keys(text) {
		if !slices.Contains(t.Forms, key) {
			t.Forms = append(t.Forms, key)
		}
	}
	names := s.names()
	t.CallCenters = idsNamed(names.CallCenters, folded)
	t.BusinessLabels = idsNamed(names.BusinessLabels, folded)
	return t
}

// idsNamed returns the ids whose names hold a folded text, wherever there is
// space in either, sorted.
func idsNamed(names map[string]string, folded string) []string {
	var ids []string
	letters := func(folded string) string { return strings.ReplaceAll(folded, " ", "") }
	for id, name := range names {
		if strings.Contains(letters(Fold(name)), letters(folded)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// check reports everything that is wrong with the filter by itself.
func (f *Filter) check() error {
	var errs []error
	bad := func(field, problem string) { errs = append(errs, &FieldError{Field: field, Problem: problem}) }
	switch err := checkText("text", f.Text, MaxTextLength); {
	case err != nil:
		errs = append(errs, err)
	case strings.ContainsFunc(f.Text, unicode.IsControl):
		bad("text", "must not hold control characters")
	}
	for _, status := range f.Statuses {
		if !status.Valid() {
			bad("status", fmt.Sprintf("must be one of %q", Statuses))
		}
	}
	for _, origin := range f.Origins {
		if !origin.Valid() {
			bad("origin", fmt.Sprintf("must be one of %q", Origins))
		}
	}
	if f.Sort != "" && !f.Sort.Valid() {
		bad("sort", fmt.Sprintf("must be one of %q", Sorts))
	}
	if f.Limit < 0 || f.Limit > MaxPageSize {
		bad("page_size", fmt.Sprintf("must be 1 to %d", MaxPageSize))
	}
	const maxValue, maxValues = 255, 100
	for field, values := range map[string][]string{
		"assignee": f.Assignees, "call_center": f.CallCenters, "business_label": f.BusinessLabels,
		"remote_number": {f.RemoteNumber}, "local_number": {f.LocalNumber}, "request_id": {string(f.RequestID)},
	} {
		if len(values) > maxValues {
			bad(field, fmt.Sprintf("must be at most %d", maxValues))
		}
		for _, value := range values {
			if err := checkText(field, value, maxValue); err != nil {
				errs = append(errs, err)
			}
		}
	}
	for field, at := range map[string]time.Time{"from": f.From, "to": f.To} {
		// Beyond, a time is more than the store can hold.
		if !at.IsZero() && (at.Year() < 1 || at.Year() > 9999) {
			bad(field, "must lie in the years 1 to 9999")
		}
	}
	slices.SortStableFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}
