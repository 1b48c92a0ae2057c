package workspace

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The player alone may be in frames, and those of the listed origins alone.
func TestPage_EmbeddedByTheListed(t *testing.T) {
	t.Parallel()
	page := builtPage(t, "https://crm.example.org", "http://localhost:3000")
	ancestors := regexp.MustCompile(`(?:^|; )frame-ancestors ([^;]*)$`)
	inPage, inPolicy := regexp.MustCompile(`csp-nonce" content="(\w{20,})"`), regexp.MustCompile(`'nonce-(\w{20,})'`)
	const player = "/embed/calls/r6q4v0k9s3m1/player"
	for path, want := range map[string]string{
		player: "https://crm.example.org http://localhost:3000",
		"/":    "'none'", "/contacts": "'none'", "/callbacks/42": "'none'", "/favicon.svg": "'none'", "/assets/style-3c4d.css": "'none'", "/assets/index-1a2b.js": "'none'",
		"/else": "'none'", "/embed": "'none'", "/embed/calls/r6q4v0k9s3m1": "'none'", "/embed/calls//player": "'none'",
		"/embed/calls/a/b/player": "'none'", "/embed/callbacks/1/player": "'none'", player + "/more": "'none'",
	} {
		res, body := get(t, page, http.MethodGet, path)
		policy := res.Header.Get("Content-Security-Policy")
		if got := ancestors.FindStringSubmatch(policy); got == nil || got[1] != want {
			t.Errorf("GET %s: policy %q, want frame-ancestors %s", path, policy, want)
		}
		if got := res.Header.Get("X-Frame-Options"); got != "" {
			t.Errorf("GET %s: X-Frame-Options %q, which knows no list", path, got)
		}
		if path != player {
			continue
		}
		nonce, allowed := inPage.FindStringSubmatch(body), inPolicy.FindStringSubmatch(policy)
		if nonce == nil || allowed == nil || nonce[1] != allowed[1] || strings.Contains(policy, "unsafe") {
			t.Errorf("GET %s: nonce %q, policy %q", path, nonce, policy)
		}
		if !strings.Contains(body, `embed-origins" content="https://crm.example.org http://localhost:3000">player`) {
			t.Errorf("GET %s: %s does not name the origins", path, body)
		}
		if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" || !page.Has(path) {
			t.Errorf("GET %s: status %d, header %v, Has %t", path, res.StatusCode, res.Header, page.Has(path))
		}
	}
}

func TestPage_EmbeddedByNobody(t *testing.T) {
	t.Parallel()
	page := builtPage(t)
	const player = "/embed/calls/r6q4v0k9s3m1/player"
	res, body := get(t, page, http.MethodGet, player)
	if page.Has(player) || res.StatusCode != http.StatusNotFound || strings.Contains(body, "player") ||
		!strings.Contains(res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("status %d, Has %t, header %v: want none", res.StatusCode, page.Has(player), res.Header)
	}
}
