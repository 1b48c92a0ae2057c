package sip

import (
	"math"
	"sync"
	"time"
)

// windowSamples is how much of the latest audio is kept for looking at tones:
// 200 ms, which tells frequencies 5 Hz apart.
const windowSamples = sampleRate / 5

// Reception says how much audio a call has received.
type Reception struct {
	Packets int           // audio packets, without telephone events
	Lost    int           // packets missing in the sequence so far
	Audio   time.Duration // audio in these packets
	LastAt  time.Time     // arrival of the latest one, UTC; zero when none came
}

// hearing keeps what a call has heard.
type hearing struct {
	mu        sync.Mutex
	reception Reception
	samples   int64
	source    uint32 // SSRC
	expected  uint16 // next sequence number
	window    [windowSamples]int16
	at        int // where the next sample goes in window
}

func (h *hearing) add(source uint32, sequence uint16, codes []byte, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// A new source starts a new sequence: Asterisk changes it when it bridges
	// another channel in. Half the number space back is a late packet.
	gap := sequence - h.expected
	late := gap >= 1<<15
	switch {
	case h.reception.Packets == 0 || source != h.source:
		h.source, h.expected = source, sequence+1
	case late:
		h.reception.Lost = max(0, h.reception.Lost-1)
	default:
		h.reception.Lost += int(gap)
		h.expected = sequence + 1
	}
	h.reception.Packets++
	h.reception.LastAt = now.UTC()
	h.samples += int64(len(codes))
	for _, code := range codes {
		h.window[h.at] = decodeULaw(code)
		h.at = (h.at + 1) % windowSamples
	}
}

// skip counts a packet that carries no audio, such as a telephone event, in
// the sequence, so that it does not seem lost.
func (h *hearing) skip(source uint32, sequence uint16) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if source == h.source && sequence-h.expected < 1<<15 {
		h.reception.Lost += int(sequence - h.expected)
		h.expected = sequence + 1
	}
}

func (h *hearing) read() Reception {
	h.mu.Lock()
	defer h.mu.Unlock()
	reception := h.reception
	reception.Audio = time.Duration(h.samples) * time.Second / sampleRate
	return reception
}

// latest returns the window in order of time.
func (h *hearing) latest() []float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	samples := make([]float64, windowSamples)
	for i := range samples {
		samples[i] = float64(h.window[(h.at+i)%windowSamples])
	}
	return samples
}

// toneLevel is the share of the power of samples that lies at the frequency,
// by Goertzel's algorithm: 1 for a pure tone, 0 for silence.
func toneLevel(samples []float64, hertz float64) float64 {
	power := 0.0
	for _, sample := range samples {
		power += sample * sample
	}
	// Below one step of µ-law on average there is nothing to be heard.
	if power < float64(len(samples)) {
		return 0
	}
	coefficient := 2 * math.Cos(2*math.Pi*hertz/sampleRate)
	previous, before := 0.0, 0.0
	for _, sample := range samples {
		previous, before = sample+coefficient*previous-before, previous
	}
	at := previous*previous + before*before - coefficient*previous*before
	return min(1, 2*at/(float64(len(samples))*power))
}

// dominantTone searches the telephone band in steps of the window's resolution.
func dominantTone(samples []float64) (hertz, level float64) {
	const step = sampleRate / windowSamples
	for candidate := 50.0; candidate < 3800; candidate += step {
		if share := toneLevel(samples, candidate); share > level {
			hertz, level = candidate, share
		}
	}
	return hertz, level
}
