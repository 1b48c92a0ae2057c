package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"callbackd/callcenter"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

// hostileTexts are what a caller, a phone or whoever took the PBX over may put
// into any text of an event, as JSON.
var hostileTexts = map[string]string{
	"markup":       `"<img src=x onerror=alert(1)><script>alert(2)</script>"`,
	"line ends":    `"0312345678\r\nSet-Cookie: a=b\r\n\r\n<html>"`,
	"NUL":          `"03\u000012345678"`,
	"broken UTF-8": "\"\xff\xfe\xc0\xaf\"",
	"half a pair":  `"\ud800 \udfff"`,
	"directions":   `"\u202e\u2066 87654321\u0007\u001b[31m"`,
	"SQL":          `"'; DROP TABLE calls; -- \\' $1 {\"a\",b}"`,
	"formula":      `"=cmd|' /C calc'!A0"`,
	"paths":        `"../../../../etc/passwd"`,
	"log lines":    `"x level=ERROR msg=\"hacked\"\n{\"level\":\"ERROR\"}"`,
	"nothing":      `""`,
	"another type": `{"a":[1,{"b":null}]}`,
	"a number":     `99999999999999999999999999`,

	"absurd length": `"` + strings.Repeat("9長", 20_000) + `"`,
	"separators":    `"a,b;c&d|e/f@g-h:i"`,
}

// hostileEvent is an event with a text wherever there is one, of a channel
// with another number each time.
func hostileEvent(kind string, n int, text string) string {
	channel := fmt.Sprintf(`{"id":"hostile-%d","name":%[2]s,"state":%[2]s,"caller":{"name":%[2]s,"number":%[2]s},"connected":{"name":%[2]s,"number":%[2]s},`+
		`"accountcode":%[2]s,"dialplan":{"context":%[2]s,"exten":%[2]s,"priority":1,"app_name":"Queue","app_data":%[2]s},`+
		`"creationtime":"2026-11-23T03:46:19.133+0000","channelvars":{"CHANNEL(linkedid)":"hostile-%[1]d","CALLBACKD_CALL_CENTER":%[2]s,`+
		`"CALLBACKD_LABEL":%[2]s,"MIXMONITOR_FILENAME":%[2]s,"QUEUESTATUS":%[2]s}}`, n, text)
	return fmt.Sprintf(`{"type":%[1]q,"timestamp":"2026-11-23T03:46:19.133+0000","application":"callbackd","channel":%[2]s,"caller":%[2]s,`+
		`"peer":%[2]s,"bridge":{"id":%[3]s,"name":%[3]s,"technology":%[3]s,"bridge_type":%[3]s,"bridge_class":%[3]s,"creator":%[3]s,"channels":[%[3]s,"hostile-%[4]d"]},`+
		`"variable":"MIXMONITOR_FILENAME","value":%[3]s,"dialplan_app":"Queue","dialplan_app_data":%[3]s,"dialstatus":%[3]s,"dialstring":%[3]s,`+
		`"cause":-1,"cause_txt":%[3]s,"soft":false,"digit":%[3]s,"args":["register",%[3]s,%[3]s],"eventname":%[3]s,`+
		`"recording":{"name":%[3]s,"format":%[3]s,"target_uri":"channel:hostile-%[4]d","state":%[3]s}}`, kind, channel, text, n)
}

// hostileFrames are no events that make sense.
var hostileFrames = []string{
	"", "{", "null", "[]", "\x00", "\xff\xfe", `{"type":null}`, `{"type":"Dial","type":"Dial"}`,
	strings.Repeat("[", 1<<20), `{"type":"Dial","x":` + strings.Repeat(`{"a":`, 1<<18) + "1" + strings.Repeat("}", 1<<18) + "}",
	`{"type":"ChannelDestroyed","cause":1e400,"timestamp":"2026-11-23T03:46:19.133+0000","channel":{"id":"hostile-c","name":"a"}}`,
	`{"type":"ChannelDestroyed","cause":99999999999999999999,"channel":{"id":"hostile-d","name":"a"}}`,
	`{"type":"ChannelCreated","timestamp":"0000-00-00T00:00:00.000+0000","channel":{"id":"hostile-e","name":"PJSIP/trunk-e"}}`,
	`{"type":"ChannelCreated","timestamp":"99999-01-01T00:00:00.000+0000","channel":{"id":"hostile-f","name":"PJSIP/trunk-f"}}`,
	`{"type":"ChannelCreated","timestamp":"0001-01-01T00:00:00.000+2359","channel":{"id":"hostile-g","name":"PJSIP/trunk-g","creationtime":"-001-01-01"}}`,
	`{"type":"ChannelCreated","timestamp":"1969-12-31T23:59:59.999+0000","channel":{"id":"hostile-h","name":"PJSIP/trunk-h"}}`,
	`{"type":"ChannelDestroyed","timestamp":"1901-12-31T23:59:59.999+0000","channel":{"id":"hostile-h","name":"PJSIP/trunk-h"}}`,
	`{"type":"ChannelCreated","timestamp":"9999-12-31T23:59:59.999+0000","channel":{"id":"hostile-i","name":"PJSIP/trunk-i"}}`,
	`{"type":"ChannelDestroyed","timestamp":"9999-12-31T23:59:59.999-2359","channel":{"id":"hostile-i","name":"PJSIP/trunk-i"}}`,
	`{"type":"` + strings.Repeat("X", 1<<20) + `"}`,
}

// A PBX that was taken over can invent calls, and harms nothing else: the
// daemon goes on, other calls are right, and no row is larger than what an
// honest PBX can cause.
func TestSiege_HostilePBX(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	s.start(t)
	for _, frame := range hostileFrames {
		s.fake.SendText(frame)
	}
	s.harmless(t)
	n := 0
	for what, text := range hostileTexts {
		n++
		// In part it is a caller like any other.
		s.fake.SendText(hostileEvent("ChannelCreated", n, text))
		s.fake.SendText(fmt.Sprintf(`{"type":"ChannelDialplan","timestamp":"2026-11-23T03:46:19.133+0000","dialplan_app":"Queue",`+
			`"dialplan_app_data":"support","channel":{"id":"hostile-%d","name":"PJSIP/trunk-1","caller":{"number":%s}}}`, n, text))
		for _, kind := range []string{
			"ChannelVarset", "ChannelDialplan", "Dial", "ChannelCallerId", "ChannelEnteredBridge", "RecordingStarted",
			"StasisStart", "ChannelDtmfReceived", "ChannelHangupRequest", "ChannelLeftBridge", "RecordingFinished", "StasisEnd", "ChannelDestroyed", unknownEvent(what),
		} {
			s.fake.SendText(hostileEvent(kind, n, text))
		}
	}
	s.harmless(t)
	s.fake.SendLarge(20 << 20) // more than is read: the connection ends, and begins anew
	s.reconnects(t)
	s.answersHold(t)
	s.rowsAreBounded(t)
	s.recovers(t)
	log := s.log.String()
	for line := range strings.Lines(log) {
		if len(line) > 2<<10 || !json.Valid([]byte(line)) {
			t.Errorf("a line of the log has %d bytes, and begins %.300q", len(line), line)
		}
	}
	for _, bad := range []string{"panic", "goroutine ", "cannot be stored", "0312345678"} {
		if i := strings.Index(log, bad); i >= 0 {
			t.Errorf("the log holds %q: %s", bad, log[max(0, i-300):min(len(log), i+300)])
		}
	}
}

// reconnects waits until the daemon has given a connection up and has another,
// on which all is right.
func (s *siege) reconnects(t *testing.T) {
	t.Helper()
	labtest.Eventually(t, siegePatience, func() error {
		if _, accepted := s.fake.Connections(); accepted < 2 {
			return errors.New("the daemon keeps a connection that floods it")
		}
		return nil
	})
	s.harmless(t)
}

// unknownEvent is an event of no known type.
func unknownEvent(what string) string { return "Channel" + strings.ReplaceAll(what, " ", "") }

// answersHold fails the test when an answer about what the hostile PBX said is
// no plain, valid JSON or CSV, or says anything in its header.
func (s *siege) answersHold(t *testing.T) {
	t.Helper()
	paths := []string{"/calls?page_size=200", "/monitor", "/nodes", "/gaps", "/callbacks.csv"}
	_, body, err := request(t.Context(), http.MethodGet, s.api+"/calls?page_size=200", s.token, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"request_id":"(r[0-9a-v]+)"`).FindAllSubmatch(body, -1) {
		id := string(m[1])
		s.registers(t, id)
		paths = append(paths, "/calls/"+id, "/calls/"+id+"/recordings")
	}
	if len(paths) < 20 {
		t.Errorf("only %d answers to look at: %.500s", len(paths), body)
	}
	for _, path := range paths {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.api+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.token)
		res, body := fetch(t, req)
		if res.StatusCode != http.StatusOK || !utf8.Valid(body) || len(body) > 4<<20 || res.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: status %d, %d bytes, header %v", path, res.StatusCode, len(body), res.Header)
		}
		if strings.HasSuffix(path, ".csv") {
			if strings.Contains(string(body), "\n=") || strings.Contains(string(body), `,=`) || strings.Contains(string(body), `,"=`) {
				t.Errorf("%s holds a formula: %.600s", path, body)
			}
			continue
		}
		if !json.Valid(body) || strings.Contains(string(body), "<script") {
			t.Errorf("%s: %.300q is not JSON that can be put anywhere", path, body)
		}
	}
}

// fetch sends a request and reads the answer.
func fetch(t *testing.T, req *http.Request) (*http.Response, []byte) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}

// registers registers a callback for a call, if one can be.
func (s *siege) registers(t *testing.T, call string) {
	t.Helper()
	status, body, err := request(t.Context(), http.MethodPost, s.api+"/calls/"+call+"/callback", s.token, nil)
	if err != nil || status != http.StatusCreated && status != http.StatusUnprocessableEntity {
		t.Errorf("registering for %s: %d %.300s, %v", call, status, body, err)
	}
}

// rowsAreBounded fails the test when the calls take more room than an honest
// PBX could make them take.
func (s *siege) rowsAreBounded(t *testing.T) {
	t.Helper()
	db, err := postgres.Open(t.Context(), s.database, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	calls, _, err := db.Calls().List(t.Context(), callcenter.CallFilter{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		if text, err := json.Marshal(calls[i]); err != nil || len(text) > 512<<10 {
			t.Errorf("call %s has %d bytes, %v", calls[i].LinkedID, len(text), err)
		}
	}
}
