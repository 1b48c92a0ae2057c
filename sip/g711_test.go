package sip

import "testing"

func TestULaw_EveryCodeSurvives(t *testing.T) {
	t.Parallel()
	for code := range 256 {
		got, want := encodeULaw(decodeULaw(byte(code))), byte(code)
		if want == 0x7f {
			want = 0xff // the two zeros are one
		}
		if got != want {
			t.Errorf("encode(decode(%#02x)) = %#02x, want %#02x", code, got, want)
		}
	}
}

// The references are from the tables of ITU-T G.711 at 16 bits.
func TestULaw_KnownCodes(t *testing.T) {
	t.Parallel()
	tests := map[byte]int16{0x00: -32124, 0x80: 32124, 0xff: 0, 0x7f: 0, 0x8f: 16764, 0xef: 132, 0xfe: 8, 0x7e: -8}
	for code, want := range tests {
		if got := decodeULaw(code); got != want {
			t.Errorf("decodeULaw(%#02x) = %d, want %d", code, got, want)
		}
	}
}

func TestULaw_ErrorStaysWithinTheStep(t *testing.T) {
	t.Parallel()
	for sample := -32768; sample <= 32767; sample++ {
		got := int(decodeULaw(encodeULaw(int16(sample))))
		// Half a step, which is a sixteenth of the segment; clipped at the top.
		allowed := max(4, abs(sample)/30+5)
		if abs(sample) > ulawClip {
			allowed = 32768 - 32124
		}
		if abs(got-sample) > allowed {
			t.Fatalf("sample %d became %d, want within %d", sample, got, allowed)
		}
	}
}

func abs(n int) int { return max(n, -n) }
