package ari_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"callbackd/ari"
)

// frames returns the events of all recorded traces, one frame each.
func frames(tb testing.TB) [][]byte {
	tb.Helper()
	paths, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no traces in testdata: %v", err)
	}
	var frames [][]byte
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			tb.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			frames = append(frames, append([]byte(nil), lines.Bytes()...))
		}
		if err := lines.Err(); err != nil {
			tb.Fatal(err)
		}
		f.Close()
	}
	return frames
}

// trackerFilter wants what a tracker of calls wants.
func trackerFilter() *ari.Filter {
	return ari.NewFilter([]ari.EventType{
		ari.BridgeDestroyed, ari.BridgeMerged, ari.ChannelCallerID, ari.ChannelCreated, ari.ChannelDestroyed,
		ari.ChannelDialplan, ari.ChannelEnteredBridge, ari.ChannelHangupRequest, ari.ChannelLeftBridge,
		ari.ChannelStateChange, ari.ChannelVarset, ari.Dial,
	}, []string{"MIXMONITOR_FILENAME", "QUEUESTATUS", "ABANDONED"})
}

// BenchmarkRead compares ways of reading the recorded streams as far as a
// consumer needs them: naive is encoding/json for the type first and then
// the whole; jsonv2 is the same with go-json-experiment/json; jsontext only
// walks over the tokens; look is Filter.Look alone; decode is Look and, for
// what is wanted, Decode.
func BenchmarkRead(b *testing.B) {
	frames := frames(b)
	size := int64(0)
	for _, f := range frames {
		size += int64(len(f))
	}
	filter := trackerFilter()
	var ev ari.Event
	for _, way := range []struct {
		name string
		read func(frame []byte) error
	}{
		{"naive", func(frame []byte) error { _, err := readNaively(frame, json.Unmarshal); return err }},
		{"jsonv2", func(frame []byte) error {
			_, err := readNaively(frame, func(data []byte, v any) error { return jsonv2.Unmarshal(data, v) })
			return err
		}},
		{"jsontext", walkTokens},
		{"look", func(frame []byte) error { _, _, err := filter.Look(frame); return err }},
		{"decode", func(frame []byte) error {
			_, wanted, err := filter.Look(frame)
			if err != nil || !wanted {
				return err
			}
			return ari.Decode(string(frame), &ev)
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(size)
			events := 0
			for b.Loop() {
				for _, f := range frames {
					if err := way.read(f); err != nil {
						b.Fatal(err)
					}
				}
				events += len(frames)
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func walkTokens(frame []byte) error {
	var v jsontext.Value = frame
	if !v.IsValid() {
		return os.ErrInvalid
	}
	return nil
}
