package aritest

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"callbackd/ari"
)

// Event is an event to send, and what it does to the fake's channels and
// bridges. ParseEvent, NewEvent and Trace.Render make them.
type Event struct {
	// Raw is its JSON text, as it is sent.
	Raw string
	// After is when it comes, from the start of its trace.
	After time.Duration

	typ ari.EventType
	// full is Raw before channel variables were taken away; empty if they
	// were not.
	full     string
	touches  []touch
	variable string
}

// touch says that an event shows an object.
type touch struct {
	key    string // the event's member that holds it
	bridge bool
	id     string
	effect effect
}

type effect uint8

const (
	updates effect = iota // if it is there
	creates
	deletes
)

// source is the text to read the state from.
func (e *Event) source() string {
	if e.full != "" {
		return e.full
	}
	return e.Raw
}

// ParseEvent returns the event with the given JSON text.
func ParseEvent(raw string) (Event, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &members); err != nil {
		return Event{}, fmt.Errorf("parse event: %w", err)
	}
	e := Event{Raw: raw}
	if err := json.Unmarshal(members["type"], &e.typ); err != nil {
		return Event{}, fmt.Errorf("parse event: type: %w", err)
	}
	if e.typ == ari.ChannelVarset {
		if err := json.Unmarshal(members["variable"], &e.variable); err != nil {
			return Event{}, fmt.Errorf("parse event: variable: %w", err)
		}
	}
	for key, value := range members {
		var object struct {
			ID         string  `json:"id"`
			State      *string `json:"state"`      // channels have one
			Technology *string `json:"technology"` // bridges have one
		}
		if value[0] != '{' || json.Unmarshal(value, &object) != nil || object.ID == "" {
			continue
		}
		t := touch{key: key, id: object.ID, bridge: object.Technology != nil}
		if !t.bridge && object.State == nil {
			continue
		}
		switch {
		case e.typ == ari.ChannelCreated && key == "channel", e.typ == ari.BridgeCreated && key == "bridge":
			t.effect = creates
		case e.typ == ari.ChannelDestroyed && key == "channel", e.typ == ari.BridgeDestroyed && key == "bridge":
			t.effect = deletes
		}
		e.touches = append(e.touches, t)
	}
	return e, nil
}

// timeFormat is how Asterisk writes times.
const timeFormat = "2006-01-02T15:04:05.000-0700"

// Fields are the members of an event beside type and timestamp.
type Fields map[string]any

// NewEvent returns an event of now. It panics if fields cannot be encoded.
func NewEvent(typ ari.EventType, fields Fields) Event {
	members := Fields{"timestamp": time.Now().UTC().Format(timeFormat), "asterisk_id": entityID}
	maps.Copy(members, fields)
	members["type"] = typ
	raw, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	e, err := ParseEvent(string(raw))
	if err != nil {
		panic(err)
	}
	return e
}

// Channel is a channel for the fields of NewEvent.
type Channel struct {
	ID           ari.ChannelID     `json:"id"`
	Name         string            `json:"name"`
	State        string            `json:"state"`
	Caller       Party             `json:"caller"`
	Connected    Party             `json:"connected"`
	AccountCode  string            `json:"accountcode"`
	Dialplan     Dialplan          `json:"dialplan"`
	CreationTime string            `json:"creationtime,omitempty"`
	Language     string            `json:"language"`
	Vars         map[string]string `json:"channelvars,omitempty"`
}

// Party is a caller or connected line.
type Party struct {
	Name   string `json:"name"`
	Number string `json:"number"`
}

// Dialplan is where in the dialplan a channel is.
type Dialplan struct {
	Context  string `json:"context"`
	Exten    string `json:"exten"`
	Priority int    `json:"priority"`
	AppName  string `json:"app_name"`
	AppData  string `json:"app_data"`
}

// Bridge is a bridge for the fields of NewEvent.
type Bridge struct {
	ID           ari.BridgeID    `json:"id"`
	Technology   string          `json:"technology"`
	Type         string          `json:"bridge_type"`
	Class        string          `json:"bridge_class"`
	Creator      string          `json:"creator"`
	Name         string          `json:"name"`
	Channels     []ari.ChannelID `json:"channels"`
	CreationTime string          `json:"creationtime,omitempty"`
}
