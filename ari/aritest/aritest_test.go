package aritest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"callbackd/ari"
	"callbackd/ari/aritest"
)

func traces(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("../testdata/*.jsonl")
	if err != nil || len(names) == 0 {
		t.Fatalf("no traces: %v", err)
	}
	return names
}

func load(t *testing.T, name string) *aritest.Trace {
	t.Helper()
	trace, err := aritest.LoadTrace(name)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestTrace_RendersAsRecorded(t *testing.T) {
	t.Parallel()
	for _, name := range traces(t) {
		recorded, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(string(recorded)) {
			if !strings.Contains(line, `"ApplicationReplaced"`) {
				want = append(want, strings.TrimSpace(line))
			}
		}
		var got []string
		for _, e := range load(t, name).Render(aritest.Rendering{}) {
			got = append(got, e.Raw)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// ids returns all channel and bridge IDs and channel names, decoded.
func ids(t *testing.T, events []aritest.Event) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, e := range events {
		var ev ari.Event
		if err := ari.Decode(e.Raw, &ev); err != nil {
			t.Fatal(err)
		}
		for _, c := range []ari.Channel{ev.Channel, ev.Caller, ev.Peer} {
			linked, _ := c.Var("CHANNEL(linkedid)")
			for _, id := range []string{string(c.ID), c.Name, linked} {
				found[strings.Clone(id)] = true
			}
		}
		found[strings.Clone(string(ev.Bridge.ID))] = true
		for _, id := range ev.Bridge.Channels {
			found[strings.Clone(string(id))] = true
		}
	}
	delete(found, "")
	return found
}

func TestTrace_InstancesShareNoID(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	instance := 0
	for _, name := range traces(t) {
		trace := load(t, name)
		recorded := len(ids(t, trace.Render(aritest.Rendering{})))
		for range 3 {
			instance++
			events := trace.Render(aritest.Rendering{Instance: instance, At: at, Application: "other"})
			rendered := ids(t, events)
			if len(rendered) != recorded {
				t.Errorf("%s: got %d IDs and names, recorded are %d", name, len(rendered), recorded)
			}
			for id := range rendered {
				if by, ok := seen[id]; ok {
					t.Errorf("%s is in %s and %s", id, by, name)
				}
				seen[id] = name
			}
			var first ari.Event
			if err := ari.Decode(events[0].Raw, &first); err != nil {
				t.Fatal(err)
			}
			if first.Timestamp != at || first.Application != "other" {
				t.Errorf("got %v, %q, want %v, other", first.Timestamp, first.Application, at)
			}
		}
	}
}

func TestServer_ListsAgreeWithWhatWasPlayed(t *testing.T) {
	t.Parallel()
	pbx, err := aritest.New(aritest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer pbx.Close() //nolint:errcheck // a test
	client, err := ari.NewClient(pbx.ClientOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	trace := load(t, "../testdata/cc-answered.jsonl").WithoutChannelVars()
	for _, e := range trace.Render(aritest.Rendering{Instance: 7}) {
		if strings.Contains(e.Raw, "channelvars") || !json.Valid([]byte(e.Raw)) {
			t.Fatalf("channel variables left in %s", e.Raw)
		}
		pbx.Send(e)
		var ev ari.Event
		if err := ari.Decode(e.Raw, &ev); err != nil {
			t.Fatal(err)
		}
		if ev.Channel.ID == "" {
			continue
		}
		got, err := client.Channel(t.Context(), ev.Channel.ID)
		if ev.Type == ari.ChannelDestroyed {
			if !ari.IsGone(err) {
				t.Errorf("got %+v, %v after ChannelDestroyed, want gone", got, err)
			}
			continue
		}
		if diff := cmp.Diff(ev.Channel, got); err != nil || diff != "" {
			t.Errorf("after %s: %v\n%s", ev.Type, err, diff)
		}
		linked, err := client.ChannelVariable(t.Context(), ev.Channel.ID, "CHANNEL(linkedid)")
		if err != nil || !strings.HasPrefix(linked, "pbx1-") {
			t.Errorf("got %q, %v, want the linkedid that the event no longer shows", linked, err)
		}
		if ev.Type == ari.ChannelVarset {
			if v, err := client.ChannelVariable(t.Context(), ev.Channel.ID, strings.TrimLeft(ev.Variable, "_")); err != nil || v != ev.Value {
				t.Errorf("%s: got %q, %v, want %q", ev.Variable, v, err, ev.Value)
			}
		}
	}
	channels, err := client.Channels(t.Context())
	bridges, err2 := client.Bridges(t.Context())
	if len(channels) != 0 || len(bridges) != 0 || err != nil || err2 != nil {
		t.Errorf("got %v, %v, %v, %v after the call, want nothing left", channels, bridges, err, err2)
	}
}

func TestServer_PlaysInTime(t *testing.T) {
	t.Parallel()
	pbx, err := aritest.New(aritest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer pbx.Close() //nolint:errcheck // a test
	events := load(t, "../testdata/cc-abandoned.jsonl").Render(aritest.Rendering{})
	length := events[len(events)-1].After
	const speed = 20
	start := time.Now()
	if err := pbx.Play(t.Context(), speed, events); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < length/speed {
		t.Errorf("played %v in %v, want %v", length, took, length/speed)
	}
}

// A client that does not read is cut, as by Asterisk.
func TestServer_CutsSlowReader(t *testing.T) {
	t.Parallel()
	pbx, err := aritest.New(aritest.Options{WriteTimeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer pbx.Close() //nolint:errcheck // a test
	header := http.Header{}
	credentials := aritest.DefaultUsername + ":" + aritest.DefaultPassword
	header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(credentials)))
	conn, _, err := websocket.Dial(t.Context(), pbx.URL()+"/events?app=x&subscribeAll=true", &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow() //nolint:errcheck // a test
	for range 64 {
		pbx.SendLarge(1 << 20)
		if open, _ := pbx.Connections(); open == 0 {
			return
		}
	}
	t.Error("64 MiB were taken by a client that reads nothing")
}

func BenchmarkTrace_Render(b *testing.B) {
	trace, err := aritest.LoadTrace("../testdata/cc-answered.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	instance := 0
	for b.Loop() {
		instance++
		trace.Render(aritest.Rendering{Instance: instance, At: time.Now(), Application: "x"})
	}
	b.ReportMetric(float64(trace.Len()*b.N)/b.Elapsed().Seconds(), "events/s")
}
