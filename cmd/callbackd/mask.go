package main

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"unicode"
)

// outsideNumber matches what may be somebody's number, as it is dialled or as
// it is written in Japan; extensions are shorter. It matches before that what
// is no number and looks like one: request IDs, and the unique IDs that
// Asterisk makes of the time and a counter, without which no line could be
// told to be of a call.
var outsideNumber = regexp.MustCompile(
	`\br[0-9a-v]{26}\b|\b1[0-9]{9}\.[0-9]+|\p{Nd}{7,}|\b0[0-9]{1,4}[-(][0-9]{1,4}[-)][0-9]{3,4}\b`)

// maskNumbers leaves the last two digits of each number in a text.
func maskNumbers(text string) string {
	return outsideNumber.ReplaceAllStringFunc(text, func(number string) string {
		if strings.HasPrefix(number, "r") || strings.Contains(number, ".") {
			return number
		}
		digits := []rune(number)
		for i := range digits[:len(digits)-2] {
			if unicode.IsDigit(digits[i]) {
				digits[i] = '*'
			}
		}
		return string(digits)
	})
}

// maskAttr is what a log handler replaces each attribute by, and the text of
// each line: whatever a line says, and whichever part of the program or library
// says it, it names no number.
func maskAttr(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString {
		a.Value = slog.StringValue(maskNumbers(a.Value.String()))
		return a
	}
	if _, isLevel := a.Value.Any().(slog.Level); isLevel || a.Value.Kind() != slog.KindAny {
		return a
	}
	// Errors and all else that is no plain value, as a text; a value that holds
	// no number stays what it is.
	text := fmt.Sprintf("%+v", a.Value.Any())
	if masked := maskNumbers(text); masked != text {
		a.Value = slog.StringValue(masked)
	}
	return a
}
