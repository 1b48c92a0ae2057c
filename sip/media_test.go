package sip

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/pion/rtp"
)

// The far end may hang up at a key's end, before the sender has told that the
// key is out: a key that transfers does so. It was pressed all the same.
func TestMedia_KeyThatEndsTheCall(t *testing.T) {
	t.Parallel()
	var calls sync.WaitGroup
	for range 100 { // at once, so that some senders are behind
		calls.Go(func() {
			if err := pressAndLeave(t); err != nil {
				t.Errorf("press the key: %v", err)
			}
		})
	}
	calls.Wait()
}

// pressAndLeave presses a key for a far end that hangs up at its end.
func pressAndLeave(t *testing.T) error {
	host := netip.MustParseAddr("127.0.0.1")
	m, err := openMedia(t.Context(), host, Silence())
	if err != nil {
		return err
	}
	defer m.close()
	far, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 0)))
	if err != nil {
		return err
	}
	defer far.Close()
	m.remote = session{address: far.LocalAddr().(*net.UDPAddr).AddrPort(), event: payloadEvent, direction: sendRecv}
	m.start()
	go func() {
		defer m.close()
		buffer := make([]byte, 2048)
		for {
			n, err := far.Read(buffer)
			var packet rtp.Packet
			if err != nil || packet.Unmarshal(buffer[:n]) == nil &&
				packet.PayloadType == payloadEvent && packet.Payload[1]&eventEnd != 0 {
				return
			}
		}
	}()
	return m.press(t.Context(), []byte{1})
}
