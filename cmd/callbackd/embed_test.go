package main

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	"callbackd/configs"
)

// embedding are two servers of the page of docs/integration.md that holds a
// player: one whose origin the daemon lists, and one whose origin it does not.
type embedding struct{ listed, stranger *httptest.Server }

// embeds has the office's daemon list one of two embedding pages. It is to be
// called before the daemon starts.
func (o *office) embeds() embedding {
	examples := regexp.MustCompile("(?ms)^```html\n(.*?)^```\n").FindStringSubmatch(readFile(o.t, "../../docs/integration.md"))
	if examples == nil {
		o.t.Fatal("docs/integration.md has no page that holds a player")
	}
	for _, placeholder := range []string{"https://callbackd.example.org", "REQUEST_ID"} {
		if !strings.Contains(examples[1], placeholder) {
			o.t.Fatalf("the page that holds a player does not name %s:\n%s", placeholder, examples[1])
		}
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		page := strings.NewReplacer("https://callbackd.example.org", o.url(), "REQUEST_ID", r.PathValue("call")).Replace(examples[1])
		_, _ = w.Write([]byte(page)) // a reader that is gone
	}
	start := func() *httptest.Server {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /{call}", serve)
		server := httptest.NewUnstartedServer(mux)
		server.Config.ReadHeaderTimeout = time.Minute
		server.Start()
		o.t.Cleanup(server.Close)
		return server
	}
	e := embedding{listed: start(), stranger: start()}
	o.w.cfg.Listen.EmbedOrigins = []configs.Origin{configs.Origin(e.listed.URL)}
	return e
}
