package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// ready passes on what the daemon says, and fails when it is not ready or not
// there.
func TestReady(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("%s is asked for", r.URL.Path)
		}
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, "what is checked\n") // who asks sees whether it came
	}))
	defer daemon.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(daemon.URL, "http://"), ":")
	for _, address := range []string{"127.0.0.1:" + port, "0.0.0.0:" + port, ":" + port} {
		config := filepath.Join(t.TempDir(), "callbackd.yaml")
		writeFile(t, config, "pbx: [{name: pbx1, ari: {url: 'http://pbx/ari', password: p}}]\nlisten: {ops: '"+address+"'}\n", 0o600)
		status.Store(http.StatusOK)
		if code, stdout, stderr := execute(t, "--config", config, "ready"); code != exitOK || stdout != "what is checked\n" || stderr != "" {
			t.Errorf("ready at %s: exit code %d, %q, %q", address, code, stdout, stderr)
		}
		status.Store(http.StatusServiceUnavailable)
		if code, stdout, stderr := execute(t, "--config", config, "ready"); code != exitFailure || stdout != "what is checked\n" || !strings.Contains(stderr, "not ready: 503") {
			t.Errorf("not ready at %s: exit code %d, %q, %q", address, code, stdout, stderr)
		}
	}
	daemon.Close()
	config := filepath.Join(t.TempDir(), "callbackd.yaml")
	writeFile(t, config, "pbx: [{name: pbx1, ari: {url: 'http://pbx/ari', password: p}}]\nlisten: {ops: '127.0.0.1:"+port+"'}\n", 0o600)
	if code, _, stderr := execute(t, "--config", config, "ready"); code != exitFailure || !strings.Contains(stderr, "connection refused") {
		t.Errorf("no daemon: exit code %d, %q", code, stderr)
	}
}
