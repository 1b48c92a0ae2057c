package ari_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"callbackd/ari"
)

// hostile are frames made to mislead a reader that does not really parse.
var hostile = []string{
	`{"type":"Dial"}`,
	`{"channel":{"caller":{"name":"\"},\"type\":\"ChannelVarset\",\"variable\":\"X\",{\""}},"type":"ChannelDestroyed"}`,
	`{"value":"{\"type\":\"Dial\",\"variable\":\"MIXMONITOR_FILENAME\"}","variable":"OTHER","type":"ChannelVarset"}`,
	`{"value":"\\\",\"variable\":\"OTHER","variable":"__MIXMONITOR_FILENAME","type":"ChannelVarset"}`,
	`{"t\u0079pe":"ChannelV\u0061rset","v\u0061riable":"MIXMONITOR\u005fFILENAME","value":"\u3042\ud83d\ude00\ud800"}`,
	"{\n\t\"value\" : [ {\"type\":\"A\"}, \"]\", 1e9, null, true ] ,\r\n \"type\" : \"StasisStart\" }",
	`{"a":"\\","type":"ChannelCreated","b":"\\\\\""}`,
	`{"type":"ChannelDestroyed","cause":16,"cause_txt":"a\u0000b","channel":{"id":"x","name":"` + "\x80\xff" + `","creationtime":"2026-02-29T23:59:60.000+0900"}}`,
	`{"type":"ChannelHangupRequest","soft":true,"cause":-1,"timestamp":"2024-02-29T00:00:00.001-0630"}`,
	`{"type":"BridgeDestroyed","bridge":{"id":"b","channels":["1","2"],"bridge_class":"basic"},"timestamp":"2026-12-31T23:59:59.999+0000"}`,
	`{"type":null,"type2":{}}`, `[]`, `{}`, ``, `{"type":"Dial"}x`, `{"type":"Dial",}`, `{"type":"Dial"`, `{"type":"Dial","x":{]}}`,
	`{"type":"ChannelVarset","variable":7}`, `{"type":"ChannelVarset","variable":"a`,
}

// FuzzDecode: of what is JSON, Look and Decode say just what encoding/json
// says; of what is not, nothing makes them panic or hang.
func FuzzDecode(f *testing.F) {
	for _, frame := range frames(f) {
		f.Add(frame)
	}
	for _, frame := range hostile {
		f.Add([]byte(frame))
	}
	filter := trackerFilter()
	used := new(ari.Event) // holds what earlier events left behind
	f.Fuzz(func(t *testing.T, frame []byte) {
		typ, wanted, lookErr := filter.Look(frame)
		err := ari.Decode(string(frame), used)

		var reference map[string]any
		if json.Unmarshal(frame, &reference) != nil || reference == nil {
			return // what is wrong within a value that nobody reads may pass
		}
		if duplicateNames(frame) {
			return // of two values of one name encoding/json takes the last
		}
		name, isString := reference["type"].(string)
		if !isString || name == "" {
			if err == nil {
				t.Fatalf("decoded an event without a type: %q", frame)
			}
			return
		}
		if lookErr != nil || string(typ) != name {
			t.Fatalf("look: type %q, %v; encoding/json says %q: %q", typ, lookErr, name, frame)
		}
		if want := wantedByReference(reference); wanted != want {
			t.Fatalf("look: wanted %v; by encoding/json %v: %q", wanted, want, frame)
		}
		want, wantErr := referenceEvent(reference)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("decode: %v; by encoding/json: %v: %q", err, wantErr, frame)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(want, *used, cmpopts.IgnoreUnexported(ari.Event{}), cmpopts.EquateEmpty(),
			cmpopts.SortSlices(func(a, b ari.Variable) bool { return a.Name < b.Name })); diff != "" {
			t.Fatalf("decode (-encoding/json +ours):\n%s\n%q", diff, frame)
		}
	})
}

func duplicateNames(frame []byte) bool {
	v := jsontext.Value(frame)
	return !v.IsValid(jsontext.AllowInvalidUTF8(true)) && v.IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

func wantedByReference(event map[string]any) bool {
	typ := ari.EventType(event["type"].(string))
	if typ == ari.ChannelVarset {
		name, ok := event["variable"].(string)
		return ok && slices.Contains([]string{"MIXMONITOR_FILENAME", "QUEUESTATUS", "ABANDONED"}, strings.TrimLeft(name, "_"))
	}
	return slices.Contains([]ari.EventType{
		ari.ApplicationReplaced, ari.BridgeDestroyed, ari.BridgeMerged, ari.ChannelCallerID, ari.ChannelCreated, ari.ChannelDestroyed,
		ari.ChannelDialplan, ari.ChannelEnteredBridge, ari.ChannelHangupRequest, ari.ChannelLeftBridge, ari.ChannelStateChange, ari.Dial,
	}, typ)
}

// members reads members of an object that encoding/json decoded.
type members struct {
	object map[string]any
	err    error
}

func (m *members) text(name string) string {
	switch v := m.object[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		m.err = fmt.Errorf("%s is %T", name, v)
		return ""
	}
}

func (m *members) texts(name string) []string {
	switch v := m.object[name].(type) {
	case nil:
	case []any:
		var texts []string
		for _, element := range v {
			s, ok := element.(string)
			if !ok {
				m.err = fmt.Errorf("element of %s is %T", name, element)
			}
			texts = append(texts, s)
		}
		return texts
	default:
		m.err = fmt.Errorf("%s is %T", name, v)
	}
	return nil
}

func (m *members) time(name string) time.Time {
	if m.object[name] == nil {
		return time.Time{}
	}
	s := m.text(name)
	at, err := time.Parse(ari.TimeLayout, s)
	if err != nil {
		at, err = time.Parse(time.RFC3339Nano, s)
	}
	if year := at.UTC().Year(); err == nil && (year < 1970 || year > 9999) {
		err = errors.New("no machine's time")
	}
	if err != nil {
		m.err = err
		return time.Time{}
	}
	return at.UTC()
}

func (m *members) in(name string) (*members, bool) {
	switch v := m.object[name].(type) {
	case nil:
		return &members{}, false
	case map[string]any:
		return &members{object: v}, true
	default:
		m.err = fmt.Errorf("%s is %T", name, v)
		return &members{}, false
	}
}

func referenceEvent(object map[string]any) (ari.Event, error) {
	m := &members{object: object}
	ev := ari.Event{
		Type: ari.EventType(m.text("type")), Timestamp: m.time("timestamp"), Application: m.text("application"),
		Variable: m.text("variable"), Value: m.text("value"),
		DialplanApp: m.text("dialplan_app"), DialplanAppData: m.text("dialplan_app_data"),
		DialStatus: m.text("dialstatus"), DialString: m.text("dialstring"), CauseText: m.text("cause_txt"),
		PresentationText: m.text("caller_presentation_txt"), EventName: m.text("eventname"),
		Args: m.texts("args"), Digit: m.text("digit"),
	}
	if v, ok := object["cause"].(float64); ok {
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return ev, fmt.Errorf("cause %v", v)
		}
		ev.Cause = int(v)
	}
	switch v := object["soft"].(type) {
	case nil:
	case bool:
		ev.Soft = v
	default:
		return ev, fmt.Errorf("soft is %T", v)
	}
	for name, c := range map[string]*ari.Channel{"channel": &ev.Channel, "caller": &ev.Caller, "peer": &ev.Peer} {
		if o, ok := m.in(name); ok {
			*c = referenceChannel(o)
			m.err = firstError(m.err, o.err)
		}
	}
	if o, ok := m.in("bridge"); ok {
		ev.Bridge = referenceBridge(o)
		m.err = firstError(m.err, o.err)
	}
	if o, ok := m.in("recording"); ok {
		ev.Recording = ari.Recording{Name: o.text("name"), Format: o.text("format"), State: o.text("state"), Cause: o.text("cause"), TargetURI: o.text("target_uri")}
		m.err = firstError(m.err, o.err)
	}
	if o, ok := m.in("playback"); ok {
		ev.Playback = ari.Playback{ID: ari.PlaybackID(o.text("id")), State: o.text("state"), TargetURI: o.text("target_uri")}
		m.err = firstError(m.err, o.err)
	}
	return ev, m.err
}

func referenceChannel(m *members) ari.Channel {
	c := ari.Channel{
		ID: ari.ChannelID(m.text("id")), Name: m.text("name"), State: m.text("state"),
		AccountCode: m.text("accountcode"), CreationTime: m.time("creationtime"),
	}
	for name, party := range map[string]*ari.CallerID{"caller": &c.Caller, "connected": &c.Connected} {
		o, _ := m.in(name)
		*party = ari.CallerID{Name: o.text("name"), Number: o.text("number")}
		m.err = firstError(m.err, o.err)
	}
	o, _ := m.in("dialplan")
	c.Dialplan = ari.DialplanPosition{Context: o.text("context"), Exten: o.text("exten"), AppName: o.text("app_name"), AppData: o.text("app_data")}
	m.err = firstError(m.err, o.err)
	vars, _ := m.in("channelvars")
	for name, value := range vars.object {
		if s, ok := value.(string); ok {
			c.Vars = append(c.Vars, ari.Variable{Name: name, Value: s})
		}
	}
	return c
}

func referenceBridge(m *members) ari.Bridge {
	b := ari.Bridge{
		ID: ari.BridgeID(m.text("id")), Technology: m.text("technology"), Type: m.text("bridge_type"), Class: m.text("bridge_class"),
		Creator: m.text("creator"), Name: m.text("name"), CreationTime: m.time("creationtime"),
	}
	for _, id := range m.texts("channels") {
		b.Channels = append(b.Channels, ari.ChannelID(id))
	}
	return b
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
