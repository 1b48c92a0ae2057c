package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"
)

// maxBurst is how many late packets are made up for after a stall.
const maxBurst = 10

// media is the RTP endpoint of one call. It sends from the socket on which it
// receives, and takes packets only from where the far end said it would send:
// ports are used again quickly, and a stray stream of the previous call would
// be heard in this one.
type media struct {
	conn *net.UDPConn

	heard hearing
	keys  chan *keypress // to the sender, which takes one at a time
	quit  chan struct{}
	done  sync.WaitGroup

	mu      sync.Mutex
	sound   func([]int16)
	remote  session
	version int // of our session description
	local   session
	reader  keyReader
	started bool
	closed  bool
}

func openMedia(ctx context.Context, host netip.Addr, sound Sound) (*media, error) {
	var config net.ListenConfig
	packets, err := config.ListenPacket(ctx, "udp", netip.AddrPortFrom(host, 0).String())
	if err != nil {
		return nil, fmt.Errorf("open RTP socket: %w", err)
	}
	conn := packets.(*net.UDPConn)
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	m := &media{
		conn:  conn,
		keys:  make(chan *keypress),
		quit:  make(chan struct{}),
		sound: sound.Start(),
		local: session{
			address:   netip.AddrPortFrom(local.Addr().Unmap(), local.Port()),
			event:     payloadEvent,
			direction: sendRecv,
		},
	}
	m.done.Go(m.receive)
	return m, nil
}

// describe is our session description: an offer, or the answer to the far
// end's latest one.
func (m *media) describe() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version++
	return describe(m.local, m.version)
}

// follow takes the far end's session description, offer or answer.
func (m *media) follow(body []byte) error {
	remote, err := parseSDP(body)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remote = remote
	m.local.event = remote.event
	m.local.direction = remote.direction.answer()
	return nil
}

// described reports whether the far end has said where it receives.
func (m *media) described() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.remote.address.IsValid()
}

// play changes what is said.
func (m *media) play(sound Sound) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sound = sound.Start()
}

// start begins to send. Before the answer a phone only listens.
func (m *media) start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started || m.closed {
		return
	}
	m.started = true
	m.done.Go(m.send)
}

// close returns when both goroutines are gone.
func (m *media) close() {
	m.mu.Lock()
	closed := m.closed
	m.closed = true
	m.mu.Unlock()
	if !closed {
		close(m.quit)
		m.conn.Close()
	}
	m.done.Wait()
}

func (m *media) receive() {
	buffer := make([]byte, 2048)
	for {
		n, from, err := m.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		m.mu.Lock()
		remote := m.remote
		m.mu.Unlock()
		var packet rtp.Packet
		if netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) != remote.address || packet.Unmarshal(buffer[:n]) != nil {
			continue
		}
		switch {
		case packet.PayloadType == payloadULaw:
			m.heard.add(packet.SSRC, packet.SequenceNumber, packet.Payload, time.Now())
		case remote.event != 0 && packet.PayloadType == remote.event:
			m.heard.skip(packet.SSRC, packet.SequenceNumber)
			m.mu.Lock()
			m.reader.add(packet.Timestamp, packet.Payload)
			m.mu.Unlock()
		}
	}
}

// pressed is what the far end has keyed in so far.
func (m *media) pressed() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return string(m.reader.pressed)
}

// stream is the sender's own state: one RTP stream.
type stream struct {
	packet rtp.Packet
	buffer []byte
	frame  []int16
	codes  []byte
	next   uint32 // timestamp of the next frame
	key    *keypress
}

// send paces by the clock and not by the count of ticks: a ticker drops ticks
// on a busy machine, and the far end would hear gaps.
func (m *media) send() {
	s := &stream{
		packet: rtp.Packet{Header: rtp.Header{
			Version: 2, SSRC: rand.Uint32(), SequenceNumber: uint16(rand.Uint32()), Marker: true,
		}},
		buffer: make([]byte, 12+frameSamples),
		frame:  make([]int16, frameSamples),
		codes:  make([]byte, frameSamples),
		next:   rand.Uint32(),
	}
	ticker := time.NewTicker(frameTime)
	defer ticker.Stop()
	begin, sent := time.Now(), 0
	for {
		due := int(time.Since(begin)/frameTime) + 1 - sent
		burst := maxBurst
		if s.key != nil {
			burst = 1 // nobody presses two keys within a moment: the far end may miss them
		}
		if skipped := due - burst; skipped > 0 {
			s.next += uint32(skipped * frameSamples)
			sent, due = sent+skipped, burst
		}
		for range due {
			m.sendFrame(s)
			sent++
		}
		select {
		case <-ticker.C:
		case <-m.quit:
			return
		}
	}
}

// sendFrame sends 20 ms: of a key while one is pressed, else of the sound.
func (m *media) sendFrame(s *stream) {
	m.mu.Lock()
	remote, wanted := m.remote, m.remote.wantsAudio()
	m.sound(s.frame)
	m.mu.Unlock()

	if s.key == nil {
		select {
		case s.key = <-m.keys:
		default:
		}
	}
	if s.key != nil && s.key.frames < keyFrames {
		m.sendKey(s, remote)
	} else if wanted {
		for i, sample := range s.frame {
			s.codes[i] = encodeULaw(sample)
		}
		s.packet.PayloadType, s.packet.Timestamp, s.packet.Payload = payloadULaw, s.next, s.codes
		m.write(s, remote)
		s.packet.Marker = false
	}
	s.next += frameSamples

	if s.key != nil {
		if s.key.frames >= keyFrames {
			s.key.frames++
		}
		if s.key.frames > keyFrames+gapFrames {
			s.key = nil
		}
	}
}

// sendKey sends the next packet of an event. All packets of it carry the
// timestamp of its beginning, and the first one the marker.
func (m *media) sendKey(s *stream, remote session) {
	if !s.key.begun {
		s.key.begun, s.key.start = true, s.next
		s.packet.Marker = true
	}
	s.key.frames++
	s.packet.PayloadType, s.packet.Timestamp, s.packet.Payload = remote.event, s.key.start, s.key.payload()
	repeat := 1
	if s.key.frames == keyFrames {
		repeat = eventEnds
	}
	for range repeat {
		m.write(s, remote)
		s.packet.Marker = false
	}
	if s.key.frames == keyFrames {
		close(s.key.sent)
	}
}

// write sends the packet as it is and counts it. A send that fails is a lost
// packet, as on any network.
func (m *media) write(s *stream, remote session) {
	n, err := s.packet.MarshalTo(s.buffer)
	if err != nil {
		return
	}
	s.packet.SequenceNumber++
	_, _ = m.conn.WriteToUDPAddrPort(s.buffer[:n], remote.address)
}

// press sends keys one after the other and returns when the last is out.
func (m *media) press(ctx context.Context, codes []byte) error {
	m.mu.Lock()
	possible := m.started && m.remote.event != 0
	m.mu.Unlock()
	if !possible {
		return ErrNoDTMF
	}
	for _, code := range codes {
		key := &keypress{code: code, sent: make(chan struct{})}
		select {
		case m.keys <- key:
		case <-m.quit:
			return ErrEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select {
		case <-key.sent:
		case <-m.quit:
			// It may well be the key that ended the call, before the sender
			// could say so.
			m.done.Wait()
			if !isDone(key.sent) {
				return ErrEnded
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
