package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/postgres"
	"callbackd/recording"
)

// maxListed bounds the gaps of a story, and the receipts of each recording.
const maxListed = 100

// callStory is everything that is stored about a call.
type callStory struct {
	Call       replayedCall     `json:"call"`
	Agents     []string         `json:"agents"`
	MergedInto *string          `json:"merged_into"`
	Legs       []callcenter.Leg `json:"legs"`
	Gaps       []storyGap       `json:"gaps"`
	Recordings []storyRecording `json:"recordings"`
	Callback   *storyCallback   `json:"callback"`
	// Journal is nil where the node's events are not kept.
	Journal *storyJournal `json:"journal"`
}

// storyGap is an interval in which events of the call may have been missed.
type storyGap struct {
	From      time.Time           `json:"from"`
	To        *time.Time          `json:"to"`
	Why       string              `json:"why"`
	Settled   callcenter.Settling `json:"settled,omitempty"`
	SettledAt *time.Time          `json:"settled_at"`
}

type storyRecording struct {
	ID       recording.ID    `json:"id"`
	Kind     recording.Kind  `json:"kind"`
	State    recording.State `json:"state"`
	Cause    recording.Cause `json:"cause,omitempty"`
	Seconds  float64         `json:"seconds"`
	FoundAt  *time.Time      `json:"found_at"`
	ReadyAt  *time.Time      `json:"ready_at"`
	Listened []storyListen   `json:"listened"`
}

type storyListen struct {
	Account string    `json:"account"`
	BeganAt time.Time `json:"began_at"`
	LastAt  time.Time `json:"last_at"`
	// SentSeconds is how much of the recording was sent.
	SentSeconds float64 `json:"sent_seconds"`
}

type storyCallback struct {
	ID            callbacks.ID     `json:"id"`
	Origin        callbacks.Origin `json:"origin"`
	Status        callbacks.Status `json:"status"`
	CallCenter    string           `json:"call_center"`
	Assignee      *string          `json:"assignee"`
	ContactNumber *string          `json:"contact_number"`
	Memo          string           `json:"memo"`
	Requests      int              `json:"requests"`
	Version       int              `json:"version"`
	History       []storyChange    `json:"history"`
}

type storyChange struct {
	Version int                     `json:"version"`
	At      time.Time               `json:"at"`
	By      string                  `json:"by"`
	Action  callbacks.HistoryAction `json:"action"`
	Changes []storyField            `json:"changes"`
}

type storyField struct {
	Field string  `json:"field"`
	From  *string `json:"from"`
	To    *string `json:"to"`
}

func (s *callStory) readGaps(ctx context.Context, db *postgres.DB, call *callcenter.Call) error {
	filter := callcenter.GapFilter{Node: call.Node, From: call.StartedAt, Limit: maxListed}
	if call.EndedAt != nil {
		filter.To = *call.EndedAt
	}
	gaps, _, err := db.Calls().Gaps(ctx, filter)
	s.Gaps = make([]storyGap, len(gaps))
	for i, g := range gaps {
		s.Gaps[i] = storyGap{From: g.From, To: g.To, Why: g.Why, Settled: g.Repair.Settled, SettledAt: g.Repair.SettledAt}
	}
	return err
}

func (s *callStory) readRecordings(ctx context.Context, db *postgres.DB, id callcenter.RequestID) error {
	recordings, err := db.Recordings().ListByCall(ctx, id)
	s.Recordings = make([]storyRecording, len(recordings))
	for i, r := range recordings {
		listens, err := db.Playback().Listens(ctx, r.ID, recording.ListenFilter{Limit: maxListed})
		if err != nil {
			return err
		}
		told := storyRecording{
			ID: r.ID, Kind: r.Kind, State: r.State, Cause: r.Cause, Seconds: r.Duration.Seconds(),
			FoundAt: r.FoundAt, ReadyAt: r.ReadyAt, Listened: make([]storyListen, len(listens)),
		}
		for j, l := range listens {
			var sent time.Duration
			for _, part := range recording.MergeParts(l.Sent) {
				sent += part.To - part.From
			}
			told.Listened[j] = storyListen{Account: l.Account, BeganAt: l.BeganAt, LastAt: l.LastAt, SentSeconds: sent.Seconds()}
		}
		s.Recordings[i] = told
	}
	return err
}

func (s *callStory) readCallback(ctx context.Context, db *postgres.DB, id callcenter.RequestID) error {
	ids, err := db.Calls().CallbackOf(ctx, []callcenter.RequestID{id})
	if err != nil || len(ids) == 0 {
		return err
	}
	c, err := db.Callbacks().Callback(ctx, ids[id])
	if err != nil {
		return err
	}
	history, err := db.Callbacks().History(ctx, c.ID)
	told := &storyCallback{
		ID: c.ID, Origin: c.Origin, Status: c.Status, CallCenter: c.CallCenter, Assignee: orNull(c.Assignee),
		ContactNumber: orNull(c.ContactNumber), Memo: c.Memo, Requests: c.Requests, Version: c.Version,
		History: make([]storyChange, len(history)),
	}
	for i, h := range history {
		change := storyChange{Version: h.Version, At: h.At, By: h.By, Action: h.Action, Changes: make([]storyField, len(h.Changes))}
		for j, f := range h.Changes {
			change.Changes[j] = storyField(f)
		}
		told.History[i] = change
	}
	s.Callback = told
	return err
}

// mask makes the callback one that can be given away. Memos are what people
// wrote about customers: of them only the length is left.
func (c *storyCallback) mask() {
	masked := func(text *string) *string {
		if text == nil {
			return nil
		}
		return new(maskNumbers(*text))
	}
	length := func(text string) string { return fmt.Sprintf("(%d characters)", utf8.RuneCountInString(text)) }

	c.ContactNumber, c.Memo = masked(c.ContactNumber), length(c.Memo)
	for _, h := range c.History {
		for i := range h.Changes {
			f := &h.Changes[i]
			if f.Field != "memo" {
				f.From, f.To = masked(f.From), masked(f.To)
				continue
			}
			for _, text := range []*string{f.From, f.To} {
				if text != nil {
					*text = length(*text)
				}
			}
		}
	}
}

// summaryLine is a line of the story's head.
type summaryLine struct{ name, value string }

func (s *callStory) summary(zone *time.Location) []summaryLine {
	c := &s.Call
	said := func(text *string) string {
		if text == nil {
			return "none"
		}
		return *text
	}
	lines := []summaryLine{
		{"Call", fmt.Sprintf("%s, %s %s", c.RequestID, c.Node, c.LinkedID)},
		{"Kind", fmt.Sprintf("%s, %s", c.Kind, c.Direction)},
		{"Callback", "not allowed: only calls of a call center have one"},
		{"Call centers", strings.Join(c.CallCenters, ", ")},
		{"Numbers", fmt.Sprintf("remote %s, local %s", said(c.RemoteNumber), said(c.LocalNumber))},
		{"Agents", strings.Join(s.Agents, ", ")},
		{"State", string(c.State)},
		{"Started", c.StartedAt.In(zone).Format(time.RFC3339)},
	}
	if c.CallbackAllowed {
		lines[2].value = "allowed, none registered"
	}
	if b := s.Callback; b != nil {
		lines[2].value = fmt.Sprintf("%d, %s, origin %s, assignee %s, contact number %s, version %d",
			b.ID, b.Status, b.Origin, said(b.Assignee), said(b.ContactNumber), b.Version)
		lines = append(lines, summaryLine{"Memo", b.Memo})
	}
	if c.Outcome != nil {
		lines = append(lines, summaryLine{"Outcome", fmt.Sprintf("%s, %s", *c.Outcome, said(c.Reason))})
	}
	if s.MergedInto != nil {
		lines = append(lines, summaryLine{"Merged into", *s.MergedInto})
	}
	if c.BusinessLabel != nil {
		lines = append(lines, summaryLine{"Business label", *c.BusinessLabel})
	}
	if s.Journal != nil {
		lines = append(lines, summaryLine{"Journal", s.Journal.summary()})
	}
	return slices.DeleteFunc(lines, func(l summaryLine) bool { return l.value == "" })
}

// happening is something that happened to the call, at a time. What the PBX or
// people named is quoted in its details where a terminal needs that.
type happening struct {
	at      time.Time
	what    string
	details []string
}

// happened is the story in the order in which it happened. The PBX's clock
// and the daemon's may differ.
func (s *callStory) happened() []happening {
	var all []happening
	add := func(at *time.Time, what string, details ...string) {
		if at != nil {
			all = append(all, happening{*at, what, slices.DeleteFunc(details, func(d string) bool { return d == "" })})
		}
	}
	signal := func(r *callcenter.Signal) {
		add(&r.At, "signal", string(r.Rule), "says", string(r.Kind), r.CallCenter, strconv.Quote(r.Value), "by", string(r.Event), "on", printable(string(r.Channel)))
	}
	told := map[callcenter.Signal]bool{}
	if s.Journal != nil {
		for _, e := range s.Journal.Events {
			add(&e.At, "event", printable(string(e.Type)), printableJSON(e.Raw))
			for _, r := range e.Decided {
				signal(&r)
				told[r] = true
			}
		}
	}
	for _, r := range s.Call.Receipt {
		if !told[r] {
			signal(&r)
		}
	}
	for _, l := range s.Legs {
		began := "called in"
		if l.Dialled {
			began = "was dialled"
		}
		endpoint := printable(l.Endpoint)
		add(&l.StartedAt, "leg", endpoint, began)
		add(l.RingingAt, "leg", endpoint, "rang")
		add(l.AnsweredAt, "leg", endpoint, "was answered")
		add(l.HungUpAt, "leg", endpoint, "asked to end")
		cause := ""
		if l.Cause != 0 {
			cause = fmt.Sprintf("(Q.850 cause %d)", l.Cause)
		}
		add(l.EndedAt, "leg", endpoint, "ended", printable(l.DialStatus), cause)
	}
	for _, g := range s.Gaps {
		add(&g.From, "gap", "events may be missing from here:", g.Why)
		add(g.To, "gap", "ends")
		add(g.SettledAt, "gap", "settled:", string(g.Settled))
	}
	for _, r := range s.Recordings {
		id := fmt.Sprintf("%d (%s)", r.ID, r.Kind)
		add(r.FoundAt, "recording", id, "was found")
		add(r.ReadyAt, "recording", id, "can be played")
		for _, l := range r.Listened {
			add(&l.BeganAt, "recording", id, "is played by", l.Account+",", fmt.Sprintf("%.1f s sent", l.SentSeconds))
		}
	}
	if s.Callback != nil {
		for _, h := range s.Callback.History {
			add(&h.At, "callback", h.text())
		}
	}
	slices.SortStableFunc(all, func(a, b happening) int { return a.at.Compare(b.at) })
	return all
}

func (h *storyChange) text() string {
	value := func(text *string) string {
		if text == nil {
			return "nothing"
		}
		return strconv.Quote(*text)
	}
	said := []string{fmt.Sprintf("%s by %s, version %d", h.Action, printable(h.By), h.Version)}
	for _, f := range h.Changes {
		said = append(said, fmt.Sprintf("%s: %s → %s", f.Field, value(f.From), value(f.To)))
	}
	return strings.Join(said, "; ")
}
