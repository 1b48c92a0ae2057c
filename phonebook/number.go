package phonebook

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

const (
	// MaxNumberLength is the largest length of a normalised number in
	// characters. Longer text is cut.
	MaxNumberLength = 255

	// maxNumberBytes is the most bytes that are looked at: room for every rune
	// of the longest number, and as much again for what is dropped.
	maxNumberBytes = 2 * utf8.UTFMax * MaxNumberLength

	// maxInternal is the most digits that a number may have to be taken for an
	// extension or a short service number, which are no numbers to the world.
	maxInternal = 6

	// maxDigits is the most digits that are looked at as a telephone number:
	// 15 of E.164 and the prefixes before them.
	maxDigits = 24
)

// Normalise returns the one spelling of a number by which numbers are
// compared. It takes whatever a PBX, a person or a file may give, never
// fails, and leaves what it returned before as it is.
//
//   - A telephone number becomes E.164, as in +81312345678, whether it was
//     written with the region's national prefix, a country code or an
//     international prefix, in full-width digits, with hyphens, spaces or
//     parentheses. region is the ISO 3166 code of the country in which a
//     number without country code is dialled.
//   - Prefixes that show or withhold the caller's own number (184 and 186 in
//     Japan) are no part of a number and are dropped.
//   - Extensions, short service numbers such as 110 and feature codes such as
//     *21 stay as they are, without separators.
//   - What is empty or says that the number is withheld becomes "".
//   - What is no number, such as a SIP user "sato", stays as it is, except
//     for its width.
//
// Numbers that do not exist are taken for numbers too as long as their length
// is possible: a PBX reports what was dialled.
func Normalise(number, region string) string {
	cleaned := clean(number, region)
	if !IsNumber(cleaned) {
		return cleaned
	}
	parsed, ok := parse(cleaned, region)
	if !ok {
		return cleaned
	}
	// What the library made of it must mean the same when it is read again;
	// +81 0031… for one may lose its zeros. Otherwise the number stays, so that
	// to normalise twice is to normalise once.
	e164 := phonenumbers.Format(parsed, phonenumbers.E164)
	again, ok := parse(e164, region)
	if !ok || again.GetCountryCode() != parsed.GetCountryCode() || phonenumbers.Format(again, phonenumbers.E164) != e164 {
		return cleaned
	}
	return e164
}

// Format returns a normalised number as people of a region write it, such as
// 03-1234-5678 for +81312345678 in Japan and +1 650-253-0000 abroad. Normalise
// turns it back.
func Format(number, region string) string {
	if !strings.HasPrefix(number, "+") {
		return number
	}
	parsed, ok := parse(number, region)
	if !ok {
		return number
	}
	spelling := phonenumbers.INTERNATIONAL
	if int(parsed.GetCountryCode()) == phonenumbers.GetCountryCodeForRegion(region) {
		spelling = phonenumbers.NATIONAL
	}
	if written := phonenumbers.Format(parsed, spelling); Normalise(written, region) == number {
		return written
	}
	return number
}

// IsNumber reports whether a normalised number can be dialled: it consists of
// digits, * and # only, with a digit among them, after a + or nothing. The
// phone book has no others.
func IsNumber(normalised string) bool {
	rest := strings.TrimPrefix(normalised, "+")
	return strings.ContainsAny(rest, "0123456789") && strings.Trim(rest, "0123456789*#") == ""
}

// IsAssigned reports whether a normalised number is one of E.164 that the
// numbering plan of its country has, as far as is known: plans change.
func IsAssigned(normalised string) bool {
	if !strings.HasPrefix(normalised, "+") {
		return false
	}
	parsed, err := phonenumbers.Parse(normalised, "")
	return err == nil && phonenumbers.IsValidNumber(parsed)
}

// parse returns what a number without separators is to the telephone network;
// ok is false when it is none of its numbers.
func parse(number, region string) (parsed *phonenumbers.PhoneNumber, ok bool) {
	digits, international := strings.CutPrefix(number, "+")
	if strings.ContainsAny(digits, "*#") || len(digits) > maxDigits || !international && len(digits) <= maxInternal {
		return nil, false
	}
	parsed, err := phonenumbers.Parse(number, region)
	if err != nil {
		return nil, false
	}
	// A long extension may have a possible length. So a number without any
	// prefix must be one that really is assigned.
	trunk := phonenumbers.GetNddPrefixForRegion(region, true)
	prefixed := international || trunk != "" && strings.HasPrefix(digits, trunk)
	return parsed, prefixed && phonenumbers.IsPossibleNumber(parsed) || phonenumbers.IsValidNumber(parsed)
}

// clean returns a number without separators and prefixes that are no part of
// it, or the text as it is when it is no number.
func clean(number, region string) string {
	text := narrow(number)
	// Asterisk leaves the parameters of a SIP user part in the number unless
	// ignore_uri_user_options is set: 0312345678;phone-context=….
	text, _, _ = strings.Cut(text, ";")
	text = strings.TrimSpace(firstRunes(text, MaxNumberLength))
	if withheld[strings.ToLower(text)] {
		return ""
	}
	compact, ok := withoutSeparators(text)
	if !ok {
		return text
	}
	return withoutPresentation(compact, region)
}

// withoutSeparators returns what is dialled of a text; ok is false when the
// text is no number.
func withoutSeparators(text string) (compact string, ok bool) {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9', r == '*', r == '#', r == '+' && b.Len() == 0:
			b.WriteRune(r)
		case isSeparator(r):
		default:
			return "", false
		}
	}
	return b.String(), IsNumber(b.String())
}

// narrow returns text without what cannot be seen and with everything that
// has a plain form in it: full-width digits and hyphens become ASCII.
func narrow(text string) string {
	// Bounded before anything else is done with it. A rune that is cut in two
	// is no valid one any more.
	text = strings.ToValidUTF8(text[:min(len(text), maxNumberBytes)], "")
	// Directional marks (Cf) come with numbers that are copied from Windows and
	// iOS contacts.
	text = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf) {
			return -1
		}
		return r
	}, text)
	return norm.NFKC.String(text)
}

// withheld are the words that PBXs and carriers put in the place of a number
// that is not shown, in small letters. RFC 3323 has "anonymous".
var withheld = map[string]bool{
	"anonymous": true, "restricted": true, "private": true, "unavailable": true, "withheld": true,
	"unknown": true, "<unknown>": true, "asterisk": true, "s": true, "非通知": true,
}

// isSeparator reports whether people put r between the digits of a number.
// Japanese keyboards give long vowel marks (ー) for hyphens.
func isSeparator(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || strings.ContainsRune("().,/[]−ー‧·・", r)
}

// presentation are the prefixes by which callers of a region show or withhold
// their own number, call by call.
var presentation = map[string][]string{"JP": {"184", "186"}}

// withoutPresentation drops such prefixes before a number with a national or
// international prefix. Before anything shorter they are digits of an
// extension.
func withoutPresentation(number, region string) string {
	for _, prefix := range presentation[region] {
		if rest, found := strings.CutPrefix(number, prefix); found && strings.HasPrefix(rest, "0") && len(rest) > maxInternal {
			return withoutPresentation(rest, region)
		}
	}
	return number
}

// firstRunes returns at most n runes of a text.
func firstRunes(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n])
}
