package workspace

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// built holds what `make workspace` made, or only a .gitignore.
//
//go:embed all:dist
var built embed.FS

// routes are the addresses at which the page has screens.
//
//go:embed src/app/routes.json
var routes []byte

//go:embed placeholder.html
var placeholder []byte

// assets is the folder whose files are named after their content.
const assets = "assets/"

// Page is the page with its files. It is safe for concurrent use.
type Page struct {
	files fs.FS
	// index is the page itself, cut where the nonce of an answer belongs; one
	// part when there is none.
	index    [][]byte
	embedder embedder
	// ready is false when the page was not built.
	ready   bool
	screens []string
}

// Open reads the embedded page, whose player pages of some other origins may
// show in a frame, such as https://crm.example.org. It fails only when what was
// built is broken.
func Open(embedders ...string) (*Page, error) {
	files, err := fs.Sub(built, "dist")
	if err != nil {
		return nil, fmt.Errorf("open the workspace page: %w", err)
	}
	return open(files, embedders...)
}

// nonceMark is where a page has the nonce of the content security policy.
const nonceMark = `name="csp-nonce" content="`

func open(files fs.FS, embedders ...string) (*Page, error) {
	p := &Page{files: files}
	if err := json.Unmarshal(routes, &p.screens); err != nil {
		return nil, fmt.Errorf("read the addresses of the workspace page: %w", err)
	}
	index, err := fs.ReadFile(files, "index.html")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.index = [][]byte{placeholder}
		return p, nil
	case err != nil:
		return nil, fmt.Errorf("read the workspace page: %w", err)
	}
	p.ready = true
	if p.index, err = cutAtNonce("index.html", index); err != nil {
		return nil, err
	}
	if p.embedder, err = openEmbedder(files, embedders); err != nil {
		return nil, err
	}
	return p, nil
}

// cutAtNonce cuts a page where the nonce of an answer belongs.
func cutAtNonce(name string, page []byte) ([][]byte, error) {
	before, after, found := bytes.Cut(page, []byte(nonceMark))
	if !found {
		return nil, fmt.Errorf("%s of the workspace page has no %s", name, nonceMark)
	}
	return [][]byte{append(slices.Clone(before), nonceMark...), after}, nil
}

// Built reports whether the program has the page, not only the one that says
// how to build it.
func (p *Page) Built() bool { return p.ready }

// Has reports whether a path is one of the page's: a screen, a player that may
// be embedded, or a file.
func (p *Page) Has(name string) bool {
	if name == "/" || p.embedder.shows(name) {
		return true
	}
	for _, screen := range p.screens {
		if name == screen || strings.HasPrefix(name, screen+"/") {
			return true
		}
	}
	return p.file(name) != ""
}

// file returns which of the page's files a path names, "" for none. What the
// build leaves behind for others, and compressed copies, have no address.
func (p *Page) file(name string) string {
	name = strings.TrimPrefix(name, "/")
	known := name == "favicon.svg" || strings.HasPrefix(name, assets) && !strings.HasSuffix(name, ".gz") && !strings.HasSuffix(name, ".br")
	if !known || !fs.ValidPath(name) {
		return ""
	}
	if info, err := fs.Stat(p.files, name); err != nil || info.IsDir() {
		return ""
	}
	return name
}

// ServeHTTP answers for a path that the page has. For a person at another one
// it answers with the page and status 404, and the page says the rest.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if file := p.file(r.URL.Path); file != "" {
		p.serveFile(w, r, file)
		return
	}
	p.serveIndex(w, r)
}

// policy is the content security policy of the page. Mantine puts elements of
// style into the page at run time, which bear the nonce.
func policy(nonce string) string {
	return "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; img-src 'self'; media-src 'self'; " +
		"style-src 'self' 'nonce-" + nonce + "'; manifest-src 'self'; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// serveIndex answers with the page itself, which is the same for all screens
// but for the nonce, or with the player by itself.
func (p *Page) serveIndex(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	parts, policy := p.index, policy(nonce)
	if p.embedder.shows(r.URL.Path) {
		parts, policy = p.embedder.player, p.embedder.policy(nonce)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=()")
	page := bytes.Join(parts, []byte(nonce))
	h.Set("Content-Length", strconv.Itoa(len(page)))
	switch {
	case !p.ready:
		w.WriteHeader(http.StatusServiceUnavailable)
	case !p.Has(r.URL.Path):
		w.WriteHeader(http.StatusNotFound)
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(page) // a reader that is gone
	}
}

// encodings are those in which files were compressed, the smaller first.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// serveFile answers with a file, compressed when the reader takes that.
func (p *Page) serveFile(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	h.Set("Content-Type", typeOf(name))
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, assets) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("ETag", `"`+path.Base(name)+`"`)
		// A worker's script has a policy of its own.
		if path.Ext(name) == ".js" {
			h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'")
		}
	}
	stored := name
	for _, encoding := range encodings {
		if _, err := fs.Stat(p.files, name+encoding.suffix); err != nil {
			continue
		}
		h.Set("Vary", "Accept-Encoding")
		if stored == name && accepts(r, encoding.name) {
			stored = name + encoding.suffix
			h.Set("Content-Encoding", encoding.name)
			h.Set("ETag", `"`+path.Base(stored)+`"`)
		}
	}
	content, err := fs.ReadFile(p.files, stored)
	if err != nil {
		panic(fmt.Sprintf("workspace: embedded file %s: %v", stored, err)) // it was there a moment ago
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// accepts reports whether a request takes an encoding. Browsers name those
// that they take, so the preferences that the header can express (q=0) are
// only heeded as far as to refuse.
func accepts(r *http.Request, encoding string) bool {
	for item := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, parameters, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			return strings.Trim(strings.ReplaceAll(parameters, " ", ""), "0.") != "q="
		}
	}
	return false
}

// typeOf returns the media type of a file. The tables of the machine are not
// asked: they differ, and a wrong type keeps a script from running.
func typeOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}
