package recording_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"callbackd/recording"
)

func TestParseRange(t *testing.T) {
	t.Parallel()
	part := func(start, end int64) string { return fmt.Sprintf("206 %d-%d", start, end) }
	for header, want := range map[string]string{
		"": "200", "bytes": "200", "bytes=": "200", "bytes=,": "200", "bytes=-": "200", "bytes=a-b": "200", "bytes=5-3": "200",
		"bytes=1": "200", "bytes=1-2-3": "200", "bytes=-1-2": "200", "bytes= 1 - 2": "200", "bytes=+1-2": "200", "bytes=0x1-2": "200",
		"bytes=１-２": "200", "seconds=0-1": "200", "bytes:0-1": "200", "items=0-1,2-3": "200",

		// Safari asks for this first and plays only after an exact answer.
		"bytes=0-1": part(0, 2),

		"bytes=0-": part(0, 100), "bytes=0-99": part(0, 100), "bytes=0-100": part(0, 100), "bytes=99-": part(99, 100), "bytes=7-7": part(7, 8),
		"bytes=-1": part(99, 100), "bytes=-100": part(0, 100), "bytes=-101": part(0, 100), "bytes=0007-0008": part(7, 9),
		"BYTES=1-2": part(1, 3), "bytes=\t1-2 ": part(1, 3), "bytes=,1-2,": part(1, 3),
		"bytes=50-99999999999999999999999999": part(50, 100), "bytes=-99999999999999999999999999": part(0, 100),

		"bytes=100-": "416", "bytes=100-200": "416", "bytes=-0": "416", "bytes=99999999999999999999999999-": "416",

		// Several ranges are answered by the whole, whatever they are.
		"bytes=0-1,2-3": "200", "bytes=0-1, 4-5, -1": "200", "bytes=200-,300-": "200", "bytes=0-0,0-0": "200",
	} {
		span, partial, err := recording.ParseRange(header, 100)
		got := "200"
		switch {
		case errors.Is(err, recording.ErrRangeNotSatisfiable):
			got = "416"
		case err != nil:
			got = err.Error()
		case partial:
			got = part(span.Start, span.End)
		case span != recording.Span{End: 100}:
			got = fmt.Sprintf("200 of %+v", span)
		}
		if got != want {
			t.Errorf("ParseRange(%q, 100): %s, want %s", header, got, want)
		}
	}
}

// What is one range to http.ServeContent is the same to us.
func FuzzParseRange(f *testing.F) {
	for _, header := range []string{"bytes=0-1", "bytes=-5", "bytes=5-", "bytes=9-9", "bytes=10-", "bytes=1-2,3-4", "bytes= 1-2", "bytes=--1", "bytes=-0"} {
		f.Add(header, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		size %= 1 << 16
		if size < 1 {
			return
		}
		span, partial, err := recording.ParseRange(header, size)
		if err == nil && (span.Start < 0 || span.Start >= span.End || span.End > size || !partial && span.Length() != size) {
			t.Fatalf("ParseRange(%q, %d) = %+v, %t", header, size, span, partial)
		}
		if strings.ContainsAny(header, ", \t\r\n+") {
			return // the library takes what it can, spaces within, and a sign that RFC 9110 has not
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		request.Header["Range"] = []string{header}
		recorder := httptest.NewRecorder()
		http.ServeContent(recorder, request, "sound.wav", time.Time{}, io.NewSectionReader(zeros{}, 0, size))
		contentRange := recorder.Header().Get("Content-Range")
		if recorder.Code != http.StatusPartialContent {
			return // it knows neither "BYTES" nor numbers beyond an int64
		}
		if contentRange == fmt.Sprintf("bytes %d-%d/%d", size, size-1, size) {
			if partial { // of the last no bytes, the library makes a part
				t.Errorf("%q of %d: %+v, %v", header, size, span, err)
			}
			return
		}
		if want := fmt.Sprintf("bytes %d-%d/%d", span.Start, span.End-1, size); err != nil || !partial || contentRange != want {
			t.Errorf("%q of %d: ours %+v %t %v, the library's %s", header, size, span, partial, err, contentRange)
		}
	})
}

// zeros reads as silence without end.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}
