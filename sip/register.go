package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	sipmsg "github.com/emiago/sipgo/sip"
)

// registerFor is how long a registration is asked to last. It is renewed at
// half of what is granted, so that a PBX that lost it hears again in time.
const registerFor = time.Minute

// registrar keeps a phone registered.
type registrar struct {
	mu     sync.Mutex // held during the exchange: registrations go one by one
	callID string
	seq    uint32
	cancel context.CancelFunc // stops the renewal; nil when not registered
	done   chan struct{}      // closed when the renewal has stopped
}

// Register tells the server where the phone is and keeps telling until
// [Phone.Unregister] or Close. Calling it again registers anew. A server that
// denies gives a [*RefusedError].
func (p *Phone) Register(ctx context.Context) error {
	granted, err := p.register(ctx, registerFor)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	r := &p.registrar
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		return nil // the renewal is running
	}
	p.mu.Lock()
	closing := p.closing
	p.mu.Unlock()
	if closing {
		return fmt.Errorf("register: %w", ErrClosed)
	}
	renewal, cancel := context.WithCancel(p.life)
	done := make(chan struct{})
	r.cancel, r.done = cancel, done
	go func() {
		defer close(done)
		p.renew(renewal, granted)
	}()
	return nil
}

// Unregister takes the registration back. It does nothing for a phone that is
// not registered.
func (p *Phone) Unregister(ctx context.Context) error {
	if !p.registrar.stop() {
		return nil
	}
	if _, err := p.register(ctx, 0); err != nil {
		return fmt.Errorf("unregister: %w", err)
	}
	return nil
}

// stop ends the renewal and reports whether there was one.
func (r *registrar) stop() bool {
	r.mu.Lock()
	cancel, done := r.cancel, r.done
	r.cancel = nil
	r.mu.Unlock()
	if cancel == nil {
		return false
	}
	cancel()
	<-done
	return true
}

// renew keeps a registration alive; while the server is away it asks more and
// more rarely, up to its usual pace.
func (p *Phone) renew(ctx context.Context, granted time.Duration) {
	retry := backoff.NewExponentialBackOff()
	retry.MaxInterval = registerFor / 2
	wait := granted / 2
	for {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		granted, err := p.register(ctx, registerFor)
		if err != nil {
			wait = retry.NextBackOff()
			if ctx.Err() == nil {
				p.log.Warn("phone is not registered", slog.Duration("retry_in", wait), slog.Any("err", err))
			}
			continue
		}
		retry.Reset()
		wait = granted / 2
	}
}

// register sends one REGISTER and returns for how long it was granted.
func (p *Phone) register(ctx context.Context, expires time.Duration) (time.Duration, error) {
	host, port, err := sipmsg.ParseAddr(p.options.Server)
	if err != nil {
		return 0, errors.New("phone has no server")
	}
	r := &p.registrar
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.callID == "" {
		r.callID = sipmsg.GenerateTagN(24)
	}
	r.seq += 2 // one more is taken by authentication

	own := sipmsg.Uri{Scheme: "sip", User: escapeUser(p.options.Username), Host: host}
	from := sipmsg.FromHeader{Address: own}
	from.Params.Add("tag", sipmsg.GenerateTagN(16))
	callID := sipmsg.CallIDHeader(r.callID)
	seconds := strconv.Itoa(int(expires.Seconds()))
	req := sipmsg.NewRequest(sipmsg.REGISTER, sipmsg.Uri{Scheme: "sip", Host: host, Port: port})
	req.AppendHeader(&from)
	req.AppendHeader(&sipmsg.ToHeader{Address: own})
	req.AppendHeader(&callID)
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: r.seq, MethodName: sipmsg.REGISTER})
	req.AppendHeader(p.contact())
	req.AppendHeader(sipmsg.NewHeader("Expires", seconds))
	res, err := p.do(ctx, req)
	if err != nil {
		return 0, err
	}
	return p.granted(res, expires), nil
}

// granted is how long the server keeps our contact: its parameter counts more
// than the header, and what was asked for when it says nothing.
func (p *Phone) granted(res *sipmsg.Response, asked time.Duration) time.Duration {
	for _, header := range res.GetHeaders("Contact") {
		contact, ok := header.(*sipmsg.ContactHeader)
		if !ok || contact.Address.Port != int(p.address.Port()) {
			continue
		}
		if value, found := contact.Params.Get("expires"); found {
			if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
				return time.Duration(seconds) * time.Second
			}
		}
	}
	if header := res.GetHeader("Expires"); header != nil {
		if seconds, err := strconv.Atoi(header.Value()); err == nil && seconds > 0 {
			return time.Duration(seconds) * time.Second
		}
	}
	return asked
}
