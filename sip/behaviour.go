package sip

import (
	"errors"
	"fmt"
	"time"
)

// Behaviour is what a phone does with a call that reaches it. The zero value
// answers at once.
type Behaviour struct {
	// RingFor is how long it rings before it answers or refuses.
	RingFor time.Duration
	// Refuse is a SIP status from 300 to 699 to refuse with, such as 486
	// busy, 480 unavailable or 603 declined; 0 answers.
	Refuse int
	// Ignore rings until the caller gives up, or [Call.Answer] or
	// [Call.Refuse] is called, at most for three minutes.
	Ignore bool
	// HangUpAfter ends a call that was answered after this time; 0 leaves
	// that to the others.
	HangUpAfter time.Duration
}

func (b Behaviour) check() error {
	var faults []error
	if b.RingFor < 0 || b.HangUpAfter < 0 {
		faults = append(faults, errors.New("behaviour: negative time"))
	}
	if b.Refuse != 0 && (b.Refuse < 300 || b.Refuse > 699) {
		faults = append(faults, fmt.Errorf("behaviour: %d is no SIP status that refuses", b.Refuse))
	}
	return errors.Join(faults...)
}

// SetBehaviour changes what happens to calls that arrive from now on.
func (p *Phone) SetBehaviour(behaviour Behaviour) error {
	if err := behaviour.check(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaviour = behaviour
	return nil
}

func (p *Phone) currentBehaviour() Behaviour {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.behaviour
}
