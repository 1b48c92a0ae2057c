package api_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/recording"
)

func TestPlayback_FromTheListToTheReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	sato := w.account("sato", accounts.RoleAgent, "", "support")
	supervisor := w.token(accounts.RoleSupervisor, "support")
	cookie, id := w.login("sato"), w.recording(1, 8)

	call := centerCall(1, "support")
	list := decode[api.RecordingList](t, w.do(request{path: "/calls/" + string(call.RequestID) + "/recordings", cookie: cookie}), http.StatusOK)
	if len(list.Items) != 1 || list.Items[0].ID != int64(id) || list.Items[0].State != api.RecordingStateReady || *list.Items[0].DurationSeconds != 8 {
		t.Fatalf("recordings %+v", list.Items)
	}
	waveform := decode[api.Waveform](t, w.do(request{path: recordingPath(id, "/waveform"), cookie: cookie}), http.StatusOK)
	if waveform.DurationSeconds != 8 || waveform.PeaksPerSecond != 2 || len(waveform.Peaks) != 3 || waveform.Peaks[2] != 1 {
		t.Errorf("waveform %+v", waveform)
	}

	path, b := w.begin(cookie, id), wav(8)
	if got := w.play(cookie, path, "bytes=0-1"); got.status != http.StatusPartialContent || string(got.body) != "RI" {
		t.Errorf("the first two bytes: status %d, %q", got.status, got.body)
	}
	middle := w.play(cookie, path, fmt.Sprintf("bytes=%d-%d", 44+4*byteRate, 44+6*byteRate-1))
	if middle.status != http.StatusPartialContent || !bytes.Equal(middle.body, b[44+4*byteRate:44+6*byteRate]) {
		t.Errorf("the middle: status %d, %d bytes", middle.status, len(middle.body))
	}
	heard := map[string]any{"heard": []any{map[string]any{"from_seconds": 4.05, "to_seconds": 5.5}, map[string]any{"from_seconds": 5.5, "to_seconds": 99}}}
	renewed := decode[api.RenewedPlayback](t, w.do(request{method: http.MethodPatch, path: path, cookie: cookie, json: heard}), http.StatusOK)
	if in := time.Until(renewed.ExpiresAt); in < 4*time.Minute || in > 6*time.Minute {
		t.Errorf("renewed for %v", in)
	}

	receipts := w.listens(supervisor, id)
	if len(receipts) != 1 {
		t.Fatalf("receipts %+v", receipts)
	}
	got := receipts[0]
	if got.Account != "sato" || got.DisplayName != "表示名 sato" || *got.Address != "127.0.0.1" || time.Since(got.BeganAt) > time.Minute || got.LastAt.Before(got.BeganAt) {
		t.Errorf("receipt %+v of account %d", got, sato.ID)
	}
	// The header counts as sound, and parts are widened to tenths.
	wantSent := []api.SoundPart{{FromSeconds: 0, ToSeconds: 0.1}, {FromSeconds: 4, ToSeconds: 6.1}}
	if diff := cmp.Diff(wantSent, got.Sent); diff != "" || got.SentSeconds != 2.2 {
		t.Errorf("sent %v (-want +got):\n%s", got.SentSeconds, diff)
	}
	if diff := cmp.Diff([]api.SoundPart{{FromSeconds: 4, ToSeconds: 8}}, got.Heard); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}

func TestPlayback_Ranges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	cookie, id := w.login("sato"), w.recording(1, 1)
	path, b := w.begin(cookie, id), wav(1)
	size := len(b)
	etag := w.do(request{method: http.MethodHead, path: path, cookie: cookie}).header.Get("ETag")
	if len(etag) < 10 || !strings.HasPrefix(etag, `"`) {
		t.Errorf("ETag %s is not strong", etag)
	}
	for _, tt := range []struct {
		ranges, ifRange string
		from, to        int // to is -1 for 416
		partial         bool
	}{
		{"", "", 0, size, false},
		{"bytes=0-1", "", 0, 2, true},
		{"bytes=0-", "", 0, size, true},
		{"bytes=16000-", "", 16000, size, true},
		{"bytes=-100", "", size - 100, size, true},
		{"bytes=100-99999999999", "", 100, size, true},
		{"bytes=0-0,5-6", "", 0, size, false},
		{"lines=1-2", "", 0, size, false},
		{"bytes=2-1", "", 0, size, false},
		{"bytes=4-7", etag, 4, 8, true},
		{"bytes=4-7", `"another"`, 0, size, false},
		{"bytes=4-7", "W/" + etag, 0, size, false},
		{"bytes=4-7", "Fri, 20 Nov 2026 01:06:19 GMT", 0, size, false},
		{"bytes=" + strconv.Itoa(size) + "-", "", 0, -1, false},
		{"bytes=-0", "", 0, -1, false},
	} {
		header := map[string]string{"If-Range": tt.ifRange, "Range": tt.ranges}
		if tt.ifRange == "" {
			delete(header, "If-Range")
		}
		got := w.do(request{path: path, cookie: cookie, header: header})
		what := fmt.Sprintf("Range %q, If-Range %q", tt.ranges, tt.ifRange)
		if tt.to < 0 {
			problem(t, got, http.StatusRequestedRangeNotSatisfiable, "range_not_satisfiable")
			if want := fmt.Sprintf("bytes */%d", size); got.header.Get("Content-Range") != want {
				t.Errorf("%s: Content-Range %q, want %q", what, got.header.Get("Content-Range"), want)
			}
			continue
		}
		status, contentRange := http.StatusOK, ""
		if tt.partial {
			status, contentRange = http.StatusPartialContent, fmt.Sprintf("bytes %d-%d/%d", tt.from, tt.to-1, size)
		}
		if got.status != status || got.header.Get("Content-Range") != contentRange || got.header.Get("Content-Length") != strconv.Itoa(tt.to-tt.from) {
			t.Errorf("%s: status %d, header %v", what, got.status, got.header)
		}
		if !bytes.Equal(got.body, b[tt.from:tt.to]) {
			t.Errorf("%s: %d bytes of another part", what, len(got.body))
		}
	}
	head := w.do(request{method: http.MethodHead, path: path, cookie: cookie, header: map[string]string{"Range": "bytes=0-1"}})
	if head.status != http.StatusOK || head.header.Get("Content-Length") != strconv.Itoa(size) || len(head.body) > 0 {
		t.Errorf("HEAD: status %d, header %v", head.status, head.header)
	}
}

func TestPlayback_Headers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	cookie := w.login("sato")
	path := w.begin(cookie, w.recording(1, 1))
	for _, ranges := range []string{"", "bytes=0-9"} {
		got := w.play(cookie, path, ranges)
		for name, want := range map[string]string{
			"Content-Type": "audio/wav", "Content-Disposition": "inline", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			"Cross-Origin-Resource-Policy": "same-origin", "Accept-Ranges": "bytes", "Last-Modified": "", "Referrer-Policy": "no-referrer",
			"Access-Control-Allow-Origin": "", "Content-Language": "", "Expires": "",
		} {
			if got.header.Get(name) != want {
				t.Errorf("Range %q: %s is %q, want %q", ranges, name, got.header.Get(name), want)
			}
		}
	}
}

// What a browser does not ask for in order to play is refused, with a valid
// grant and session.
func TestPlayback_MediaElementsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	cookie := w.login("sato")
	path := w.begin(cookie, w.recording(1, 1))
	ask := func(change map[string]string) answer {
		header := map[string]string{"Range": "bytes=0-1"}
		maps.Copy(header, change)
		return w.do(request{path: path, cookie: cookie, header: header})
	}
	for name, header := range map[string]map[string]string{
		"a document":                      {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"},
		"an address typed in":             {"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-User": "?1"},
		"saved by a link":                 {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "navigate"},
		"a frame":                         {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"},
		"an object":                       {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "object", "Sec-Fetch-Mode": "no-cors"},
		"a script":                        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"},
		"another site's player":           {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "audio", "Sec-Fetch-Mode": "no-cors"},
		"a sister site's player":          {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "audio", "Sec-Fetch-Mode": "no-cors"},
		"fetched ahead":                   {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "audio", "Sec-Purpose": "prefetch"},
		"a document of an old browser":    {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"},
		"a document without encryption":   {"Upgrade-Insecure-Requests": "1"},
		"an image that is none":           {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"},
		"a worker that stores everything": {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "serviceworker"},
	} {
		got := ask(header)
		if p := problem(t, got, http.StatusForbidden, "media_only"); p.Detail == "" {
			t.Errorf("%s: no detail", name)
		}
	}
	for name, header := range map[string]map[string]string{
		"Chromium":               asChromium,
		"Firefox":                {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "audio", "Sec-Fetch-Mode": "no-cors", "Accept": "audio/webm,audio/ogg,audio/wav,audio/*;q=0.9,application/ogg;q=0.7,video/*;q=0.6,*/*;q=0.5"},
		"an old Safari":          {"Accept": "*/*", "X-Playback-Session-Id": "1C3A"},
		"a video element":        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "video", "Sec-Fetch-Mode": "cors"},
		"nothing said of itself": {},
	} {
		if got := ask(header); got.status != http.StatusPartialContent {
			t.Errorf("%s: status %d: %s", name, got.status, got.body)
		}
	}
}

// A URL is worth nothing without the session that asked for it.
func TestPlayback_ForItsSessionOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	w.account("suzuki", accounts.RoleAgent, "", "support")
	w.account("tanaka", accounts.RoleAgent, "PJSIP/2001", "sales")
	id := w.recording(1, 1)
	cookie := w.login("sato")
	path := w.begin(cookie, id)
	progress := map[string]any{"heard": []any{}}
	for _, r := range []request{{path: path}, {method: http.MethodHead, path: path}, {method: http.MethodPatch, path: path, json: progress}} {
		ask := func(as request) answer {
			as.method, as.path, as.json = r.method, r.path, r.json
			return w.do(as)
		}
		for name, as := range map[string]request{"another's": {cookie: w.login("suzuki")}, "sato's at another machine": {cookie: w.login("sato")}} {
			if got := ask(as); got.status != http.StatusNotFound {
				t.Errorf("%s %s in session %s: status %d: %s", r.method, path, name, got.status, got.body)
			} else if r.method != http.MethodHead {
				problem(t, got, http.StatusNotFound, "playback_not_found")
			}
		}
		if got := ask(request{}); got.status != http.StatusUnauthorized {
			t.Errorf("%s without a session: status %d", r.method, got.status)
		}
		for _, as := range []request{
			{token: w.token(accounts.RoleAdmin)},
			{token: w.actor(accounts.RoleAdmin), acting: "sato"},
			{token: w.actor(accounts.RoleAdmin), acting: "sato", cookie: cookie}, // the token counts
		} {
			if got := ask(as); got.status != http.StatusForbidden {
				t.Errorf("%s by a token: status %d", r.method, got.status)
			} else if r.method != http.MethodHead {
				problem(t, got, http.StatusForbidden, "session_required")
			}
		}
	}
	problem(t, w.do(request{path: "/playback/" + strings.Repeat("A", 43), cookie: cookie}), http.StatusNotFound, "playback_not_found")
	// Who belongs to another call center does not even see the recording, also
	// of a call that their own phone answered and that they see therefore.
	stranger, call := w.login("tanaka"), centerCall(1, "support")
	problem(t, w.do(request{path: "/calls/" + string(call.RequestID) + "/recordings", cookie: stranger}), http.StatusForbidden, "forbidden")
	for _, r := range []request{{method: http.MethodPost, path: recordingPath(id, "/playback")}, {path: recordingPath(id, "/waveform")}, {path: recordingPath(id, "/listens")}} {
		r.cookie = stranger
		problem(t, w.do(r), http.StatusNotFound, "recording_not_found")
	}
	if got := w.play(cookie, path, "bytes=0-1"); got.status != http.StatusPartialContent {
		t.Errorf("its own session: status %d", got.status)
	}
}

// Whatever makes a person somebody else than before voids their grants.
func TestPlayback_GrantsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	admin := w.token(accounts.RoleAdmin)
	id := w.recording(1, 60)
	progress := map[string]any{"heard": []any{}}
	for name, tt := range map[string]struct {
		end    func(account accounts.Account, cookie string) request
		status int
		code   string
	}{
		"logout": {func(_ accounts.Account, cookie string) request {
			return request{method: http.MethodDelete, path: "/session", cookie: cookie}
		}, http.StatusUnauthorized, "unauthorized"},
		"logout everywhere": {func(_ accounts.Account, cookie string) request {
			return request{method: http.MethodDelete, path: "/me/sessions", cookie: cookie}
		}, http.StatusUnauthorized, "unauthorized"},
		"password": {func(a accounts.Account, _ string) request {
			return request{method: http.MethodPut, path: fmt.Sprintf("/accounts/%d/password", a.ID), token: admin, json: map[string]any{"password": password}}
		}, http.StatusUnauthorized, "unauthorized"},
		"disabling": {func(a accounts.Account, _ string) request {
			return request{method: http.MethodPatch, path: fmt.Sprintf("/accounts/%d", a.ID), token: admin, json: map[string]any{"version": 1, "enabled": false}}
		}, http.StatusUnauthorized, "unauthorized"},
		"role": {func(a accounts.Account, _ string) request {
			return request{method: http.MethodPatch, path: fmt.Sprintf("/accounts/%d", a.ID), token: admin, json: map[string]any{"version": 1, "role": "supervisor"}}
		}, http.StatusGone, "playback_expired"},
		"membership": {func(a accounts.Account, _ string) request {
			return request{method: http.MethodPatch, path: fmt.Sprintf("/accounts/%d", a.ID), token: admin, json: map[string]any{"version": 1, "call_centers": []string{"sales"}}}
		}, http.StatusGone, "playback_expired"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.part(t)
			account := w.account(strings.ReplaceAll(name, " ", "-"), accounts.RoleAgent, "", "support")
			cookie := w.login(account.Name)
			path := w.begin(cookie, id)
			// One that plays just now ends at once, too.
			playing := w.open(cookie, path, "bytes=16000-")
			playing.read(1000)
			if got := w.do(tt.end(account, cookie)); got.status >= 300 {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			playing.ends(2 * time.Second)
			problem(t, w.play(cookie, path, "bytes=0-1"), tt.status, tt.code)
			problem(t, w.do(request{method: http.MethodPatch, path: path, cookie: cookie, json: progress}), tt.status, tt.code)
			if name == "disabling" {
				return
			}
			again := w.login(account.Name)
			got := w.play(again, path, "bytes=0-1")
			if got.status != http.StatusNotFound && got.status != http.StatusGone {
				t.Errorf("after another login: status %d", got.status)
			}
		})
	}
}

func TestPlayback_GrantsExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	cookie, id := w.login("sato"), w.recording(1, 1)
	path := w.begin(cookie, id)
	renew := request{method: http.MethodPatch, path: path, cookie: cookie, json: map[string]any{"heard": []any{}}}
	for range 4 {
		w.pass(4 * time.Minute)
		decode[api.RenewedPlayback](t, w.do(renew), http.StatusOK)
	}
	if got := w.play(cookie, path, "bytes=0-1"); got.status != http.StatusPartialContent {
		t.Errorf("after 16 minutes of listening: status %d", got.status)
	}
	w.pass(recording.DefaultGrantLifetime)
	problem(t, w.play(cookie, path, "bytes=0-1"), http.StatusGone, "playback_expired")
	problem(t, w.do(renew), http.StatusGone, "playback_expired")
	w.pass(2 * time.Hour) // and then it is forgotten
	w.begin(cookie, id)
	problem(t, w.play(cookie, path, "bytes=0-1"), http.StatusNotFound, "playback_not_found")

	// Only an account's newest grants are good.
	first := w.begin(cookie, id)
	for range 8 {
		path = w.begin(cookie, id)
	}
	problem(t, w.play(cookie, first, "bytes=0-1"), http.StatusNotFound, "playback_not_found")
	if got := w.play(cookie, path, "bytes=0-1"); got.status != http.StatusPartialContent {
		t.Errorf("the newest: status %d", got.status)
	}
}

func TestPlayback_NotReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	cookie, id := w.login("sato"), w.recording(1, 1)
	path := w.begin(cookie, id)
	for _, tt := range []struct{ set, state, cause, ja string }{
		{"state = 'expected'", "expected", "", "録音ファイルはまだありません"},
		{"state = 'growing'", "growing", "", "録音中です"},
		{"state = 'missing', cause = 'absent'", "missing", "absent", "録音ファイルが見つかりません"},
		{"cause = 'header_only'", "missing", "header_only", "録音ファイルに音声がありません"},
		{"cause = 'truncated'", "missing", "truncated", "録音ファイルが途中で切れています"},
		{"cause = 'not_audio'", "missing", "not_audio", "録音ファイルの形式に対応していません"},
		{"cause = 'unreadable'", "missing", "unreadable", "録音ファイルを読み込めません"},
		{"state = 'expired', cause = NULL, expired_at = now()", "expired", "", "保存期間が過ぎました"},
	} {
		w.sql("UPDATE recordings SET " + tt.set)
		for _, r := range []request{
			{path: recordingPath(id, "/waveform")},
			{method: http.MethodPost, path: recordingPath(id, "/playback")},
			{path: path},
			{method: http.MethodPatch, path: path, json: map[string]any{"heard": []any{}}},
		} {
			r.cookie = cookie
			p := problem(t, w.do(r), http.StatusConflict, "recording_not_ready")
			if p.State == nil || string(*p.State) != tt.state || tt.cause != "" && (p.Cause == nil || string(*p.Cause) != tt.cause) || !strings.Contains(p.Detail, tt.ja) {
				t.Errorf("%s %s when %s: %+v", r.method, r.path, tt.set, p)
			}
		}
	}
	w.sql("UPDATE recordings SET state = 'ready', expired_at = NULL")
	w.sounds.put(id, nil)
	w.sounds.wav = nil // the file is gone, and nobody noticed yet
	problem(t, w.play(cookie, path, ""), http.StatusConflict, "recording_not_ready")
}

func TestListens_Pages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	id := w.recording(1, 1)
	supervisor := w.token(accounts.RoleSupervisor, "support")
	var want []string
	for _, name := range []string{"sato", "suzuki", "tanaka"} {
		w.account(name, accounts.RoleAgent, "", "support")
		cookie := w.login(name)
		w.play(cookie, w.begin(cookie, id), "bytes=0-1")
		w.begin(cookie, id) // of which nothing is played: no receipt
		want = slices.Insert(want, 0, name)
	}
	problem(t, w.do(request{path: recordingPath(id, "/listens"), cookie: w.login("sato")}), http.StatusForbidden, "forbidden")
	var got []string
	for cursor := ""; ; {
		query := url.Values{"page_size": {"2"}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		page := decode[api.ListenList](t, w.do(request{path: recordingPath(id, "/listens"), token: supervisor, query: query}), http.StatusOK)
		for _, l := range page.Items {
			got = append(got, l.Account)
		}
		if page.NextCursor == nil {
			break
		}
		cursor = *page.NextCursor
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who listened, newest first (-want +got):\n%s", diff)
	}
	w.wantField("a cursor of another list", w.do(request{path: recordingPath(id, "/listens"), token: supervisor, query: url.Values{"cursor": {"eyJ0IjoxLCJpIjoieCJ9"}}}), "cursor", "query")
}
