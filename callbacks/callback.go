package callbacks

import (
	"slices"
	"time"

	"callbackd/callcenter"
)

// ID is a callback's number, shown to people as it is. IDs are assigned in
// the order of registration, from 1 and without holes.
type ID int64

// Origin says how a callback came about.
type Origin string

// The origins.
const (
	OriginManual    Origin = "manual"    // 手動登録: by an agent
	OriginAutomatic Origin = "automatic" // 自動登録: by the dialplan, because the caller asked for it
)

// Origins are all origins.
var Origins = []Origin{OriginManual, OriginAutomatic}

// Valid reports whether o is one of Origins.
func (o Origin) Valid() bool { return slices.Contains(Origins, o) }

// Status says whether the call was returned (対応状況).
type Status string

// The statuses.
const (
	StatusOpen      Status = "open"      // 未完了
	StatusCompleted Status = "completed" // 完了
)

// Statuses are all statuses.
var Statuses = []Status{StatusOpen, StatusCompleted}

// Valid reports whether s is one of Statuses.
func (s Status) Valid() bool { return slices.Contains(Statuses, s) }

// Recording is a kind of recording, by the words of package recording.
type Recording string

// The recordings that a callback may have.
const (
	RecordingMessage Recording = "message" // メッセージ録音: what the caller said when asking for the callback
	RecordingCall    Recording = "call"    // 通話録音: of the call that must be returned
)

// Recordings are all kinds of recordings. Of several, the first is named.
var Recordings = []Recording{RecordingMessage, RecordingCall}

// MaxMemoLength is the largest length of a memo in characters.
const MaxMemoLength = 2000

// Callback is a call that must be returned (折り返し呼). All times are UTC.
type Callback struct {
	ID ID
	// RequestID is the call that must be returned. No two callbacks have the
	// same one.
	RequestID callcenter.RequestID
	Origin    Origin
	Status    Status
	// Assignee is the account that will call back; empty for none.
	Assignee string
	// Memo is free text of at most MaxMemoLength characters.
	Memo string

	// RegisteredAt is when the callback was registered, not when the call
	// came in.
	RegisteredAt time.Time
	// RegisteredBy is the signature of the principal that registered it.
	RegisteredBy string
	// CompletedAt is nil while the callback is open.
	CompletedAt *time.Time
	// CompletedBy is the signature of the principal that completed it; empty
	// while the callback is open.
	CompletedBy string

	// RemoteNumber is the other party's number as the PBX gave it; empty when
	// it was withheld (非通知).
	RemoteNumber string
	// ContactNumber is the number to call. It starts as the remote number and
	// may be edited, since callers often ask to be called elsewhere; empty
	// when no number is known.
	ContactNumber string
	// CallCenter is the id of the call center that the call counted for when
	// the callback was registered.
	CallCenter string
	// CallCenters are the ids of the call centers that the call visited. They
	// decide who sees the callback.
	CallCenters []string
	// BusinessLabel is a label's id; empty for none.
	BusinessLabel string
	// LocalNumber is the call center's extension.
	LocalNumber string

	// Requests is how often it was asked for: 1, and 1 more for each further
	// call of the same number that asked while the callback was open.
	Requests int
	// LastRequestedAt is when it was asked for last; RegisteredAt while
	// Requests is 1.
	LastRequestedAt time.Time

	// Recording is which kind of recording can be played now; empty for none.
	// It comes and goes without a change of the callback's own, and so without
	// a new version; the change log has it.
	Recording Recording

	// Version counts the callback's changes from 1. A change names the
	// version that it was made from.
	Version int
}
