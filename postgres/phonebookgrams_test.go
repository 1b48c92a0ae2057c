package postgres

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestGrams(t *testing.T) {
	t.Parallel()
	pair := func(a, b rune) int64 { return int64(a)<<32 | int64(b) }
	tests := []struct {
		text string
		want []int64
	}{
		{"", []int64{}},
		{"a", []int64{}},
		{"佐", []int64{'佐'}},
		{"ab", []int64{pair('a', 'b')}},
		{"佐藤", []int64{'佐', '藤', pair('佐', '藤')}},
		{"aaa", []int64{pair('a', 'a')}},
		{"a\nb", []int64{}},
		{"a b", []int64{pair('a', ' '), pair(' ', 'b')}},
	}
	for _, tt := range tests {
		slices.Sort(tt.want)
		if diff := cmp.Diff(tt.want, grams(tt.text)); diff != "" {
			t.Errorf("grams(%q): (-want +got)\n%s", tt.text, diff)
		}
	}
}

// What is part of a text is never excluded by the grams.
func TestGrams_OfPartsAreAmongThoseOfTheWhole(t *testing.T) {
	t.Parallel()
	text := rapid.StringOf(rapid.RuneFrom([]rune("ab01 佐藤\n\t😀")))
	rapid.Check(t, func(t *rapid.T) {
		part := text.Draw(t, "part")
		whole := grams(text.Draw(t, "before") + part + text.Draw(t, "after"))
		for _, gram := range grams(part) {
			if !slices.Contains(whole, gram) {
				t.Fatalf("%q has gram %x, which a text around it has not", part, gram)
			}
		}
	})
	if got := len(grams(strings.Repeat("ab", 1000))); got != 2 {
		t.Errorf("a long text of two pairs has %d grams", got)
	}
}
