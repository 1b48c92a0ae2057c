package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"callbackd/api"
	"callbackd/configs"
	"callbackd/lab/labtest"
)

// webhookReceiver is another system, which takes what it is sent.
type webhookReceiver struct {
	*httptest.Server
	// hold, when it is set, keeps a request from being answered.
	hold func(sent *webhookRequest)
	// status, when it is set, is what a path answers; 204 otherwise. A 503 asks
	// not to be tried again for an hour.
	status func(path string) int

	mu   sync.Mutex
	sent []webhookRequest
}

// webhookRequest is what was sent.
type webhookRequest struct {
	Header http.Header
	Body   []byte
}

func (r *webhookRequest) id() string { return r.Header.Get("webhook-id") }

// callback is the record that was sent.
func (r *webhookRequest) callback(t *testing.T) api.Callback {
	t.Helper()
	var body api.WebhookEvent
	if err := json.Unmarshal(r.Body, &body); err != nil || body.Data.Callback == nil || body.Type != api.EventKindCallback {
		t.Fatalf("%v: %s", err, r.Body)
	}
	return *body.Data.Callback
}

// newWebhookReceiver starts a receiver, to which a daemon of this configuration
// may send; nil for one that is told otherwise.
func newWebhookReceiver(t *testing.T, cfg *configs.Config) *webhookReceiver {
	t.Helper()
	r := &webhookReceiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return // the daemon was killed
		}
		sent := webhookRequest{Header: request.Header, Body: body}
		r.mu.Lock()
		r.sent = append(r.sent, sent)
		r.mu.Unlock()
		if r.hold != nil {
			r.hold(&sent)
		}
		status := http.StatusNoContent
		if r.status != nil {
			status = r.status(request.URL.Path)
		}
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "3600")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	if cfg != nil {
		cfg.Webhooks = configs.Webhooks{AllowNetworks: []configs.Network{{Prefix: netip.MustParsePrefix("127.0.0.1/32")}}, AllowHTTP: true}
	}
	return r
}

func (r *webhookReceiver) all() []webhookRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent)
}

// verifiedAsDocumented runs the functions of docs/integration.md on what was
// sent first. created is the answer that has the secret.
func (r *webhookReceiver) verifiedAsDocumented(t *testing.T, created string) {
	t.Helper()
	page, sent := readFile(t, "../../docs/integration.md"), r.all()
	if len(sent) == 0 {
		t.Fatal("nothing was sent")
	}
	headers := map[string]string{}
	for name := range sent[0].Header {
		headers[strings.ToLower(name)] = sent[0].Header.Get(name)
	}
	names, err := json.Marshal(headers)
	if err != nil {
		t.Fatal(err)
	}
	folder, secret := t.TempDir(), regexp.MustCompile(`whsec_[^"]*`).FindString(created)
	for _, program := range []struct{ language, command, file, call string }{
		{"js", "node", "verify.mjs", `
const [headers, body, secret] = process.argv.slice(2), h = JSON.parse(headers)
console.log(verify(h, body, secret), verify(h, body + " ", secret), verify({ ...h, "webhook-timestamp": "1" }, body, secret))`},
		{"python", "python3", "verify.py", `
import json, sys
h, body, secret = json.loads(sys.argv[1]), sys.argv[2].encode(), sys.argv[3]
print(*(str(x).lower() for x in (verify(h, body, secret), verify(h, body + b" ", secret), verify({**h, "webhook-timestamp": "1"}, body, secret))))`},
	} {
		found := regexp.MustCompile("(?ms)^```" + program.language + "\n([^`]*verify\\(.*?)^```").FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("the page has no verify in %s", program.language)
		}
		file := filepath.Join(folder, program.file)
		writeFile(t, file, found[1]+program.call, 0o600)
		out, err := exec.CommandContext(t.Context(), program.command, file, string(names), string(sent[0].Body), secret).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "true false false" {
			t.Errorf("%s says %q (%v), want true of what was sent and false of two forgeries", program.command, out, err)
		}
	}
}

// A daemon that is killed while it sends loses nothing: the next one sends what
// was not taken, with the same ID, and then what came after, in order. Nothing
// that is nobody's business is logged or counted.
func TestWebhooks_KilledDaemon(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	receiver := newWebhookReceiver(t, nil)
	configuration := readFile(t, s.file) + "webhooks: {allow_networks: [127.0.0.1], allow_http: true}\n"
	writeFile(t, s.file, configuration, 0o600)
	begun, leave := make(chan struct{}, 100), make(chan struct{})
	receiver.hold = func(*webhookRequest) { begun <- struct{}{}; <-leave }
	released := sync.OnceFunc(func() { close(leave) })
	t.Cleanup(released)
	storeCalls(t, s.database)
	s.start(t)

	created := asked[api.CreatedWebhook](t, &s.world, http.MethodPost, "/webhooks", map[string]any{
		"name": "workspace", "url": receiver.URL + "/the-key-of-the-receiver", "kinds": []string{"callback"},
	})
	calls := asked[api.CallList](t, &s.world, http.MethodGet, "/calls?kind=call_center", nil)
	const memo = "秘密のメモ"
	c := asked[api.RegisteredCallback](t, &s.world, http.MethodPost, "/calls/"+calls.Items[0].RequestID+"/callback", map[string]any{"memo": memo})
	path := fmt.Sprintf("/callbacks/%d", c.ID)
	select {
	case <-begun:
	case <-time.After(siegePatience):
		t.Fatal("nothing is sent")
	}
	asked[api.Callback](t, &s.world, http.MethodPatch, path, map[string]any{"version": 1, "memo": memo + "2"})
	if err := s.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	first := s.log.String()
	released()
	// The time passes in which the one that was killed could have sent it.
	conn, err := pgx.Connect(t.Context(), s.database)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), `UPDATE webhook_deliveries SET next_try_at = now() WHERE next_try_at IS NOT NULL`)
	if err := errors.Join(err, conn.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	asked[api.Callback](t, &s.world, http.MethodPatch, path, map[string]any{"version": 2, "memo": memo + "3"})

	labtest.Eventually(t, siegePatience, func() error {
		if n := len(receiver.all()); n < 4 {
			return fmt.Errorf("%d requests, want 4", n)
		}
		return nil
	})
	verifier, err := standard.NewWebhook(created.Secret)
	if err != nil {
		t.Fatal(err)
	}
	sent := receiver.all()
	for i := range sent {
		if err := verifier.Verify(sent[i].Body, sent[i].Header); err != nil {
			t.Errorf("request %d: %v", i+1, err)
		}
		// Two changes may have been made before the second was sent.
		if got := sent[i].callback(t); got.ID != c.ID || int(got.Version) < []int{1, 1, 2, 3}[i] || got.RemoteNumber == nil || !strings.HasPrefix(got.Memo, memo) {
			t.Errorf("request %d tells of %+v", i+1, got)
		}
	}
	if sent[0].id() != sent[1].id() || sent[1].id() == sent[2].id() || sent[2].id() == sent[3].id() {
		t.Errorf("the IDs are %s, %s, %s, %s; want the first two the same", sent[0].id(), sent[1].id(), sent[2].id(), sent[3].id())
	}
	_, metrics, err := request(t.Context(), http.MethodGet, s.ops+"/metrics", "", nil)
	if err != nil || !bytes.Contains(metrics, []byte(`callbackd_webhook_tries_total{outcome="delivered"}`)) {
		t.Errorf("metrics: %v", err)
	}
	for _, text := range []string{first, s.log.String(), string(metrics)} {
		for _, secret := range []string{"0312345678", memo, "the-key-of-the-receiver", created.Secret} {
			if strings.Contains(text, secret) {
				t.Errorf("the log or the metrics hold %q", secret)
			}
		}
	}
}

// asked makes a request and returns what the answer holds, which must be a
// success.
func asked[T any](t *testing.T, w *world, method, path string, body any) T {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, w.api+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+w.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Timeout: siegePatience}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var value T
	if err := json.NewDecoder(response.Body).Decode(&value); err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s: status %d, %v", method, path, response.StatusCode, err)
	}
	return value
}
