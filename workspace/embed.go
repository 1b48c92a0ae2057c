package workspace

import (
	"bytes"
	"fmt"
	"html"
	"io/fs"
	"strings"
)

// embedder is what the frames of other programs' pages may show: the player of
// a call's recordings, at /embed/calls/{request_id}/player.
type embedder struct {
	// origins are those of the pages that may; nobody may when there is none.
	origins []string
	// player is the page of the player, cut where the nonce of an answer
	// belongs.
	player [][]byte
}

// originsMark is where embed.html names the origins that its script talks to.
const originsMark = `name="embed-origins" content="`

// openEmbedder reads the player's page of what was built.
func openEmbedder(files fs.FS, origins []string) (embedder, error) {
	page, err := fs.ReadFile(files, "embed.html")
	if err != nil {
		return embedder{}, fmt.Errorf("read the player's page: %w", err)
	}
	before, after, found := bytes.Cut(page, []byte(originsMark))
	if !found {
		return embedder{}, fmt.Errorf("embed.html has no %s", originsMark)
	}
	named := html.EscapeString(strings.Join(origins, " "))
	player, err := cutAtNonce("embed.html", bytes.Join([][]byte{before, after}, []byte(originsMark+named)))
	return embedder{origins: origins, player: player}, err
}

// shows reports whether a path is that of a player which may be embedded.
// Nothing is made of the request ID but the script's own requests.
func (e *embedder) shows(name string) bool {
	id, ofCall := strings.CutPrefix(name, "/embed/calls/")
	id, ofPlayer := strings.CutSuffix(id, "/player")
	return len(e.origins) > 0 && ofCall && ofPlayer && id != "" && !strings.Contains(id, "/")
}

// policy is the content security policy of the player's page: that of the page
// without what it does not need, but in the frames of some.
func (e *embedder) policy(nonce string) string {
	return "default-src 'none'; script-src 'self'; worker-src 'none'; connect-src 'self'; img-src 'self'; media-src 'self'; " +
		"style-src 'self' 'nonce-" + nonce + "'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors " + strings.Join(e.origins, " ")
}
