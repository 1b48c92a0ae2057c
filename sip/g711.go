package sip

import "math/bits"

// G.711 µ-law: a sign, a segment of three bits and four bits within the
// segment, all inverted on the wire.
const (
	ulawBias = 132   // makes the first segment begin at a power of two
	ulawClip = 32635 // the loudest sample that does not overflow with the bias
)

// ulawSamples decodes: the linear sample of each code.
var ulawSamples = func() (samples [256]int16) {
	for code := range samples {
		inverted := ^byte(code)
		segment, step := inverted>>4&7, int(inverted&0x0f)
		sample := (step<<3+ulawBias)<<segment - ulawBias
		if inverted&0x80 != 0 {
			sample = -sample
		}
		samples[code] = int16(sample)
	}
	return samples
}()

// encodeULaw is the µ-law code of a linear sample.
func encodeULaw(sample int16) byte {
	magnitude, sign := int(sample), 0
	if magnitude < 0 {
		magnitude, sign = -magnitude, 0x80
	}
	magnitude = min(magnitude, ulawClip) + ulawBias
	segment := bits.Len(uint(magnitude)) - 8
	step := magnitude >> (segment + 3) & 0x0f
	return ^byte(sign | segment<<4 | step)
}

// decodeULaw is the linear sample of a µ-law code.
func decodeULaw(code byte) int16 { return ulawSamples[code] }
