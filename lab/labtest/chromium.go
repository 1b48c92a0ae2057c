package labtest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Chromium has a browser without a window open a page, until the test ends.
// Pages may play sound, which goes nowhere. What the page has to say it tells
// its server; the test waits for that no longer than Ended.
func Chromium(t testing.TB, url string) *Browser {
	t.Helper()
	const program = "chromium"
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%v: `make deps` installs it", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	flags := []string{
		"--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required",
		"--user-data-dir=" + t.TempDir(), "--remote-debugging-port=0",
	}
	if os.Geteuid() == 0 {
		flags = append(flags, "--no-sandbox") // which needs another user
	}
	cmd := exec.CommandContext(ctx, program, append(flags, url)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it ends its children
	cmd.WaitDelay = 10 * time.Second
	b := &Browser{Ended: make(chan struct{})}
	cmd.Stderr = b
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer close(b.Ended)
		_ = cmd.Wait() // how it ended is in what it said
	}()
	t.Cleanup(func() {
		cancel()
		<-b.Ended
	})
	return b
}

// Browser is a running Chromium.
type Browser struct {
	// Ended is closed when the program has ended.
	Ended chan struct{}

	mu   sync.Mutex
	said bytes.Buffer
}

// Write takes what the program says.
func (b *Browser) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.said.Write(p)
}

// Said is what the program has said so far.
func (b *Browser) Said() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.said.String()
}
