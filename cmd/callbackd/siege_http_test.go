package main

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// oddRequests are requests that proxies and servers have been known to read in
// different ways, or to choke on, with the status of the one answer that they
// get. %s is a header that identifies an administrator.
var oddRequests = map[string]struct {
	text string
	want string // a pattern of statuses
}{
	"doubled slash":          {"GET /api/v1//me HTTP/1.1\r\nHost: x\r\n%s", "404"},
	"dots":                   {"GET /api/v1/calls/../me HTTP/1.1\r\nHost: x\r\n%s", "404"},
	"encoded dots":           {"GET /api/v1/calls/%%2e%%2e/me HTTP/1.1\r\nHost: x\r\n%s", "404"},
	"encoded slash":          {"GET /api/v1%%2fme HTTP/1.1\r\nHost: x\r\n%s", "404"},
	"encoded twice":          {"GET /api/v1/%%252e%%252e/me HTTP/1.1\r\nHost: x\r\n%s", "404"},
	"NUL in the path":        {"GET /api/v1/me%%00 HTTP/1.1\r\nHost: x\r\n%s", "404"},
	"line end in the path":   {"GET /api/v1/me%%0d%%0aSet-Cookie:x HTTP/1.1\r\nHost: x\r\n%s", "404"},
	"parameters of a path":   {"GET /api/v1/me;x=1 HTTP/1.1\r\nHost: x\r\n%s", "404"},
	"backslash":              {"GET /api\\v1\\me HTTP/1.1\r\nHost: x\r\n%s", "40[04]"},
	"file outside the page":  {"GET /assets/..%%2f..%%2fetc/passwd HTTP/1.1\r\nHost: x\r\n%s", "404"},
	"absolute form":          {"GET http://elsewhere.example/api/v1/me HTTP/1.1\r\nHost: x\r\n%s", "200"},
	"another scheme":         {"GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n%s", "40[04]"},
	"CONNECT":                {"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example:443\r\n%s", "40[045]"},
	"TRACE":                  {"TRACE /api/v1/me HTTP/1.1\r\nHost: x\r\n%s", "405"},
	"OPTIONS for all":        {"OPTIONS * HTTP/1.1\r\nHost: x\r\n%s", "404"},
	"method in a header":     {"GET /api/v1/tokens/1 HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\n%s", "405"},
	"method in the query":    {"GET /api/v1/tokens/1?_method=DELETE HTTP/1.1\r\nHost: x\r\n%s", "405"},
	"two hosts":              {"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nHost: y\r\n%s", "400"},
	"no host":                {"GET /api/v1/me HTTP/1.1\r\n%s", "400"},
	"NUL in a header":        {"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n%s", "400"},
	"space before the colon": {"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n%s", "400"},
	"two lengths":            {"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n%s", "400"},
	"negative length":        {"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n%s", "400"},
	"unknown encoding":       {"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n%s", "501"},
	"two encodings":          {"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n%s", "400|501"},
	"HTTP/2 unasked":         {"PRI * HTTP/2.0\r\n\r\nSM\r\n%s", "400|404|505"},
	"no HTTP":                {"\x16\x03\x01\x02\x00\x01\r\n%s", "400"},
	"huge header":            {"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 64<<10) + "\r\n%s", "431"},
	"many headers":           {"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: a\r\n", 8<<10) + "%s", "431"},
	"huge path":              {"GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: x\r\n%s", "431|414"},
	"compressed body":        {"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n%s", "415"},
	"compressed file":        {"POST /api/v1/phonebook/import HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n%s", "415"},
	"huge length":            {"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9223372036854775807\r\nExpect: 100-continue\r\n%s", "413"},
}

// smuggled is a request within a request, which is answered by nobody.
const smuggled = "GET /api/v1/site HTTP/1.1\r\nHost: x\r\n\r\n"

// hiddenRequests hold a second request where only one side of a proxy would
// look for it.
var hiddenRequests = map[string]string{
	"length and chunks": "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 45\r\n" +
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
	"chunks to what takes none": "GET /api/v1/site HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
	"chunks to the page":        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
	"chunks by HTTP/1.0":        "POST /api/v1/session HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
	"a body of GET": fmt.Sprintf("GET /api/v1/site HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
		len(smuggled), smuggled),
	"behind the end": "GET /api/v1/site HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + smuggled,
}

var statusLine = regexp.MustCompile(`HTTP/1\.[01] (\d{3}) `)

// Whatever is sent to the daemon's own listeners, each request gets one
// answer, the right one, with which a browser can do nothing.
func TestSiege_OddRequests(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	s.start(t)
	admin := "Authorization: Bearer " + s.token + "\r\nConnection: close\r\n\r\n"
	for name, odd := range oddRequests {
		t.Run(name, func(t *testing.T) {
			answer, err := raw(t, s.api, fmt.Sprintf(odd.text, admin))
			statuses := statusLine.FindAllStringSubmatch(answer, -1)
			if err != nil && len(statuses) == 0 && strings.HasPrefix(odd.want, "431") {
				return // cut off while it still sent
			}
			if len(statuses) != 1 || !regexp.MustCompile("^("+odd.want+")$").MatchString(statuses[0][1]) {
				t.Errorf("answered with %.300q, %v; want status %s, once", answer, err, odd.want)
			}
			isHarmless(t, answer)
			// The operators' listener has other paths, and no more to say.
			if answer, _ = raw(t, s.ops, fmt.Sprintf(odd.text, admin)); len(statusLine.FindAllString(answer, -1)) > 1 {
				t.Errorf("operators are answered with %.300q", answer)
			}
			isHarmless(t, answer)
		})
	}
	for name, hidden := range hiddenRequests {
		t.Run(name, func(t *testing.T) {
			for _, base := range []string{s.api, s.ops} {
				answer, _ := raw(t, base, hidden)
				if n := len(statusLine.FindAllString(answer, -1)); n != 1 {
					t.Errorf("%d answers: %.600q", n, answer)
				}
			}
		})
	}
	s.keepsQuiet(t, "the log", s.log.String(), "elsewhere.example")
}

// isHarmless fails the test when a browser could make more of an answer than
// text: but for what the server says by itself of what is no HTTP.
func isHarmless(t *testing.T, answer string) {
	t.Helper()
	head, _, _ := strings.Cut(answer, "\r\n\r\n")
	own := regexp.MustCompile(`^HTTP/1\.[01] (400|414|431|501|505) [^\r]*\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close$`)
	if answer == "" || own.MatchString(head) {
		return
	}
	for _, want := range []string{"X-Content-Type-Options: nosniff", "frame-ancestors 'none'", "Referrer-Policy: no-referrer"} {
		if !strings.Contains(head, want) {
			t.Errorf("an answer lacks %s: %.400q", want, answer)
		}
	}
}

// Who sends slowly, or never, is cut off in time, whatever he asks for and
// however far he came; nobody else waits for that.
func TestSiege_SlowSenders(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	s.start(t)
	slow := map[string]string{
		"nothing":                      "",
		"half a line":                  "GET /api/v1/me HT",
		"half the header":              "GET /api/v1/me HTTP/1.1\r\nHost: x\r\n",
		"no body to log in":            "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
		"no chunk":                     "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1",
		"no body for the page":         "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"no body for nothing":          "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"no body for what takes none":  "GET /api/v1/site HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"no body from another website": "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 9\r\n\r\n",
	}
	const many = 30 // of each
	var open []net.Conn
	for name, text := range slow {
		for _, base := range []string{s.api, s.ops} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				_, _ = raw(t, base, text) // fails when it stays open
			})
		}
		for range many {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimSuffix(strings.TrimPrefix(s.api, "http://"), "/api/v1"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
		}
	}
	defer func() {
		for _, conn := range open {
			conn.Close() //nolint:errcheck // the daemon may have closed it
		}
	}()
	if status, body, err := request(t.Context(), http.MethodGet, s.api+"/me", s.token, nil); err != nil || status != http.StatusOK {
		t.Errorf("while %d send slowly, another is answered with %d %s, %v", len(open), status, body, err)
	}
}
