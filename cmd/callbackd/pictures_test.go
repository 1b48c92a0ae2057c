package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"callbackd/configs"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
	"callbackd/workspace"
)

// picturesPatience bounds all pictures together.
const picturesPatience = 6 * time.Minute

// TestWorkspace_Pictures takes a picture of every screen in both languages,
// light and dark, of call centers with 0, 3 and 10,000 callbacks, and measures
// how soon a list of 200 is there; workspace/pictures says what must be seen.
//
// Not parallel, for what it measures.
func TestWorkspace_Pictures(t *testing.T) { //nolint:paralleltest // see above
	page, err := workspace.Open()
	if err != nil {
		t.Fatal(err)
	}
	if !page.Built() {
		t.Fatal("this test was built without the workspace page: run `make workspace` first")
	}
	quiet, busy := labtest.Asterisk(t, lab.AsteriskOptions{}), labtest.Asterisk(t, lab.AsteriskOptions{})
	empty, few, many := newGallery(t, quiet, 0), newGallery(t, busy, 3), newGallery(t, busy, 10_000)
	few.keepTalking(t)
	blank := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><html lang="ja"><title>-</title><body></body></html>`))
	}))
	t.Cleanup(blank.Close)

	ctx, cancel := context.WithTimeout(t.Context(), picturesPatience)
	defer cancel()
	folder := filepath.Join("..", "..", "workspace")
	playwright := exec.CommandContext(ctx, filepath.Join("node_modules", ".bin", "playwright"),
		"test", "--config", "pictures/playwright.config.ts", "--grep", *onlyScenarios)
	playwright.Dir = folder
	playwright.Env = append(os.Environ(), "CALLBACKD_BLANK="+blank.URL, "CALLBACKD_PASSWORD="+officePassword,
		"CALLBACKD_0="+empty.url(), "CALLBACKD_3="+few.url(), "CALLBACKD_10000="+many.url())
	// SIGINT has it close its browsers.
	playwright.Cancel = func() error { return playwright.Process.Signal(os.Interrupt) }
	playwright.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	playwright.Stdout, playwright.Stderr = &out, &out
	err = playwright.Run()
	t.Logf("playwright: %s", out.String())
	if err != nil {
		t.Errorf("pictures: %v; they are in %s", err, filepath.Join(folder, "artefacts"))
	}
}

// gallery is a daemon with a past.
type gallery struct{ w *world }

// newGallery starts a daemon that follows a PBX under a name of its own, on a
// database with so many callbacks.
func newGallery(t *testing.T, pbx *lab.Asterisk, count int) *gallery {
	t.Helper()
	w := &world{pbx: pbx, database: databases.New(t), seen: map[string]bool{}}
	w.cfg = exampleConfig(t, pbx, w.database)
	w.cfg.PBX[0].ARI.Application = fmt.Sprintf("gallery%d", count)
	w.cfg.Listen.PlainCookies = true
	w.cfg.CallCenters[0].AutoRegister = configs.AutoRegister{} // as many as were asked for
	w.cfg.PBX[0].SIP = configs.SIP{
		Address: pbx.SIP, Transport: configs.SIPOverUDP, User: "callbackd", Every: configs.Duration{Duration: 15 * time.Second}, Timeout: configs.Duration{Duration: time.Second},
	}
	if count == 3 { // of these one has a trunk whose far end is away
		w.cfg.PBX[0].SIP.Trunks = []configs.SIPTrunk{{Trunk: "PJSIP/trunk", Address: "127.0.0.1:9", Transport: configs.SIPOverUDP}}
	}
	past := &seeded{callbacks: count, base: time.Now().UTC().Truncate(time.Minute).Add(-20 * time.Minute), recorded: writeSpeech(t, pbx.Recordings)}
	past.seed(t, w.database, func(id string) bool { return id == "support" || id == "sales" })
	w.makeToken(t)
	w.start(t)
	return &gallery{w: w}
}

func (g *gallery) url() string { return "http://" + g.w.daemon.api.Addr().String() }

// keepTalking has one caller talk to an agent and one wait for another, for as
// long as the test lasts.
func (g *gallery) keepTalking(t *testing.T) {
	t.Helper()
	if err := g.w.pbx.SetGlobal(t.Context(), "QUEUE_TIMEOUT", "600"); err != nil {
		t.Fatal(err)
	}
	caller, agent := g.w.outside(t, sip.Behaviour{}), g.w.agent(t, "2002", sip.Behaviour{})
	siptest.Dial(t, caller, "7001", sip.CallOptions{CallerNumber: seedNumber(1)})
	siptest.Talks(t, siptest.Arrives(t, agent))
	siptest.Dial(t, caller, "7002", sip.CallOptions{CallerNumber: seedNumber(12)})
}
