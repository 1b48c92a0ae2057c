package sip

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

const (
	payloadULaw  = 0   // static payload type of PCMU
	payloadEvent = 101 // ours for telephone-event; an answer takes the offer's
)

// direction of media, as the SDP attribute says it.
type direction string

const (
	sendRecv direction = "sendrecv"
	sendOnly direction = "sendonly"
	recvOnly direction = "recvonly"
	inactive direction = "inactive"
)

// answer is the direction that the other side of an offer takes.
func (d direction) answer() direction {
	switch d {
	case sendOnly:
		return recvOnly
	case recvOnly:
		return sendOnly
	case inactive:
		return inactive
	default:
		return sendRecv
	}
}

// session is what a session description says about its audio.
type session struct {
	address   netip.AddrPort // where its side wants to receive
	event     uint8          // payload type of telephone events, 0 when none
	direction direction      // as that side sees it
}

// wantsAudio reports whether the side described wants to be sent audio.
func (s session) wantsAudio() bool {
	return (s.direction == sendRecv || s.direction == recvOnly) &&
		s.address.Port() != 0 && !s.address.Addr().IsUnspecified()
}

// parseSDP reads the first audio stream. It returns [ErrNoCodec] when that
// stream is missing, refused or without µ-law.
func parseSDP(body []byte) (session, error) {
	parsed := session{direction: sendRecv}
	var host string
	var port uint64
	inAudio, seenAudio := false, false
	for line := range bytes.Lines(body) {
		kind, value, found := strings.Cut(strings.TrimRight(string(line), "\r\n"), "=")
		if !found {
			continue
		}
		switch {
		case kind == "m":
			if inAudio = !seenAudio && strings.HasPrefix(value, "audio "); !inAudio {
				continue
			}
			seenAudio = true
			fields := strings.Fields(value)
			if len(fields) < 4 || !hasFormat(fields[3:], payloadULaw) {
				return session{}, ErrNoCodec
			}
			var err error
			if port, err = strconv.ParseUint(fields[1], 10, 16); err != nil {
				return session{}, fmt.Errorf("parse session description: port of audio: %w", err)
			}
		case seenAudio && !inAudio: // another stream's lines
		case kind == "c":
			fields := strings.Fields(value)
			if len(fields) == 3 {
				host = fields[2]
			}
		case kind == "a":
			parsed.attribute(value)
		}
	}
	if !seenAudio || port == 0 {
		return session{}, ErrNoCodec
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return session{}, errors.Join(errors.New("parse session description: no usable address"), err)
	}
	parsed.address = netip.AddrPortFrom(address, uint16(port))
	return parsed, nil
}

func (s *session) attribute(value string) {
	switch direction(value) {
	case sendRecv, sendOnly, recvOnly, inactive:
		s.direction = direction(value)
		return
	}
	mapping, found := strings.CutPrefix(value, "rtpmap:")
	if !found {
		return
	}
	format, codec, _ := strings.Cut(mapping, " ")
	if number, err := strconv.ParseUint(format, 10, 7); err == nil &&
		strings.HasPrefix(strings.ToLower(codec), "telephone-event/8000") {
		s.event = uint8(number)
	}
}

func hasFormat(formats []string, want int) bool {
	for _, format := range formats {
		if number, err := strconv.Atoi(format); err == nil && number == want {
			return true
		}
	}
	return false
}

// describe writes our side. The version must grow with each change.
func describe(local session, version int) []byte {
	family := "IP4"
	if local.address.Addr().Is6() {
		family = "IP6"
	}
	var body bytes.Buffer
	line := func(format string, values ...any) { fmt.Fprintf(&body, format+"\r\n", values...) }
	line("v=0")
	line("o=- 1 %d IN %s %s", version, family, local.address.Addr())
	line("s=-")
	line("c=IN %s %s", family, local.address.Addr())
	line("t=0 0")
	formats := strconv.Itoa(payloadULaw)
	if local.event != 0 {
		formats += " " + strconv.Itoa(int(local.event))
	}
	line("m=audio %d RTP/AVP %s", local.address.Port(), formats)
	line("a=rtpmap:%d PCMU/8000", payloadULaw)
	if local.event != 0 {
		line("a=rtpmap:%d telephone-event/8000", local.event)
		line("a=fmtp:%d 0-16", local.event)
	}
	line("a=ptime:%d", frameTime.Milliseconds())
	line("a=%s", local.direction)
	return body.Bytes()
}
