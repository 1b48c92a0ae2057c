package phonebook

import (
	"context"
	"time"
)

// Store keeps the entries of a Book.
type Store interface {
	// Names returns the names of normalised numbers. Those that no entry has
	// are not in the map.
	Names(ctx context.Context, numbers []string) (map[string]string, error)

	// Entry returns an entry, or ErrNotFound.
	Entry(ctx context.Context, id ID) (Entry, error)

	// List returns at most limit entries after the cursor, in the order of
	// their names, byte by byte, and then of their IDs; from the first when
	// after is nil.
	List(ctx context.Context, search Search, after *Cursor, limit int) ([]Entry, error)

	// Count returns how many entries List would return without a limit.
	Count(ctx context.Context, search Search) (int64, error)

	// Create stores an entry and returns it with its ID, or returns a
	// *TakenError.
	Create(ctx context.Context, record Record) (Entry, error)

	// Update stores an entry as its next version if the stored one has
	// version Entry.Version. Otherwise it returns a *StaleError; or
	// ErrNotFound, or a *TakenError.
	Update(ctx context.Context, record Record) (Entry, error)

	// Delete deletes an entry that has that version, or returns ErrNotFound or
	// a *StaleError.
	Delete(ctx context.Context, id ID, version int) error

	// Import stores a batch, all of it or nothing. Sent, when it is called, is
	// how many records the database has been given.
	Import(ctx context.Context, batch Batch, progress func(sent int)) (ImportResult, error)

	// Each calls f with every entry, in the order of their numbers, as they
	// all were at one moment, and ends with f's first error.
	Each(ctx context.Context, f func(Entry) error) error
}

// Record is an entry to be stored, with the text that searches go through.
type Record struct {
	Entry
	Searchable string
}

func newRecord(e Entry, region string) Record {
	return Record{Entry: e, Searchable: e.searchable(region)}
}

// Batch is what an import stores. Of a number that is there already, name and
// note are replaced.
type Batch struct {
	// Records have distinct numbers.
	Records []Record
	// Replace deletes the entries of all other numbers.
	Replace bool
	By      string
	At      time.Time
}

// Search selects the records whose searchable text has at least one of the
// terms in it, or whose names have the letters; all records when there is no
// term.
type Search struct {
	Terms []string
	// Letters is part of the name without space; see Letters. Empty for none.
	Letters string
}

// Cursor is an entry's place in a list.
type Cursor struct {
	Name string `json:"name"`
	ID   ID     `json:"id"`
}
