package api_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/lab/labtest"
	"callbackd/recording"
)

// A seek opens a new connection; the player may never read the old one again.
func TestPlayback_NewConnectionsTakeOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	cookie := w.login("sato")
	path := w.begin(cookie, w.recording(1, 300))
	first := w.open(cookie, path, "bytes=0-")
	first.read(1)
	for i := range 2 {
		w.open(cookie, path, fmt.Sprintf("bytes=%d-", (i+1)*byteRate)).read(1)
	}
	first.ends(patience)
	labtest.Eventually(t, patience, func() error {
		if got := w.metric("callbackd_playback_listeners"); got != 2 {
			return fmt.Errorf("%v listeners, want 2", got)
		}
		return nil
	})
}

// Nobody gets more than the first seconds and twice real time, by however many
// grants, connections and ranges; and a seek is answered at once all the same.
func TestPlayback_PaceForReal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	cookie, id := w.login("sato"), w.recording(1, 600)
	begun := time.Now()
	path := w.begin(cookie, id)
	// Of three jumps as people make them, the quickest: the others show how
	// busy this machine is.
	quickest := time.Hour
	for i := range 3 {
		at := time.Now()
		seek := w.open(cookie, path, fmt.Sprintf("bytes=%d-", (i+1)*100*byteRate))
		seek.read(byteRate)
		quickest = min(quickest, time.Since(at))
		seek.body.Close()
	}
	if quickest > 300*time.Millisecond {
		t.Errorf("the first second after a seek takes %v", quickest)
	}
	const greed = 3 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), greed)
	defer cancel()
	var mu sync.Mutex
	var fetched int64
	var group sync.WaitGroup
	for i := range 12 {
		if i%3 == 0 {
			path = w.begin(cookie, id)
		}
		path := path
		group.Go(func() {
			for at := i * 50 * byteRate; ctx.Err() == nil; at += byteRate {
				r, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, nil)
				r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", at, at+byteRate-1))
				r.AddCookie(&http.Cookie{Name: accounts.PlainCookieName, Value: cookie})
				response, err := w.client.Do(r)
				if err != nil {
					continue
				}
				n, _ := io.Copy(io.Discard, response.Body)
				response.Body.Close()
				mu.Lock()
				fetched += n
				mu.Unlock()
			}
		})
	}
	group.Wait()
	elapsed := time.Since(begun)
	most := recording.RecordingPace.Burst + recording.RecordingPace.Seeks + 2*elapsed
	if got := time.Duration(fetched) * time.Second / byteRate; got > most || got < 4*time.Second {
		t.Errorf("in %v %v of sound are fetched, want some and at most %v", elapsed, got, most)
	}
	if w.metric("callbackd_playback_delayed_total") == 0 {
		t.Error("no connection had to wait")
	}
}
