package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/lab/labtest"
)

// listeningPage plays a recording as the workspace does: it asks for a grant,
// seeks to the middle, plays, seeks again, and says what was heard. Then it
// tries what would give a file.
const listeningPage = `<!doctype html><meta charset="utf-8"><title>listen</title>
<audio id="a" preload="auto"></audio>
<script type="module">
const audio = document.getElementById("a")
const send = (method, path, body) => fetch("/api/v1" + path, {method, body: JSON.stringify(body), headers: {"Content-Type": "application/json"}})
const until = async (what, holds) => {
  const begun = performance.now()
  while (!holds()) {
    if (audio.error) throw new Error(what + ": " + audio.error.message)
    if (performance.now() - begun > 20000) throw new Error(what + " did not happen, at " + audio.currentTime)
    await new Promise(next => setTimeout(next, 5))
  }
  return performance.now() - begun
}
const result = {}
try {
  await send("POST", "/session", {name: "sato", password: %q})
  const begun = await (await send("POST", "/recordings/%d/playback")).json()
  audio.src = begun.url
  await until("metadata", () => audio.readyState >= HTMLMediaElement.HAVE_METADATA)
  result.duration = audio.duration
  audio.currentTime = 50
  await audio.play()
  result.first = await until("playing from the middle", () => audio.currentTime > 50.05)
  await until("two seconds", () => audio.currentTime > 52)
  audio.currentTime = 80
  result.second = await until("playing after a seek", () => !audio.seeking && audio.currentTime > 80.05)
  await until("another second", () => audio.currentTime > 81)
  audio.pause()
  const heard = Array.from({length: audio.played.length}, (_, i) => ({from_seconds: audio.played.start(i), to_seconds: audio.played.end(i)}))
  result.renewed = (await send("PATCH", begun.url.slice(7), {heard})).status
  result.fetched = (await fetch(begun.url)).status
  const link = document.body.appendChild(Object.assign(document.createElement("a"), {href: begun.url, download: "sound.wav"}))
  link.click()
  const frame = document.body.appendChild(Object.assign(document.createElement("iframe"), {src: begun.url}))
  await new Promise(loaded => { frame.onload = loaded })
} catch (error) {
  result.error = String(error)
}
await fetch("/result", {method: "POST", body: JSON.stringify(result)})
</script>`

// asked is what a browser said of a request for sound, and what it got.
type asked struct {
	destination, ranges string
	status              int
}

// browserWorld serves a page beside the API and notes what is asked of it.
type browserWorld struct {
	url    string
	result chan map[string]any

	mu    sync.Mutex
	asked []asked
}

func newBrowserWorld(t *testing.T, w *world, page string) *browserWorld {
	b := &browserWorld{result: make(chan map[string]any, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page)
	})
	mux.HandleFunc("POST /result", func(_ http.ResponseWriter, r *http.Request) {
		var result map[string]any
		if err := json.NewDecoder(r.Body).Decode(&result); err != nil {
			result = map[string]any{"error": err.Error()}
		}
		b.result <- result
	})
	mux.HandleFunc("/api/", func(rw http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "/playback/") || r.Method != http.MethodGet {
			w.handler.ServeHTTP(rw, r)
			return
		}
		noted := &noting{ResponseWriter: rw}
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.asked = append(b.asked, asked{r.Header.Get("Sec-Fetch-Dest"), r.Header.Get("Range"), noted.status})
		}()
		w.handler.ServeHTTP(noted, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

type noting struct {
	http.ResponseWriter
	status int
}

func (n *noting) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// open has Chromium open the page, until the page tells its result.
func (b *browserWorld) open(t *testing.T) map[string]any {
	t.Helper()
	browser := labtest.Chromium(t, b.url)
	select {
	case result := <-b.result:
		return result
	case <-browser.Ended:
		t.Fatalf("Chromium ended:\n%s", browser.Said())
	case <-time.After(2 * time.Minute):
		t.Fatalf("the page tells no result:\n%s", browser.Said())
	}
	return nil
}

// Chromium plays from the middle on, seeks, and gets no file; the receipt has
// the seconds that were heard.
func TestPlayback_InChromium(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	id := w.recording(1, 120)
	b := newBrowserWorld(t, w, fmt.Sprintf(listeningPage, password, id))
	result := b.open(t)
	t.Logf("the page says %v", result)
	if result["error"] != nil || result["duration"] != 120.0 || result["renewed"] != 200.0 || result["fetched"] != 403.0 {
		t.Fatalf("the page says %v", result)
	}
	// What was sent is on the receipt some seconds later.
	supervisor := w.token(accounts.RoleSupervisor, "support")
	labtest.Eventually(t, patience, func() error {
		receipts := w.listens(supervisor, id)
		if len(receipts) != 1 {
			return fmt.Errorf("receipts %+v", receipts)
		}
		for _, want := range []api.SoundPart{{FromSeconds: 50, ToSeconds: 52}, {FromSeconds: 80, ToSeconds: 81}} {
			if !contains(receipts[0].Sent, want) || !contains(receipts[0].Heard, want) {
				return fmt.Errorf("sent %v, heard %v, want %v in both", receipts[0].Sent, receipts[0].Heard, want)
			}
		}
		if not := (api.SoundPart{FromSeconds: 100, ToSeconds: 101}); contains(receipts[0].Heard, not) {
			return fmt.Errorf("heard %v", receipts[0].Heard)
		}
		return nil
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	destinations := map[string]int{}
	for _, a := range b.asked {
		destinations[a.destination] = a.status
		if playing := a.destination == "audio"; playing != (a.status == http.StatusPartialContent || a.status == http.StatusOK) {
			t.Errorf("a request for %q of %q is answered with %d", a.destination, a.ranges, a.status)
		}
	}
	for _, destination := range []string{"empty", "iframe"} {
		if destinations[destination] == 0 {
			t.Errorf("Chromium did not ask for %q: %+v", destination, b.asked)
		}
	}
}

func contains(parts []api.SoundPart, want api.SoundPart) bool {
	for _, part := range parts {
		if part.FromSeconds <= want.FromSeconds+0.2 && part.ToSeconds >= want.ToSeconds-0.2 {
			return true
		}
	}
	return false
}
