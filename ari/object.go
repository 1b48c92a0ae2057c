package ari

import (
	"fmt"
	"strings"
)

// decodeObject calls field for each member of the object at p, which is to
// step over the member's value. It stands for null, too.
func decodeObject(p *scanner, field func(key string) error) error {
	more, err := p.open('{', '}')
	for more && err == nil {
		var key string
		if key, err = p.key(); err != nil {
			return err
		}
		if err = field(key); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		more, err = p.more('}')
	}
	return err
}

// members are the names of an object's members, quoted and with the colon, in
// the order in which Asterisk writes them. Guessing the next name right is
// three times as fast as reading it; where the guess is wrong, it is read.
type members []string

// decode calls field for each member of the object or null at p, with the
// name's index or -1. field is to step over the member's value.
func (m members) decode(p *scanner, field func(member int) error) error {
	if p.null() {
		return nil
	}
	more, err := p.open('{', '}')
	for next := 0; more && err == nil; next++ {
		member := next
		if next < len(m) && strings.HasPrefix(p.s[p.i:], m[next]) {
			p.i += len(m[next])
		} else {
			key, err := p.key()
			if err != nil {
				return err
			}
			if member = m.index(key); member >= 0 {
				next = member
			}
		}
		if err := field(member); err != nil {
			if member >= 0 {
				return fmt.Errorf("%s %w", m[member], err)
			}
			return err
		}
		more, err = p.more('}')
	}
	return err
}

func (m members) index(key string) int {
	for i, name := range m {
		if len(name) == len(key)+3 && name[1:1+len(key)] == key {
			return i
		}
	}
	return -1
}

// list calls element for each element of the array at p.
func list(p *scanner, element func() error) error {
	if p.null() {
		return nil
	}
	more, err := p.open('[', ']')
	for more && err == nil {
		if err = element(); err != nil {
			return err
		}
		more, err = p.more(']')
	}
	return err
}
