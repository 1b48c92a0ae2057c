package ari

import (
	"fmt"
	"strings"
	"unsafe"
)

// Filter tells from an event's raw bytes whether anybody wants it, without
// decoding it. Some seven of ten events set channel variables that nobody
// asked for, so that this look is most of the work of reading a stream. A
// Filter is not changed by its use and may be shared.
type Filter struct {
	types     map[string]EventType
	wanted    map[EventType]bool
	variables map[string]bool
	// lengths are those of the variables' names, up to 63: most names are told
	// apart by it.
	lengths uint64
}

// NewFilter returns a filter that wants events of the given types, and of
// ChannelVarset only those of the given variables (names without the leading
// underscores of inheritance). ApplicationReplaced is always wanted.
func NewFilter(types []EventType, variables []string) *Filter {
	f := &Filter{types: map[string]EventType{}, wanted: map[EventType]bool{ApplicationReplaced: true}, variables: map[string]bool{}}
	for t := range knownTypes {
		f.types[string(t)] = t
	}
	for _, t := range types {
		f.types[string(t)] = t
		f.wanted[t] = true
	}
	for _, v := range variables {
		f.variables[v] = true
		f.lengths |= 1 << min(len(v), 63)
	}
	return f
}

// Look returns the event's type and whether it is wanted. It reads only as
// far as it must: as soon as type and variable are known the rest is not
// looked at, so that an unwanted frame that is cut off passes unnoticed. The
// order of the keys, escapes, and values that look like JSON themselves make
// no difference. The error says what is wrong with a frame that is not an
// object with a type.
func (f *Filter) Look(raw []byte) (typ EventType, wanted bool, err error) {
	// A view of raw as a string, of which nothing is kept: copying it would be
	// half of the work.
	p := scanner{s: unsafe.String(unsafe.SliceData(raw), len(raw))}
	more, err := p.open('{', '}')
	var variable string
	haveType, haveVariable := false, false
	for more && err == nil {
		var k, v string
		if k, err = p.key(); err != nil {
			break
		}
		switch k {
		case "type":
			if v, err = p.str(); err == nil {
				typ, haveType = f.intern(v), true
			}
		case "variable":
			if p.peek() != '"' {
				err = p.skip()
			} else if variable, err = p.str(); err == nil {
				haveVariable = true
			}
		default:
			err = p.skip()
		}
		if err != nil {
			break
		}
		if haveType {
			if typ != ChannelVarset {
				return typ, f.wanted[typ], nil
			}
			if haveVariable {
				return typ, f.wanted[typ] && f.wantsVariable(variable), nil
			}
		}
		more, err = p.more('}')
	}
	if err != nil {
		return "", false, fmt.Errorf("read event: %w", err)
	}
	if !haveType {
		return "", false, fmt.Errorf("read event: no type")
	}
	return typ, false, nil
}

func (f *Filter) intern(typ string) EventType {
	if typ == string(ChannelVarset) {
		return ChannelVarset
	}
	if t, ok := f.types[typ]; ok {
		return t
	}
	return EventType(strings.Clone(typ))
}

func (f *Filter) wantsVariable(name string) bool {
	for len(name) > 0 && name[0] == '_' {
		name = name[1:]
	}
	return f.lengths>>min(len(name), 63)&1 == 1 && f.variables[name]
}
