package phonebook

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"callbackd/accounts"
)

// The sizes of a page of entries.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// MaxTextLength is the largest length of Filter.Text in characters.
const MaxTextLength = 200

// Book is the shared phone book (共通電話帳). It is safe for concurrent use.
type Book struct {
	store  Store
	region string
	now    func() time.Time
	memory memory
}

// NewBook returns the phone book of a store. region is the ISO 3166 code of
// the country whose dialling rules apply to numbers without a country code.
// It must not change while there are entries. now is the clock that dates
// changes; nil for the system's.
func NewBook(store Store, region string, now func() time.Time) *Book {
	if now == nil {
		now = time.Now
	}
	return &Book{store: store, region: region, now: now, memory: memory{region: region}}
}

// Region returns the region whose dialling rules apply.
func (b *Book) Region() string { return b.region }

// Lookup returns the names of numbers in any spelling, by the numbers as they
// were given. Those without an entry are not in the map.
//
// It asks for no principal: a name is shown with a record to whoever may see
// the record.
func (b *Book) Lookup(ctx context.Context, numbers []string) (map[string]string, error) {
	given := make(map[string][]string, len(numbers)) // by normalised number
	for _, number := range numbers {
		// What is no number has no entry, and may hold what PostgreSQL cannot.
		if key := b.memory.normalise(number); IsNumber(key) && !slices.Contains(given[key], number) {
			given[key] = append(given[key], number)
		}
	}
	if len(given) == 0 {
		return map[string]string{}, nil
	}
	keys := make([]string, 0, len(given))
	for key := range given {
		keys = append(keys, key)
	}
	names, err := b.store.Names(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("look up %d numbers: %w", len(keys), err)
	}
	found := make(map[string]string, len(numbers))
	for key, name := range names {
		for _, number := range given[key] {
			found[number] = name
		}
	}
	return found, nil
}

// Get returns an entry, ErrNotFound or accounts.ErrForbidden.
func (b *Book) Get(ctx context.Context, by accounts.Principal, id ID) (Entry, error) {
	entry, err := b.get(ctx, by, accounts.ActionReadPhonebook, id)
	if err != nil {
		return Entry{}, fmt.Errorf("get phone book entry %d: %w", id, err)
	}
	return entry, nil
}

func (b *Book) get(ctx context.Context, by accounts.Principal, action accounts.Action, id ID) (Entry, error) {
	if !accounts.Can(by, action, nil) {
		return Entry{}, accounts.ErrForbidden
	}
	return b.store.Entry(ctx, id)
}

// Filter selects entries. Its zero value selects all.
type Filter struct {
	// Text must be part of the number, in any spelling, of the name or of the
	// note. Case and width make no difference, nor, in names, whether there is
	// space.
	Text string
	// Cursor is the Next of the page before; empty for the first page.
	Cursor string
	// Limit is how many entries the page may have; DefaultPageSize when 0, at
	// most MaxPageSize.
	Limit int
}

// Page is a part of the list of entries, which is in the order of their
// names' characters. An entry that does not change while a reader goes from
// page to page is on exactly one of them.
type Page struct {
	Items []Entry
	// Next is the Cursor of the next page; empty on the last.
	Next string
}

// List returns a page of entries. It is refused with joined *FieldError or
// accounts.ErrForbidden.
func (b *Book) List(ctx context.Context, by accounts.Principal, filter Filter) (Page, error) {
	page, err := b.list(ctx, by, filter)
	if err != nil {
		return Page{}, fmt.Errorf("list phone book: %w", err)
	}
	return page, nil
}

func (b *Book) list(ctx context.Context, by accounts.Principal, filter Filter) (Page, error) {
	if !accounts.Can(by, accounts.ActionReadPhonebook, nil) {
		return Page{}, accounts.ErrForbidden
	}
	if filter.Limit == 0 {
		filter.Limit = DefaultPageSize
	}
	after, cursorErr := decodeCursor(filter.Cursor)
	if err := errors.Join(checkText(filter.Text), checkLimit(filter.Limit), cursorErr); err != nil {
		return Page{}, err
	}
	// One more than asked for tells whether there is a next page.
	entries, err := b.store.List(ctx, newSearch(filter.Text, b.region), after, filter.Limit+1)
	if err != nil {
		return Page{}, err
	}
	if len(entries) <= filter.Limit {
		return Page{Items: entries}, nil
	}
	last := &entries[filter.Limit-1]
	return Page{Items: entries[:filter.Limit], Next: encodeCursor(Cursor{Name: last.Name, ID: last.ID})}, nil
}

// Count returns how many entries a filter selects, on all pages. It reads all
// of them.
func (b *Book) Count(ctx context.Context, by accounts.Principal, filter Filter) (int64, error) {
	if !accounts.Can(by, accounts.ActionReadPhonebook, nil) {
		return 0, fmt.Errorf("count phone book: %w", accounts.ErrForbidden)
	}
	if err := checkText(filter.Text); err != nil {
		return 0, fmt.Errorf("count phone book: %w", err)
	}
	total, err := b.store.Count(ctx, newSearch(filter.Text, b.region))
	if err != nil {
		return 0, fmt.Errorf("count phone book: %w", err)
	}
	return total, nil
}

func checkText(text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || utf8.RuneCountInString(text) > MaxTextLength {
		return &FieldError{Field: "q", Problem: "must be UTF-8 text without NUL of at most " + strconv.Itoa(MaxTextLength) + " characters"}
	}
	return nil
}

func checkLimit(limit int) error {
	if limit < 1 || limit > MaxPageSize {
		return &FieldError{Field: "page_size", Problem: "must be 1 to " + strconv.Itoa(MaxPageSize)}
	}
	return nil
}

func encodeCursor(c Cursor) string {
	text, _ := json.Marshal(c) // cannot fail: a string and a number
	return base64.RawURLEncoding.EncodeToString(text)
}

// decodeCursor returns nil for the first page.
func decodeCursor(cursor string) (*Cursor, error) {
	if cursor == "" {
		return nil, nil
	}
	var c Cursor
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(text, &c) != nil || !isText(c.Name, "") {
		return nil, &FieldError{Field: "cursor", Problem: "must be the next_cursor of a page"}
	}
	return &c, nil
}

// Create adds an entry. It is refused with joined *FieldError, a *TakenError
// or accounts.ErrForbidden.
func (b *Book) Create(ctx context.Context, by accounts.Principal, wish NewEntry) (Entry, error) {
	entry, err := b.create(ctx, by, wish)
	if err != nil {
		return Entry{}, fmt.Errorf("create phone book entry: %w", err)
	}
	return entry, nil
}

func (b *Book) create(ctx context.Context, by accounts.Principal, wish NewEntry) (Entry, error) {
	if !accounts.Can(by, accounts.ActionManagePhonebook, nil) {
		return Entry{}, accounts.ErrForbidden
	}
	entry, faults := wish.entry(b.region)
	if err := fieldErrors(faults); err != nil {
		return Entry{}, err
	}
	entry.Version = 1
	entry.CreatedAt = b.now()
	entry.UpdatedAt, entry.UpdatedBy = entry.CreatedAt, by.Signature()
	return b.store.Create(ctx, newRecord(entry, b.region))
}

// Update changes an entry. It is refused with ErrNotFound, joined
// *FieldError, a *StaleError, a *TakenError or accounts.ErrForbidden. A patch
// that changes nothing makes no new version.
func (b *Book) Update(ctx context.Context, by accounts.Principal, id ID, patch Patch) (Entry, error) {
	entry, err := b.update(ctx, by, id, patch)
	if err != nil {
		return Entry{}, fmt.Errorf("update phone book entry %d: %w", id, err)
	}
	return entry, nil
}

func (b *Book) update(ctx context.Context, by accounts.Principal, id ID, patch Patch) (Entry, error) {
	current, err := b.get(ctx, by, accounts.ActionManagePhonebook, id)
	if err != nil {
		return Entry{}, err
	}
	if current.Version != patch.Version {
		return Entry{}, &StaleError{Current: current}
	}
	wish := NewEntry{Number: current.Number, Name: current.Name, Note: current.Note}
	for _, field := range []struct{ from, to *string }{
		{patch.Number, &wish.Number}, {patch.Name, &wish.Name}, {patch.Note, &wish.Note},
	} {
		if field.from != nil {
			*field.to = *field.from
		}
	}
	entry, faults := wish.entry(b.region)
	if err := fieldErrors(faults); err != nil {
		return Entry{}, err
	}
	if entry.Number == current.Number && entry.Name == current.Name && entry.Note == current.Note {
		return current, nil
	}
	entry.ID, entry.Version = id, patch.Version
	entry.UpdatedAt, entry.UpdatedBy = b.now(), by.Signature()
	return b.store.Update(ctx, newRecord(entry, b.region))
}

// Delete removes the entry of that version. It is refused with ErrNotFound, a
// *StaleError or accounts.ErrForbidden.
func (b *Book) Delete(ctx context.Context, by accounts.Principal, id ID, version int) error {
	err := accounts.ErrForbidden
	if accounts.Can(by, accounts.ActionManagePhonebook, nil) {
		err = b.store.Delete(ctx, id, version)
	}
	if err != nil {
		return fmt.Errorf("delete phone book entry %d: %w", id, err)
	}
	return nil
}
