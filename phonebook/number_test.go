package phonebook_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"callbackd/phonebook"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	tests := []struct{ region, number, want string }{
		// One number in every spelling.
		{"JP", "0312345678", "+81312345678"},
		{"JP", "03-1234-5678", "+81312345678"},
		{"JP", "(03) 1234 5678", "+81312345678"},
		{"JP", "03.1234.5678", "+81312345678"},
		{"JP", "０３－１２３４－５６７８", "+81312345678"},
		{"JP", "０３ー１２３４ー５６７８", "+81312345678"},
		{"JP", "０３（１２３４）５６７８", "+81312345678"},
		{"JP", "03‐1234–5678", "+81312345678"},
		{"JP", "　03 1234　5678 ", "+81312345678"},
		{"JP", "\u202a03-1234-5678\u202c", "+81312345678"},
		{"JP", "+81 3 1234 5678", "+81312345678"},
		{"JP", "＋81-3-1234-5678", "+81312345678"},
		{"JP", "+81 (0)3-1234-5678", "+81312345678"},
		{"JP", "81312345678", "+81312345678"},
		{"JP", "010-81-3-1234-5678", "+81312345678"},
		{"JP", "184-03-1234-5678", "+81312345678"},
		{"JP", "1860312345678", "+81312345678"},
		{"JP", "184-010-81-3-1234-5678", "+81312345678"},
		{"JP", "0312345678;phone-context=pbx1", "+81312345678"},
		{"JP", "312345678", "+81312345678"}, // a spreadsheet's

		// Other kinds of numbers.
		{"JP", "090-1234-5678", "+819012345678"},
		{"JP", "050-1234-5678", "+815012345678"},
		{"JP", "0120-444-444", "+81120444444"},
		{"JP", "0800-123-4567", "+818001234567"},
		{"JP", "0570-000-000", "+81570000000"},
		{"JP", "0990-123456", "+81990123456"},
		{"JP", "0180-99-3099", "+81180993099"}, // possible, not known to the library
		{"JP", "0077-7012", "+8100777012"},
		{"JP", "010-1-650-253-0000", "+16502530000"},
		{"JP", "+1 (650) 253-0000", "+16502530000"},
		{"US", "(650) 253-0000", "+16502530000"},
		{"US", "1-650-253-0000", "+16502530000"},
		{"US", "011 81 3 1234 5678", "+81312345678"},
		{"FR", "184 01 23 45 67 89", "1840123456789"}, // 184 means nothing there
		{"DE", "030 123456", "+4930123456"},
		{"DE", "0049 30 123456", "+4930123456"},

		// What stays as it is.
		{"JP", "2001", "2001"},
		{"JP", "20-01", "2001"},
		{"JP", "7001", "7001"},
		{"JP", "110", "110"},
		{"JP", "１１９", "119"},
		{"JP", "117", "117"},
		{"JP", "184", "184"},
		{"JP", "18601", "18601"},
		{"JP", "#7119", "#7119"},
		{"JP", "*21", "*21"},
		{"JP", "12345678", "12345678"}, // a long extension
		{"DE", "2001", "2001"},
		{"US", "911", "911"},

		// Nothing to call.
		{"JP", "", ""},
		{"JP", " \t", ""},
		{"JP", "anonymous", ""},
		{"JP", "Anonymous", ""},
		{"JP", "Restricted", ""},
		{"JP", "<unknown>", ""},
		{"JP", "非通知", ""},

		// No numbers.
		{"JP", "sato", "sato"},
		{"JP", "ｓａｔｏ", "sato"},
		{"JP", "sato;user=phone", "sato"},
		{"JP", "2001a", "2001a"},
		{"JP", "+", "+"},
		{"JP", "-", "-"},
		{"JP", "**", "**"},
		{"JP", "03+1234", "03+1234"},
		{"JP", "++81312345678", "++81312345678"},
		{"JP", "03-1234-5678 内線 12", "03-1234-5678 内線 12"},
		{"JP", "\xff2001\xff", "2001"},
		{"JP", "20\x0001", "2001"},
		{"??", "0312345678", "0312345678"},
		{"??", "+81312345678", "+81312345678"},
	}
	for _, tt := range tests {
		if got := phonebook.Normalise(tt.number, tt.region); got != tt.want {
			t.Errorf("Normalise(%q, %s) = %q, want %q", tt.number, tt.region, got, tt.want)
		}
	}
}

func TestNormalise_Bounded(t *testing.T) {
	t.Parallel()
	for _, number := range []string{strings.Repeat("9", 100_000), strings.Repeat("ﷺ", 10_000), strings.Repeat("184", 1000) + "0312345678"} {
		if got := phonebook.Normalise(number, "JP"); utf8.RuneCountInString(got) > phonebook.MaxNumberLength {
			t.Errorf("%.10q… became %d characters", number, utf8.RuneCountInString(got))
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	tests := []struct{ region, number, want string }{
		{"JP", "+81312345678", "03-1234-5678"},
		{"JP", "+819012345678", "090-1234-5678"},
		{"JP", "+81120444444", "0120-444-444"},
		{"JP", "+16502530000", "+1 650-253-0000"},
		{"US", "+16502530000", "(650) 253-0000"},
		{"JP", "2001", "2001"},
		{"JP", "110", "110"},
		{"JP", "", ""},
		{"JP", "sato", "sato"},
	}
	for _, tt := range tests {
		if got := phonebook.Format(tt.number, tt.region); got != tt.want {
			t.Errorf("Format(%q, %s) = %q, want %q", tt.number, tt.region, got, tt.want)
		}
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		region, number string
		want           []string
	}{
		{"JP", "+81312345678", []string{"+81312345678", "0312345678"}},
		{"JP", "+8100777012", []string{"+8100777012", "00777012"}},
		{"JP", "+16502530000", []string{"+16502530000"}},
		{"US", "+16502530000", []string{"+16502530000", "6502530000"}},
		{"JP", "2001", []string{"2001"}},
		{"JP", "sato", nil},
		{"JP", "", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, phonebook.Forms(tt.number, tt.region)); diff != "" {
			t.Errorf("Forms(%q, %s): (-want +got)\n%s", tt.number, tt.region, diff)
		}
	}
}

var regions = []string{"JP", "US", "DE", "IT", "AR", "BR", "MX", "GB", "RU", "SG", "??"}

// FuzzNormalise holds what is promised of every text: one form, which is its
// own, from which the spelling for people leads back.
func FuzzNormalise(f *testing.F) {
	for _, seed := range []string{
		"", "0312345678", "+810312345678", "00312345678", "1840312345678", "010810312345678", "+8100312345678",
		"０３ー１２３４ー５６７８", "sip:2001@pbx", "\u00a8\u0301", "s;", ";;", "+1 650 253 0000", "*#06#", "ﷺ", "\xff", "+54 9 11 2345 6789",
		"0343 15 555 1212", "tel:+81-3-1234-5678", "9", "+0", "+999", "00", "1e9",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, number string) {
		for _, region := range regions {
			once := phonebook.Normalise(number, region)
			if twice := phonebook.Normalise(once, region); twice != once {
				t.Errorf("%s: Normalise(%q) = %q, and of that %q", region, number, once, twice)
			}
			if !utf8.ValidString(once) || utf8.RuneCountInString(once) > phonebook.MaxNumberLength || strings.ContainsRune(once, 0) {
				t.Errorf("%s: Normalise(%q) = %q", region, number, once)
			}
			written := phonebook.Format(once, region)
			if back := phonebook.Normalise(written, region); back != once {
				t.Errorf("%s: %q is written %q, which is %q", region, once, written, back)
			}
			if forms := phonebook.Forms(once, region); phonebook.IsNumber(once) != slices.Contains(forms, once) {
				t.Errorf("%s: Forms(%q) = %q", region, once, forms)
			}
			phonebook.SearchKeys(number, region)
		}
	})
}

// A number is found by every part of what people read, in any spelling.
func TestSearchKeys_EveryPartFinds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		region := rapid.SampledFrom([]string{"JP", "US", "DE"}).Draw(t, "region")
		number := phonebook.Normalise(rapid.StringMatching(`0[1-9][0-9]{8,9}|\+81[1-9][0-9]{8}|\+1[2-9][0-9]{9}|[2-9][0-9]{3}`).Draw(t, "number"), region)
		written := rapid.SampledFrom([]string{number, phonebook.Format(number, region)}).Draw(t, "written")
		from := rapid.IntRange(0, len(written)-1).Draw(t, "from")
		to := rapid.IntRange(from+1, len(written)).Draw(t, "to")
		part := written[from:to]
		if !strings.ContainsAny(part, "0123456789") {
			return
		}
		if spell := rapid.Bool().Draw(t, "full width"); spell {
			part = strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' {
					return r - '0' + '０'
				}
				return r
			}, part)
		}
		keys, forms := phonebook.SearchKeys(part, region), phonebook.Forms(number, region)
		found := slices.ContainsFunc(keys, func(key string) bool {
			return slices.ContainsFunc(forms, func(form string) bool {
				return strings.Contains(form, key) && (from > 0 || strings.HasPrefix(form, key))
			})
		})
		if !found {
			t.Fatalf("%s: %q of %q (%q) is looked for as %q", region, part, written, forms, keys)
		}
	})
}

func TestSearchKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want []string
	}{
		{"03-12", []string{"0312"}},
		{"+81 3 12", []string{"+81312"}},
		{"010-81-3-1234-5678", []string{"01081312345678", "+81312345678"}},
		{"184-03-1234-5678", []string{"0312345678", "+81312345678"}},
		{"2001", []string{"2001"}},
		{"佐藤", nil},
		{"", nil},
		{"-", nil},
		{"anonymous", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, phonebook.SearchKeys(tt.text, "JP")); diff != "" {
			t.Errorf("SearchKeys(%q): (-want +got)\n%s", tt.text, diff)
		}
	}
}

// A number is found by every beginning of every spelling, in every way that
// PBXs report it.
func TestBeginnings_EverySpellingFindsEveryOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		region := rapid.SampledFrom([]string{"JP", "DE"}).Draw(t, "region")
		country := map[string]string{"JP": "81", "DE": "49"}[region]
		rest := rapid.StringMatching(`[2-9][0-9]{8,9}`).Draw(t, "rest")
		reported := []string{"0" + rest, "+" + country + rest, country + rest}
		prefix := rapid.SampledFrom([]string{"0", "+" + country, "00" + country, "+" + country + "(0)", country}).Draw(t, "prefix")
		least := 1
		if prefix == country {
			least = 5 // what is shorter may be an extension
		}
		var text strings.Builder
		text.WriteString(prefix)
		for _, digit := range rest[:rapid.IntRange(least, len(rest)).Draw(t, "typed")] {
			text.WriteString(rapid.SampledFrom([]string{"", "", "-", "　", "ー"}).Draw(t, "separator") + string(digit))
		}
		typed := text.String()
		beginnings := phonebook.Beginnings(typed, region)
		if len(beginnings) > 4 {
			t.Fatalf("%s: %q has %d beginnings: %+v", region, typed, len(beginnings), beginnings)
		}
		for _, number := range reported {
			if !slices.ContainsFunc(beginnings, func(b phonebook.Beginning) bool {
				return strings.HasPrefix(number, b.Text) && len(number) >= b.MinLength
			}) {
				t.Errorf("%s: %q does not find %q, but what begins with %+v", region, typed, number, beginnings)
			}
		}
	})
}

func TestBeginnings(t *testing.T) {
	t.Parallel()
	is := func(texts ...string) (b []phonebook.Beginning) {
		for _, text := range texts {
			long, found := strings.CutPrefix(text, ">")
			b = append(b, phonebook.Beginning{Text: long})
			if found {
				b[len(b)-1].MinLength = 7
			}
		}
		return b
	}
	tests := []struct {
		text, region string
		want         []phonebook.Beginning
	}{
		{"０３－１２", "JP", is("0312", "+81312", ">81312")},
		{"+81 (0)3", "JP", is("+8103", "+813", ">813", "03")},
		{"184-010-81-31", "JP", is("1840108131", "+8131", ">8131", "031")},
		{"0", "JP", is("0", "+81", ">81")},
		{"010", "JP", is("010")},
		{"0101650", "JP", is("0101650", "+1650", ">1650")},
		{"001650", "JP", is("001650", "+81001650", ">81001650")},
		{"0077-7012", "JP", is("00777012", "+8100777012", ">8100777012")},
		{"+", "JP", nil},
		{"7001", "JP", is("7001")},
		{"81312", "JP", is("81312")},
		{"8131234", "JP", is("8131234", "+8131234", "031234")},
		{"*70", "JP", is("*70")},
		{"*", "JP", is("*")},
		{"sato", "JP", is("sato")},
		{"ｓａｔｏ.k", "JP", is("sato.k")},
		{"650-253-0000", "US", is("6502530000", "+16502530000", ">16502530000")},
		{"1 650", "US", is("1650")},
		{"1 (650) 253", "US", is("1650253", "+1650253", ">650253")},
		{"+1", "US", is("+1", ">1")},
		{"011 81 3", "US", is("011813", "+813", ">813")},
		{"00 81 3", "DE", is("00813", "+813", ">813")},
		{"佐藤", "JP", nil},
		{"a b", "JP", nil},
		{"非通知", "JP", nil},
		{"-", "JP", nil},
		{" ", "JP", nil},
		{"\x00", "JP", nil},
		{"%", "JP", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, phonebook.Beginnings(tt.text, tt.region)); diff != "" {
			t.Errorf("%s: Beginnings(%q): (-want +got)\n%s", tt.region, tt.text, diff)
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"ＡＢＣ　商事", "abc 商事"},
		{"ｻﾄｳ", "サトウ"},
		{" a \n\t b ", "a b"},
		{"\u200f佐藤", "佐藤"},
		{"É", "é"},
		{"\xff", ""},
		{"", ""},
	} {
		if got := phonebook.Fold(tt.text); got != tt.want || phonebook.Fold(got) != got {
			t.Errorf("Fold(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestIsAssigned(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]bool{
		"+81312345678": true, "+819012345678": true, "+81901234567": false, "+8131234567": false, "+819": false, "0312345678": false, "2001": false, "": false,
	} {
		if got := phonebook.IsAssigned(number); got != want {
			t.Errorf("IsAssigned(%q) = %v, want %v", number, got, want)
		}
	}
}
