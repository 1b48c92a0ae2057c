package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/emiago/sipgo"
	sipmsg "github.com/emiago/sipgo/sip"
)

var quiet = slog.New(slog.DiscardHandler)

// quietly silences those parts of sipgo that take no logger, and would use the
// program's.
var quietly = sync.OnceFunc(func() { sipmsg.SetDefaultLogger(quiet) })

// serve wires sipgo's layers to our socket. Its logs are dropped: they hold
// whole start lines, and so numbers.
func (p *Phone) serve(ctx context.Context) error {
	quietly()
	agent, err := sipgo.NewUA(
		sipgo.WithUserAgent(p.options.Username),
		sipgo.WithUserAgentHostname(p.address.Addr().String()),
		sipgo.WithUserAgentTransportLayerOptions(sipmsg.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(
			sipmsg.WithTransactionLayerLogger(quiet),
			sipmsg.WithTransactionLayerUnhandledResponseHandler(func(*sipmsg.Response) {}),
		),
	)
	if err != nil {
		return err
	}
	server, err := sipgo.NewServer(agent, sipgo.WithServerLogger(quiet))
	if err != nil {
		return errors.Join(err, agent.Close())
	}
	client, err := sipgo.NewClient(agent,
		sipgo.WithClientLogger(quiet),
		sipgo.WithClientAddr(p.address.String()),
		sipgo.WithClientConnectionAddr(p.address.String()),
		sipgo.WithClientNAT(),
	)
	if err != nil {
		return errors.Join(err, agent.Close())
	}
	p.agent, p.client = agent, client
	p.route(server)

	reading := &announcedConn{PacketConn: p.conn, reading: make(chan struct{})}
	go func() {
		defer close(p.served)
		if err := server.ServeUDP(reading); err != nil {
			p.log.Error("phone stopped listening", slog.Any("err", err))
		}
	}()
	select {
	case <-reading.reading:
		return nil
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), agent.Close())
	}
}

// announcedConn tells of the first read. By then sipgo has put the socket
// into its pool; a request sent earlier would open a second one.
type announcedConn struct {
	net.PacketConn
	once    sync.Once
	reading chan struct{}
}

func (c *announcedConn) ReadFrom(buffer []byte) (int, net.Addr, error) {
	c.once.Do(func() { close(c.reading) })
	return c.PacketConn.ReadFrom(buffer)
}

const allowedMethods = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY, REFER"

func (p *Phone) route(server *sipgo.Server) {
	handlers := map[sipmsg.RequestMethod]sipgo.RequestHandler{
		sipmsg.INVITE:  p.onInvite,
		sipmsg.ACK:     p.onAck,
		sipmsg.BYE:     p.onBye,
		sipmsg.UPDATE:  p.onUpdate,
		sipmsg.REFER:   p.onRefer,
		sipmsg.NOTIFY:  p.onNotify,
		sipmsg.INFO:    p.onInfo,
		sipmsg.OPTIONS: p.onOptions,
		// A CANCEL that matches a call never comes here, sipgo answers it.
		sipmsg.CANCEL: p.onStray,
	}
	for method, handler := range handlers {
		server.OnRequest(method, func(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
			if !p.begin() {
				p.dropConnections()
				return
			}
			defer p.running.Done()
			handler(req, tx)
		})
	}
}

// dropConnections closes sockets other than ours. Once ours is out of its pool,
// sipgo opens another one for any message that it still has to deal with, and
// a goroutine reads from that for ever.
func (p *Phone) dropConnections() {
	if err := p.agent.TransportLayer().Pool("udp").Clear(); err != nil {
		p.log.Debug("close stray sockets", slog.Any("err", err))
	}
}

// do sends a request and returns its final response, after authentication if
// that is asked for.
func (p *Phone) do(ctx context.Context, req *sipmsg.Request) (*sipmsg.Response, error) {
	if !p.begin() {
		return nil, ErrClosed
	}
	defer p.running.Done()
	sending, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	res, err := p.client.Do(sending, req)
	if err == nil && p.challenged(res) {
		// A clone, because the first transaction still owns the request.
		res, err = p.client.DoDigestAuth(sending, req.Clone(), res, p.credentials())
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("send %s: %w", req.Method, withoutRequest(err))
	}
	if !res.IsSuccess() {
		return res, fmt.Errorf("send %s: %w", req.Method, &RefusedError{Status: res.StatusCode, Reason: res.Reason})
	}
	return res, nil
}

// write sends a request that gets no response.
func (p *Phone) write(req *sipmsg.Request) error {
	if !p.begin() {
		return ErrClosed
	}
	defer p.running.Done()
	if err := p.client.WriteRequest(req); err != nil {
		return fmt.Errorf("send %s: %w", req.Method, withoutRequest(err))
	}
	return nil
}

// withoutRequest takes the cause out of sipgo's errors of sending, which quote
// the request's first line and so a number; errors are logged.
func withoutRequest(err error) error {
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return failed
	}
	if errors.Is(err, sipmsg.ErrUDPMTUCongestion) {
		return sipmsg.ErrUDPMTUCongestion
	}
	return err
}

func (p *Phone) challenged(res *sipmsg.Response) bool {
	return p.options.Password != "" &&
		(res.StatusCode == sipmsg.StatusUnauthorized || res.StatusCode == sipmsg.StatusProxyAuthRequired)
}

func (p *Phone) credentials() sipgo.DigestAuth {
	return sipgo.DigestAuth{Username: p.options.Username, Password: p.options.Password}
}
