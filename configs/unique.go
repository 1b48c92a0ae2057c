package configs

import "strings"

// unique finds values that are used twice where one use would hide the other.
type unique struct {
	v      *validator
	what   string
	first  map[string]string // the path of the first use, by key
	values []string          // in the order of the file
}

// unique returns an empty set. What says what its values are.
func (v *validator) unique(what string) *unique {
	return &unique{v: v, what: what, first: make(map[string]string)}
}

// add records the use of a value at path, and reports it if it is not the
// first. Key is the value in the form in which Asterisk compares it.
func (u *unique) add(path, key, value string) {
	if first, used := u.first[key]; used {
		u.v.report(path, "%s is already taken by %s (line %d): every %s may occur only once",
			quote(value), first, u.v.placeOf(first).line, u.what)
		return
	}
	u.first[key] = path
	u.values = append(u.values, value)
}

func (u *unique) has(key string) bool {
	_, ok := u.first[key]
	return ok
}

// known lists the values, for the message about one that is missing.
func (u *unique) known() string {
	if len(u.values) == 0 {
		return ": none is listed"
	}
	return ": there are " + strings.Join(u.values, ", ")
}
