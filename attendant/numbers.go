package attendant

import (
	"strings"

	"callbackd/phonebook"
)

// InRegion returns the numbers as they are dialled in a country, by its ISO
// 3166 code.
func InRegion(region string) Numbers { return regional{region} }

type regional struct{ region string }

// Valid reports whether digits are a telephone number. Extensions, emergency
// numbers and feature codes are none that a caller may have us dial.
func (r regional) Valid(digits string) bool {
	return strings.HasPrefix(phonebook.Normalise(digits, r.region), "+")
}

// Complete reports whether digits are a number that the numbering plan has.
// Valid asks less, for no plan stays as it is: a mobile number of Japan
// without its last digit may be a number for all it knows.
func (r regional) Complete(digits string) bool {
	return phonebook.IsAssigned(phonebook.Normalise(digits, r.region))
}

// Digits returns a number as people of the region dial it.
func (r regional) Digits(number string) string {
	normalised := phonebook.Normalise(number, r.region)
	if !phonebook.IsNumber(normalised) {
		return ""
	}
	return strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, phonebook.Format(normalised, r.region))
}
