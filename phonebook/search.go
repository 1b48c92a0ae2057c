package phonebook

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

// Forms returns the ways in which people write a normalised number, without
// separators: +81312345678 and 0312345678. They are what a part of a number is
// looked for in; see SearchKeys.
func Forms(normalised, region string) []string {
	if !IsNumber(normalised) {
		return nil
	}
	country := strconv.Itoa(phonenumbers.GetCountryCodeForRegion(region))
	rest, national := strings.CutPrefix(normalised, "+"+country)
	if !national {
		return []string{normalised}
	}
	// Some numbers have no other zero than their own, such as 0077-7012 in
	// Japan; and a North American 1 is both prefix and country code.
	if trunk := phonenumbers.GetNddPrefixForRegion(region, true); trunk != country && !strings.HasPrefix(rest, trunk) {
		rest = trunk + rest
	}
	return []string{normalised, rest}
}

// SearchKeys returns what to look for when somebody typed a number, or a part
// of one, in whatever spelling: a number is meant when one of its Forms has
// one of the keys in it, or begins with one when its beginning was typed.
// There are none when the text is no part of a number.
func SearchKeys(text, region string) []string {
	compact := clean(text, region)
	if !IsNumber(compact) {
		return nil
	}
	keys := []string{compact}
	// A whole number may be written in a way that is not among the forms, such
	// as with an international prefix.
	if whole := Normalise(compact, region); whole != compact {
		keys = append(keys, whole)
	}
	return keys
}

// Beginning is how a number begins as a PBX reports it.
type Beginning struct {
	Text string
	// MinLength is the least length of the number in characters: what begins
	// with 813 is a telephone number when it is long, and else an extension.
	MinLength int
}

// Beginnings returns how numbers begin, in each of the ways in which PBXs
// report them, of which somebody typed the beginning in any spelling: what was
// typed, without separators, and at most three others. 03-12 is the beginning
// of 0312…, +81312… and 81312….
//
// What is no number, such as a SIP user "sato", begins as it is. There are no
// beginnings when the text cannot be the beginning of either.
func Beginnings(text, region string) []Beginning {
	typed := strings.TrimSpace(firstRunes(narrow(text), MaxNumberLength))
	compact, ok := withoutSeparators(typed)
	switch {
	case ok:
	case isUser(typed):
		return []Beginning{{Text: typed}}
	default:
		return nil
	}
	beginnings := []Beginning{{Text: compact}}
	for _, other := range otherBeginnings(withoutPresentation(compact, region), region) {
		if other.Text != compact {
			beginnings = append(beginnings, other)
		}
	}
	return beginnings
}

// isUser reports whether a text may be what the user part of a SIP address
// begins with.
func isUser(text string) bool {
	const marks = "*#+-._"
	return strings.Trim(text, marks+"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" &&
		strings.Trim(text, "+-._") != ""
}

// otherBeginnings returns the beginnings of telephone numbers that a number
// without separators is the beginning of; none when it may be an extension.
func otherBeginnings(number, region string) []Beginning {
	country := strconv.Itoa(phonenumbers.GetCountryCodeForRegion(region))
	trunk := phonenumbers.GetNddPrefixForRegion(region, true)
	if trunk == country {
		trunk = "" // a North American 1 is both
	}
	digits := withCountry(number, region, country, trunk)
	if digits == "" {
		return nil
	}
	const long = maxInternal + 1
	rest, national := strings.CutPrefix(digits, country)
	if !national {
		return []Beginning{{Text: "+" + digits}, {Text: digits, MinLength: long}, {Text: abroad(region) + digits}}
	}
	// +81 (0)3… has a zero too many, 0077… its own.
	if own, found := strings.CutPrefix(rest, trunk); found && trunk != "" && !strings.HasPrefix(own, trunk) {
		rest = own
	}
	beginnings := []Beginning{{Text: "+" + country + rest}, {Text: country + rest, MinLength: long}}
	switch {
	case trunk != "" && !strings.HasPrefix(rest, trunk):
		return append(beginnings, Beginning{Text: trunk + rest})
	case rest != "":
		return append(beginnings, Beginning{Text: rest, MinLength: long})
	default:
		return beginnings
	}
}

// withCountry returns the digits of a number from the country code on, or ""
// when it is not known to have one.
func withCountry(number, region, country, trunk string) string {
	if strings.ContainsAny(number, "*#") {
		return ""
	}
	for _, prefix := range []string{"+", abroad(region)} {
		if digits, found := strings.CutPrefix(number, prefix); found {
			return digits
		}
	}
	if strings.HasPrefix(number, "00"+country) {
		return number[len("00"):]
	}
	switch rest, found := strings.CutPrefix(number, trunk); {
	case trunk != "" && found && strings.HasPrefix(rest, trunk):
		return country + number
	case trunk != "" && found:
		return country + rest
	case len(number) <= maxInternal:
		return ""
	case strings.HasPrefix(number, country):
		return number
	case trunk == "":
		return country + number
	default:
		return ""
	}
}

// abroad returns what is dialled before a country code, as in 010 81 3….
func abroad(region string) string {
	if prefix := map[string]string{"JP": "010", "US": "011", "CA": "011"}[region]; prefix != "" {
		return prefix
	}
	return "00"
}

// Fold returns text as it is compared in a search: case and width make no
// difference, nor how much space there is.
func Fold(text string) string {
	text = norm.NFKC.String(strings.ToValidUTF8(text, ""))
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf):
			return -1
		default:
			return unicode.ToLower(r)
		}
	}, text)
	return norm.NFKC.String(strings.Join(strings.Fields(text), " "))
}

// searchable returns the text of an entry that searches go through: on its
// first line the forms of the number, then name and note on one line each. No
// search text reaches across lines, or from one form to the next.
func (e *Entry) searchable(region string) string {
	return strings.Join(Forms(e.Number, region), "\t") + "\n" + Fold(e.Name) + "\n" + Fold(e.Note)
}

// Letters returns a text as names are looked for: as Fold does, and without
// space, since 佐藤 太郎 is written 佐藤太郎 as well.
func Letters(text string) string { return strings.ReplaceAll(Fold(text), " ", "") }

// newSearch returns what to look for when somebody typed a text; nothing when
// the text says nothing.
func newSearch(text, region string) Search {
	folded := Fold(text)
	if folded == "" {
		return Search{}
	}
	keys := SearchKeys(text, region)
	search := Search{Terms: append(keys, folded)}
	slices.Sort(search.Terms)
	search.Terms = slices.Compact(search.Terms)
	// No space parts a single letter.
	if letters := Letters(text); len(keys) == 0 && utf8.RuneCountInString(letters) > 1 {
		search.Letters = letters
	}
	return search
}
