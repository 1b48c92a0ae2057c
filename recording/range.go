package recording

import (
	"errors"
	"math"
	"strings"
)

// ErrRangeNotSatisfiable says that a range lies beyond the sound's end.
var ErrRangeNotSatisfiable = errors.New("range lies beyond the end")

// Span is a stretch of a sound's bytes: from Start up to but not including
// End.
type Span struct{ Start, End int64 }

// Length is the number of bytes.
func (s Span) Length() int64 { return s.End - s.Start }

// ParseRange returns what a Range header asks for of size bytes, and whether
// that is answered as a part (206) rather than as the whole (200). It returns
// ErrRangeNotSatisfiable for a range without a byte in it.
//
// As RFC 9110 allows, a header is ignored that is malformed, that is about
// another unit than bytes, or that asks for several ranges: players ask for
// one, and several would come as multipart/byteranges, which is no sound.
func ParseRange(header string, size int64) (span Span, partial bool, err error) {
	whole := Span{End: size}
	unit, set, ok := strings.Cut(header, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return whole, false, nil
	}
	var specs []string
	for spec := range strings.SplitSeq(set, ",") {
		// A list may have empty elements.
		if spec = strings.Trim(spec, " \t"); spec != "" {
			specs = append(specs, spec)
		}
	}
	if len(specs) != 1 {
		return whole, false, nil
	}
	first, last, ok := strings.Cut(specs[0], "-")
	from, hasFirst := parsePosition(first)
	to, hasLast := parsePosition(last)
	switch {
	case !ok, first != "" && !hasFirst, last != "" && !hasLast, !hasFirst && !hasLast, hasFirst && hasLast && to < from:
		return whole, false, nil
	case !hasFirst: // the last so many bytes
		span = Span{Start: size - min(to, size), End: size}
	case !hasLast || to >= size:
		span = Span{Start: from, End: size}
	default:
		span = Span{Start: from, End: to + 1}
	}
	if span.Start >= span.End {
		return Span{}, false, ErrRangeNotSatisfiable
	}
	return span, true, nil
}

// parsePosition reads digits and nothing else. A number beyond all sounds is
// as good as the largest.
func parsePosition(text string) (position int64, ok bool) {
	for i := range len(text) {
		digit := text[i] - '0'
		if digit > 9 {
			return 0, false
		}
		if position > (math.MaxInt64-9)/10 {
			position = math.MaxInt64/10 - 1
		}
		position = position*10 + int64(digit)
	}
	return position, text != ""
}
