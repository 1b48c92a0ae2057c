package api_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/lab/labtest"
	"callbackd/recording"
)

// byteRate is that of the tests' sounds: 16 bits, 8,000 times a second.
const byteRate = 16_000

// wav is a sound of so many seconds. Each sample is another, so that nobody
// can take one part of it for another.
func wav(seconds int) []byte {
	size := seconds * byteRate
	b := []byte("RIFF")
	b = binary.LittleEndian.AppendUint32(b, uint32(36+size))
	b = append(b, "WAVEfmt "...)
	for _, field := range []uint32{16, 1 | 1<<16, 8000, byteRate, 2 | 16<<16} {
		b = binary.LittleEndian.AppendUint32(b, field)
	}
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	for i := range size / 2 {
		b = binary.LittleEndian.AppendUint16(b, uint16(i*2654435761>>7))
	}
	return b
}

// sounds are the recordings of a test that are ready.
type sounds struct {
	mu   sync.Mutex
	wav  map[recording.ID][]byte
	file string // opened instead, unless it is empty
}

// sound is an open one.
type sound struct {
	*bytes.Reader
	written time.Time
}

func (s sound) Size() int64        { return s.Reader.Size() }
func (s sound) ModTime() time.Time { return s.written }
func (s sound) Close() error       { return nil }

func (s *sounds) Open(_ context.Context, r recording.Recording) (recording.Sound, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != "" {
		return openFile(s.file)
	}
	b, ok := s.wav[r.ID]
	if !ok {
		return nil, recording.ErrNotFound
	}
	return sound{bytes.NewReader(b), start}, nil
}

func (s *sounds) put(id recording.ID, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wav == nil {
		s.wav = map[recording.ID][]byte{}
	}
	s.wav[id] = b
}

// now is the clock that decides about grants.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

// sql does what no part of the program does.
func (w *world) sql(statement string, args ...any) {
	w.t.Helper()
	conn, err := pgx.Connect(context.Background(), w.database)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), statement, args...); err != nil {
		w.t.Fatal(err)
	}
}

// recording makes the recording of a new call of support ready.
func (w *world) recording(n, seconds int) recording.ID {
	w.t.Helper()
	call := centerCall(n, "support")
	call.Recordings = []string{fmt.Sprintf("%s/%d.wav", pbxFolder, n)}
	w.save(call)
	list, err := w.db.Recordings().ListByCall(context.Background(), call.RequestID)
	if err != nil || len(list) != 1 {
		w.t.Fatalf("recordings of the call: %d, %v", len(list), err)
	}
	id, b := list[0].ID, wav(seconds)
	w.sounds.put(id, b)
	w.sql(`UPDATE recordings SET state = 'ready', found_at = now(), ready_at = now(), duration_us = $2, size = $3 WHERE id = $1`,
		id, seconds*1_000_000, len(b))
	w.sql(`INSERT INTO recording_waveforms (recording_id, peaks_per_second, peaks) VALUES ($1, 2, '\x0080ff')`, id)
	return id
}

// played is a ready recording of its own for each request of the walk.
func (w *walk) played() recording.ID {
	w.calls++
	return w.world.recording(w.calls, 1)
}

func recordingPath(id recording.ID, rest string) string {
	return fmt.Sprintf("/recordings/%d%s", id, rest)
}

// begin asks for a grant and returns the path to play from.
func (w *world) begin(cookie string, id recording.ID) string {
	w.t.Helper()
	p := decode[api.Playback](w.t, w.do(request{method: http.MethodPost, path: recordingPath(id, "/playback"), cookie: cookie}), http.StatusCreated)
	w.mu.Lock()
	w.secrets = append(w.secrets, p.Grant)
	w.mu.Unlock()
	if p.URL != basePath+"/playback/"+p.Grant {
		w.t.Errorf("url %s of grant %s", p.URL, p.Grant)
	}
	return strings.TrimPrefix(p.URL, basePath)
}

// asChromium are the headers of an <audio> element.
var asChromium = map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "audio", "Sec-Fetch-Mode": "no-cors", "Accept": "*/*"}

func (w *world) play(cookie, path, ranges string) answer {
	w.t.Helper()
	header := map[string]string{"Range": ranges}
	maps.Copy(header, asChromium)
	if ranges == "" {
		delete(header, "Range")
	}
	return w.do(request{path: path, cookie: cookie, header: header})
}

// listens reads the receipts of a recording.
func (w *world) listens(token string, id recording.ID) []api.Listen {
	w.t.Helper()
	return decode[api.ListenList](w.t, w.do(request{path: recordingPath(id, "/listens"), token: token}), http.StatusOK).Items
}

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

// part is the world for a part of its test.
func (w *world) part(t *testing.T) *world {
	part := w.reportingTo(t)
	part.db, part.accounts, part.tokens = w.db, w.accounts, w.tokens
	part.secrets = nil
	return part
}

// opened is sound that comes.
type opened struct {
	t    testing.TB
	body io.ReadCloser
}

func (w *world) open(cookie, path, ranges string) *opened {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, value := range asChromium {
		r.Header.Set(name, value)
	}
	r.Header.Set("Range", ranges)
	r.AddCookie(&http.Cookie{Name: accounts.PlainCookieName, Value: cookie})
	response, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusPartialContent {
		w.t.Fatalf("status %d", response.StatusCode)
	}
	return &opened{w.t, response.Body}
}

func (o *opened) read(n int64) {
	o.t.Helper()
	if _, err := io.CopyN(io.Discard, o.body, n); err != nil {
		o.t.Fatalf("read sound: %v", err)
	}
}

// ends waits until the sound is cut before its end.
func (o *opened) ends(within time.Duration) {
	o.t.Helper()
	begun := time.Now()
	if _, err := io.Copy(io.Discard, o.body); !errors.Is(err, io.ErrUnexpectedEOF) || time.Since(begun) > within {
		o.t.Errorf("the sound ends with %v after %v", err, time.Since(begun))
	}
}

// A seek opens a new connection; the player may never read the old one again.
func TestPlayback_NewConnectionsTakeOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	cookie := w.login("sato")
	path := w.begin(cookie, w.recording(1, 300))
	first := w.open(cookie, path, "bytes=0-")
	first.read(1)
	for i := range 2 {
		w.open(cookie, path, fmt.Sprintf("bytes=%d-", (i+1)*byteRate)).read(1)
	}
	first.ends(patience)
	labtest.Eventually(t, patience, func() error {
		if got := w.metric("callbackd_playback_listeners"); got != 2 {
			return fmt.Errorf("%v listeners, want 2", got)
		}
		return nil
	})
}

// Nobody gets more than the first seconds and twice real time, by however many
// grants, connections and ranges; and a seek is answered at once all the same.
func TestPlayback_PaceForReal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	cookie, id := w.login("sato"), w.recording(1, 600)
	begun := time.Now()
	path := w.begin(cookie, id)
	// Of three jumps as people make them, the quickest: the others show how
	// busy this machine is.
	quickest := time.Hour
	for i := range 3 {
		at := time.Now()
		seek := w.open(cookie, path, fmt.Sprintf("bytes=%d-", (i+1)*100*byteRate))
		seek.read(byteRate)
		quickest = min(quickest, time.Since(at))
		seek.body.Close()
	}
	if quickest > 300*time.Millisecond {
		t.Errorf("the first second after a seek takes %v", quickest)
	}
	const greed = 3 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), greed)
	defer cancel()
	var mu sync.Mutex
	var fetched int64
	var group sync.WaitGroup
	for i := range 12 {
		if i%3 == 0 {
			path = w.begin(cookie, id)
		}
		path := path
		group.Go(func() {
			for at := i * 50 * byteRate; ctx.Err() == nil; at += byteRate {
				r, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, nil)
				r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", at, at+byteRate-1))
				r.AddCookie(&http.Cookie{Name: accounts.PlainCookieName, Value: cookie})
				response, err := w.client.Do(r)
				if err != nil {
					continue
				}
				n, _ := io.Copy(io.Discard, response.Body)
				response.Body.Close()
				mu.Lock()
				fetched += n
				mu.Unlock()
			}
		})
	}
	group.Wait()
	elapsed := time.Since(begun)
	most := recording.RecordingPace.Burst + recording.RecordingPace.Seeks + 2*elapsed
	if got := time.Duration(fetched) * time.Second / byteRate; got > most || got < 4*time.Second {
		t.Errorf("in %v %v of sound are fetched, want some and at most %v", elapsed, got, most)
	}
	if w.metric("callbackd_playback_delayed_total") == 0 {
		t.Error("no connection had to wait")
	}
}

// metric is the sum of a counter or gauge.
func (w *world) metric(name string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	var sum float64
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}
