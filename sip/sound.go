package sip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

const (
	sampleRate   = 8000 // Hz, fixed by G.711
	frameTime    = 20 * time.Millisecond
	frameSamples = sampleRate / 50
)

// A Sound is what a phone says. One sound serves many calls at once: each
// plays it from its beginning.
type Sound interface {
	// Start returns a function that fills the next frame with linear samples
	// at 8 kHz. It is called by one goroutine, 50 times a second.
	Start() func(frame []int16)
}

type soundFunc func() func([]int16)

func (f soundFunc) Start() func([]int16) { return f() }

// Silence is the sound of nobody speaking. Packets are sent all the same, so
// that a recording has a length.
func Silence() Sound {
	return soundFunc(func() func([]int16) {
		return func(frame []int16) { clear(frame) }
	})
}

// Tone is a pure tone of the given frequency in Hz, at a third of full scale,
// without end. Frequencies above 3,400 Hz do not survive telephone lines.
func Tone(hertz float64) Sound {
	return soundFunc(func() func([]int16) {
		const amplitude = math.MaxInt16 / 3
		step, phase := 2*math.Pi*hertz/sampleRate, 0.0
		return func(frame []int16) {
			for i := range frame {
				frame[i] = int16(amplitude * math.Sin(phase))
				phase = math.Mod(phase+step, 2*math.Pi)
			}
		}
	})
}

// A Clip is recorded sound, kept in memory. It is said once and followed by
// silence.
type Clip struct{ samples []int16 }

// maxClip bounds what is read into memory: ten minutes of 16-bit samples.
const maxClip = 10 * 60 * sampleRate * 2

// ReadWAV reads a WAV file of one channel at 8 kHz, as 16-bit PCM or µ-law.
// Other rates are refused and not converted; sox does that better.
func ReadWAV(r io.Reader) (*Clip, error) {
	data, err := readBounded(r)
	if err != nil {
		return nil, fmt.Errorf("read WAV: %w", err)
	}
	samples, err := parseWAV(data)
	if err != nil {
		return nil, fmt.Errorf("read WAV: %w", err)
	}
	return &Clip{samples: samples}, nil
}

// Start implements [Sound].
func (c *Clip) Start() func([]int16) {
	rest := c.samples
	return func(frame []int16) {
		n := copy(frame, rest)
		rest = rest[n:]
		clear(frame[n:])
	}
}

// Duration is how long the clip takes to say.
func (c *Clip) Duration() time.Duration {
	return time.Duration(len(c.samples)) * time.Second / sampleRate
}

func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxClip+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxClip {
		return nil, fmt.Errorf("longer than %d bytes", maxClip)
	}
	return data, nil
}

func fromULaw(codes []byte) []int16 {
	samples := make([]int16, len(codes))
	for i, code := range codes {
		samples[i] = decodeULaw(code)
	}
	return samples
}

// parseWAV walks the chunks of a RIFF file: writers put others (LIST, fact)
// between the format and the samples.
func parseWAV(data []byte) ([]int16, error) {
	const (
		formatPCM  = 1
		formatULaw = 7
	)
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return nil, errors.New("no RIFF/WAVE header")
	}
	format := uint16(0)
	for chunk := data[12:]; len(chunk) >= 8; {
		name, size := string(chunk[:4]), int(binary.LittleEndian.Uint32(chunk[4:8]))
		// A writer to a pipe does not know the size; the rest of the file is meant.
		body := chunk[8:min(len(chunk), 8+size)]
		switch name {
		case "fmt ":
			if len(body) < 16 {
				return nil, errors.New("format chunk is too short")
			}
			format = binary.LittleEndian.Uint16(body)
			channels, rate := binary.LittleEndian.Uint16(body[2:]), binary.LittleEndian.Uint32(body[4:])
			depth := binary.LittleEndian.Uint16(body[14:])
			fits := format == formatPCM && depth == 16 || format == formatULaw && depth == 8
			if !fits || channels != 1 || rate != sampleRate {
				return nil, fmt.Errorf("format %d with %d channels of %d bits at %d Hz; want one channel of 16-bit PCM (1) or µ-law (7) at %d Hz",
					format, channels, depth, rate, sampleRate)
			}
		case "data":
			switch format {
			case formatPCM:
				samples := make([]int16, len(body)/2)
				for i := range samples {
					samples[i] = int16(binary.LittleEndian.Uint16(body[2*i:]))
				}
				return samples, nil
			case formatULaw:
				return fromULaw(body), nil
			}
			return nil, errors.New("samples come before their format")
		}
		chunk = chunk[min(len(chunk), 8+size+size%2):]
	}
	return nil, errors.New("no samples")
}

// ToneLevel is the share of the clip's power that lies at a frequency: near 1
// for a pure tone, 0 for none of it.
func (c *Clip) ToneLevel(hertz float64) float64 {
	samples := make([]float64, len(c.samples))
	for i, sample := range c.samples {
		samples[i] = float64(sample)
	}
	return toneLevel(samples, hertz)
}
