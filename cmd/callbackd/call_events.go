package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"callbackd/ari"
	"callbackd/ari/journal"
	"callbackd/callcenter"
	"callbackd/callcenter/replay"
	"callbackd/configs"
)

// maxEvents bounds the events of a story: a caller may be told their place in
// the queue for hours.
const maxEvents = 2000

// storyJournal is what the node's journal holds of a call.
type storyJournal struct {
	Events []storyEvent `json:"events"`
	// Gaps are the times, by callbackd's clock, of which events may be missing.
	Gaps []storyGap `json:"gaps"`
	// Truncated says that there are more events.
	Truncated bool `json:"truncated,omitempty"`
	// Problem is why the journal could not be read on; empty when it could.
	Problem string `json:"problem,omitempty"`
}

// storyEvent is an event as Asterisk sent it.
type storyEvent struct {
	At   time.Time     `json:"at"`
	Type ari.EventType `json:"type"`
	// Decided are the signals that the event gave, of all that the call's kind
	// was decided by.
	Decided []callcenter.Signal `json:"decided,omitempty"`
	Raw     jsontext.Value      `json:"raw"`
}

// readJournal reads the events that name the call or one of its channels. That
// is nil where no journal is kept; that one cannot be read is no error, since
// it may lie on another machine.
func readJournal(cfg *configs.Config, call *callcenter.Call) *storyJournal {
	node, err := nodeOf(cfg, call.Node)
	if err != nil || !node.Journal.Enabled() {
		return nil
	}
	from, to := call.StartedAt.Add(-replay.ClockMargin), time.Time{}
	if call.EndedAt != nil {
		to = call.EndedAt.Add(replay.ClockMargin)
	}
	j := &storyJournal{Events: []storyEvent{}, Gaps: []storyGap{}}
	names := namesOf(call)
	for entry, err := range journal.Read(node.Journal.Folder(node.Name), from, to) {
		switch {
		case err != nil:
			j.Problem = err.Error()
			return j
		case entry.Gap != nil:
			j.addGap(entry.Gap, call)
		case len(j.Events) == maxEvents:
			j.Truncated = true
			return j
		case mentions(entry.Raw, names):
			j.addEvent(entry.Raw, call)
		}
	}
	return j
}

// namesOf returns by what names events are of a call, as JSON has them.
func namesOf(call *callcenter.Call) [][]byte {
	names := [][]byte{[]byte(jsonText(call.LinkedID))}
	for _, leg := range call.Legs {
		names = append(names, []byte(jsonText(string(leg.Channel))))
	}
	for _, signal := range call.Receipt {
		names = append(names, []byte(jsonText(string(signal.Channel))))
	}
	return names
}

func jsonText(text string) string {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return `""` // not UTF-8: no event has it
	}
	return string(quoted)
}

func mentions(raw []byte, names [][]byte) bool {
	for _, name := range names {
		if bytes.Contains(raw, name) {
			return true
		}
	}
	return false
}

func (j *storyJournal) addGap(g *journal.Gap, call *callcenter.Call) {
	if replay.Incomplete(call, []journal.Gap{*g}) == "" {
		return
	}
	told := storyGap{From: g.From, Why: g.Why}
	if !g.To.IsZero() {
		told.To = &g.To
	}
	j.Gaps = append(j.Gaps, told)
}

// addEvent adds an event unless it cannot be read: disks make such lines.
func (j *storyJournal) addEvent(raw []byte, call *callcenter.Call) {
	var ev ari.Event
	if !json.Valid(raw) || ari.Decode(string(raw), &ev) != nil {
		return
	}
	event := storyEvent{At: ev.Timestamp, Type: ev.Type, Raw: bytes.Clone(raw)}
	for _, s := range call.Receipt {
		if s.Event == ev.Type && s.At.Equal(ev.Timestamp) && bytes.Contains(raw, []byte(jsonText(string(s.Channel)))) {
			event.Decided = append(event.Decided, s)
		}
	}
	j.Events = append(j.Events, event)
}

// summary says in a line what the journal holds.
func (j *storyJournal) summary() string {
	said := fmt.Sprintf("%d events", len(j.Events))
	if j.Truncated {
		said = fmt.Sprintf("the first %d events", len(j.Events))
	}
	for _, g := range j.Gaps {
		said += ", some may be missing: " + g.Why
	}
	if j.Problem != "" {
		said += ", the others cannot be read: " + j.Problem
	}
	return said
}

// printableJSON escapes what a terminal would take for more than text. JSON has
// such runes in its texts only.
func printableJSON(raw jsontext.Value) string {
	var out strings.Builder
	for _, r := range string(raw) {
		if strconv.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

// mask makes the events ones that can be given away.
func (j *storyJournal) mask() {
	for i := range j.Events {
		e := &j.Events[i]
		e.Raw = maskEvent(e.Raw)
		for k := range e.Decided {
			e.Decided[k].Value = maskNumbers(e.Decided[k].Value)
		}
	}
}

// maskEvent masks the numbers in all texts of an event, and of the names of
// who calls and who is called leaves the length: phones show there what
// somebody entered about a customer.
func maskEvent(raw jsontext.Value) jsontext.Value {
	var out bytes.Buffer
	dec, enc := jsontext.NewDecoder(bytes.NewReader(raw)), jsontext.NewEncoder(&out)
	for {
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return bytes.TrimSpace(out.Bytes())
		}
		if err == nil {
			err = enc.WriteToken(maskToken(dec, token))
		}
		if err != nil { // what cannot be read cannot be masked
			return jsontext.Value(jsonText("(not shown: " + err.Error() + ")"))
		}
	}
}

func maskToken(dec *jsontext.Decoder, token jsontext.Token) jsontext.Token {
	text := token.String()
	if token.Kind() != '"' {
		if masked := maskNumbers(text); token.Kind() == '0' && masked != text {
			return jsontext.String(masked)
		}
		return token
	}
	in, n := dec.StackIndex(dec.StackDepth())
	isValue := in == '{' && n%2 == 0 // and no member's name
	for _, person := range []string{"/caller/name", "/connected/name"} {
		if isValue && text != "" && strings.HasSuffix(string(dec.StackPointer()), person) {
			return jsontext.String(fmt.Sprintf("(%d characters)", utf8.RuneCountInString(text)))
		}
	}
	return jsontext.String(maskNumbers(text))
}
