package configs

import (
	"errors"
	"fmt"
	"strings"
)

// Pattern is an extension as Asterisk's dialplan writes it: a plain one such
// as 7001, or, after an underscore, a pattern such as _2XXX.
//
//	X         a digit 0-9 (x too)
//	Z         a digit 1-9 (z too)
//	N         a digit 2-9 (n too)
//	[13-5]    one of the characters listed, ranges allowed
//	.         one or more characters, whatever they are
//	!         zero or more characters, whatever they are
//	other     that character, capitals distinguished
//
// A "-" outside of brackets is there for the eye only, in the pattern as in
// the number: 555-1234 is 5551234. These are the rules of Asterisk's
// ast_extension_match. Where Asterisk accepts something that can only be a
// mistake (an empty set, a range the wrong way round, characters behind "." or
// "!"), ParsePattern does not.
//
// The zero Pattern matches nothing. A Pattern may be used by several
// goroutines at once.
type Pattern struct {
	text string
	sets []charset // one a character of the number
	tail tail      // what may follow
}

// charset is a set of ASCII characters, a bit each.
type charset [2]uint64

func (s *charset) add(from, to byte) {
	for c := uint(from); c <= uint(to); c++ {
		s[c/64] |= 1 << (c % 64)
	}
}

func (s *charset) has(c byte) bool { return c < 128 && s[c/64]>>(c%64)&1 == 1 }

type tail uint8

const (
	tailNone tail = iota // the number ends here
	tailSome             // "."
	tailAny              // "!"
)

// ParsePattern returns the pattern that text writes. The error says what is
// wrong with text without repeating it.
func ParsePattern(text string) (Pattern, error) {
	if text == "" {
		return Pattern{}, errors.New("is empty")
	}
	for _, c := range text {
		switch {
		case c <= ' ' || c >= 127:
			return Pattern{}, fmt.Errorf("has the character %q: only visible ASCII characters can be dialled", c)
		case c == '/':
			return Pattern{}, errors.New(`has a "/": patterns over the caller's number are not supported`)
		}
	}
	p := Pattern{text: text}
	rest, isPattern := strings.CutPrefix(text, "_")
	if !isPattern {
		return p, p.parsePlain(text)
	}
	for rest != "" {
		var err error
		if rest, err = p.parseNext(rest); err != nil {
			return Pattern{}, err
		}
	}
	if len(p.sets) == 0 && p.tail == tailNone {
		return Pattern{}, errors.New("has nothing behind the underscore")
	}
	return p, nil
}

// MustParsePattern is ParsePattern for patterns that are written in code. It
// panics on a wrong one.
func MustParsePattern(text string) Pattern {
	p, err := ParsePattern(text)
	if err != nil {
		panic(fmt.Sprintf("configs: extension pattern %q %v", text, err))
	}
	return p
}

// parsePlain takes text literally, unless it was meant as a pattern.
func (p *Pattern) parsePlain(text string) error {
	digits := strings.ContainsAny(text, "0123456789")
	if strings.ContainsAny(text, ".![]") || digits && strings.ContainsAny(text, "XZN") {
		return fmt.Errorf(`looks like a pattern, but patterns begin with an underscore: write "_%s"`, text)
	}
	for _, c := range []byte(text) {
		if c != '-' {
			p.literal(c)
		}
	}
	if len(p.sets) == 0 {
		return errors.New(`has nothing but "-", which Asterisk ignores`)
	}
	return nil
}

// parseNext reads one element of a pattern and returns what is behind it.
func (p *Pattern) parseNext(rest string) (string, error) {
	if p.tail != tailNone {
		return "", fmt.Errorf("goes on with %q behind a wildcard that matches everything: leave it out", rest)
	}
	c := rest[0]
	rest = rest[1:]
	switch c {
	case '-':
	case 'X', 'x':
		p.sets = append(p.sets, span('0', '9'))
	case 'Z', 'z':
		p.sets = append(p.sets, span('1', '9'))
	case 'N', 'n':
		p.sets = append(p.sets, span('2', '9'))
	case '.':
		p.tail = tailSome
	case '!':
		p.tail = tailAny
	case '[':
		inside, after, closed := strings.Cut(rest, "]")
		if !closed {
			return "", errors.New(`has a "[" without "]"`)
		}
		set, err := parseSet(inside)
		if err != nil {
			return "", err
		}
		p.sets = append(p.sets, set)
		rest = after
	case ']':
		return "", errors.New(`has a "]" without "["`)
	default:
		p.literal(c)
	}
	return rest, nil
}

func (p *Pattern) literal(c byte) { p.sets = append(p.sets, span(c, c)) }

func span(from, to byte) charset {
	var s charset
	s.add(from, to)
	return s
}

// parseSet reads what stands between brackets, where every character means
// itself and only a "-" between two others makes a range.
func parseSet(inside string) (charset, error) {
	var set charset
	if inside == "" {
		return set, errors.New(`has an empty set "[]"`)
	}
	for i := 0; i < len(inside); i++ {
		from, to := inside[i], inside[i]
		if i+2 < len(inside) && inside[i+1] == '-' {
			to = inside[i+2]
			i += 2
		}
		if from > to {
			return set, fmt.Errorf(`has the range "%c-%c", which is the wrong way round`, from, to)
		}
		set.add(from, to)
	}
	return set, nil
}

// Match reports whether Asterisk would take number as this extension.
func (p Pattern) Match(number string) bool {
	if p.text == "" {
		return false
	}
	matched := 0
	for i := range len(number) {
		c := number[i]
		if c == '-' {
			continue
		}
		if matched == len(p.sets) {
			return p.tail != tailNone
		}
		if !p.sets[matched].has(c) {
			return false
		}
		matched++
	}
	return matched == len(p.sets) && p.tail != tailSome
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Plain reports whether the extension is a single one and no pattern.
func (p Pattern) Plain() bool { return p.text != "" && p.text[0] != '_' }

// key returns the same text for patterns that match the same numbers one
// character at a time, however they are written: _2XXX and _2[0-9]x-x.
func (p Pattern) key() string { return fmt.Sprint(p.sets, p.tail) }

// Equal reports whether both were written the same way.
func (p Pattern) Equal(other Pattern) bool { return p.text == other.text }

// MarshalText returns the pattern as it was written.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalText parses text.
func (p *Pattern) UnmarshalText(text []byte) error {
	parsed, err := ParsePattern(string(text))
	if err != nil {
		return fmt.Errorf("extension %s %w", quote(string(text)), err)
	}
	*p = parsed
	return nil
}
