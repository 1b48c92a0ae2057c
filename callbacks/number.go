package callbacks

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"callbackd/phonebook"
)

// Numbers knows how telephone numbers are written.
type Numbers interface {
	// Spell returns what a number, written in any way, is found by.
	Spell(number string) Spelling
	// Keys returns what to look for when somebody wrote a number or a part of
	// one in any way: it is meant when a form has one of the keys in it, or
	// begins with one when its beginning was written. None when the text is no
	// part of a number.
	Keys(text string) []string
}

// Spelling is what a number is found by.
type Spelling struct {
	// Key is the same for all spellings of one number; empty for no number.
	Key string
	// Forms are the ways in which people write the number, without
	// separators: digits, at the beginning perhaps +.
	Forms []string
}

// dialled spells numbers as they are dialled.
type dialled struct{}

func (dialled) Spell(number string) Spelling {
	digits := Digits(number)
	if digits == "" {
		return Spelling{}
	}
	return Spelling{Key: digits, Forms: []string{digits}}
}

func (dialled) Keys(text string) []string {
	if digits := Digits(text); digits != "" {
		return []string{digits}
	}
	return nil
}

// InRegion returns the numbers as they are written in a country, by its ISO
// 3166 code: with the national prefix, with the country code, with separators
// or without.
func InRegion(region string) Numbers { return regional{region} }

type regional struct{ region string }

func (r regional) Spell(number string) Spelling {
	key := phonebook.Normalise(number, r.region)
	if !phonebook.IsNumber(key) {
		// A SIP user such as "sato" is found by the text itself.
		return Spelling{Key: key}
	}
	return Spelling{Key: key, Forms: phonebook.Forms(key, r.region)}
}

func (r regional) Keys(text string) []string { return phonebook.SearchKeys(text, r.region) }

// spell returns the spellings of a callback's numbers.
func spell(numbers Numbers, c *Callback) Spellings {
	var s Spellings
	if c.RemoteNumber != "" {
		s.Remote = numbers.Spell(c.RemoteNumber)
	}
	if c.ContactNumber != "" {
		s.Contact = numbers.Spell(c.ContactNumber)
	}
	return s
}

// Fold returns a text as it is searched for and in: NFKC, which takes away
// differences of width, with small ASCII letters. The database folds in the
// same way.
func Fold(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, norm.NFKC.String(text))
}

// Digits returns what is dialled of a number or of a part of one: the digits,
// * and #, and + at the beginning. It is empty when the text holds anything
// that is neither dialled nor used to separate digits.
func Digits(text string) string {
	var b strings.Builder
	for _, r := range norm.NFKC.String(text) {
		switch {
		case '0' <= r && r <= '9', r == '*', r == '#':
			b.WriteRune(r)
		case r == '+' && b.Len() == 0:
			b.WriteRune(r)
		case strings.ContainsRune(" -.()/\u2010\u2011\u2012\u2013\u2212\u30fc", r):
		default:
			return ""
		}
	}
	return b.String()
}
