package aritest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"callbackd/ari"
)

// Trace is a recorded stream, one event a line, taken to pieces so that it
// can be sent again as any number of other calls.
type Trace struct {
	events []template
	bare   bool
}

// template is an event with holes.
type template struct {
	event       Event
	parts, bare []part
}

// part is a piece of text, and what follows it.
type part struct {
	text string
	kind hole
	// id, name or application as recorded.
	value string
	// after is, for a time, how long after the trace's start it is.
	after time.Duration
}

type hole uint8

const (
	nothing hole = iota
	channelID
	bridgeID
	channelName
	timestamp
	applicationName
)

// LoadTrace reads a trace from a file (.jsonl).
func LoadTrace(name string) (*Trace, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("load trace: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	t, err := ReadTrace(f)
	if err != nil {
		return nil, fmt.Errorf("load trace %s: %w", name, err)
	}
	return t, nil
}

// ReadTrace reads a trace. ApplicationReplaced is left out: it is how a
// recording ended, not part of a call.
func ReadTrace(r io.Reader) (*Trace, error) {
	var events []Event
	var start time.Time
	known := map[string]hole{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		e, err := ParseEvent(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if e.typ == ari.ApplicationReplaced {
			continue
		}
		at, err := survey(&e, known)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if len(events) == 0 {
			start = at
		}
		// Asterisk's own order is kept where its times step back.
		e.After = max(at.Sub(start), 0)
		events = append(events, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	return compile(events, known, start)
}

// survey notes the IDs and names that the event shows, and returns its time.
func survey(e *Event, known map[string]hole) (time.Time, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(e.Raw), &members); err != nil {
		return time.Time{}, fmt.Errorf("parse event: %w", err)
	}
	for _, t := range e.touches {
		if t.bridge {
			known[t.id] = bridgeID
			continue
		}
		known[t.id] = channelID
		var c Channel
		if err := json.Unmarshal(members[t.key], &c); err != nil {
			return time.Time{}, fmt.Errorf("parse %s: %w", t.key, err)
		}
		if serial.MatchString(c.Name) {
			known[c.Name] = channelName
		}
		if id := c.Vars["CHANNEL(linkedid)"]; id != "" {
			known[id] = channelID
		}
	}
	var at string
	if err := json.Unmarshal(members["timestamp"], &at); err != nil {
		return time.Time{}, fmt.Errorf("parse timestamp: %w", err)
	}
	return ari.ParseTime(at)
}

var (
	times        = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}`)
	applications = regexp.MustCompile(`"application":"[^"\\]*"`)
	// channelVars is the member with the comma before it, as Asterisk writes
	// it: never the first of its object, all values strings.
	channelVars = regexp.MustCompile(`,"channelvars":\{(?:"(?:[^"\\]|\\.)*":"(?:[^"\\]|\\.)*",?)*\}`)
	serial      = regexp.MustCompile(`-([0-9a-f]{8})(;[12])?$`)
)

func compile(events []Event, known map[string]hole, start time.Time) (*Trace, error) {
	// The longest first: one ID may be the beginning of another.
	tokens := slices.SortedFunc(maps.Keys(known), func(a, b string) int { return len(b) - len(a) })
	for i, t := range tokens {
		tokens[i] = regexp.QuoteMeta(t)
	}
	holes, err := regexp.Compile(strings.Join(append(tokens, times.String(), applications.String()), "|"))
	if err != nil {
		return nil, fmt.Errorf("compile trace: %w", err)
	}
	t := &Trace{}
	for _, e := range events {
		bare := channelVars.ReplaceAllString(e.Raw, "")
		if !json.Valid([]byte(bare)) {
			return nil, fmt.Errorf("compile trace: channelvars not understood in %s", e.Raw)
		}
		t.events = append(t.events, template{e, split(e.Raw, holes, known, start), split(bare, holes, known, start)})
	}
	return t, nil
}

func split(raw string, holes *regexp.Regexp, known map[string]hole, start time.Time) []part {
	var parts []part
	from := 0
	for _, m := range holes.FindAllStringIndex(raw, -1) {
		p := part{text: raw[from:m[0]], value: raw[m[0]:m[1]]}
		if p.kind = known[p.value]; p.kind == nothing {
			p.kind = timestamp
			if strings.HasPrefix(p.value, `"application"`) {
				p.kind = applicationName
			} else if at, err := ari.ParseTime(p.value); err == nil {
				p.after = at.Sub(start)
			}
		}
		parts = append(parts, p)
		from = m[1]
	}
	return append(parts, part{text: raw[from:]})
}

// WithoutChannelVars returns the trace as a PBX without channelvars in its
// ari.conf would send it. The fake still answers when asked for the
// variables.
func (t *Trace) WithoutChannelVars() *Trace { return &Trace{events: t.events, bare: true} }

// Len returns the number of events.
func (t *Trace) Len() int { return len(t.events) }

// Rendering says what of a trace is to be another than recorded.
type Rendering struct {
	// Instance numbers the calls made of traces: another number gives other
	// unique IDs, channel names and bridges. 0 is as recorded.
	Instance int
	// At is when the first event is to have happened; as recorded if zero.
	At time.Time
	// Application is the events' application; as recorded if empty.
	Application string
}

// Render returns the trace's events.
func (t *Trace) Render(r Rendering) []Event {
	events := make([]Event, 0, len(t.events))
	var buf []byte
	for i := range t.events {
		tmpl := &t.events[i]
		e := tmpl.event
		e.touches = make([]touch, len(tmpl.event.touches))
		for j, touch := range tmpl.event.touches {
			kind := channelID
			if touch.bridge {
				kind = bridgeID
			}
			touch.id = string(r.fill(nil, &part{kind: kind, value: touch.id}))
			e.touches[j] = touch
		}
		if buf, e.Raw = r.text(buf[:0], tmpl.parts); t.bare {
			e.full = e.Raw
			buf, e.Raw = r.text(buf[:0], tmpl.bare)
		}
		events = append(events, e)
	}
	return events
}

func (r *Rendering) text(buf []byte, parts []part) ([]byte, string) {
	for i := range parts {
		buf = append(buf, parts[i].text...)
		buf = r.fill(buf, &parts[i])
	}
	return buf, string(buf)
}

// stride keeps the serial numbers of one instance apart from another's.
const stride = 0x1000

func (r *Rendering) fill(buf []byte, p *part) []byte {
	switch {
	case p.kind == timestamp && !r.At.IsZero():
		return r.At.Add(p.after).UTC().AppendFormat(buf, timeFormat)
	case p.kind == applicationName && r.Application != "":
		return strconv.AppendQuote(append(buf, `"application":`...), r.Application)
	case r.Instance == 0:
	case p.kind == channelID:
		if i := strings.LastIndexByte(p.value, '.'); i >= 0 {
			if n, err := strconv.Atoi(p.value[i+1:]); err == nil {
				return strconv.AppendInt(append(buf, p.value[:i+1]...), int64(n+r.Instance*stride), 10)
			}
		}
		return strconv.AppendInt(append(append(buf, p.value...), '-'), int64(r.Instance), 10)
	case p.kind == bridgeID:
		return strconv.AppendInt(append(append(buf, p.value...), '-'), int64(r.Instance), 10)
	case p.kind == channelName:
		m := serial.FindStringSubmatchIndex(p.value)
		n, _ := strconv.ParseUint(p.value[m[2]:m[3]], 16, 32)                                            // it matched
		return fmt.Appendf(buf, "%s%08x%s", p.value[:m[2]], n+uint64(r.Instance)*stride, p.value[m[3]:]) //nolint:gosec // small
	}
	return append(buf, p.value...)
}

// Play sends events with the time between them that their After says, divided
// by speed; speed 0 is as fast as possible. Several may play at once. It
// returns early when ctx ends.
func (s *Server) Play(ctx context.Context, speed float64, events []Event) error {
	start := time.Now()
	for i := range events {
		if speed > 0 {
			if wait := time.Until(start.Add(time.Duration(float64(events[i].After) / speed))); wait > 0 {
				s.flush()
				select {
				case <-ctx.Done():
				case <-time.After(wait):
				}
			}
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		s.deliver(&events[i], false)
	}
	s.flush()
	return nil
}

func (s *Server) flush() {
	for _, k := range s.all() {
		k.flush()
	}
}
