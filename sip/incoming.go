package sip

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Answer answers an incoming call that still rings, and waits until it is
// done.
func (c *Call) Answer(ctx context.Context) error {
	return c.decide(ctx, sipmsg.StatusOK)
}

// Refuse refuses an incoming call that still rings, with a SIP status from
// 300 to 699.
func (c *Call) Refuse(ctx context.Context, status int) error {
	if err := (Behaviour{Refuse: status}).check(); err != nil {
		return err
	}
	return c.decide(ctx, status)
}

func (c *Call) decide(ctx context.Context, status int) error {
	wantAnswer := status == sipmsg.StatusOK
	if c.outgoing || !wantAnswer && c.answered.fired() {
		return ErrAnswered
	}
	decisions := c.decisions
	for {
		select {
		case decisions <- status:
			decisions = nil
		case <-c.answered.ch:
			if wantAnswer {
				return nil
			}
			return ErrAnswered
		case <-c.done:
			if wantAnswer {
				return c.endedBefore()
			}
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p *Phone) onInvite(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	if req.To() == nil || req.From() == nil || req.CallID() == nil || req.CSeq() == nil || req.Contact() == nil {
		p.respond(req, tx, sipmsg.StatusBadRequest, "Bad Request", nil)
		return
	}
	if req.To().Params.Has("tag") {
		p.onReinvite(req, tx)
		return
	}
	c, status := p.ring(req)
	if c == nil {
		p.respond(req, tx, status, reason(status), nil)
		return
	}
	// sipgo answers CANCEL and the INVITE; the hook runs within its state
	// machine and must not wait.
	if !tx.OnCancel(func(*sipmsg.Request) { c.giveUp.fire() }) {
		c.finish(ErrCancelled)
		return
	}
	c.serve(req, tx)
}

// ring makes the call of an INVITE, or says with which status it is refused.
func (p *Phone) ring(req *sipmsg.Request) (*Call, int) {
	m, err := openMedia(p.life, p.address.Addr(), p.options.Sound)
	if err != nil {
		p.log.Error("no media for an incoming call", slog.Any("err", err))
		return nil, sipmsg.StatusInternalServerError
	}
	// Without an offer ours goes with the answer, and theirs comes with the ACK.
	if len(req.Body()) > 0 {
		if err := m.follow(req.Body()); err != nil {
			m.close()
			return nil, sipmsg.StatusNotAcceptableHere
		}
	}
	c := newCall(p, req, newRemoteDialog(req, sipmsg.GenerateTagN(16)), m, false)
	if err := p.enter(c); err != nil {
		m.close()
		return nil, sipmsg.StatusServiceUnavailable
	}
	return c, 0
}

// serve sees an incoming call from its INVITE to the acknowledged answer.
// sipgo ends a transaction whose handler returned without a final response,
// so that the handler stays for as long.
func (c *Call) serve(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	p := c.phone
	behaviour := p.currentBehaviour()
	if err := tx.Respond(c.response(req, sipmsg.StatusRinging, nil)); err != nil {
		c.finish(fmt.Errorf("ring: %w", err))
		return
	}
	c.ringing.fire()
	p.deliver(c)

	status := behaviour.Refuse
	if status == 0 {
		status = sipmsg.StatusOK
	}
	wait := behaviour.RingFor
	if behaviour.Ignore || wait > ringTimeout {
		status, wait = sipmsg.StatusTemporarilyUnavailable, ringTimeout
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case status = <-c.decisions:
	case <-c.giveUp.ch:
		c.finish(ErrCancelled)
		return
	case <-c.done: // by BYE
		return
	case <-tx.Done():
		c.finish(fmt.Errorf("ring: %w", tx.Err()))
		return
	case <-p.life.Done():
		status = sipmsg.StatusTemporarilyUnavailable
	}
	if status != sipmsg.StatusOK {
		err := tx.Respond(c.response(req, status, nil))
		if err == nil {
			err = &RefusedError{Status: status, Reason: reason(status)}
		}
		c.finish(err)
		return
	}
	c.accept(req, tx, behaviour.HangUpAfter)
}

func (c *Call) accept(req *sipmsg.Request, tx sipmsg.ServerTransaction, hangUpAfter time.Duration) {
	acked := c.expectACK(req.CSeq().SeqNo)
	res := c.response(req, sipmsg.StatusOK, c.media.describe())
	if err := tx.Respond(res); err != nil {
		c.finish(fmt.Errorf("answer: %w", err))
		return
	}
	// The hook of CANCEL runs only when sipgo's state machine preferred it to
	// our answer.
	if c.giveUp.fired() {
		c.finish(ErrCancelled)
		return
	}
	c.media.start()
	c.answered.fire()
	confirmed := c.repeatUntilACK(tx, res, acked)
	c.confirmed.fire()
	if !confirmed {
		_, _ = c.phone.do(c.phone.life, c.dialog.request(sipmsg.BYE))
		c.finish(ErrNoACK)
		return
	}
	if hangUpAfter == 0 {
		return
	}
	timer := time.NewTimer(hangUpAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
		if err := c.Hangup(c.phone.life); err != nil {
			c.phone.log.Debug("hang up", slog.String("call", c.ID()), slog.Any("err", err))
		}
	case <-c.done:
	case <-c.phone.life.Done():
	}
}

// repeatUntilACK repeats a success until the far end acknowledges it, which no
// transaction does (RFC 3261, section 13.3.1.4). It reports false when it gave
// up, and true also when the call ended meanwhile.
func (c *Call) repeatUntilACK(tx sipmsg.ServerTransaction, res *sipmsg.Response, acked <-chan struct{}) bool {
	interval := sipmsg.T1
	repeat := time.NewTimer(interval)
	defer repeat.Stop()
	limit := time.NewTimer(64 * sipmsg.T1)
	defer limit.Stop()
	for {
		select {
		case <-acked:
			return true
		case <-c.done:
			return true
		case <-tx.Acks(): // of peers that reuse the branch
			return true
		case <-repeat.C:
			if err := tx.Respond(res); err != nil {
				return false
			}
			interval = min(2*interval, sipmsg.T2)
			repeat.Reset(interval)
		case <-limit.C:
			return false
		case <-c.phone.life.Done():
			return true
		}
	}
}

// expectACK must be called before the response is sent: the ACK may be
// quicker than us.
func (c *Call) expectACK(seq uint32) <-chan struct{} {
	acked := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acks[seq] = acked
	return acked
}

func (p *Phone) onAck(req *sipmsg.Request, _ sipmsg.ServerTransaction) {
	c := p.find(req)
	if c == nil || req.CSeq() == nil {
		return
	}
	if len(req.Body()) > 0 {
		if err := c.media.follow(req.Body()); err != nil {
			p.log.Debug("unusable answer in ACK", slog.String("call", c.ID()), slog.Any("err", err))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if acked, expected := c.acks[req.CSeq().SeqNo]; expected {
		delete(c.acks, req.CSeq().SeqNo)
		close(acked)
	}
}

// onReinvite answers the far end's change of a running session, such as hold
// or another address of its media.
func (p *Phone) onReinvite(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	c := p.find(req)
	if c == nil {
		p.onStray(req, tx)
		return
	}
	if !c.followChange(req, tx) {
		return
	}
	acked := c.expectACK(req.CSeq().SeqNo)
	res := c.response(req, sipmsg.StatusOK, c.media.describe())
	if err := tx.Respond(res); err != nil {
		p.log.Debug("answer re-INVITE", slog.String("call", c.ID()), slog.Any("err", err))
		return
	}
	c.repeatUntilACK(tx, res, acked)
}

// onUpdate does the same without ACK. Asterisk sends it without a session
// when only the name of the connected party changes.
func (p *Phone) onUpdate(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	c := p.find(req)
	if c == nil {
		p.onStray(req, tx)
		return
	}
	if !c.followChange(req, tx) {
		return
	}
	var answer []byte
	if len(req.Body()) > 0 {
		answer = c.media.describe()
	}
	p.send(tx, c.response(req, sipmsg.StatusOK, answer))
}

func (c *Call) followChange(req *sipmsg.Request, tx sipmsg.ServerTransaction) bool {
	if len(req.Body()) > 0 {
		if err := c.media.follow(req.Body()); err != nil {
			c.phone.respond(req, tx, sipmsg.StatusNotAcceptableHere, reason(sipmsg.StatusNotAcceptableHere), nil)
			return false
		}
	}
	c.dialog.refresh(req.Contact())
	return true
}

func (p *Phone) onBye(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	c := p.find(req)
	if c == nil {
		p.onStray(req, tx)
		return
	}
	// First the end, then the word of it: who hung up may close at once, and
	// a BYE of ours would find nobody.
	if c.answered.fired() {
		c.finish(nil)
	} else {
		c.finish(ErrCancelled)
	}
	p.respond(req, tx, sipmsg.StatusOK, "OK", nil)
}

// onInfo answers what is only worth noticing.
func (p *Phone) onInfo(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	if p.find(req) == nil {
		p.onStray(req, tx)
		return
	}
	p.respond(req, tx, sipmsg.StatusOK, "OK", nil)
}

// onOptions tells a PBX that asks that the phone is there.
func (p *Phone) onOptions(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	res := sipmsg.NewResponseFromRequest(req, sipmsg.StatusOK, "OK", nil)
	res.AppendHeader(p.contact())
	res.AppendHeader(sipmsg.NewHeader("Allow", allowedMethods))
	res.AppendHeader(sipmsg.NewHeader("Accept", "application/sdp"))
	p.send(tx, res)
}

// onStray refuses what belongs to no call, usually to one that is over.
func (p *Phone) onStray(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	status := sipmsg.StatusCallTransactionDoesNotExists
	p.respond(req, tx, status, reason(status), nil)
}

// response answers a request within the call.
func (c *Call) response(req *sipmsg.Request, status int, sdp []byte) *sipmsg.Response {
	res := sipmsg.NewResponseFromRequest(req, status, reason(status), nil)
	to := res.To()
	to.Params.Remove("tag")
	to.Params.Add("tag", c.dialog.key.localTag)
	if status < 300 {
		res.AppendHeader(c.phone.contact())
		res.AppendHeader(sipmsg.NewHeader("Allow", allowedMethods))
	}
	if len(sdp) > 0 {
		res.AppendHeader(sipmsg.NewHeader("Content-Type", "application/sdp"))
		res.SetBody(sdp)
	}
	return res
}

func (p *Phone) respond(req *sipmsg.Request, tx sipmsg.ServerTransaction, status int, reason string, body []byte) {
	p.send(tx, sipmsg.NewResponseFromRequest(req, status, reason, body))
}

// send logs what fails: the far end asks again or gives up.
func (p *Phone) send(tx sipmsg.ServerTransaction, res *sipmsg.Response) {
	if err := tx.Respond(res); err != nil {
		p.log.Debug("send response", slog.Int("status", res.StatusCode), slog.Any("err", err))
	}
}

// reason is the phrase that goes with a status.
func reason(status int) string {
	switch status {
	case sipmsg.StatusRinging:
		return "Ringing"
	case sipmsg.StatusOK:
		return "OK"
	case sipmsg.StatusAccepted:
		return "Accepted"
	case sipmsg.StatusBusyHere:
		return "Busy Here"
	case sipmsg.StatusTemporarilyUnavailable:
		return "Temporarily Unavailable"
	case sipmsg.StatusNotAcceptableHere:
		return "Not Acceptable Here"
	case sipmsg.StatusCallTransactionDoesNotExists:
		return "Call/Transaction Does Not Exist"
	case sipmsg.StatusServiceUnavailable:
		return "Service Unavailable"
	case sipmsg.StatusNotImplemented:
		return "Not Implemented"
	case sipmsg.StatusGlobalDecline:
		return "Decline"
	default:
		return "Refused"
	}
}
