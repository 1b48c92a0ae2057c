package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"callbackd/ari"
)

// maxLine bounds a line, which no event reaches.
const maxLine = 2 * ari.DefaultReadLimit

// Entry is what a journal tells: an event, or a gap.
type Entry struct {
	// Raw is an event, as Asterisk sent it; good until the next entry. It is
	// empty for a gap.
	Raw []byte
	Gap *Gap
}

// Gap is a time, by the clock of who wrote the journal, of which events may be
// missing. Gaps may overlap.
type Gap struct {
	// From is zero where the journal begins, and To where it ends.
	From, To time.Time
	// Why is an ari.LossReason, or one of the reasons below.
	Why string
}

// The reasons of gaps that are the journal's own.
const (
	// GapBeginning is the time before the journal begins.
	GapBeginning = "beginning"
	// GapEnd is the time after it ends.
	GapEnd = "end"
	// GapDropped: events came and were not kept.
	GapDropped = "dropped"
	// GapBroken: a piece breaks off, or is missing.
	GapBroken = "broken-off"
)

// Read reads the journal in a folder, oldest first, and ends at the first
// error. It leaves out pieces that tell only of what was before from or after
// to, by the clock of who wrote it; the zero time bounds nothing. A piece that
// breaks off is no error but a gap; no piece at all is one.
func Read(folder string, from, to time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		list, err := pieces(folder)
		if err == nil && len(list) == 0 {
			err = errors.New("there is no piece of a journal")
		}
		if err != nil {
			yield(Entry{}, fmt.Errorf("journal %s: %w", folder, err))
			return
		}
		root, err := os.OpenRoot(folder)
		if err != nil {
			yield(Entry{}, fmt.Errorf("journal: %w", err))
			return
		}
		defer root.Close()
		r := &reader{root: root, yield: yield, lines: bufio.NewReaderSize(nil, 1<<20), open: &Gap{Why: GapBeginning}}
		for i, p := range list {
			if i+1 < len(list) && begunAt(list[i+1].name).Before(from) {
				continue
			}
			if !to.IsZero() && begunAt(p.name).After(to) {
				break
			}
			if !r.piece(p.name) {
				return
			}
		}
		r.lose(GapEnd)
		r.emit()
	}
}

// reader reads pieces one after another.
type reader struct {
	root  *os.Root
	yield func(Entry, error) bool
	lines *bufio.Reader
	line  []byte
	// run and number are of the piece that was read last, torn whether it broke
	// off, and at is the latest mark.
	run    string
	number int
	torn   bool
	at     time.Time
	// open is the gap that lasts; nil while nothing is missing.
	open *Gap
}

// lose begins a gap at the latest mark, unless one lasts.
func (r *reader) lose(why string) {
	if r.open == nil {
		r.open = &Gap{From: r.at, Why: why}
	}
}

// found ends the gap that lasts.
func (r *reader) found(at time.Time) bool {
	if r.open == nil {
		return true
	}
	r.open.To = at
	return r.emit()
}

func (r *reader) emit() bool {
	gap := r.open
	r.open = nil
	return r.yield(Entry{Gap: gap}, nil)
}

// fail ends the reading.
func (r *reader) fail(err error) bool {
	r.yield(Entry{}, fmt.Errorf("journal: %w", err))
	return false
}

// piece reads a piece, and reports whether to go on.
func (r *reader) piece(name string) bool {
	f, err := r.root.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		r.torn = true // removed meanwhile
		return true
	}
	if err != nil {
		return r.fail(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return r.fail(fmt.Errorf("%s: %w", name, err))
	}
	defer z.Close()
	r.lines.Reset(z)
	first := true
	for {
		line, err := r.next()
		if err != nil {
			// The end, or where it breaks off: a line that has no end is none.
			if r.torn = !errors.Is(err, io.EOF) || len(line) > 0; r.torn {
				r.lose(GapBroken)
			}
			return true
		}
		if !r.take(line, first) {
			return false
		}
		first = false
	}
}

// next returns the next line, without its end.
func (r *reader) next() ([]byte, error) {
	r.line = r.line[:0]
	for {
		part, err := r.lines.ReadSlice('\n')
		r.line = append(r.line, part...)
		switch {
		case err == nil:
			return r.line[:len(r.line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return r.line, err
		case len(r.line) > maxLine:
			return nil, errors.New("a line too long")
		}
	}
}

// take takes a line.
func (r *reader) take(line []byte, first bool) bool {
	var m mark
	if !bytes.HasPrefix(line, []byte(marked)) || json.Unmarshal(line, &m) != nil {
		return r.yield(Entry{Raw: line}, nil)
	}
	goesOn := first && m.Run == r.run && m.Number == r.number+1 && !r.torn
	if first && !goesOn {
		r.lose(GapBroken)
	}
	defer func() { r.at = m.At }()
	switch m.Type {
	case markPiece:
		r.run, r.number = m.Run, m.Number
		if m.Connected && !goesOn {
			return r.found(m.At)
		}
	case markConnected:
		return r.found(m.At)
	case markLost:
		if r.open == nil && m.Since != nil {
			r.open = &Gap{From: *m.Since, Why: m.Why}
		}
		r.lose(m.Why)
	case markDropped:
		if m.Since != nil && m.Until != nil && !r.yield(Entry{Gap: &Gap{From: *m.Since, To: *m.Until, Why: GapDropped}}, nil) {
			return false
		}
		if m.Connected {
			return r.found(m.At)
		}
		r.lose(GapDropped)
	}
	return true
}
