package journal

import (
	"encoding/json"
	"time"

	"callbackd/ari"
)

// The marks of a journal.
const (
	// markPiece begins each piece.
	markPiece ari.EventType = "JournalPiece"
	// markConnected and markLost are the stream's. Between them all events are
	// there that Asterisk sent.
	markConnected ari.EventType = "JournalConnected"
	markLost      ari.EventType = "JournalLost"
	// markDropped stands where events are missing that came.
	markDropped ari.EventType = "JournalDropped"
	// markFlushed says that all lines above were written by then.
	markFlushed ari.EventType = "JournalFlushed"
)

// marked is what the line of a mark begins with, and that of no event: Asterisk
// has no type of that name, and writes it elsewhere.
const marked = `{"type":"Journal`

// mark is a line that is no event of Asterisk's.
type mark struct {
	Type ari.EventType `json:"type"`
	// At is by our clock, as all times of marks.
	At time.Time `json:"timestamp"`
	// Run and Number are of a piece: which process wrote it, and how many it
	// wrote before.
	Run    string `json:"run,omitempty"`
	Number int    `json:"number,omitempty"`
	// Connected says, of a piece and of dropped events, that the stream was
	// connected then.
	Connected bool `json:"connected,omitempty"`
	// Since is when a lost connection was heard last, or the first event was
	// dropped; Until when the last was. Events is how many.
	Since  *time.Time `json:"since,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Events int        `json:"events,omitempty"`
	// Why is the reason of a loss.
	Why string `json:"why,omitempty"`
}

// appendTo appends the line of a mark made at that time.
func (m mark) appendTo(lines []byte, at time.Time) []byte {
	m.At = at.UTC()
	text, err := json.Marshal(m)
	if err != nil {
		panic("journal: a mark that is no JSON: " + err.Error()) // a year above 9999
	}
	return append(append(lines, text...), '\n')
}
