package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"callbackd/callcenter"
)

// A cursor is the sort key of the last item of a page. Clients are told that
// it is opaque; it holds nothing that the page did not show.

// errBadCursor says that a cursor is none that this API gave.
var errBadCursor = errors.New("malformed cursor")

// cursor is the JSON in a cursor: a time in microseconds, which is what the
// store keeps, and what tells items of one time apart.
type cursor struct {
	Micros int64  `json:"t"`
	ID     string `json:"i"`
}

func (c cursor) String() string {
	// Marshalling an integer and a string cannot fail.
	text, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(text)
}

func (c cursor) time() time.Time { return time.UnixMicro(c.Micros).UTC() }

// maxCursorMicros is about the year 9999: beyond it a time is not what this
// API gave, and may be more than the store can hold.
const maxCursorMicros = 253_402_300_799_999_999

func parseCursor(text string) (cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return cursor{}, errBadCursor
	}
	var c cursor
	if err := json.Unmarshal(raw, &c); err != nil {
		return cursor{}, errBadCursor
	}
	if c.Micros < 0 || c.Micros > maxCursorMicros || !plainID(c.ID) {
		return cursor{}, errBadCursor
	}
	return c, nil
}

// plainID reports whether a cursor's ID can be one: printable ASCII.
func plainID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

func callCursor(at callcenter.CallCursor) string {
	return cursor{Micros: at.StartedAt.UnixMicro(), ID: string(at.RequestID)}.String()
}
