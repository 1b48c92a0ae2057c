package callbacks

import (
	"slices"
	"time"

	"callbackd/callcenter"
)

// Sort is what a list of callbacks is sorted by. Callbacks that are the same
// in it come in the order of their IDs, or against it in a descending list.
type Sort string

// The sorts. IDs are assigned in the order of registration and registration
// times never run backwards, so the first two give the same order.
const (
	SortID           Sort = "id"
	SortRegisteredAt Sort = "registered_at"
	// SortStatus has completed before open.
	SortStatus Sort = "status"
	// SortAssignee has the unassigned first.
	SortAssignee Sort = "assignee"
	// SortCallCenter goes by the call center's id.
	SortCallCenter Sort = "call_center"
)

// Sorts are all sorts.
var Sorts = []Sort{SortID, SortRegisteredAt, SortStatus, SortAssignee, SortCallCenter}

// Valid reports whether s is one of Sorts.
func (s Sort) Valid() bool { return slices.Contains(Sorts, s) }

// The sizes of a page of callbacks.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// MaxTextLength is the largest length of Filter.Text in characters.
const MaxTextLength = 200

// Filter selects and sorts callbacks. Its zero value selects all that the
// principal may see, in the order of their IDs. A callback must match every
// field that is set.
type Filter struct {
	// Text (絞り込み) must be part of the ID, a number in any spelling, the
	// remote name, the call center's or business label's name or id, the
	// assignee's name or display name, or the memo. Width and the case of
	// ASCII letters make no difference.
	Text string
	// Statuses are those wanted; none for any.
	Statuses []Status
	// Assignees, Unassigned and Mine widen each other: a callback matches when
	// it has one of the assignees, or none when Unassigned is set, or the
	// principal's own account when Mine is set.
	Assignees  []string
	Unassigned bool
	Mine       bool
	// CallCenters are ids of call centers that the callback counts for.
	CallCenters []string
	// BusinessLabels are ids of labels.
	BusinessLabels []string
	Origins        []Origin
	// From and To bound the registration time; To is exclusive, zero times are
	// no bounds.
	From, To time.Time
	// RemoteNumber and LocalNumber are beginnings of numbers; the remote one
	// in any spelling.
	RemoteNumber string
	LocalNumber  string
	RequestID    callcenter.RequestID

	Sort       Sort // SortID when empty
	Descending bool
	// Cursor is the Next of the page before; empty for the first page. It is
	// good only for the sort and direction of that page.
	Cursor string
	// Limit is how many callbacks the page may have; DefaultPageSize when 0,
	// at most MaxPageSize.
	Limit int
}

// Page is a part of a list of callbacks.
//
// A callback that does not change while a reader goes from page to page is on
// exactly one of them. One whose place in the order changes meanwhile may be
// on none or on two; sorted by ID or registration time no place ever changes.
type Page struct {
	Items []Callback
	// Next is the Cursor of the next page; empty on the last.
	Next string
}

// Row is a callback with the names that stand for its ids and numbers, as a
// person reads it.
type Row struct {
	Callback
	// RemoteName is the name in the phone book; empty when there is none.
	RemoteName string
	// CallCenterName, BusinessLabelName and AssigneeName are the ids where no
	// name is known.
	CallCenterName    string
	BusinessLabelName string
	AssigneeName      string
}
