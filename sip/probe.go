package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/emiago/sipgo"
	sipmsg "github.com/emiago/sipgo/sip"
)

// Transport is how SIP is carried.
type Transport string

// The transports that can be probed.
const (
	TransportUDP Transport = "udp"
	TransportTCP Transport = "tcp"
	TransportTLS Transport = "tls"
)

// Target is what a probe asks.
type Target struct {
	// Address is its host:port.
	Address   string
	Transport Transport // UDP when empty
	// User is the user part of our own address, by which the far end's log
	// tells who asks; "callbackd" when empty.
	User string
	// TLS is how the far end must prove who it is, over TLS; nil for what the
	// machine trusts, and the address's host.
	TLS *tls.Config
}

// Answer is what a probe was answered with.
type Answer struct {
	// Status is a final SIP status. Any proves that somebody speaks SIP there:
	// an Asterisk that does not know us says 401 or 404, a carrier 403.
	Status int
	Reason string // the reason phrase that came with it
	// RoundTrip is the time from the request to the answer.
	RoundTrip time.Duration
}

// Refused reports whether the answer is not a success.
func (a Answer) Refused() bool { return a.Status >= 300 }

// Probe asks by OPTIONS whether anybody answers. An error says that nobody did
// before ctx ended, which it must: over UDP the request is repeated until then.
// Each probe has a socket of its own, so that it tells what a new call would
// meet, and leaves nothing behind.
func Probe(ctx context.Context, t Target) (answer Answer, err error) {
	host, port, err := sipmsg.ParseAddr(t.Address)
	if err != nil {
		return Answer{}, fmt.Errorf("probe %s: %w", t.Address, err)
	}
	quietly()
	user := t.User
	if user == "" {
		user = "callbackd"
	}
	secure := t.TLS
	if secure == nil {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	secure = secure.Clone()
	secure.ServerName = host
	agent, err := sipgo.NewUA(
		sipgo.WithUserAgent(user), sipgo.WithUserAgenTLSConfig(secure),
		sipgo.WithUserAgentTransportLayerOptions(sipmsg.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(
			sipmsg.WithTransactionLayerLogger(quiet),
			sipmsg.WithTransactionLayerUnhandledResponseHandler(func(*sipmsg.Response) {}),
		),
	)
	if err != nil {
		return Answer{}, fmt.Errorf("probe %s: %w", t.Address, err)
	}
	defer func() { err = errors.Join(err, agent.Close()) }()
	client, err := sipgo.NewClient(agent, sipgo.WithClientLogger(quiet), sipgo.WithClientNAT())
	if err != nil {
		return Answer{}, fmt.Errorf("probe %s: %w", t.Address, err)
	}
	transport := t.Transport
	if transport == "" {
		transport = TransportUDP
	}
	req := sipmsg.NewRequest(sipmsg.OPTIONS, sipmsg.Uri{Scheme: "sip", Host: host, Port: port})
	req.SetTransport(sipmsg.NetworkToUpper(string(transport)))
	req.SetDestination(net.JoinHostPort(host, fmt.Sprint(port)))
	began := time.Now()
	res, err := client.Do(ctx, req)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no answer within %s", time.Since(began).Round(100*time.Millisecond))
		}
		return Answer{}, fmt.Errorf("probe %s by %s: %w", t.Address, transport, err)
	}
	return Answer{Status: res.StatusCode, Reason: res.Reason, RoundTrip: time.Since(began)}, nil
}
