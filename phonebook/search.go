package phonebook

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

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

// searchTerms returns the texts of which at least one must be part of an
// entry's searchable text; none when the text says nothing.
func searchTerms(text, region string) []string {
	folded := Fold(text)
	if folded == "" {
		return nil
	}
	terms := append(SearchKeys(text, region), folded)
	slices.Sort(terms)
	return slices.Compact(terms)
}
