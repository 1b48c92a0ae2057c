package sip

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTone_IsHeardAsItself(t *testing.T) {
	t.Parallel()
	for _, hertz := range []float64{400, 440, 1000, 3400} {
		samples := throughTheLine(Tone(hertz))
		got, level := dominantTone(samples)
		if got != hertz || level < 0.95 {
			t.Errorf("dominant tone of %v Hz = %v Hz at %.2f, want itself above 0.95", hertz, got, level)
		}
		if level := toneLevel(samples, hertz+100); level > 0.05 {
			t.Errorf("level of %v Hz in a tone of %v Hz = %.2f, want none", hertz+100, hertz, level)
		}
	}
}

func TestSilence_HasNoTone(t *testing.T) {
	t.Parallel()
	if hertz, level := dominantTone(throughTheLine(Silence())); hertz != 0 || level != 0 {
		t.Errorf("dominant tone of silence = %v Hz at %v, want none", hertz, level)
	}
}

func TestHearing_CountsLostPackets(t *testing.T) {
	t.Parallel()
	var h hearing
	codes := make([]byte, frameSamples)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, sequence := range []uint16{65534, 65535, 0, 3, 2, 4} { // 1 never comes, 2 comes late
		h.add(7, sequence, codes, at)
	}
	h.skip(7, 5)           // a key
	h.add(7, 6, codes, at) // so nothing is lost here
	h.add(8, 900, codes, at)
	want := Reception{Packets: 8, Lost: 1, Audio: 8 * frameTime, LastAt: at}
	if diff := cmp.Diff(want, h.read()); diff != "" {
		t.Errorf("reception (-want +got):\n%s", diff)
	}
}

func TestReadWAV(t *testing.T) {
	t.Parallel()
	pcm := []byte{0x01, 0x00, 0xff, 0xff, 0x00, 0x10}
	unsized := wav(1, 1, sampleRate, 16, pcm)
	binary.LittleEndian.PutUint32(unsized[len(unsized)-len(pcm)-4:], math.MaxUint32)
	tests := []struct {
		name string
		file []byte
		want []int16 // nil: refused
	}{
		{"PCM", wav(1, 1, sampleRate, 16, pcm), []int16{1, -1, 4096}},
		{"PCM written to a pipe", unsized, []int16{1, -1, 4096}},
		{"µ-law", wav(7, 1, sampleRate, 8, []byte{0x00, 0xff, 0x80}), []int16{-32124, 0, 32124}},
		{"without samples", wav(1, 1, sampleRate, 16, nil), []int16{}},
		{"another rate", wav(1, 1, 22050, 16, pcm), nil},
		{"stereo", wav(1, 2, sampleRate, 16, pcm), nil},
		{"8-bit PCM", wav(1, 1, sampleRate, 8, pcm), nil},
		{"cut in the format", wav(1, 1, sampleRate, 16, pcm)[:30], nil},
		{"no WAV", []byte("OggS and so on, no WAV"), nil},
		{"empty", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			clip, err := ReadWAV(bytes.NewReader(test.file))
			if (err != nil) != (test.want == nil) {
				t.Fatalf("ReadWAV error = %v, want samples %v", err, test.want)
			}
			if err == nil {
				if diff := cmp.Diff(test.want, clip.samples); diff != "" {
					t.Errorf("samples (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestClip_Once(t *testing.T) {
	t.Parallel()
	got := make([]int16, 8)
	fill := (&Clip{samples: []int16{8, -8, 8}}).Start()
	fill(got[:4])
	fill(got[4:])
	if diff := cmp.Diff([]int16{8, -8, 8, 0, 0, 0, 0, 0}, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

// throughTheLine is a window of a sound after µ-law.
func throughTheLine(sound Sound) []float64 {
	fill := sound.Start()
	var h hearing
	frame, codes := make([]int16, frameSamples), make([]byte, frameSamples)
	for sequence := range uint16(windowSamples / frameSamples) {
		fill(frame)
		for i, sample := range frame {
			codes[i] = encodeULaw(sample)
		}
		h.add(1, sequence, codes, time.Time{})
	}
	return h.latest()
}

// wav writes a file with a chunk before the samples, of odd length.
func wav(format, channels uint16, rate uint32, depth uint16, samples []byte) []byte {
	var file bytes.Buffer
	write := func(values ...any) {
		for _, value := range values {
			if text, ok := value.(string); ok {
				value = []byte(text)
			}
			if err := binary.Write(&file, binary.LittleEndian, value); err != nil {
				panic(err)
			}
		}
	}
	frame := channels * depth / 8
	write("RIFF", uint32(0), "WAVE", "fmt ", uint32(16), format, channels, rate, rate*uint32(frame), frame, depth)
	write("LIST", uint32(3), "abc\x00", "data", uint32(len(samples)), samples)
	return file.Bytes()
}
