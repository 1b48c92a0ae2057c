package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/lab/labtest"
	"callbackd/recording"
)

// listeningPage logs in, plays a recording from its second second on, and says
// where that ended.
const listeningPage = `<!doctype html><meta charset="utf-8"><title>listen</title><audio id="a"></audio>
<script type="module">
const audio = document.getElementById("a")
const post = (path, body) => fetch("/api/v1" + path, {method: "POST", body: JSON.stringify(body), headers: {"Content-Type": "application/json"}})
const until = async holds => {
  for (const begun = performance.now(); !holds(); await new Promise(next => setTimeout(next, 10))) {
    if (audio.error || performance.now() - begun > 15000) throw new Error("at " + audio.currentTime + ": " + audio.error?.message)
  }
}
let result
try {
  await post("/session", {name: "sato", password: "correct horse battery"})
  audio.src = (await (await post("/recordings/%d/playback")).json()).url
  await until(() => audio.readyState >= HTMLMediaElement.HAVE_METADATA)
  audio.currentTime = 1
  await audio.play()
  await until(() => audio.currentTime > 2 || audio.ended)
  audio.pause()
  result = {duration: audio.duration, reached: audio.currentTime}
} catch (error) {
  result = {error: String(error)}
}
await fetch("/result", {method: "POST", body: JSON.stringify(result)})
</script>`

// What phones said on a real PBX plays in a real browser, from the middle on,
// and the receipt has it.
func recordedAndPlayed(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	spoken(t, agents, 3*time.Second)
	ends(t, call, agents)
	r := w.recordings(t, w.ended(t, 1)[0]["request_id"].(string), 1)[0]
	service := accounts.NewService(accounts.Options{Store: w.daemon.db.Accounts(), HasCallCenter: w.daemon.hasCallCenter})
	if _, err := service.Create(t.Context(), accounts.Operator(), accounts.NewAccount{
		Name: "sato", Role: accounts.RoleAgent, CallCenters: []string{"support"}, Password: "correct horse battery",
	}); err != nil {
		t.Fatal(err)
	}

	result := make(chan map[string]any, 1)
	target, err := url.Parse(strings.TrimSuffix(w.api, "/api/v1"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(target)
		p.Out.Host = p.In.Host
	}})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, listeningPage, r.ID)
	})
	mux.HandleFunc("POST /result", func(_ http.ResponseWriter, r *http.Request) {
		var said map[string]any
		_ = json.NewDecoder(r.Body).Decode(&said)
		result <- said
	})
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	browser := labtest.Chromium(t, site.URL)
	select {
	case said := <-result:
		duration, _ := said["duration"].(float64)
		if reached, _ := said["reached"].(float64); reached < 1.9 || time.Duration(duration*float64(time.Second)).Round(time.Millisecond) != r.Duration.Round(time.Millisecond) {
			t.Fatalf("of a recording of %v the page says %v", r.Duration, said)
		}
	case <-browser.Ended:
		t.Fatalf("Chromium ended:\n%s", browser.Said())
	case <-time.After(3 * patience):
		t.Fatalf("the page tells nothing:\n%s", browser.Said())
	}
	labtest.Eventually(t, patience, func() error {
		status, body, err := request(t.Context(), http.MethodGet, fmt.Sprintf("%s/recordings/%d/listens", w.api, r.ID), w.token, nil)
		if err != nil {
			return err
		}
		var list api.ListenList
		if err := json.Unmarshal(body, &list); err != nil || status != http.StatusOK || len(list.Items) != 1 {
			return fmt.Errorf("status %d: %s", status, body)
		}
		for _, part := range list.Items[0].Sent {
			if list.Items[0].Account == "sato" && part.FromSeconds <= 1 && part.ToSeconds >= 2 {
				return nil
			}
		}
		return fmt.Errorf("the receipt is %s", body)
	})
}

// Everything that the daemon serves beside the API, and what people would try,
// is no sound, nothing to save, and no way to either.
func nothingElseSounds(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	spoken(t, agents, time.Second)
	ends(t, call, agents)
	r := w.recordings(t, w.ended(t, 1)[0]["request_id"].(string), 1)[0]
	if r.State != recording.StateReady {
		t.Fatalf("recording %+v", r)
	}
	name := filepath.Base(r.Name)
	paths := []string{
		"/", "/index.html", "/recordings", "/recordings/" + name, "/recording/" + name, "/monitor/" + name, "/static/" + name, "/assets/" + name,
		"/" + name, r.Name, "/.." + r.Name, "/%2e%2e/" + name, fmt.Sprintf("/recordings/%d", r.ID), fmt.Sprintf("/recordings/%d.wav", r.ID),
		fmt.Sprintf("/api/v1/recordings/%d.wav", r.ID), fmt.Sprintf("/api/v1/recordings/%d/download", r.ID), "/api/v1/recordings/" + name,
		"/api/openapi.yaml", "/api/v1/openapi.yaml", "/api/v1/docs",
	}
	const page = "../../workspace"
	var screens []string
	text, err := os.ReadFile(filepath.Join(page, "src", "app", "routes.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &screens); err != nil {
		t.Fatal(err)
	}
	paths = append(paths, screens...)
	// Also of a page that was not built: then there are no files.
	if err := fs.WalkDir(os.DirFS(filepath.Join(page, "dist")), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			paths = append(paths, "/"+name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	site := strings.TrimSuffix(w.api, "/api/v1")
	for _, path := range paths {
		wantNoSound(t, site+path, w.token)
	}
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/" + name, r.Name} {
		wantNoSound(t, w.ops+path, "")
	}
}

func wantNoSound(t *testing.T, url, token string) {
	t.Helper()
	for _, header := range []http.Header{{}, {"Accept": {"audio/wav"}, "Range": {"bytes=0-"}}, {"Accept": {"text/html"}}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := http.DefaultTransport.RoundTrip(r) // follows nothing
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		kind := response.Header.Get("Content-Type")
		switch {
		case strings.HasPrefix(kind, "audio/"), strings.HasPrefix(kind, "video/"), strings.HasPrefix(kind, "application/octet-stream"),
			bytes.Contains(body[:min(len(body), 64)], []byte("RIFF")):
			t.Errorf("GET %s is sound: %s", url, kind)
		case response.Header.Get("Content-Disposition") != "":
			t.Errorf("GET %s is to be saved: %s", url, response.Header.Get("Content-Disposition"))
		case response.StatusCode >= 300 && response.StatusCode < 400:
			t.Errorf("GET %s leads to %s", url, response.Header.Get("Location"))
		}
	}
}
