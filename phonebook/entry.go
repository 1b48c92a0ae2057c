package phonebook

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The largest lengths of an entry's texts in characters.
const (
	MaxNameLength = 100
	MaxNoteLength = 500
)

// ID identifies an entry. It stays the same whatever is changed.
type ID int64

// Entry says whose a number is. All times are UTC.
type Entry struct {
	ID ID
	// Number is as Normalise returns it, and no other entry's.
	Number string
	// Name is 1 to MaxNameLength characters.
	Name string
	// Note is free text of at most MaxNoteLength characters.
	Note string

	// Version counts the entry's changes from 1. A change names the version
	// that it was made from.
	Version   int
	CreatedAt time.Time
	// UpdatedAt is when the entry was changed last, or else created.
	UpdatedAt time.Time
	// UpdatedBy is the signature of the principal that did.
	UpdatedBy string
}

// NewEntry is an entry to be created, as a person wrote it.
type NewEntry struct {
	Number string // in any spelling
	Name   string
	Note   string
}

// Patch says what to change of an entry. What is nil stays.
type Patch struct {
	// Version is the one that the change was made from.
	Version int
	Number  *string
	Name    *string
	Note    *string
}

// ErrNotFound says that there is no such entry.
var ErrNotFound = errors.New("phone book entry not found")

// StaleError refuses a change that was made from a version which is not the
// latest. Nothing was changed.
type StaleError struct {
	// Current is the entry as it now is.
	Current Entry
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("phone book entry %d has changed since: it now has version %d", e.Current.ID, e.Current.Version)
}

// TakenError refuses a number that another entry has.
type TakenError struct {
	// ID is the entry that has it.
	ID ID
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("phone book entry %d has the number already", e.ID)
}

// FieldError says what is wrong with one field of a request. Several are
// joined with errors.Join.
type FieldError struct {
	// Field is the field's name in JSON.
	Field   string
	Problem string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// entry returns the entry that n asks for, and everything that is wrong with
// it.
func (n NewEntry) entry(region string) (Entry, []Fault) {
	e := Entry{Number: Normalise(n.Number, region), Name: strings.TrimSpace(n.Name), Note: strings.TrimSpace(n.Note)}
	var faults []Fault
	switch {
	case strings.TrimSpace(n.Number) == "":
		faults = append(faults, FaultNumberMissing)
	case !IsNumber(e.Number):
		faults = append(faults, FaultNumberInvalid)
	}
	switch {
	case e.Name == "":
		faults = append(faults, FaultNameMissing)
	case utf8.RuneCountInString(e.Name) > MaxNameLength:
		faults = append(faults, FaultNameTooLong)
	case !isText(e.Name, ""):
		faults = append(faults, FaultNameInvalid)
	}
	switch {
	case utf8.RuneCountInString(e.Note) > MaxNoteLength:
		faults = append(faults, FaultNoteTooLong)
	case !isText(e.Note, "\n\t"):
		faults = append(faults, FaultNoteInvalid)
	}
	return e, faults
}

// isText reports whether text is UTF-8 without control characters, except for
// those that are allowed.
func isText(text, allowed string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && !strings.ContainsRune(allowed, r)
	})
}

// Fault says what is wrong with an entry or with a line of a file.
type Fault string

// The faults.
const (
	FaultNumberMissing  Fault = "number_missing"
	FaultNumberInvalid  Fault = "number_invalid"  // nothing that can be dialled
	FaultNumberRepeated Fault = "number_repeated" // an earlier line has the same number
	FaultNameMissing    Fault = "name_missing"
	FaultNameTooLong    Fault = "name_too_long"
	FaultNameInvalid    Fault = "name_invalid" // control characters
	FaultNoteTooLong    Fault = "note_too_long"
	FaultNoteInvalid    Fault = "note_invalid" // control characters
	FaultEncoding       Fault = "encoding"     // neither UTF-8 nor Shift_JIS
	FaultSyntax         Fault = "syntax"       // quotes that do not pair
	FaultColumns        Fault = "columns"      // too few or too many, or a header without number or name
)

// Faults are all faults.
var Faults = []Fault{
	FaultNumberMissing, FaultNumberInvalid, FaultNumberRepeated, FaultNameMissing, FaultNameTooLong, FaultNameInvalid,
	FaultNoteTooLong, FaultNoteInvalid, FaultEncoding, FaultSyntax, FaultColumns,
}

// describe returns the field that a fault is about and what is wrong with it.
func (f Fault) describe() (field, problem string) {
	switch f {
	case FaultNumberMissing:
		return "number", "is missing"
	case FaultNumberInvalid:
		return "number", "must be a telephone number or an extension"
	case FaultNumberRepeated:
		return "number", "is there already"
	case FaultNameMissing:
		return "name", "is missing"
	case FaultNameTooLong:
		return "name", "must be at most " + strconv.Itoa(MaxNameLength) + " characters"
	case FaultNameInvalid:
		return "name", "must not hold control characters"
	case FaultNoteTooLong:
		return "note", "must be at most " + strconv.Itoa(MaxNoteLength) + " characters"
	case FaultNoteInvalid:
		return "note", "must not hold control characters"
	case FaultEncoding:
		return "line", "is neither UTF-8 nor Shift_JIS"
	case FaultSyntax:
		return "line", "has quotes that do not pair"
	case FaultColumns:
		return "line", "must have the columns number, name and, if wanted, note"
	default:
		return "line", string(f)
	}
}

// fieldErrors returns faults as an error of joined *FieldError; nil for none.
func fieldErrors(faults []Fault) error {
	var errs []error
	for _, fault := range faults {
		field, problem := fault.describe()
		errs = append(errs, &FieldError{Field: field, Problem: problem})
	}
	return errors.Join(errs...)
}
