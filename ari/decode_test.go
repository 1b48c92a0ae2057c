package ari_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"callbackd/ari"
)

func TestDecode_Dial(t *testing.T) {
	t.Parallel()
	var ev ari.Event
	if err := ari.Decode(`{"type":"Dial","timestamp":"2026-11-23T03:46:19.204+0900","dialstatus":"ANSWER","dialstring":"PJSIP/2001",
		"caller":{"id":"a.1","name":"PJSIP/trunk-1","dialplan":{"app_name":"Queue","app_data":"support,t"},"channelvars":{"CHANNEL(linkedid)":"a.1"}},
		"peer":{"id":"a.2","name":"PJSIP/2001-2","caller":{"number":"2001"}},"new_in_a_patch_release":{"x":[1,2]}}`, &ev); err != nil {
		t.Fatal(err)
	}
	if ev.Type != ari.Dial || ev.DialStatus != "ANSWER" || ev.Caller.ID != "a.1" || ev.Peer.Caller.Number != "2001" {
		t.Errorf("decoded %+v", ev)
	}
	if want := time.Date(2026, 11, 22, 18, 46, 19, 204e6, time.UTC); !ev.Timestamp.Equal(want) || ev.Timestamp.Location() != time.UTC {
		t.Errorf("timestamp = %v, want %v", ev.Timestamp, want)
	}
	if got, ok := ev.Caller.Var("CHANNEL(linkedid)"); !ok || got != "a.1" {
		t.Errorf("linkedid = %q, %v", got, ok)
	}
	// The next event must show nothing of this one.
	if err := ari.Decode(`{"type":"DeviceStateChanged"}`, &ev); err != nil {
		t.Fatal(err)
	}
	if ev.Caller.ID != "" || ev.Peer.Name != "" || ev.DialStatus != "" || len(ev.Caller.Vars) != 0 || !ev.Timestamp.IsZero() {
		t.Errorf("the event before shows through: %+v", ev)
	}
}

func TestDecode_Stasis(t *testing.T) {
	t.Parallel()
	var ev ari.Event
	for _, tc := range []struct {
		frame string
		right func() bool
	}{
		{
			`{"type":"StasisStart","args":["register","support"],"channel":{"id":"a.1"},"application":"callbackd"}`,
			func() bool { return slices.Equal(ev.Args, []string{"register", "support"}) && ev.Channel.ID == "a.1" },
		},
		{
			`{"type":"ChannelDtmfReceived","digit":"#","duration_ms":100,"channel":{"id":"a.1"}}`,
			func() bool { return ev.Digit == "#" && len(ev.Args) == 0 },
		},
		{
			`{"type":"PlaybackFinished","playback":{"id":"p","media_uri":"sound:x","target_uri":"channel:a.1","language":"ja","state":"failed"}}`,
			func() bool {
				return ev.Playback == ari.Playback{ID: "p", State: "failed", TargetURI: "channel:a.1"} && ev.Digit == ""
			},
		},
		{`{"type":"StasisEnd","channel":{"id":"a.1"}}`, func() bool { return ev.Playback == ari.Playback{} }},
	} {
		if err := ari.Decode(tc.frame, &ev); err != nil || !tc.right() {
			t.Errorf("%s: decoded %+v, %v", tc.frame, ev, err)
		}
	}
}

func TestDecode_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for frame, want := range map[string]string{
		``:                                "unexpected end",
		`[]`:                              "'{'",
		`{"timestamp":"2026"}`:            `"2026" is not of the form`,
		`{"channel":{"id":7},"type":"x"}`: `channel: "id": string expected`,
		`{"type":"x"} y`:                  "end expected",
		`{}`:                              "no type",
		`{"type":"x","bridge":{"id":"b"`:  "unexpected end",
		`{"type":"ChannelDestroyed","cause":1.5}`: "cause",
	} {
		var ev ari.Event
		if err := ari.Decode(frame, &ev); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", frame, err, want)
		}
	}
}

// TestParseTime_LikeTimeParse: the quick way gives what time.Parse gives, on
// every day of years with and without a leap day.
func TestParseTime_LikeTimeParse(t *testing.T) {
	t.Parallel()
	at := time.Date(1999, 12, 31, 23, 59, 58, 987e6, time.UTC)
	for range 3000 {
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 9*3600), time.FixedZone("", -(3*3600 + 1800))} {
			s := at.In(zone).Format(ari.TimeLayout)
			got, err := ari.ParseTime(s)
			if err != nil || !got.Equal(at) {
				t.Fatalf("ParseTime(%q) = %v, %v; want %v", s, got, err, at)
			}
		}
		at = at.Add(27*time.Hour + 13*time.Minute + 7*time.Second + 11*time.Millisecond)
	}
	for _, s := range []string{
		"", "2026-13-01T00:00:00.000+0000", "2026-02-30T00:00:00.000+0000", "2026-01-01T24:00:00.000+0000", "2026-01-01 00:00:00.000+0000",
		"0000-01-01T00:00:00.000+0000", "0001-01-01T00:00:00.000+2359", "1969-12-31T23:59:59.999+0000", "1970-01-01T00:00:00.000+0900", "9999-12-31T23:59:59.999-0001", "99999-01-01T00:00:00.000+0000",
	} {
		if got, err := ari.ParseTime(s); err == nil {
			t.Errorf("ParseTime(%q) = %v, want an error", s, got)
		}
	}
}

func TestDecodeChannels(t *testing.T) {
	t.Parallel()
	channels, err := ari.DecodeChannels([]byte(`[{"id":"1"},{"id":"2","state":"Up","channelvars":{"A":"b"}}]`))
	if err != nil || len(channels) != 2 || channels[1].State != "Up" || channels[1].Vars[0].Value != "b" {
		t.Errorf("channels = %+v, %v", channels, err)
	}
	bridges, err := ari.DecodeBridges([]byte(`[{"id":"b","bridge_class":"basic","channels":["1","2"]}]`))
	if err != nil || len(bridges) != 1 || !slices.Equal(bridges[0].Channels, []ari.ChannelID{"1", "2"}) {
		t.Errorf("bridges = %+v, %v", bridges, err)
	}
	if _, err := ari.DecodeChannels([]byte(`{"message":"Unauthorized"}`)); err == nil {
		t.Error("an object passed for a list of channels")
	}
}

func TestFilter_Look(t *testing.T) {
	t.Parallel()
	filter := ari.NewFilter([]ari.EventType{ari.ChannelVarset, ari.Dial}, []string{"QUEUESTATUS"})
	for _, tc := range []struct {
		frame  string
		typ    ari.EventType
		wanted bool
	}{
		{`{"type":"Dial"}`, ari.Dial, true},
		{`{"type":"ChannelCreated"}`, ari.ChannelCreated, false},
		{`{"type":"ApplicationReplaced"}`, ari.ApplicationReplaced, true},
		{`{"type":"SomethingNew"}`, "SomethingNew", false},
		{`{"variable":"QUEUESTATUS","type":"ChannelVarset"}`, ari.ChannelVarset, true},
		{`{"type":"ChannelVarset","value":"QUEUESTATUS","variable":"__QUEUESTATUS"}`, ari.ChannelVarset, true},
		{`{"type":"ChannelVarset","value":"\",\"variable\":\"QUEUESTATUS\"","variable":"OTHER"}`, ari.ChannelVarset, false},
		{`{"channel":{"type":"Dial"},"type":"ChannelCreated"}`, ari.ChannelCreated, false},
		{`{"type":"ChannelVarset"}`, ari.ChannelVarset, false},
	} {
		typ, wanted, err := filter.Look([]byte(tc.frame))
		if err != nil || typ != tc.typ || wanted != tc.wanted {
			t.Errorf("%s: %q, %v, %v; want %q, %v", tc.frame, typ, wanted, err, tc.typ, tc.wanted)
		}
	}
	for _, frame := range []string{``, `null`, `[]`, `{}`, `{"type":1}`, `{"type":"Dial`, "{\"type\":\"D\x01\"}"} {
		if typ, wanted, err := filter.Look([]byte(frame)); err == nil {
			t.Errorf("%q: %q, %v; want an error", frame, typ, wanted)
		}
	}
}
