package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// CallOptions say who calls, beyond what the phone says of itself.
type CallOptions struct {
	CallerNumber string // the phone's username when empty
	CallerName   string // the phone's display name when empty
	// Withheld hides number and name (RFC 3323): the caller is
	// anonymous@anonymous.invalid, with the header Privacy: id.
	Withheld bool
	Headers  map[string]string // put on the INVITE, after those of the phone
}

// Call dials a number at the server, or a whole SIP URI. It returns as soon as
// the INVITE is sent; see [Call.Answered]. ctx bounds only that.
func (p *Phone) Call(ctx context.Context, number string, options CallOptions) (*Call, error) {
	if !p.begin() {
		return nil, fmt.Errorf("place call: %w", ErrClosed)
	}
	defer p.running.Done()
	target, err := p.target(number)
	if err != nil {
		return nil, fmt.Errorf("place call: %w", err)
	}
	m, err := openMedia(ctx, p.address.Addr(), p.options.Sound)
	if err != nil {
		return nil, fmt.Errorf("place call: %w", err)
	}
	invite := p.newInvite(target, options, m.describe())
	c := newCall(p, invite, newLocalDialog(invite), m, true)
	if err := p.enter(c); err != nil {
		m.close()
		return nil, fmt.Errorf("place call: %w", err)
	}
	// The transaction gets a clone: it changes the request as it sends it,
	// while others read ours.
	sent := invite.Clone()
	tx, err := p.client.TransactionRequest(ctx, sent)
	if err != nil {
		err = withoutRequest(err)
		c.finish(err)
		return nil, fmt.Errorf("place call: %w", err)
	}
	f := &following{call: c, sent: sent, tx: tx}
	p.spawn(f.run)
	return c, nil
}

// target is the URI of a number at the server, or of a URI as it is.
func (p *Phone) target(number string) (sipmsg.Uri, error) {
	var uri sipmsg.Uri
	if strings.HasPrefix(number, "sip:") {
		if err := sipmsg.ParseUri(number, &uri); err != nil {
			return uri, fmt.Errorf("parse SIP URI: %w", err)
		}
		return uri, nil
	}
	host, port, err := sipmsg.ParseAddr(p.options.Server)
	if err != nil {
		return uri, errors.New("a number needs a server; without one, call a SIP URI")
	}
	return sipmsg.Uri{Scheme: "sip", User: escapeUser(number), Host: host, Port: port}, nil
}

func (p *Phone) newInvite(target sipmsg.Uri, options CallOptions, offer []byte) *sipmsg.Request {
	invite := sipmsg.NewRequest(sipmsg.INVITE, target)
	from := sipmsg.FromHeader{
		DisplayName: escapeName(orElse(options.CallerName, p.options.DisplayName)),
		Address: sipmsg.Uri{
			Scheme: "sip",
			User:   escapeUser(orElse(options.CallerNumber, p.options.Username)),
			Host:   target.Host,
		},
	}
	if options.Withheld {
		from.DisplayName = "Anonymous"
		from.Address = sipmsg.Uri{Scheme: "sip", User: anonymousUser, Host: "anonymous.invalid"}
		invite.AppendHeader(sipmsg.NewHeader("Privacy", "id"))
	}
	from.Params.Add("tag", sipmsg.GenerateTagN(16))
	to := sipmsg.ToHeader{Address: sipmsg.Uri{Scheme: "sip", User: target.User, Host: target.Host}}
	callID := sipmsg.CallIDHeader(sipmsg.GenerateTagN(24))
	invite.AppendHeader(&from)
	invite.AppendHeader(&to)
	invite.AppendHeader(&callID)
	invite.AppendHeader(&sipmsg.CSeqHeader{SeqNo: 1, MethodName: sipmsg.INVITE})
	invite.AppendHeader(p.contact())
	invite.AppendHeader(sipmsg.NewHeader("Allow", allowedMethods))
	for _, headers := range []map[string]string{p.options.Headers, options.Headers} {
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			invite.AppendHeader(sipmsg.NewHeader(name, headers[name]))
		}
	}
	invite.AppendHeader(sipmsg.NewHeader("Content-Type", "application/sdp"))
	invite.SetBody(offer)
	return invite
}

func orElse(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

// following sees an outgoing call from its INVITE to the answer.
type following struct {
	call       *Call
	sent       *sipmsg.Request // the INVITE on the wire, for CANCEL and ACK
	tx         sipmsg.ClientTransaction
	provoked   bool // a provisional response came, so CANCEL is allowed
	cancelled  bool // CANCEL was sent
	challenges int
}

// run reads every response: sipgo's transaction stands still while nobody
// takes one.
func (f *following) run() {
	c := f.call
	giveUp := c.giveUp.ch
	ringing := time.NewTimer(ringTimeout)
	defer ringing.Stop()
	for {
		select {
		case res := <-f.tx.Responses():
			if f.take(res) {
				return
			}
		case <-giveUp:
			giveUp = nil
			f.cancel()
			// A far end that accepts the CANCEL and never ends the INVITE is
			// left after the same time as one that never answers.
			ringing.Reset(64 * sipmsg.T1)
		case <-ringing.C:
			if c.giveUp.fired() {
				f.tx.Terminate()
				c.finish(ErrCancelled)
				return
			}
			c.giveUp.fire()
		case <-f.tx.Done():
			c.finish(fmt.Errorf("place call: %w", withoutRequest(f.tx.Err())))
			return
		case <-c.phone.life.Done():
			c.finish(ErrClosed)
			return
		}
	}
}

// take handles a response and reports whether it was the last.
func (f *following) take(res *sipmsg.Response) bool {
	c := f.call
	switch {
	case res.IsProvisional():
		f.provoked = true
		if res.StatusCode > 100 {
			c.ringing.fire()
		}
		if len(res.Body()) > 0 {
			// Early media. What cannot be used now may be put right by the answer.
			_ = c.media.follow(res.Body())
		}
		if c.giveUp.fired() {
			f.cancel()
		}
		return false
	case res.IsSuccess():
		f.accept(res)
		return true
	case c.giveUp.fired():
		c.finish(ErrCancelled)
		return true
	case c.phone.challenged(res) && f.challenges < 2:
		// Twice, because a nonce may be stale.
		f.challenges++
		return f.authenticate(res)
	default:
		c.finish(&RefusedError{Status: res.StatusCode, Reason: res.Reason})
		return true
	}
}

// authenticate sends the INVITE again. The old transaction lives on to
// acknowledge retransmissions of the challenge.
func (f *following) authenticate(challenge *sipmsg.Response) (over bool) {
	ctx, cancel := context.WithTimeout(f.call.phone.life, requestTimeout)
	defer cancel()
	sent := f.sent.Clone()
	tx, err := f.call.phone.client.TransactionDigestAuth(ctx, sent, challenge, f.call.phone.credentials())
	if err != nil {
		f.call.finish(fmt.Errorf("place call: authenticate: %w", withoutRequest(err)))
		return true
	}
	f.sent, f.tx, f.provoked = sent, tx, false
	return false
}

// cancel sends CANCEL once, and only after a provisional response: before,
// the far end may not know the INVITE yet (RFC 3261, section 9.1).
func (f *following) cancel() {
	if f.cancelled || !f.provoked {
		return
	}
	f.cancelled = true
	sent := f.sent
	req := sipmsg.NewRequest(sipmsg.CANCEL, *sent.Recipient.Clone())
	for _, header := range []sipmsg.Header{sent.Via(), sent.From(), sent.To(), sent.CallID()} {
		req.AppendHeader(sipmsg.HeaderClone(header))
	}
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: sent.CSeq().SeqNo, MethodName: sipmsg.CANCEL})
	req.SetDestination(sent.Destination())
	c := f.call
	// In the background: the INVITE's responses must be read meanwhile.
	c.phone.spawn(func() {
		if _, err := c.phone.do(c.phone.life, req); err != nil {
			c.phone.log.Debug("cancel not confirmed", slog.String("call", c.ID()), slog.Any("err", err))
		}
	})
}

// accept acknowledges the answer, and each repetition of it.
func (f *following) accept(res *sipmsg.Response) {
	c := f.call
	c.dialog.confirm(f.sent, res)
	ack := func() error { return c.phone.write(c.dialog.ack(f.sent)) }
	f.tx.OnRetransmission(func(*sipmsg.Response) { _ = ack() })
	err := ack()
	c.confirmed.fire()
	if len(res.Body()) > 0 || !c.media.described() {
		err = errors.Join(err, c.media.follow(res.Body()))
	}
	switch {
	case c.giveUp.fired():
		err = ErrCancelled // the answer crossed our CANCEL
	case err == nil:
		c.media.start()
		c.answered.fire()
		return
	}
	// The far end believes that it is talking.
	c.phone.log.Debug("hang up at the answer", slog.String("call", c.ID()), slog.Any("err", err))
	_, _ = c.phone.do(c.phone.life, c.dialog.request(sipmsg.BYE))
	c.finish(err)
}
