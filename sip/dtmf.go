package sip

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

const (
	// keys holds the DTMF keys in the order of their RFC 4733 event codes.
	keys = "0123456789*#ABCD"

	keyTime = 100 * time.Millisecond // Asterisk ignores events shorter than 80 ms
	keyGap  = 80 * time.Millisecond  // between two events, so that equal keys stay apart

	eventSize   = 4
	eventEnd    = 0x80
	eventVolume = 10 // -10 dBm0, as telephones do
	// eventEnds is how often the last packet of an event is sent, since
	// nothing repeats it when it is lost (RFC 4733, section 2.5.1.4).
	eventEnds = 3
)

func keyCode(key rune) (byte, error) {
	if code := strings.IndexRune(keys, key); code >= 0 {
		return byte(code), nil
	}
	return 0, fmt.Errorf("no such DTMF key: %q", key)
}

// keypress is one key on its way through the sender.
type keypress struct {
	code   byte
	begun  bool
	start  uint32 // RTP timestamp of its beginning
	frames int    // sent so far, gap included
	sent   chan struct{}
}

const (
	keyFrames = int(keyTime / frameTime)
	gapFrames = int(keyGap / frameTime)
)

// payload is the event after the frames sent so far.
func (k *keypress) payload() []byte {
	payload := make([]byte, eventSize)
	payload[0], payload[1] = k.code, eventVolume
	if k.frames >= keyFrames {
		payload[1] |= eventEnd
	}
	binary.BigEndian.PutUint16(payload[2:], uint16(k.frames*frameSamples))
	return payload
}

// keyReader collects the keys that the far end presses.
type keyReader struct {
	pressed []byte
	last    uint32 // timestamp of the latest event: all its packets share it
	seen    bool
}

func (r *keyReader) add(timestamp uint32, payload []byte) {
	if len(payload) < eventSize || int(payload[0]) >= len(keys) || r.seen && timestamp == r.last {
		return
	}
	r.seen, r.last = true, timestamp
	r.pressed = append(r.pressed, keys[payload[0]])
}
