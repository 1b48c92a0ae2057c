package callcenter_test

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"callbackd/ari"
	"callbackd/callcenter"
)

// TestTracker_MemoryOfActiveCalls bounds what a call takes while it runs: a busy
// PBX has thousands at once. It looks at the whole heap, so it does not run beside
// other tests.
func TestTracker_MemoryOfActiveCalls(t *testing.T) { //nolint:paralleltest // see above
	const calls, limit = 500, 4000
	filter := ari.NewFilter(callcenter.Events, callcenter.Variables)
	for _, recorded := range traces(t, true) {
		frames := slices.DeleteFunc(recorded.frames, func(f []byte) bool {
			_, wanted, err := filter.Look(f)
			return err != nil || !wanted
		})
		end := slices.IndexFunc(frames, func(f []byte) bool { return bytes.Contains(f, []byte(`"ChannelHangupRequest"`)) })
		if end < 0 {
			t.Fatalf("%s does not end", recorded.name)
		}
		tr := newTracker(t, tracePlan())
		before := heap()
		for i := range calls {
			for _, f := range frames[:end] {
				f = bytes.ReplaceAll(f, []byte("pbx1-1795405"), fmt.Appendf(nil, "pbx1-1%06d", i))
				feed(t, tr, bytes.ReplaceAll(f, []byte("-0000000"), fmt.Appendf(nil, "-%07x", i)))
			}
			tr.Changed(nil)
		}
		if n := len(tr.ActiveChannels()); n < calls {
			t.Fatalf("%s: %d channels are followed, want at least %d", recorded.name, n, calls)
		}
		each := (heap() - before) / calls
		t.Logf("%s: %d bytes a call", recorded.name, each)
		if each > limit {
			t.Errorf("%s: a call takes %d bytes, want at most %d", recorded.name, each, limit)
		}
		runtime.KeepAlive(tr)
	}
}

// heap is how many bytes are in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc) //nolint:gosec // it fits
}
