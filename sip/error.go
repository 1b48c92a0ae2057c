package sip

import (
	"errors"
	"fmt"
)

var (
	// ErrCancelled ends a call whose caller gave up before the answer.
	ErrCancelled = errors.New("call cancelled before the answer")
	// ErrAnswered is returned when something was asked for that is possible
	// only before the answer.
	ErrAnswered = errors.New("call already answered")
	// ErrNotAnswered is returned when something was asked for that is
	// possible only while two parties are talking.
	ErrNotAnswered = errors.New("call not answered")
	// ErrEnded is returned when the call was over, or ended meanwhile.
	ErrEnded = errors.New("call is over")
	// ErrClosed ends the calls of a phone that is closed, and is returned by
	// its methods afterwards.
	ErrClosed = errors.New("phone is closed")
	// ErrNoCodec ends a call whose far end does not speak G.711 µ-law.
	ErrNoCodec = errors.New("far end offers no G.711 µ-law audio")
	// ErrNoDTMF is returned when the far end takes no telephone events.
	ErrNoDTMF = errors.New("far end takes no telephone events")
	// ErrNoACK ends an answered call whose caller never confirmed the answer.
	ErrNoACK = errors.New("answer was never acknowledged")
)

// A RefusedError is a request that was answered with a final SIP status other
// than success: a call that was not taken, a registration or a transfer that
// was denied.
type RefusedError struct {
	Status int    // SIP status, 300 to 699
	Reason string // the reason phrase that came with it
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused with SIP status %d %s", e.Status, e.Reason)
}

// IsBusy reports whether err is a call refused because the far end is busy
// (486 Busy Here, 600 Busy Everywhere).
func IsBusy(err error) bool {
	refused, ok := errors.AsType[*RefusedError](err)
	return ok && (refused.Status == 486 || refused.Status == 600)
}
