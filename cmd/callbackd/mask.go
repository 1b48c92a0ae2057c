package main

import (
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// outsideNumber matches what may be somebody's number, as it is dialled or as
// it is written in Japan, with or without the country's code; extensions are
// shorter. It matches before that what is no number and looks like one: request
// IDs, and the unique IDs that Asterisk makes of the time and a counter, without
// which no line could be told to be of a call.
var outsideNumber = regexp.MustCompile(
	`\br[0-9a-v]{26}\b|\b1[0-9]{9}\.[0-9]+|\p{Nd}{7,}|\b0[0-9]{1,4}[-(][0-9]{1,4}[-)][0-9]{3,4}\b|\+[0-9]{1,3}(?:[-()]{1,2}[0-9]{1,4}){2,4}`)

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

// What a line of the log has of one text at most, in bytes, whoever made it up:
// a caller, a phone, another program. Errors name what they wrap.
const (
	maxLogText  = 256
	maxLogError = 1 << 10
	maxLogStack = 8 << 10
)

// logAttr returns what a log handler replaces each attribute by, and the text
// of each line: whatever a line says, and whichever part of the program or
// library says it, it is short, and names no number if these are to be masked.
func logAttr(masked bool) func([]string, slog.Attr) slog.Attr {
	tidy := func(text string, longest int) string {
		text, end := shortened(text, longest)
		if masked {
			text = maskNumbers(text)
		}
		return text + end
	}
	return func(groups []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindString {
			longest := maxLogText
			switch {
			case a.Key == slog.MessageKey && len(groups) == 0:
				longest = maxLogError
			case a.Key == "stack":
				longest = maxLogStack
			}
			a.Value = slog.StringValue(tidy(a.Value.String(), longest))
			return a
		}
		if _, isLevel := a.Value.Any().(slog.Level); isLevel || a.Value.Kind() != slog.KindAny {
			return a
		}
		// Errors and all else that is no plain value, as a text; a value that is
		// short and holds no number stays what it is.
		text, plain := textOf(a.Value.Any())
		if tidied := tidy(text, maxLogError); tidied != text || !plain {
			a.Value = slog.StringValue(tidied)
		}
		return a
	}
}

// textOf returns a value as a text, and whether handlers show it so: bytes are
// numbers here, a text there, and Base64 elsewhere.
func textOf(v any) (text string, plain bool) {
	if bytes := reflect.ValueOf(v); bytes.Kind() == reflect.Slice && bytes.Type().Elem().Kind() == reflect.Uint8 {
		return string(bytes.Bytes()), false
	}
	return fmt.Sprintf("%+v", v), true
}

// shortened returns as much of a text as is logged, and what says that there
// was more. It ends with a whole character, and with no digit: what is left of
// a number that is cut could not be told to be one, and masked.
func shortened(text string, longest int) (begin, end string) {
	if len(text) <= longest {
		return text, ""
	}
	cut := longest
	for cut > longest-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	begin = strings.TrimRightFunc(text[:cut], func(r rune) bool { return unicode.IsDigit(r) || strings.ContainsRune("-()", r) })
	return begin, fmt.Sprintf("… (%d bytes)", len(text))
}
