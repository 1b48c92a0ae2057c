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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/api"
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
