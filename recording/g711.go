package recording

// The linear samples of all codes of G.711.
var (
	uLawSamples = table(decodeULaw)
	aLawSamples = table(decodeALaw)
)

func table(decode func(code byte) int16) *[256]int16 {
	var samples [256]int16
	for code := range samples {
		samples[code] = decode(byte(code))
	}
	return &samples
}

// decodeULaw decodes by G.711 µ-law: all bits are inverted; sign, three bits of
// exponent, four of mantissa; a bias of 33 quarter steps.
func decodeULaw(code byte) int16 {
	const bias = 0x84
	code = ^code
	magnitude := (int(code&0x0f)<<3+bias)<<(code>>4&7) - bias
	if code&0x80 != 0 {
		return int16(-magnitude)
	}
	return int16(magnitude)
}

// decodeALaw decodes by G.711 A-law: even bits are inverted, and the lowest
// two segments are linear.
func decodeALaw(code byte) int16 {
	code ^= 0x55
	magnitude := int(code&0x0f)<<4 + 8
	if exponent := code >> 4 & 7; exponent > 0 {
		magnitude = (magnitude + 0x100) << (exponent - 1)
	}
	if code&0x80 == 0 { // the sign bit is set for positive samples
		return int16(-magnitude)
	}
	return int16(magnitude)
}
