package api_test

import (
	"bytes"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"callbackd/accounts"
)

// harmless are the types of all answers but sound. None of them is a file that
// sounds, whatever it is called.
var harmless = []string{
	"application/json", "application/problem+json", "application/yaml", "text/event-stream", "text/html", "text/css", "text/csv",
}

// pbxFolder holds the recordings of the tests' calls.
const pbxFolder = "/var/spool/asterisk/recording"

// checkNoDownload fails for an answer that is a recording to save, or that
// leads to one. Every answer of all tests of the API passes through it.
func checkNoDownload(request *http.Request, response *http.Response, body []byte) error {
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil && response.Header.Get("Content-Type") != "" {
		return fmt.Errorf("download: type of the answer: %w", err)
	}
	isSound := kind == "audio/wav"
	route := strings.TrimPrefix(request.URL.Path, basePath)
	switch {
	case isSound && (!strings.HasPrefix(route, "/playback/") || request.Method != http.MethodGet && request.Method != http.MethodHead):
		return fmt.Errorf("download: %s %s answers with sound", request.Method, route)
	case !isSound && kind != "" && !slices.Contains(harmless, kind):
		return fmt.Errorf("download: %s %s answers with %s", request.Method, route, kind)
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return fmt.Errorf("download: %s %s leads to %s", request.Method, route, response.Header.Get("Location"))
	case response.Header.Get("Location") != "" && !strings.HasPrefix(response.Header.Get("Location"), basePath+"/"):
		return fmt.Errorf("download: %s %s names %s", request.Method, route, response.Header.Get("Location"))
	}
	disposition, params, err := mime.ParseMediaType(response.Header.Get("Content-Disposition"))
	if response.Header.Get("Content-Disposition") != "" && (err != nil || len(params) > 0 || disposition != "inline") && kind != "text/csv" {
		return fmt.Errorf("download: %s %s is to be saved: %s", request.Method, route, response.Header.Get("Content-Disposition"))
	}
	if !isSound && looksLikeSound(body) {
		return fmt.Errorf("download: %s %s answers with sound under another name", request.Method, route)
	}
	if bytes.Contains(body, []byte(pbxFolder)) {
		return fmt.Errorf("download: %s %s tells where recordings lie", request.Method, route)
	}
	return nil
}

// looksLikeSound knows the formats that recordings come in, and the samples of
// the tests' sounds, also when they are wrapped in something else.
func looksLikeSound(body []byte) bool {
	return slices.ContainsFunc(soundMarks(), func(mark []byte) bool { return bytes.Contains(body, mark) })
}

var soundMarks = sync.OnceValue(func() [][]byte {
	sample := wav(1)[44+2000 : 44+2064]
	return [][]byte{[]byte("RIFF"), []byte("OggS"), []byte("fLaC"), []byte("ID3"), []byte("UklGR"), sample}
})

// Every operation of the contract, asked in every way in which somebody might
// hope for a file, by the most that one can be: nothing but playback answers
// with sound, and that only as what it is.
func TestNothingGivesAFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAdmin, "", "support")
	cookie, token := w.login("sato"), w.token(accounts.RoleAdmin)
	id := w.recording(1, 1)
	path := w.begin(cookie, id)
	call := centerCall(1, "support")
	names := strings.NewReplacer("{request_id}", string(call.RequestID), "{id}", fmt.Sprint(id), "{grant}", strings.TrimPrefix(path, "/playback/"))
	wishes := []map[string]string{
		{},
		{"Accept": "audio/wav"},
		{"Accept": "application/octet-stream", "Range": "bytes=0-"},
		{"Accept": "audio/*;q=1, */*;q=0.1", "X-Accel-Redirect": "/recordings/1.wav", "X-Sendfile-Type": "X-Accel-Redirect"},
		{"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"},
		{"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"},
		{"Content-Disposition": "attachment", "X-HTTP-Method-Override": "GET"},
	}
	sounding := map[string]bool{}
	for pattern := range covered.routes {
		_, template, _ := strings.Cut(pattern, " "+basePath)
		for i, wish := range wishes {
			for _, as := range []request{{cookie: cookie}, {token: token}} {
				if as.token != "" && i > 0 {
					continue
				}
				r := anyRequest(pattern)
				if template == "/session" || template == "/events" || strings.HasPrefix(template, "/me") && r.method != http.MethodGet ||
					strings.HasPrefix(template, "/accounts/{id}") && r.method != http.MethodGet {
					continue // would end the session, or not end by itself
				}
				r.path, r.cookie, r.token = names.Replace(template), as.cookie, as.token
				r.header = maps.Clone(r.header)
				maps.Copy(r.header, wish)
				got := w.do(r) // which checks the answer
				if got.header.Get("Content-Type") == "audio/wav" {
					sounding[pattern] = true
					if as.token != "" || i >= 4 && i <= 5 {
						t.Errorf("%s with %v is answered with sound", pattern, wish)
					}
				}
			}
		}
	}
	if want := map[string]bool{"GET " + basePath + "/playback/{grant}": true}; !maps.Equal(sounding, want) {
		t.Errorf("answered with sound: %v, want %v", sounding, want)
	}
	// What is not in the contract is nowhere.
	for _, path := range []string{
		"/recordings", fmt.Sprintf("/recordings/%d", id), fmt.Sprintf("/recordings/%d.wav", id), fmt.Sprintf("/recordings/%d/download", id),
		fmt.Sprintf("/recordings/%d/file", id), path + "/download", path + "/1.wav", "/playback", "/var/spool/asterisk/recording/1.wav", "/../recording/1.wav",
	} {
		problem(t, w.do(request{path: path, cookie: cookie}), http.StatusNotFound, "not_found")
	}
	for _, query := range []string{"download=1", "attachment=true", "filename=a.wav", "format=mp3", "speed=10"} {
		got := w.doURL(request{cookie: cookie}, w.url+path+"?"+query)
		problem(t, got, http.StatusBadRequest, "invalid_request")
	}
	// And the contract promises sound nowhere else.
	for pattern, route := range covered.routes {
		for status, response := range route.Operation.Responses.Map() {
			for kind := range response.Value.Content {
				if !slices.Contains(harmless, kind) && !(kind == "audio/wav" && pattern == "GET "+basePath+"/playback/{grant}") {
					t.Errorf("%s %s is documented to answer with %s", pattern, status, kind)
				}
			}
		}
	}
}
