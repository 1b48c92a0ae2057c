package journal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/ari"
	"callbackd/ari/aritest"
)

// patience is what a busy machine needs at most for one step.
const patience = 20 * time.Second

// TestJournal_OfAStream: all events of a stream are kept, also those that
// nobody wanted, a second after they came, and so are the ends of connections.
func TestJournal_OfAStream(t *testing.T) {
	t.Parallel()
	pbx, err := aritest.New(aritest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer pbx.Close()
	client, err := ari.NewClient(pbx.ClientOptions())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	j := newJournal(t, folder, nil)
	stream, err := ari.NewStream(ari.StreamOptions{Client: client, Filter: ari.NewFilter(nil, nil), Recorder: j, ProveEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- j.Run(ctx) }()
	go func() { ended <- stream.Run(ctx) }()
	connected := func() {
		t.Helper()
		m, err := stream.Next(ctx)
		for err == nil && m.Kind != ari.MessageConnected {
			m, err = stream.Next(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	connected()
	trace, err := aritest.LoadTrace("../testdata/cc-answered.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 3 {
		events := trace.Render(aritest.Rendering{Instance: i, At: time.Now()})
		for _, e := range events {
			want = append(want, e.Raw)
		}
		if err := pbx.Play(ctx, 0, events); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			// What is on disk now is what a kill would leave.
			eventually(t, func() error { return differ(want, eventsIn(t, folder)) })
			pbx.Drop()
			connected()
		}
	}
	eventually(t, func() error { return differ(want, eventsIn(t, folder)) })
	stop()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	var gaps []string
	for _, line := range read(t, folder, time.Time{}, time.Time{}) {
		if strings.HasPrefix(line, "gap ") {
			gaps = append(gaps, line[strings.LastIndexByte(line, ' ')+1:])
		}
	}
	// The stream may have ended before the journal, or after it.
	if len(gaps) != 3 || gaps[0] != GapBeginning || gaps[1] != string(ari.LossBroken) {
		t.Errorf("gaps are %q, want the beginning, a broken connection, and the end", gaps)
	}
}

// eventsIn are the events in a journal, without gaps.
func eventsIn(t *testing.T, folder string) []string {
	t.Helper()
	list, err := pieces(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		return nil
	}
	return slices.DeleteFunc(read(t, folder, time.Time{}, time.Time{}), func(line string) bool { return strings.HasPrefix(line, "gap ") })
}

func differ(want, got []string) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("events (-want +got):\n%s", diff)
	}
	return nil
}

func eventually(t *testing.T, check func() error) {
	t.Helper()
	end := time.After(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-end:
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
