package recording

import "math"

// finestPeaks is how many peaks a second of a short recording has.
const finestPeaks = 20

// sketch draws the waveform of sound that comes piece by piece, of a length
// that is not known before. When there are too many peaks, two become one.
type sketch struct {
	rate, channels int
	samples        int64 // of each channel

	peaks []uint16
	// perPeak is how many samples of a channel make a peak, and at is how many
	// of the last one there are.
	perPeak, at int
	last        uint16
}

func newSketch(rate, channels int) *sketch {
	return &sketch{rate: rate, channels: channels, perPeak: max(1, rate/finestPeaks)}
}

// add takes in whole samples of all channels.
func (s *sketch) add(samples []int16) {
	for i := 0; i < len(samples); i += s.channels {
		for _, sample := range samples[i : i+s.channels] {
			amplitude := uint16(max(int(sample), -int(sample)))
			s.last = max(s.last, amplitude)
		}
		s.samples++
		if s.at++; s.at == s.perPeak {
			s.push()
		}
	}
}

func (s *sketch) push() {
	s.peaks = append(s.peaks, s.last)
	s.last, s.at = 0, 0
	if len(s.peaks) <= MaxPeaks-MaxPeaks%2 {
		return
	}
	// One too many: the last stays half of a peak of the double length.
	half := len(s.peaks) / 2
	s.last, s.at = s.peaks[len(s.peaks)-1], s.perPeak
	for i := range half {
		s.peaks[i] = max(s.peaks[2*i], s.peaks[2*i+1])
	}
	s.peaks = s.peaks[:half]
	s.perPeak *= 2
}

// waveform returns what was drawn.
func (s *sketch) waveform() Waveform {
	peaks := s.peaks
	if s.at > 0 && len(peaks) < MaxPeaks {
		peaks = append(peaks, s.last)
	}
	w := Waveform{
		Duration:       lasting(s.samples, s.rate),
		PeaksPerSecond: float64(s.rate) / float64(s.perPeak),
		Peaks:          make([]float32, len(peaks)),
	}
	for i, peak := range peaks {
		w.Peaks[i] = min(1, float32(peak)/math.MaxInt16)
	}
	return w
}
