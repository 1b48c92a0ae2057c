package configs

import (
	"regexp"
	"strings"
	"testing"
)

func TestPattern_Match(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern  string
		matches  []string
		excludes []string
	}{
		{"7001", []string{"7001", "70-01", "-7001-"}, []string{"", "700", "70011", "7002", "_7001", "７００１"}},
		{"555-1234", []string{"5551234", "555-1234"}, []string{"555", "5551235"}},
		{"support", []string{"support"}, []string{"Support", "suppor", "supports"}},
		{"*98", []string{"*98"}, []string{"98", "*9", "*980"}},
		{"_2XXX", []string{"2000", "2999", "2-001"}, []string{"200", "20000", "3000", "2XXX", "200a", "_2XXX"}},
		{"_xzn", []string{"012", "999"}, []string{"001", "011", "01", "0123"}},
		{"_ZN", []string{"12", "99"}, []string{"02", "10", "11", "1"}},
		{"_*700[12]0X.", []string{"*70010312345", "*7002099"}, []string{"*700109", "*700301", "70010312"}},
		{"_[13-5]", []string{"1", "3", "4", "5"}, []string{"2", "6", "-", "", "13"}},
		{"_[a-cX-]1", []string{"a1", "b1", "c1", "X1"}, []string{"x1", "-1", "01", "d1"}},
		{"_[1-3-5]", []string{"1", "2", "3", "5"}, []string{"4", "-"}},
		{"_20[[]", []string{"20["}, []string{"20", "20]"}},
		{"_0.", []string{"00", "0312345678", "0x", "0_", "0-1", "0é"}, []string{"0", "0-", "", "10"}},
		{"_0!", []string{"0", "0-", "00", "0abc"}, []string{"", "1"}},
		{"_.", []string{"1", "s", "_"}, []string{"", "-"}},
		{"_!", []string{"", "1", "-"}, nil},
		{"_1-2X-", []string{"123", "1-23", "12-3"}, []string{"12", "1234"}},
		{"_n[n]", []string{"2n", "9n"}, []string{"22", "1n", "nn"}},
	}
	for _, tt := range tests {
		p, err := ParsePattern(tt.pattern)
		if err != nil {
			t.Errorf("ParsePattern(%q) = %v", tt.pattern, err)
			continue
		}
		for _, number := range tt.matches {
			if !p.Match(number) {
				t.Errorf("%q does not match %q", tt.pattern, number)
			}
		}
		for _, number := range tt.excludes {
			if p.Match(number) {
				t.Errorf("%q matches %q", tt.pattern, number)
			}
		}
	}
}

func TestParsePattern_Refuses(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":         "is empty",
		"_":        "nothing behind the underscore",
		"_-":       "nothing behind the underscore",
		"--":       "nothing but",
		"2XXX":     `write "_2XXX"`,
		"20[1-4]":  `write "_20[1-4]"`,
		"0.":       `write "_0."`,
		"_2[1-4":   `"[" without "]"`,
		"_21]":     `"]" without "["`,
		"_2[]":     "empty set",
		"_2[5-1]":  "wrong way round",
		"_0.1":     "behind a wildcard",
		"_0!X":     "behind a wildcard",
		"_2XX/030": "caller's number",
		"_2 X":     "' '",
		"70é1":     "visible ASCII",
	}
	for text, want := range tests {
		if p, err := ParsePattern(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParsePattern(%q) = %v, %v; want an error with %q", text, p, err, want)
		}
	}
}

func TestPattern_Zero(t *testing.T) {
	t.Parallel()
	if (Pattern{}).Match("") || (Pattern{}).Plain() {
		t.Error("the zero Pattern matches the empty number or is a plain extension, want neither")
	}
}

// FuzzPattern compares Match with a regular expression made of the same
// pattern by plain substitution.
func FuzzPattern(f *testing.F) {
	for _, p := range []string{"7001", "_2XXX", "_[13-5]X.", "_0!", "_[a-cX-]1", "_1-2X-", "_[1-3-5]Z", "_20[[]n", "_[--9]"} {
		for _, number := range []string{"", "7001", "2001", "-4-5", "31", "0", "12-3", "a1", "42x"} {
			f.Add(p, number)
		}
	}
	f.Fuzz(func(t *testing.T, text, number string) {
		p, err := ParsePattern(text)
		if err != nil {
			return
		}
		want := translate(t, text).MatchString(strings.ReplaceAll(number, "-", ""))
		if got := p.Match(number); got != want {
			t.Errorf("%q matches %q: got %v, want %v", text, number, got, want)
		}
	})
}

// translate returns the regular expression that says what pattern says.
func translate(t *testing.T, pattern string) *regexp.Regexp {
	t.Helper()
	if rest, ok := strings.CutPrefix(pattern, "_"); !ok {
		pattern = regexp.QuoteMeta(strings.ReplaceAll(rest, "-", ""))
	} else {
		element := regexp.MustCompile(`\[[^\]]*\]|.`)
		pattern = element.ReplaceAllStringFunc(rest, func(e string) string {
			switch e {
			case "-":
				return ""
			case "X", "x":
				return "[0-9]"
			case "Z", "z":
				return "[1-9]"
			case "N", "n":
				return "[2-9]"
			case ".":
				return "(?s:.+)"
			case "!":
				return "(?s:.*)"
			}
			if len(e) == 1 {
				return regexp.QuoteMeta(e)
			}
			return translateSet(e[1 : len(e)-1])
		})
	}
	re, err := regexp.Compile(`\A` + pattern + `\z`)
	if err != nil {
		t.Fatalf("translate pattern: %v", err)
	}
	return re
}

func translateSet(inside string) string {
	var alternatives []string
	for inside != "" {
		from, to, size := inside[0], inside[0], 1
		if len(inside) > 2 && inside[1] == '-' {
			to, size = inside[2], 3
		}
		for c := int(from); c <= int(to); c++ {
			alternatives = append(alternatives, regexp.QuoteMeta(string(rune(c))))
		}
		inside = inside[size:]
	}
	return "(?:" + strings.Join(alternatives, "|") + ")"
}
