package workspace

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

const indexPage = `<!doctype html><meta name="csp-nonce" content=""><script type="module" src="/assets/index-1a2b.js"></script>`

const embedPage = `<!doctype html><meta name="csp-nonce" content=""><meta name="embed-origins" content="">player`

// builtPage is a page as the build leaves it.
func builtPage(t *testing.T, embedders ...string) *Page {
	t.Helper()
	page, err := open(fstest.MapFS{
		".gitignore":              {Data: []byte("*")},
		".vite/manifest.json":     {Data: []byte("{}")},
		"index.html":              {Data: []byte(indexPage)},
		"embed.html":              {Data: []byte(embedPage)},
		"favicon.svg":             {Data: []byte("<svg/>")},
		"assets/index-1a2b.js":    {Data: []byte("plain")},
		"assets/index-1a2b.js.gz": {Data: []byte("gzipped")},
		"assets/index-1a2b.js.br": {Data: []byte("brotli")},
		"assets/style-3c4d.css":   {Data: []byte("body{}")},
	}, embedders...)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func get(t *testing.T, page *Page, method, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	res := w.Result()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestPage_HasItsScreensAndFiles(t *testing.T) {
	t.Parallel()
	page := builtPage(t)
	for path, want := range map[string]bool{
		"/": true, "/contacts": true, "/callbacks/42": true, "/admin/accounts": true,
		"/favicon.svg": true, "/assets/index-1a2b.js": true,
		"/contactsx": false, "/else": false, "/index.html": false, "/.gitignore": false, "/.vite/manifest.json": false,
		"/assets": false, "/assets/": false, "/assets/none.js": false, "/assets/index-1a2b.js.gz": false,
		"/assets/../index.html": false, "/api": false,
	} {
		if got := page.Has(path); got != want {
			t.Errorf("Has(%q) = %v, want %v", path, got, want)
		}
	}
}

func TestPage_HasANonceForEachAnswer(t *testing.T) {
	t.Parallel()
	page := builtPage(t)
	inPage, inPolicy := regexp.MustCompile(`content="(\w{20,})"`), regexp.MustCompile(`'nonce-(\w{20,})'`)
	seen := map[string]bool{}
	for _, path := range []string{"/", "/contacts", "/callbacks/42"} {
		res, body := get(t, page, http.MethodGet, path)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("GET %s: status %d, type %q", path, res.StatusCode, res.Header.Get("Content-Type"))
		}
		policy := res.Header.Get("Content-Security-Policy")
		nonce, allowed := inPage.FindStringSubmatch(body), inPolicy.FindStringSubmatch(policy)
		if nonce == nil || allowed == nil || nonce[1] != allowed[1] || seen[nonce[1]] {
			t.Fatalf("GET %s: nonce %q, policy %q: want the same in both, and another each time", path, nonce, policy)
		}
		seen[nonce[1]] = true
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("GET %s: policy %q", path, policy)
		}
		if got := res.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("GET %s: Cache-Control %q, want no-store", path, got)
		}
	}
}

func TestPage_CompressedAsAskedFor(t *testing.T) {
	t.Parallel()
	page := builtPage(t)
	for accept, want := range map[string]struct{ encoding, body string }{
		"":                       {"", "plain"},
		"gzip, deflate, br":      {"br", "brotli"},
		"gzip":                   {"gzip", "gzipped"},
		"br;q=0, gzip;q=0.5":     {"gzip", "gzipped"},
		"br; q=0.000, gzip; q=0": {"", "plain"},
		"identity":               {"", "plain"},
	} {
		res, body := get(t, page, http.MethodGet, "/assets/index-1a2b.js", "Accept-Encoding", accept)
		if got := res.Header.Get("Content-Encoding"); got != want.encoding || body != want.body {
			t.Errorf("Accept-Encoding %q: encoding %q, body %q; want %q, %q", accept, got, body, want.encoding, want.body)
		}
		if got := res.Header.Get("Content-Type"); got != "text/javascript; charset=utf-8" {
			t.Errorf("Accept-Encoding %q: type %q", accept, got)
		}
		if got := res.Header.Get("Vary"); got != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Vary %q", accept, got)
		}
		if got := res.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("Accept-Encoding %q: Cache-Control %q", accept, got)
		}
		etag := res.Header.Get("ETag")
		again, rest := get(t, page, http.MethodGet, "/assets/index-1a2b.js", "Accept-Encoding", accept, "If-None-Match", etag)
		if again.StatusCode != http.StatusNotModified || rest != "" {
			t.Errorf("Accept-Encoding %q, If-None-Match %s: status %d", accept, etag, again.StatusCode)
		}
	}
}

func TestPage_ElsewhereIsNotFound(t *testing.T) {
	t.Parallel()
	res, body := get(t, builtPage(t), http.MethodGet, "/else")
	if res.StatusCode != http.StatusNotFound || !strings.Contains(body, "/assets/index-1a2b.js") {
		t.Errorf("status %d, body %q; want 404 with the page, which says what to do", res.StatusCode, body)
	}
}

func TestPage_AnswersHead(t *testing.T) {
	t.Parallel()
	page := builtPage(t)
	for _, path := range []string{"/contacts", "/assets/style-3c4d.css"} {
		head, nothing := get(t, page, http.MethodHead, path)
		full, _ := get(t, page, http.MethodGet, path)
		if head.StatusCode != http.StatusOK || nothing != "" || head.Header.Get("Content-Length") != full.Header.Get("Content-Length") {
			t.Errorf("HEAD %s: status %d, %q, length %s", path, head.StatusCode, nothing, head.Header.Get("Content-Length"))
		}
	}
	if res, _ := get(t, page, http.MethodPost, "/contacts"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d, want 405", res.StatusCode)
	}
}

func TestPage_NotBuilt(t *testing.T) {
	t.Parallel()
	page, err := open(fstest.MapFS{".gitignore": {Data: []byte("*")}})
	if err != nil {
		t.Fatal(err)
	}
	res, body := get(t, page, http.MethodGet, "/contacts")
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "make build") {
		t.Errorf("status %d, body %q; want 503 and what to do", res.StatusCode, body)
	}
}

// Whatever was built or not, what is embedded can be opened.
func TestOpen(t *testing.T) {
	t.Parallel()
	page, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	if !page.Has("/contacts") {
		t.Error("the page does not have /contacts")
	}
	good := fstest.MapFS{"index.html": {Data: []byte(indexPage)}, "embed.html": {Data: []byte(embedPage)}}
	if _, err := open(good); err != nil {
		t.Error(err)
	}
	for name, lacks := range map[string]string{"index.html": nonceMark, "embed.html": originsMark} {
		faulty := maps.Clone(good)
		faulty[name] = &fstest.MapFile{Data: bytes.ReplaceAll(good[name].Data, []byte(lacks), nil)}
		if _, err := open(faulty); err == nil {
			t.Errorf("%s without %s was accepted", name, lacks)
		}
	}
}
