package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	sipmsg "github.com/emiago/sipgo/sip"
)

const (
	// requestTimeout bounds a request and its response within a call.
	requestTimeout = 5 * time.Second
	// closeTimeout bounds each of the two polite parts of Close.
	closeTimeout = 3 * time.Second
	// ringTimeout bounds how long a phone rings or lets ring, as timer C of
	// RFC 3261 does for proxies.
	ringTimeout = 3 * time.Minute
	// incomingQueue is how many calls may wait on [Phone.Incoming].
	incomingQueue = 64
)

// PhoneOptions say who a phone is and how it behaves.
type PhoneOptions struct {
	Username    string // user part of its address, and for authentication
	Password    string // for digest authentication; empty: none is tried
	DisplayName string

	// Server is the host:port of the PBX, for registration and for numbers to
	// call. Without it every call needs a whole SIP URI.
	Server string
	// Listen is the address to listen at, by UDP; 127.0.0.1:0 when empty. It
	// must name one interface, since it is told to others.
	Listen string
	// Headers are put on each INVITE, such as the one by which the PBX
	// recognises a trunk.
	Headers map[string]string

	Behaviour Behaviour    // for incoming calls
	Sound     Sound        // what it says in calls; nil is [Silence]
	Logger    *slog.Logger // nil logs nothing
}

// A Phone is a telephone on UDP.
type Phone struct {
	options PhoneOptions
	address netip.AddrPort
	log     *slog.Logger

	agent  *sipgo.UserAgent
	client *sipgo.Client
	conn   net.PacketConn
	served chan struct{} // closed when the socket's reader is gone

	life      context.Context // ends with Close, when the polite part is over
	end       context.CancelFunc
	closeOnce sync.Once
	closeErr  error
	running   sync.WaitGroup // handlers and goroutines of calls

	registrar registrar
	incoming  chan *Call

	mu        sync.Mutex
	behaviour Behaviour
	calls     map[dialogKey]*Call
	closing   bool // takes and makes no more calls
	closed    bool // starts nothing at all
}

// OpenPhone starts to listen. The phone is at a static address until
// [Phone.Register] is called. ctx bounds only the opening.
func OpenPhone(ctx context.Context, options PhoneOptions) (*Phone, error) {
	if err := options.complete(); err != nil {
		return nil, fmt.Errorf("open phone: %w", err)
	}
	var config net.ListenConfig
	conn, err := config.ListenPacket(ctx, "udp", options.Listen)
	if err != nil {
		return nil, fmt.Errorf("open phone: %w", err)
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	p := &Phone{
		options:   options,
		address:   netip.AddrPortFrom(local.Addr().Unmap(), local.Port()),
		log:       options.Logger,
		conn:      conn,
		served:    make(chan struct{}),
		life:      life,
		end:       end,
		incoming:  make(chan *Call, incomingQueue),
		behaviour: options.Behaviour,
		calls:     map[dialogKey]*Call{},
	}
	if err := p.serve(ctx); err != nil {
		end()
		conn.Close()
		return nil, fmt.Errorf("open phone: %w", err)
	}
	return p, nil
}

func (o *PhoneOptions) complete() error {
	var faults []error
	if o.Username == "" {
		faults = append(faults, errors.New("no username"))
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if listen, err := netip.ParseAddrPort(o.Listen); err != nil {
		faults = append(faults, fmt.Errorf("listen address: %w", err))
	} else if listen.Addr().IsUnspecified() {
		faults = append(faults, fmt.Errorf("listen address %s names no interface", o.Listen))
	}
	if o.Server != "" {
		if _, _, err := sipmsg.ParseAddr(o.Server); err != nil {
			faults = append(faults, fmt.Errorf("server: %w", err))
		}
	}
	faults = append(faults, o.Behaviour.check())
	if o.Sound == nil {
		o.Sound = Silence()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return errors.Join(faults...)
}

// begin counts one more running goroutine, unless the phone is closed.
func (p *Phone) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.running.Add(1)
	return true
}

// spawn runs f in the background; Close waits for it.
func (p *Phone) spawn(f func()) {
	if !p.begin() {
		return
	}
	go func() {
		defer p.running.Done()
		f()
	}()
}

// Addr is the address at which the phone listens, by UDP.
func (p *Phone) Addr() netip.AddrPort { return p.address }

// URI is the phone's own SIP address, at which others can call it without a
// PBX between.
func (p *Phone) URI() string { return p.contact().Address.Addr() }

// Incoming delivers the calls that reach the phone, as they begin to ring. A
// call goes its way whether it is taken from here or not; when 64 calls wait,
// the oldest is left out. The channel is closed by Close.
func (p *Phone) Incoming() <-chan *Call { return p.incoming }

// Calls lists the calls that are not over, in no order: placed, received, and
// those that the far end of another call asked for by REFER.
func (p *Phone) Calls() []*Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Values(p.calls))
}

// Close hangs up what is running, takes back the registration and stops. It
// returns within a few seconds even when nobody answers any more.
func (p *Phone) Close() error {
	p.closeOnce.Do(func() { p.closeErr = p.shutDown() })
	return p.closeErr
}

func (p *Phone) shutDown() error {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()

	ctx, cancel := context.WithTimeout(p.life, closeTimeout)
	defer cancel()
	var leaving sync.WaitGroup
	for _, call := range p.Calls() {
		leaving.Go(func() { _ = call.Hangup(ctx) }) // who does not answer is left
	}
	leaving.Wait()
	// Of its own time: calls that nobody ends take up all of theirs.
	ctx, cancel = context.WithTimeout(p.life, closeTimeout)
	defer cancel()
	err := p.Unregister(ctx)
	p.registrar.stop()

	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.end()
	for _, call := range p.Calls() {
		call.finish(ErrClosed)
	}
	err = errors.Join(err, p.agent.Close(), p.conn.Close())
	<-p.served
	p.running.Wait()
	p.dropConnections()
	close(p.incoming)
	if err != nil {
		return fmt.Errorf("close phone: %w", err)
	}
	return nil
}

// enter makes a call one of the phone's.
func (p *Phone) enter(c *Call) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return ErrClosed
	}
	p.calls[c.dialog.key] = c
	return nil
}

func (p *Phone) leave(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls[c.dialog.key] == c {
		delete(p.calls, c.dialog.key)
	}
}

// deliver puts a call on the channel of incoming calls.
func (p *Phone) deliver(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		select {
		case p.incoming <- c:
			return
		default:
		}
		select {
		case <-p.incoming:
		default:
		}
	}
}

// find returns the call that a request within a dialog belongs to, or nil.
func (p *Phone) find(req *sipmsg.Request) *Call {
	if req.CallID() == nil || req.To() == nil {
		return nil
	}
	tag, _ := req.To().Params.Get("tag")
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[dialogKey{callID: req.CallID().Value(), localTag: tag}]
}

func (p *Phone) contact() *sipmsg.ContactHeader {
	return &sipmsg.ContactHeader{Address: sipmsg.Uri{
		Scheme: "sip",
		User:   escapeUser(p.options.Username),
		Host:   p.address.Addr().String(),
		Port:   int(p.address.Port()),
	}}
}
