package aritest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"callbackd/ari"
)

// state is what the PBX would answer about channels and bridges, made from
// the events that were sent. Objects are kept as the events that showed them
// last and are cut out when somebody asks: sending is done far more often.
type state struct {
	channels map[string]shown
	bridges  map[string]shown
	// variables holds, by channel and name, the ChannelVarset that set it.
	variables map[string]map[string]shown
}

// shown is an object within an event.
type shown struct {
	event, key string
	// bare says that channel variables are not to be shown.
	bare bool
}

func newState() state {
	return state{channels: map[string]shown{}, bridges: map[string]shown{}, variables: map[string]map[string]shown{}}
}

func (s *state) apply(e *Event) {
	for _, t := range e.touches {
		objects := s.channels
		if t.bridge {
			objects = s.bridges
		}
		switch _, there := objects[t.id]; {
		case t.effect == deletes:
			delete(objects, t.id)
			delete(s.variables, t.id)
		case there || t.effect == creates:
			objects[t.id] = shown{event: e.source(), key: t.key, bare: e.full != ""}
		}
		if e.typ == ari.ChannelVarset && t.key == "channel" {
			if s.variables[t.id] == nil {
				s.variables[t.id] = map[string]shown{}
			}
			s.variables[t.id][strings.TrimLeft(e.variable, "_")] = shown{event: e.Raw, key: "value"}
		}
	}
}

// cut returns the JSON of the member.
func (s shown) cut() json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(s.event), &members) != nil {
		return nil // cannot be: it was parsed when it was sent
	}
	object := members[s.key]
	if !s.bare {
		return object
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil {
		return object
	}
	delete(fields, "channelvars")
	object, _ = json.Marshal(fields)
	return object
}

// list returns all objects, by ID.
func list(objects map[string]shown) []json.RawMessage {
	all := []json.RawMessage{} // not null
	for _, id := range slices.Sorted(maps.Keys(objects)) {
		all = append(all, objects[id].cut())
	}
	return all
}

// variable returns the value of a channel's variable or function.
func (s *state) variable(channel, name string) (string, bool) {
	if v, ok := s.variables[channel][name]; ok {
		var value string
		return value, json.Unmarshal(v.cut(), &value) == nil
	}
	show := s.channels[channel]
	show.bare = false
	var c struct {
		Vars map[string]string `json:"channelvars"`
	}
	if json.Unmarshal(show.cut(), &c) != nil {
		return "", false
	}
	value, ok := c.Vars[name]
	return value, ok
}
