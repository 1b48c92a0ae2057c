// Package workspace is the page in which agents and supervisors work, and
// serves it. The page is written in TypeScript and lies in src; README.md says
// how. It uses the HTTP API of package api and nothing else, so whatever it
// can do, another client can do too.
//
//	page, err := workspace.Open()
//	if page.Has(r.URL.Path) {
//		page.ServeHTTP(w, r)
//	}
//
// The built page is embedded from the folder dist, which `make workspace`
// fills. A program that was built without it, as by `go build` in a fresh
// clone, has a page that says so: neither Go nor its tests need Node.
//
// # What is promised to browsers
//
// Files whose names hold the hash of their content may be kept for ever; the
// page itself is asked for anew each time, so an update is there with the next
// reload. The content security policy allows the page's own scripts and
// workers, no inline script and no other site; elements of style need a nonce,
// which is new for each answer. Nothing may show the page in a frame.
//
// One page is another: the player of a call's recordings by itself, which pages
// of the configured origins may show in a frame, src/embed. With none
// configured it has no address.
package workspace
