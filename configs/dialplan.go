package configs

import "fmt"

// Dialplan says who made a node's dialplan. What the configuration lists
// counts in any; besides, callbackd knows how some products write theirs.
type Dialplan string

// The dialplans whose habits are known.
const (
	// DialplanGeneric: of a dialplan nothing is known but what the
	// configuration lists.
	DialplanGeneric Dialplan = "generic"
	DialplanFreePBX Dialplan = "freepbx"
	DialplanWazo    Dialplan = "wazo"
)

// UnmarshalText accepts the dialplans that are known.
func (d *Dialplan) UnmarshalText(text []byte) error {
	switch got := Dialplan(text); got {
	case DialplanGeneric, DialplanFreePBX, DialplanWazo:
		*d = got
		return nil
	default:
		return fmt.Errorf("%s is not a dialplan that is known: write generic, freepbx or wazo", quote(string(text)))
	}
}
