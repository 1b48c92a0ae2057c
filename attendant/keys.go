package attendant

import "strings"

// again takes one of the caller's tries and reports whether there was one
// left.
func (d *dialogue) again() bool {
	d.tries--
	return d.tries > 0
}

// pressed takes a key in.
func (d *dialogue) pressed(digit string) {
	switch d.state {
	case stateConfirming:
		d.answered(digit)
	case stateEntering:
		d.keyed(digit)
	case stateOffering:
		d.quiet()
		if digit == "#" {
			d.part(d.status) // no message
			return
		}
		d.listen()
	case stateRegistering, stateRecording, stateParting, stateOver:
		// Asterisk itself ends a recording by its key.
	}
}

// answered takes in what the caller says of the number that was read out.
func (d *dialogue) answered(digit string) {
	switch digit {
	case "1", "#":
		d.register(d.candidate)
	case "2":
		if !d.again() {
			d.surrender()
			return
		}
		d.enter()
	case "*":
		d.cancel()
	default:
		if !d.again() {
			d.register(d.candidate)
			return
		}
		d.confirm(d.candidate, d.s.Sounds.Invalid)
	}
}

// keyed takes in a key of a number.
func (d *dialogue) keyed(digit string) {
	d.quiet()
	switch digit {
	case "#":
		if d.entered == "" {
			d.wrong()
			return
		}
		d.check()
		return
	case "*":
		if d.entered == "" {
			d.cancel()
			return
		}
		if !d.again() {
			d.surrender()
			return
		}
		d.enter()
		return
	}
	if strings.Trim(digit, "0123456789") != "" { // A to D
		d.await(d.s.DigitTimeout)
		return
	}
	if d.entered += digit; len(d.entered) >= maxDigits {
		d.check()
		return
	}
	d.await(d.s.DigitTimeout)
}

// check looks whether what was keyed in can be called.
func (d *dialogue) check() {
	if d.numbers.Valid(d.entered) {
		d.confirm(d.entered)
		return
	}
	d.wrong()
}

// wrong asks again for a number.
func (d *dialogue) wrong() {
	if !d.again() {
		d.surrender()
		return
	}
	d.enter(d.s.Sounds.Invalid)
}

// surrender gives up asking for another number.
func (d *dialogue) surrender() {
	if d.presented != "" {
		d.register(d.presented)
		return
	}
	d.part(StatusNoNumber)
}

func (d *dialogue) cancel() {
	d.presented, d.candidate, d.entered = "", "", ""
	d.part(StatusCancelled)
}
