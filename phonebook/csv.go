package phonebook

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
)

// bom tells Excel that a file is UTF-8.
const bom = "\uFEFF"

// row is a row of a file that has the right columns.
type row struct {
	line  int
	entry NewEntry
}

// readRows returns the rows of a file, without its header and empty lines, and
// what is wrong with lines that are no rows.
func readRows(file io.Reader) ([]row, []LineError, error) {
	text, err := readText(file)
	if err != nil {
		return nil, nil, err
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord = -1
	reader.ReuseRecord = true

	var (
		rows   []row
		faults []LineError
		layout = positional
	)
	for first := true; ; {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, faults, nil
		}
		if parseErr, ok := errors.AsType[*csv.ParseError](err); ok {
			// The reader goes on with the next line.
			faults = append(faults, LineError{Line: parseErr.StartLine, Fault: FaultSyntax})
			first = false
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read CSV: %w", err)
		}
		if isBlank(fields) {
			continue
		}
		line, _ := reader.FieldPos(0)
		if first && isHeader(fields) {
			if layout = layoutOf(fields); layout.at[columnNumber] < 0 || layout.at[columnName] < 0 {
				return nil, []LineError{{Line: line, Fault: FaultColumns}}, nil
			}
			first = false
			continue
		}
		first = false
		entry, fault := layout.pick(fields)
		if fault != "" {
			faults = append(faults, LineError{Line: line, Fault: fault})
			continue
		}
		if rows = append(rows, row{line: line, entry: entry}); len(rows) > MaxFileRows {
			return nil, nil, errTooLarge
		}
	}
}

// readText returns a whole file as text: how it is encoded shows only in all
// of it. What cannot be decoded becomes U+FFFD.
func readText(file io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(file, MaxFileSize+1))
	if err != nil {
		return "", fmt.Errorf("read file: %w", err)
	}
	if len(data) > MaxFileSize {
		return "", errTooLarge
	}
	if rest, found := bytes.CutPrefix(data, []byte(bom)); found {
		return repaired(rest), nil
	}
	if utf8.Valid(data) {
		return string(data), nil
	}
	// Japanese Excel writes Shift_JIS. But one broken character must not make
	// a UTF-8 file pass for it, so what fits better is taken.
	decoded, err := japanese.ShiftJIS.NewDecoder().Bytes(data)
	if asUTF8 := repaired(data); err != nil || strings.Count(string(decoded), replacement) >= strings.Count(asUTF8, replacement) {
		return asUTF8, nil
	}
	return string(decoded), nil
}

// replacement stands for what could not be decoded.
const replacement = string(utf8.RuneError)

func repaired(data []byte) string { return strings.ToValidUTF8(string(data), replacement) }

func isBlank(fields []string) bool {
	return !slices.ContainsFunc(fields, func(field string) bool { return strings.TrimSpace(field) != "" })
}

// column is one of the columns that a row may have.
type column int

const (
	columnNumber column = iota
	columnName
	columnNote
	columnCount
)

// headers are the names of columns in a file's first row, folded.
var headers = map[string]column{
	"number": columnNumber, "phone": columnNumber, "phone number": columnNumber, "telephone": columnNumber, "tel": columnNumber,
	"番号": columnNumber, "電話番号": columnNumber, "相手の番号": columnNumber, "電話": columnNumber,

	"name": columnName, "full name": columnName,
	"名前": columnName, "氏名": columnName, "お名前": columnName, "名称": columnName, "相手の名前": columnName,

	"note": columnNote, "notes": columnNote, "memo": columnNote, "remarks": columnNote, "comment": columnNote,
	"備考": columnNote, "メモ": columnNote,
}

// layout says where the columns are in a row.
type layout struct {
	at [columnCount]int // -1 for nowhere
	// named layouts come from a header, and so rows may have other columns,
	// which are ignored.
	named bool
}

// positional is the layout of a file without a header.
var positional = layout{at: [columnCount]int{columnNumber: 0, columnName: 1, columnNote: 2}}

// isHeader reports whether a first row names columns. One that has a number in
// it is an entry, even of somebody called 電話.
func isHeader(fields []string) bool {
	named := false
	for _, field := range fields {
		folded := Fold(field)
		if strings.ContainsAny(folded, "0123456789") {
			return false
		}
		_, known := headers[folded]
		named = named || known
	}
	return named
}

func layoutOf(header []string) layout {
	l := layout{at: [columnCount]int{-1, -1, -1}, named: true}
	for i, field := range header {
		if c, known := headers[Fold(field)]; known && l.at[c] < 0 {
			l.at[c] = i
		}
	}
	return l
}

// pick returns the fields of a row.
func (l layout) pick(fields []string) (NewEntry, Fault) {
	if !l.named && (len(fields) < 2 || len(fields) > int(columnCount) && !isBlank(fields[columnCount:])) {
		return NewEntry{}, FaultColumns
	}
	field := func(c column) string {
		if i := l.at[c]; i >= 0 && i < len(fields) {
			return unguard(fields[i])
		}
		return ""
	}
	entry := NewEntry{Number: field(columnNumber), Name: field(columnName), Note: field(columnNote)}
	if strings.Contains(entry.Number+entry.Name+entry.Note, replacement) {
		return NewEntry{}, FaultEncoding
	}
	return entry, ""
}

// risky are the characters with which a cell begins that spreadsheets take
// for a formula. Japanese ones take the full-width forms too.
const risky = "=+-@\t\r\n＝＋－＠"

// guard returns a cell that no spreadsheet takes for a formula: one that
// begins like one gets an apostrophe, which says that what follows is text.
// Cells that have apostrophes before such a beginning get one more, so that
// unguard gives back exactly what there was.
func guard(cell string) string {
	if isRisky(cell) {
		return "'" + cell
	}
	return cell
}

// unguard undoes guard.
func unguard(cell string) string {
	if rest, found := strings.CutPrefix(cell, "'"); found && isRisky(rest) {
		return rest
	}
	return cell
}

func isRisky(cell string) bool {
	r, size := utf8.DecodeRuneInString(strings.TrimLeft(cell, "'"))
	return size > 0 && strings.ContainsRune(risky, r)
}
