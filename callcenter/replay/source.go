package replay

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"callbackd/ari/journal"
)

const (
	// maxEvent bounds one line of a trace.
	maxEvent = 16 << 20
	// ClockMargin is how far the clocks of PBX and callbackd may be apart for
	// calls of an interval to be found.
	ClockMargin = time.Hour
)

// Source gives events, in the order in which they came.
type Source struct {
	entries iter.Seq2[journal.Entry, error]
	// strict says that a line that is no event ends the reading: a trace is
	// somebody's evidence. In a journal, disks make such lines.
	strict bool
}

// Journal is the journal in a folder, from a time on, or whole when it is zero.
func Journal(folder string, from time.Time) Source {
	if !from.IsZero() {
		from = from.Add(-ClockMargin)
	}
	return Source{entries: journal.Read(folder, from, time.Time{})}
}

// Trace reads a trace, one JSON object a line. Its name stands in errors.
func Trace(name string, in io.Reader) (Source, error) {
	frames, err := readTrace(name, in)
	if err != nil {
		return Source{}, err
	}
	return Source{strict: true, entries: func(yield func(journal.Entry, error) bool) {
		for _, frame := range frames {
			if !yield(journal.Entry{Raw: frame}, nil) {
				return
			}
		}
	}}, nil
}

// readTrace returns a trace's events.
func readTrace(name string, in io.Reader) ([][]byte, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxEvent)
	var frames [][]byte
	n := 0
	for lines.Scan() {
		n++
		frame := slices.Clone(lines.Bytes())
		if len(strings.TrimSpace(string(frame))) == 0 {
			continue
		}
		// A trace is somebody's evidence: a line that is no event is said, not
		// passed over as it would be in a live stream.
		if !json.Valid(frame) {
			return nil, fmt.Errorf("%s:%d: not a JSON object", name, n)
		}
		frames = append(frames, frame)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, n+1, err)
	}
	return frames, nil
}
