package configs

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Error is a configuration that cannot be used, with everything that is wrong
// with it.
type Error struct {
	// File is the configuration's path.
	File string
	// Faults are in the order of the file, at least one.
	Faults []Fault
}

// Fault is one thing that is wrong.
type Fault struct {
	// Line and Column say where, counted from 1, the column in characters. What
	// is missing is reported where it should have been.
	Line, Column int
	// Path names the key, such as call_centers[1].extension; it is empty for
	// the file as a whole.
	Path string
	// Problem says what is wrong and what would be right.
	Problem string
	// Excerpt is the line, with secrets blanked out.
	Excerpt string
}

// Error lists all faults, each as file:line:column with the line below.
func (e *Error) Error() string {
	var b strings.Builder
	if len(e.Faults) == 1 {
		b.WriteString("1 fault in the configuration:")
	} else {
		fmt.Fprintf(&b, "%d faults in the configuration:", len(e.Faults))
	}
	for _, f := range e.Faults {
		fmt.Fprintf(&b, "\n%s:%s", e.File, f)
		if f.Excerpt != "" {
			fmt.Fprintf(&b, "\n%6d | %s", f.Line, f.Excerpt)
		}
	}
	return b.String()
}

// String returns the fault on one line, without the file's name.
func (f Fault) String() string {
	place := fmt.Sprintf("%d:%d: ", f.Line, f.Column)
	if f.Path != "" {
		place += f.Path + ": "
	}
	return place + f.Problem
}

// place is a position in the file.
type place struct{ line, column int }

// faults collects what is wrong and knows where everything stands.
type faults struct {
	lines  []string
	places map[string]place // by path: the value, or for a mapping its key
	bad    map[string]bool  // paths whose values are of no use
	hidden map[int][]hidden // by line
	parsed bool             // whether hidden is known
	found  []Fault
}

// hidden is a text that the excerpt of its line may not show.
type hidden struct {
	column int // 0 if it is somewhere in the line
	text   string
}

// report adds a fault at path, whose value is then not judged any further.
func (f *faults) report(path, format string, args ...any) {
	f.bad[path] = true
	f.add(f.placeOf(path), path, format, args...)
}

// add adds a fault that leaves the value at path usable.
func (f *faults) add(at place, path, format string, args ...any) {
	f.found = append(f.found, Fault{
		Line:    at.line,
		Column:  at.column,
		Path:    path,
		Problem: fmt.Sprintf(format, args...),
	})
}

// placeOf returns where path stands, or for a path that is not in the file the
// nearest thing around it that is.
func (f *faults) placeOf(path string) place {
	for ; path != ""; path = parent(path) {
		if at, ok := f.places[path]; ok {
			return at
		}
	}
	return place{1, 1}
}

// sound reports whether the value at path was decoded without a fault, so that
// it makes sense to judge it. What lies inside a faulty value is not sound.
func (f *faults) sound(path string) bool {
	for ; path != ""; path = parent(path) {
		if f.bad[path] {
			return false
		}
	}
	return !f.bad[""]
}

// parent returns the path of what contains path: a.b[1].c, a.b[1], a.b, a.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// err returns the faults as an error, or nil if there are none.
func (f *faults) err(file string) error {
	if len(f.found) == 0 {
		return nil
	}
	slices.SortStableFunc(f.found, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for i := range f.found {
		fault := &f.found[i]
		if fault.Line <= len(f.lines) {
			fault.Excerpt = f.excerpt(fault.Line, fault.Column)
		}
	}
	return &Error{File: file, Faults: f.found}
}

// excerpt returns a line of the file as it may be shown: no secret, nothing
// that moves a terminal's cursor, and not longer than a terminal is wide.
func (f *faults) excerpt(line, column int) string {
	const width = 120
	whole := f.lines[line-1]
	// From the right, so that a text blanked does not shift the next one.
	hides := slices.SortedFunc(slices.Values(f.hidden[line]), func(a, b hidden) int { return b.column - a.column })
	for _, h := range hides {
		whole = h.blank(whole)
	}
	if !f.parsed {
		whole = f.blankUnparsed(line, whole)
	}
	whole = strings.TrimRight(urlUser.ReplaceAllString(whole, "://"+blanked+"@"), " \t\r")
	shown := []rune(strings.Map(visible, whole))
	from := min(max(0, column-width/2), max(0, len(shown)-width))
	to := min(len(shown), from+width)
	text := string(shown[from:to])
	if from > 0 {
		text = "…" + text
	}
	if to < len(shown) {
		text += "…"
	}
	return text
}

func visible(r rune) rune {
	if r == '\t' {
		return ' '
	}
	if !unicode.IsPrint(r) {
		return unicode.ReplacementChar
	}
	return r
}

// blanked takes the place of what must not be shown.
const blanked = "…"

// blank takes the text out of a line, everywhere if it is not where it should
// be.
func (h hidden) blank(line string) string {
	if runes := []rune(line); 0 < h.column && h.column <= len(runes) {
		before, rest := string(runes[:h.column-1]), string(runes[h.column-1:])
		if after, ok := strings.CutPrefix(rest, h.text); ok {
			return before + blanked + after
		}
	}
	return strings.ReplaceAll(line, h.text, blanked)
}

// A file that does not parse does not say which of its texts are secrets, and
// a URL may hold one where none belongs. These shapes are blanked: all that
// follows the key of a password, and the user part of a URL.
var (
	passwordKey   = regexp.MustCompile(`(?i)passw\w*["']?\s*:`)
	passwordValue = regexp.MustCompile(`(?i)(passw\w*["']?\s*:\s*)\S.*`)
	urlUser       = regexp.MustCompile(`://\S*@`)
)

// blankUnparsed takes a password out of a line of a file that does not parse.
// It may also be on the lines below its key.
func (f *faults) blankUnparsed(line int, text string) string {
	key := line - 1
	for key > 0 && !strings.Contains(f.lines[key], ":") {
		key--
	}
	if key < line-1 && passwordKey.MatchString(f.lines[key]) {
		return blanked
	}
	return passwordValue.ReplaceAllString(text, "${1}"+blanked)
}

// quote returns a value of the file in quotation marks, cut if it is long and
// without what looks like a secret.
func quote(text string) string {
	text = passwordValue.ReplaceAllString(text, "${1}"+blanked)
	text = urlUser.ReplaceAllString(text, "://"+blanked+"@")
	const longest = 60
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return strconv.Quote(text)
}
