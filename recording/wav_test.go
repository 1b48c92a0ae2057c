package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"testing"
	"time"
)

// chunk is a chunk of a RIFF file, with its padding.
func chunk(name string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(name), uint32(len(body)))
	b = append(b, body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

// sized gives the first chunk another size than it has.
func sized(chunk []byte, size uint32) []byte {
	b := bytes.Clone(chunk)
	binary.LittleEndian.PutUint32(b[4:], size)
	return b
}

func riff(chunks ...[]byte) []byte {
	body := append([]byte("WAVE"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// format is a format chunk.
func format(tag, channels, bits uint16, rate uint32, more ...byte) []byte {
	frame := channels * bits / 8
	var b []byte
	b = binary.LittleEndian.AppendUint16(b, tag)
	b = binary.LittleEndian.AppendUint16(b, channels)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*uint32(frame))
	b = binary.LittleEndian.AppendUint16(b, frame)
	b = binary.LittleEndian.AppendUint16(b, bits)
	return chunk("fmt ", append(b, more...))
}

// extension is that of WAVE_FORMAT_EXTENSIBLE with the tag of a subformat.
func extension(tag uint16) []byte {
	b := []byte{22, 0, 16, 0, 4, 0, 0, 0}
	b = binary.LittleEndian.AppendUint16(b, tag)
	return append(b, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71)
}

var (
	telephone = format(tagPCM, 1, 16, 8000)
	samples   = chunk("data", []byte{1, 0, 2, 0, 3, 0})
	list      = chunk("LIST", []byte("INFOISFT\x03\x00\x00\x00sox"))
)

func TestParseWAV(t *testing.T) {
	t.Parallel()
	unpadded := chunk("LIST", []byte("odd"))
	unpadded = unpadded[:len(unpadded)-1]
	tests := []struct {
		name   string
		file   []byte
		want   Format
		clean  bool
		whole  bool
		cause  Cause
		reason error
	}{
		{name: "as Asterisk writes it", file: riff(telephone, samples), clean: true, whole: true, want: Format{EncodingPCM, 8000, 1, 16, 44, 6}},
		{name: "8 bits, stereo", file: riff(format(tagPCM, 2, 8, 44100), chunk("data", []byte{1, 2, 3, 4})), clean: true, whole: true, want: Format{EncodingPCM, 44100, 2, 8, 44, 4}},
		{name: "24 bits", file: riff(format(tagPCM, 1, 24, 8000), samples), whole: true, want: Format{EncodingPCM, 8000, 1, 24, 44, 6}},
		{name: "chunks before and after", file: riff(list, telephone, chunk("fact", make([]byte, 4)), samples, list), clean: true, whole: true, want: Format{EncodingPCM, 8000, 1, 16, 12 + 24 + 24 + 12 + 8, 6}},
		{name: "odd chunk with padding", file: riff(chunk("LIST", []byte("odd")), telephone, samples), clean: true, whole: true, want: Format{EncodingPCM, 8000, 1, 16, 56, 6}},
		{name: "odd chunk without padding", file: riff(unpadded, telephone, samples), clean: true, whole: true, want: Format{EncodingPCM, 8000, 1, 16, 55, 6}},
		{name: "samples before their format", file: riff(samples, telephone), whole: true, want: Format{EncodingPCM, 8000, 1, 16, 20, 6}},
		{name: "extensible", file: riff(format(tagExtensible, 1, 16, 8000, extension(tagPCM)...), samples), clean: true, whole: true, want: Format{EncodingPCM, 8000, 1, 16, 68, 6}},
		{name: "extensible u-law", file: riff(format(tagExtensible, 1, 8, 8000, extension(tagULaw)...), samples), whole: true, want: Format{EncodingULaw, 8000, 1, 8, 68, 6}},
		{name: "A-law", file: riff(format(tagALaw, 1, 8, 8000, 0, 0), samples), whole: true, want: Format{EncodingALaw, 8000, 1, 8, 46, 6}},
		{name: "float", file: riff(format(tagFloat, 1, 32, 8000), chunk("data", make([]byte, 8))), whole: true, want: Format{EncodingFloat, 8000, 1, 32, 44, 8}},
		{name: "wav49", file: riff(format(tagGSM, 1, 0, 8000, 2, 0, 0x40, 1), chunk("data", make([]byte, 65))), whole: true, want: Format{EncodingGSM, 8000, 1, 0, 48, 65}},
		{name: "to a pipe", file: riff(telephone, sized(samples, math.MaxUint32)), want: Format{EncodingPCM, 8000, 1, 16, 44, 6}},
		{name: "to a pipe, by sox", file: riff(telephone, sized(samples, 0x7ffff000)), want: Format{EncodingPCM, 8000, 1, 16, 44, 6}},
		{name: "not closed yet", file: riff(telephone, sized(samples, 0)), want: Format{EncodingPCM, 8000, 1, 16, 44, 6}},
		{name: "the sizes of the whole are wrong", file: sized(riff(telephone, samples), 0), whole: true, want: Format{EncodingPCM, 8000, 1, 16, 44, 6}},
		{name: "no sample", file: riff(telephone, chunk("data", nil)), clean: true, cause: CauseHeaderOnly, want: Format{EncodingPCM, 8000, 1, 16, 44, 0}},
		{name: "no sample, and more", file: riff(telephone, chunk("data", nil), list), clean: true, cause: CauseHeaderOnly, want: Format{EncodingPCM, 8000, 1, 16, 44, 0}},
		{name: "no chunk of samples", file: riff(telephone), cause: CauseHeaderOnly, want: Format{EncodingPCM, 8000, 1, 16, 36, 0}},
		{name: "cut off", file: riff(telephone, sized(samples, 600)), cause: CauseTruncated, want: Format{EncodingPCM, 8000, 1, 16, 44, 6}},

		{name: "no RIFF", file: []byte("<html>0123456789"), reason: errNotAudio},
		{name: "some bytes", file: []byte("RIFF"), reason: errNotAudio},
		{name: "another RIFF", file: []byte("RIFF\x04\x00\x00\x00AVI "), reason: errNotAudio},
		{name: "no format", file: riff(samples), reason: errNotAudio},
		{name: "a format too short", file: riff(chunk("fmt ", make([]byte, 4)), samples), reason: errNotAudio},
		{name: "a format cut off", file: riff(telephone)[:30], reason: errNotAudio},
		{name: "no channel", file: riff(format(tagPCM, 0, 16, 8000), samples), reason: errNotAudio},
		{name: "a hundred channels", file: riff(format(tagPCM, 100, 16, 8000), samples), reason: errUnsupported},
		{name: "no rate", file: riff(format(tagPCM, 1, 16, 0), samples), reason: errNotAudio},
		{name: "an odd depth", file: riff(format(tagPCM, 1, 12, 8000), samples), reason: errUnsupported},
		{name: "ADPCM", file: riff(format(0x11, 1, 4, 8000), samples), reason: errUnsupported},
		{name: "RF64", file: append([]byte("RF64"), riff(telephone, samples)[4:]...), reason: errUnsupported},
	}
	for _, test := range tests {
		h, err := parseWAV(bytes.NewReader(test.file), int64(len(test.file)))
		if !errors.Is(err, test.reason) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.reason)
		}
		if err != nil || test.reason != nil {
			continue
		}
		if h.Format != test.want || h.clean != test.clean {
			t.Errorf("%s: %+v, clean %t; want %+v, %t", test.name, h.Format, h.clean, test.want, test.clean)
		}
		if l := wavLook(h); l.cause != test.cause || l.whole != test.whole {
			t.Errorf("%s: cause %q, whole %t; want %q, %t", test.name, l.cause, l.whole, test.cause, test.whole)
		}
	}
}

// FuzzWAV checks that no file makes the reader panic, loop or lie: what it
// finds lies within the file, and all of it can be decoded.
func FuzzWAV(f *testing.F) {
	for _, seed := range [][]byte{
		riff(telephone, samples), riff(list, telephone, samples, list), riff(telephone, sized(samples, 0)),
		riff(telephone, sized(samples, math.MaxUint32)), riff(format(tagExtensible, 1, 8, 8000, extension(tagULaw)...), samples),
		riff(format(tagGSM, 1, 0, 8000, 2, 0, 0x40, 1), chunk("data", make([]byte, 65))), riff(samples, telephone),
		riff(sized(list, 0), sized(list, math.MaxUint32-7)), []byte("RIFF"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		size := int64(len(file))
		h, err := parseWAV(bytes.NewReader(file), size)
		if err != nil {
			if !errors.Is(err, errNotAudio) && !errors.Is(err, errUnsupported) {
				t.Fatalf("error %v of a file that can be read", err)
			}
			return
		}
		if h.DataOffset < 0 || h.DataSize < 0 || h.DataOffset+h.DataSize > size {
			t.Fatalf("%d bytes of samples at %d, in a file of %d", h.DataSize, h.DataOffset, size)
		}
		if h.clean && h.Encoding != EncodingPCM {
			t.Fatalf("%s is for browsers", h.Encoding)
		}
		if h.Encoding == EncodingGSM {
			return
		}
		data := io.NewSectionReader(bytes.NewReader(file), h.DataOffset, h.DataSize)
		s, err := samplesOf(data, h.Format)
		if err != nil {
			t.Fatal(err)
		}
		picture := newSketch(h.SampleRate, h.Channels)
		if err := drain(s, h.Channels, func(samples []int16) error { picture.add(samples); return nil }); err != nil {
			t.Fatal(err)
		}
		if want := h.DataSize / int64(h.FrameSize()); picture.samples != want {
			t.Fatalf("%d samples, want %d", picture.samples, want)
		}
		for _, peak := range picture.waveform().Peaks {
			if peak < 0 || peak > 1 {
				t.Fatalf("a peak of %v", peak)
			}
		}
	})
}

func TestSamples(t *testing.T) {
	t.Parallel()
	tests := []struct {
		encoding Encoding
		bits     int
		data     []byte
		want     []int16
	}{
		{EncodingPCM, 8, []byte{0, 128, 255}, []int16{-32768, 0, 32512}},
		{EncodingPCM, 16, []byte{0, 0x80, 0xff, 0x7f, 0xff, 0xff}, []int16{-32768, 32767, -1}},
		{EncodingPCM, 24, []byte{0xff, 0, 0x80, 0, 0xff, 0x7f}, []int16{-32768, 32767}},
		{EncodingPCM, 32, []byte{0, 0, 1, 0}, []int16{1}},
		{EncodingULaw, 8, []byte{0xff, 0x7f, 0x00, 0x80}, []int16{0, 0, -32124, 32124}},
		{EncodingALaw, 8, []byte{0xd5, 0x55, 0x2a, 0xaa}, []int16{8, -8, -32256, 32256}},
		{EncodingFloat, 32, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0xc0, 0x7f}, []int16{32767, -32767, 0}},
	}
	for _, test := range tests {
		// What is left of a sample at the end is none.
		for _, data := range [][]byte{test.data, append(bytes.Clone(test.data), make([]byte, test.bits/8-1)...)} {
			s, err := samplesOf(bytes.NewReader(data), Format{Encoding: test.encoding, BitsPerSample: test.bits})
			if err != nil {
				t.Fatal(err)
			}
			var got []int16
			err = drain(s, 1, func(samples []int16) error { got = append(got, samples...); return nil })
			if err != nil || !equal(got, test.want) {
				t.Errorf("%s of %d bits: %v, %v; want %v", test.encoding, test.bits, got, err, test.want)
			}
		}
	}
	broken := errors.New("broken")
	s, err := samplesOf(io.MultiReader(bytes.NewReader(make([]byte, 7)), failing{broken}), Format{Encoding: EncodingPCM, BitsPerSample: 16})
	if err != nil {
		t.Fatal(err)
	}
	if err := drain(s, 1, func([]int16) error { return nil }); !errors.Is(err, broken) || !errors.Is(err, errReading) {
		t.Errorf("reading what fails: %v", err)
	}
}

func equal(a, b []int16) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// However long the sound is, and in whatever pieces it comes, there are not
// too many peaks, each is of its stretch of time, and none is lost.
func TestSketch(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int{0, 1, 199, 200, 201, 500, 3601} {
		const rate = 800
		sound := make([]int16, seconds*rate)
		loudAt := len(sound) / 3
		if seconds > 0 {
			sound[loudAt], sound[len(sound)-1] = math.MinInt16, 16384
		}
		s := newSketch(rate, 1)
		for rest := sound; len(rest) > 0; {
			n := min(len(rest), 777)
			s.add(rest[:n])
			rest = rest[n:]
		}
		w := s.waveform()
		if w.Duration != time.Duration(seconds)*time.Second || len(w.Peaks) > MaxPeaks {
			t.Errorf("%d s: lasts %s with %d peaks", seconds, w.Duration, len(w.Peaks))
		}
		if seconds == 0 {
			continue
		}
		if want := float64(len(w.Peaks)) / float64(seconds); math.Abs(w.PeaksPerSecond-want) > 0.06*want {
			t.Errorf("%d s: %d peaks, said to be %.2f a second", seconds, len(w.Peaks), w.PeaksPerSecond)
		}
		at := int(float64(loudAt) / rate * w.PeaksPerSecond)
		for i, peak := range w.Peaks {
			if loud := peak == 1; loud != (i == at) {
				t.Errorf("%d s: peak %d is %.2f, and the loudest should be %d", seconds, i, peak, at)
				break
			}
		}
		if last := w.Peaks[len(w.Peaks)-1]; last != 0.5 && math.Abs(float64(last)-0.5) > 0.001 {
			t.Errorf("%d s: the last peak is %.3f, want 0.5", seconds, last)
		}
	}
}
