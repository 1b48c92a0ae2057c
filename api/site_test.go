package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callbackd/api"
)

func TestSite_ShowsDemoAccountsOnlyInADemo(t *testing.T) {
	t.Parallel()
	visitors := []api.DemoAccount{{Name: "sato", DisplayName: "佐藤", Role: api.RoleAgent, Password: "invented"}}
	for name, shown := range map[string][]api.DemoAccount{"elsewhere": nil, "demo": visitors} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *api.Options) { o.Version, o.DemoAccounts = "v1.4.0", shown })
			got := decode[api.Site](t, w.do(request{path: "/site"}), http.StatusOK)
			want := api.Site{Version: "v1.4.0", Timezone: "JST", DemoAccounts: shown} // nil is null
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("GET /site (-want +got):\n%s", diff)
			}
		})
	}
}

// room is a page with one screen.
type room struct{}

func (room) Has(path string) bool { return path == "/contacts" || path == "/api/v1/me" }

func (room) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'self'")
	if r.URL.Path != "/contacts" {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write([]byte("the page"))
}

func TestPage_BesideTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Page = room{} })
	site := strings.TrimSuffix(w.url, basePath)
	for name, tt := range map[string]struct {
		method, path, mode string
		status             int
		page               bool
	}{
		"a screen":                        {http.MethodGet, "/contacts", "", http.StatusOK, true},
		"a screen's header":               {http.MethodHead, "/contacts", "", http.StatusOK, true},
		"a person where nothing is":       {http.MethodGet, "/else", "navigate", http.StatusNotFound, true},
		"a program where nothing is":      {http.MethodGet, "/else", "", http.StatusNotFound, false},
		"a person at an unknown API path": {http.MethodGet, "/api/v1/else", "navigate", http.StatusNotFound, false},
		"the API goes first":              {http.MethodGet, "/api/v1/me", "", http.StatusUnauthorized, false},
		"no method but reading":           {http.MethodPost, "/contacts", "", http.StatusNotFound, false},
		"a path that is not clean":        {http.MethodGet, "/contacts/../contacts", "navigate", http.StatusNotFound, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), tt.method, site+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Sec-Fetch-Mode", tt.mode)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			page := res.Header.Get("Content-Security-Policy") == "default-src 'self'"
			if res.StatusCode != tt.status || page != tt.page {
				t.Errorf("status %d, page %v; want %d, %v", res.StatusCode, page, tt.status, tt.page)
			}
		})
	}
}
