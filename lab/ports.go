package lab

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

const loopback = "127.0.0.1"

// freeTCP returns a TCP port on the loopback address that nobody uses. Somebody
// may take it before it is bound: who starts a server on it tries again then.
func freeTCP() (int, error) {
	l, err := net.Listen("tcp4", loopback+":0")
	if err != nil {
		return 0, fmt.Errorf("find a free TCP port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// freeUDP is freeTCP for UDP.
func freeUDP() (int, error) {
	c, err := net.ListenPacket("udp4", loopback+":0")
	if err != nil {
		return 0, fmt.Errorf("find a free UDP port: %w", err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

// The ports that the system gives none of out by itself, nor Asterisk for sound.
const firstQuiet, quietPorts = 10000, 2000

// quietTurn counts the quiet ports that were given out. They go by turns, from
// where no other process is likely to be: one given twice would be taken by
// whoever binds it first.
var quietTurn = func() *atomic.Uint32 {
	var turn atomic.Uint32
	turn.Store(rand.Uint32N(quietPorts))
	return &turn
}()

// quietUDP returns a free UDP port of which the system gives none out by
// itself, nor Asterisk for sound: it can be bound, let go of and bound again
// without somebody else taking it in between.
func quietUDP() (int, error) {
	var err error
	for range 100 {
		port := firstQuiet + int(quietTurn.Add(1)%quietPorts)
		var c net.PacketConn
		if c, err = net.ListenPacket("udp4", address(port)); err == nil {
			return port, c.Close()
		}
	}
	return 0, fmt.Errorf("find a free UDP port from %d to %d: %w", firstQuiet, firstQuiet+quietPorts-1, err)
}

// rtpPorts returns a range of ports for sound, below those that the system
// gives out by itself. Ranges of two instances may overlap: Asterisk takes
// another port of its range when one is in use.
func rtpPorts() (first, last int) {
	const lowest, highest, size = 12000, 32000, 400
	first = lowest + 2*rand.IntN((highest-lowest-size)/2)
	return first, first + size - 1
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
