package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// statement is what a NOTIFY says of a transfer: the status of the call that
// the other one places.
type statement struct {
	status int
	reason string
}

// Transfer sends the far end to another number (or SIP URI) and leaves, a
// blind transfer by REFER. It waits until the far end accepted and said that
// the new call was answered, or hung up on us, as a PBX does that takes the
// transfer over. When the transfer is denied or its call fails, the error is
// or wraps a [*RefusedError] and this call goes on. One transfer at a time.
func (c *Call) Transfer(ctx context.Context, target string) error {
	uri, err := c.phone.target(target)
	if err != nil {
		return fmt.Errorf("transfer call: %w", err)
	}
	if !c.answered.fired() {
		return fmt.Errorf("transfer call: %w", ErrNotAnswered)
	}
	c.forgetStatements()
	refer := c.dialog.request(sipmsg.REFER)
	refer.AppendHeader(c.phone.contact())
	refer.AppendHeader(sipmsg.NewHeader("Refer-To", "<"+uri.String()+">"))
	refer.AppendHeader(sipmsg.NewHeader("Referred-By", "<"+c.phone.URI()+">"))
	if _, err := c.phone.do(ctx, refer); err != nil {
		return fmt.Errorf("transfer call: %w", err)
	}
	for {
		select {
		case said := <-c.transfer:
			switch {
			case said.status < 200:
			case said.status < 300:
				return c.bye(ctx)
			default:
				return fmt.Errorf("transfer call: %w", &RefusedError{Status: said.status, Reason: said.reason})
			}
		case <-c.done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("transfer call: %w", context.Cause(ctx))
		}
	}
}

// forgetStatements drops what is left of an earlier transfer.
func (c *Call) forgetStatements() {
	for {
		select {
		case <-c.transfer:
		default:
			return
		}
	}
}

// onNotify reads how a transfer of ours goes. Others are answered too: a PBX
// also notifies of messages waiting, and of a transfer whose call is over.
func (p *Phone) onNotify(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	p.respond(req, tx, sipmsg.StatusOK, "OK", nil)
	c := p.find(req)
	event := req.GetHeader("Event")
	if c == nil || event == nil || !strings.HasPrefix(event.Value(), "refer") {
		return
	}
	said, err := parseFragment(req.Body())
	if err != nil {
		p.log.Debug("unusable notification of a transfer", slog.String("call", c.ID()), slog.Any("err", err))
		return
	}
	select {
	case c.transfer <- said:
	default: // nobody waits any more
	}
}

// parseFragment reads the status line of a message/sipfrag body.
func parseFragment(body []byte) (statement, error) {
	line, _, _ := strings.Cut(string(body), "\n")
	version, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	code, phrase, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if version != "SIP/2.0" || err != nil {
		return statement{}, errors.New("parse sipfrag: no status line")
	}
	return statement{status: status, reason: phrase}, nil
}

// onRefer lets the far end send us elsewhere: the phone places the call that
// it is told to, and tells how that goes.
func (p *Phone) onRefer(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	c := p.find(req)
	if c == nil {
		p.onStray(req, tx)
		return
	}
	header := req.ReferTo()
	if header == nil {
		p.respond(req, tx, sipmsg.StatusBadRequest, "Bad Request", nil)
		return
	}
	if header.Address.Headers.Has("Replaces") { // an attended transfer
		p.respond(req, tx, sipmsg.StatusNotImplemented, reason(sipmsg.StatusNotImplemented), nil)
		return
	}
	p.send(tx, c.response(req, sipmsg.StatusAccepted, nil))
	target := header.Address.Addr()
	p.spawn(func() { c.obey(target) })
}

func (c *Call) obey(target string) {
	c.notify(statement{status: sipmsg.StatusTrying, reason: "Trying"})
	next, err := c.phone.Call(c.phone.life, target, CallOptions{})
	if err == nil {
		err = next.Answered(c.phone.life)
	}
	refused, ok := errors.AsType[*RefusedError](err)
	switch {
	case err == nil:
		c.notify(statement{status: sipmsg.StatusOK, reason: "OK"})
	case ok:
		c.notify(statement{status: refused.Status, reason: refused.Reason})
	default:
		c.notify(statement{status: sipmsg.StatusServiceUnavailable, reason: "Service Unavailable"})
	}
}

func (c *Call) notify(said statement) {
	select {
	case <-c.done: // who sent us away did not wait for it
		return
	default:
	}
	state := "active;expires=60"
	if said.status >= 200 {
		state = "terminated;reason=noresource"
	}
	req := c.dialog.request(sipmsg.NOTIFY)
	req.AppendHeader(c.phone.contact())
	req.AppendHeader(sipmsg.NewHeader("Event", "refer"))
	req.AppendHeader(sipmsg.NewHeader("Subscription-State", state))
	req.AppendHeader(sipmsg.NewHeader("Content-Type", "message/sipfrag;version=2.0"))
	req.SetBody(fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", said.status, said.reason))
	if _, err := c.phone.do(c.phone.life, req); err != nil {
		c.phone.log.Debug("notify of a transfer", slog.String("call", c.ID()), slog.Any("err", err))
	}
}
