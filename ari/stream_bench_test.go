package ari_test

import (
	"runtime"
	"testing"

	"callbackd/ari"
	"callbackd/ari/aritest"
)

// BenchmarkStream measures the way of an event from the PBX's socket to the
// consumer, who decodes it. The fake PBX runs in the same process and is part
// of what is measured.
func BenchmarkStream(b *testing.B) {
	pbx, err := aritest.New(aritest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer pbx.Close() //nolint:errcheck // a benchmark
	client, err := ari.NewClient(pbx.ClientOptions())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	stream, err := ari.NewStream(ari.StreamOptions{Client: client, Filter: trackerFilter(), ProveEvery: -1})
	if err != nil {
		b.Fatal(err)
	}
	go stream.Run(b.Context()) //nolint:errcheck // ends with the benchmark
	trace, err := aritest.LoadTrace("testdata/cc-answered.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	events := trace.Render(aritest.Rendering{})
	last := aritest.NewEvent(ari.Dial, aritest.Fields{"dialstring": "end"})
	buf := make([]ari.Message, 256)
	if _, err := stream.NextBatch(b.Context(), buf[:1]); err != nil {
		b.Fatal(err)
	}
	var ev ari.Event
	n := 0
	b.ReportAllocs()
	runtime.GC()
	for b.Loop() {
		// A hundred calls, so that waking up at the end does not count.
		for range 100 {
			if err := pbx.Play(b.Context(), 0, events); err != nil {
				b.Fatal(err)
			}
		}
		pbx.Send(last)
		n += 100 * len(events)
		for ended := false; !ended; {
			got, err := stream.NextBatch(b.Context(), buf)
			if err != nil {
				b.Fatal(err)
			}
			for _, m := range buf[:got] {
				if m.Kind != ari.MessageEvent {
					b.Fatalf("got %+v", m)
				}
				if err := ari.Decode(m.Raw, &ev); err != nil {
					b.Fatal(err)
				}
				ended = ev.DialString == "end"
			}
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
