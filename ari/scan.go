package ari

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
)

// scanner walks over one JSON value from left to right. It understands just
// what telling values apart takes, and leaves everything unusual (escapes,
// invalid UTF-8) to encoding/json, so that what it returns is what
// encoding/json returns.
type scanner struct {
	s string
	i int
}

var errTruncated = errors.New("unexpected end of JSON")

func (p *scanner) fault(what string) error {
	if p.i >= len(p.s) {
		return errTruncated
	}
	return fmt.Errorf("%s expected at offset %d, found %q", what, p.i, p.s[p.i])
}

func (p *scanner) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is not white space, 0 at the end.
func (p *scanner) peek() byte {
	if p.i < len(p.s) && p.s[p.i] > ' ' {
		return p.s[p.i]
	}
	p.space()
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

// open steps into an object or array and reports whether it has members.
func (p *scanner) open(left, right byte) (bool, error) {
	if p.peek() != left {
		return false, p.fault("'" + string(left) + "'")
	}
	p.i++
	if p.peek() == right {
		p.i++
		return false, nil
	}
	return true, nil
}

// more steps over what follows a member and reports whether another comes.
func (p *scanner) more(right byte) (bool, error) {
	switch p.peek() {
	case ',':
		p.i++
		return true, nil
	case right:
		p.i++
		return false, nil
	}
	return false, p.fault("',' or '" + string(right) + "'")
}

// key returns the next member's name.
func (p *scanner) key() (string, error) {
	k, err := p.str()
	if err != nil {
		return k, err
	}
	if p.peek() != ':' {
		return k, p.fault("':'")
	}
	p.i++
	return k, nil
}

// plain marks the bytes that stand for themselves within a string: ASCII
// without control characters, the quote and the backslash.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// plainEnd returns the offset of the first byte from i on that is not plain.
// It takes eight bytes at a time: in a word, the lowest byte whose top bit
// comes out set is the first that is not plain.
func (p *scanner) plainEnd(i int) int {
	const each, top = 0x0101010101010101, 0x8080808080808080
	for s := p.s; len(s)-i >= 8; i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		quote, backslash := w^each*'"', w^each*'\\'
		special := (w-each*0x20)&^w | (quote-each)&^quote | (backslash-each)&^backslash | w
		if special &= top; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for i < len(p.s) && plain[p.s[i]] {
		i++
	}
	return i
}

// str returns the next value, which must be a string.
func (p *scanner) str() (string, error) {
	if p.peek() != '"' {
		return "", p.fault("string")
	}
	i := p.plainEnd(p.i + 1)
	if i < len(p.s) && p.s[i] == '"' {
		v := p.s[p.i+1 : i]
		p.i = i + 1
		return v, nil
	}
	end, err := p.stringEnd(i)
	if err != nil {
		return "", err
	}
	var v string
	if err := json.Unmarshal([]byte(p.s[p.i:end]), &v); err != nil {
		return "", fmt.Errorf("string at offset %d: %w", p.i, err)
	}
	p.i = end
	return v, nil
}

// stringEnd returns the offset behind the closing quote of a string, from an
// offset i inside it that is not within an escape.
func (p *scanner) stringEnd(i int) (int, error) {
	for i < len(p.s) {
		switch p.s[i] {
		case '"':
			return i + 1, nil
		case '\\':
			i += 2
		default:
			i++
		}
	}
	return 0, errTruncated
}

// skip steps over a value of any type. Of what it steps over it checks no
// more than it needs to find the end: brackets and strings.
func (p *scanner) skip() error {
	depth := 0
	for {
		switch c := p.peek(); c {
		case '"':
			end, err := p.stringEnd(p.plainEnd(p.i + 1))
			if err != nil {
				return err
			}
			p.i = end
		case '{', '[':
			depth++
			p.i++
			continue
		case '}', ']':
			depth--
			p.i++
		case ',', ':':
			if depth == 0 {
				return p.fault("value")
			}
			p.i++
			continue
		case 0:
			return errTruncated
		default:
			if err := p.literal(); err != nil {
				return err
			}
		}
		if depth == 0 {
			return nil
		}
		if depth < 0 {
			return fmt.Errorf("value expected at offset %d", p.i-1)
		}
	}
}

// literal steps over a number, true, false or null.
func (p *scanner) literal() error {
	start := p.i
	for p.i < len(p.s) {
		c := p.s[p.i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E' {
			p.i++
			continue
		}
		break
	}
	if p.i == start {
		return p.fault("value")
	}
	return nil
}

// null steps over a null and reports whether there was one.
func (p *scanner) null() bool {
	if p.peek() == 'n' && len(p.s)-p.i >= 4 && string(p.s[p.i:p.i+4]) == "null" {
		p.i += 4
		return true
	}
	return false
}

// optional reads a string into v; null leaves it empty.
func optional[S ~string](p *scanner, v *S) error {
	if p.peek() == 'n' && p.null() {
		return nil
	}
	s, err := p.str()
	*v = S(s)
	return err
}

// number reads a whole number into v; null leaves it 0. Those of one or two
// digits, as hangup causes are, it reads itself.
func number(p *scanner, v *int) error {
	if p.null() {
		return nil
	}
	start := p.i
	if err := p.literal(); err != nil {
		return err
	}
	if s := p.s[start:p.i]; len(s) <= 2 && s[0]-'1' < 9 && s[len(s)-1]-'0' <= 9 {
		*v = int(s[len(s)-1] - '0')
		if len(s) == 2 {
			*v += 10 * int(s[0]-'0')
		}
		return nil
	}
	if err := json.Unmarshal([]byte(p.s[start:p.i]), v); err != nil {
		return fmt.Errorf("number at offset %d: %w", start, err)
	}
	return nil
}

// boolean reads true or false into v; null leaves it false.
func boolean(p *scanner, v *bool) error {
	if p.null() {
		return nil
	}
	start := p.i
	if err := p.literal(); err != nil {
		return err
	}
	switch p.s[start:p.i] {
	case "true":
		*v = true
	case "false":
		*v = false
	default:
		return fmt.Errorf("true or false expected at offset %d", start)
	}
	return nil
}
