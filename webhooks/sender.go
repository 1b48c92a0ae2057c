package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	// sendTimeout bounds a request, from the name's resolution to the end of
	// the answer.
	sendTimeout = 15 * time.Second
	// maxAnswer is how much of an answer is read, so that the connection can
	// be used again. Nothing of it is kept.
	maxAnswer = 64 << 10
	// maxAnswerHeader bounds its header.
	maxAnswerHeader = 16 << 10
	// connectionsPerHost bounds the requests to one host at once.
	connectionsPerHost = 8
	// maxRetryAfter is the longest time that a receiver may ask for.
	maxRetryAfter = 24 * time.Hour
)

// SenderOptions are what a Sender needs.
type SenderOptions struct {
	Rules Rules
	// Version is callbackd's, for the header User-Agent.
	Version string
	// Resolver resolves names; nil for the system's.
	Resolver *net.Resolver
	// TLS are settings for TLS; nil for Go's.
	TLS *tls.Config
	// Timeout bounds a request; 0 for 15 s.
	Timeout time.Duration
}

// Sender sends requests to receivers, and to nobody else.
type Sender struct {
	rules     Rules
	userAgent string
	client    *http.Client
}

// NewSender returns a sender.
func NewSender(o SenderOptions) *Sender {
	s := &Sender{rules: o.Rules, userAgent: "callbackd/" + o.Version + " (webhook)"}
	if o.Timeout == 0 {
		o.Timeout = sendTimeout
	}
	dialer := &net.Dialer{Timeout: o.Timeout, Resolver: o.Resolver, Control: s.rules.control}
	s.client = &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			// A proxy would connect to wherever it is asked to.
			Proxy: nil, DialContext: dialer.DialContext, TLSClientConfig: o.TLS, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: o.Timeout, MaxResponseHeaderBytes: maxAnswerHeader,
			MaxConnsPerHost: connectionsPerHost, MaxIdleConnsPerHost: 2, MaxIdleConns: MaxWebhooks, IdleConnTimeout: time.Minute,
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s
}

// Request is what is sent.
type Request struct {
	URL     string
	Message string
	Secrets []Secret
	Body    []byte
}

// Try is how sending ended.
type Try struct {
	Outcome Outcome
	// Status is that of the answer; 0 for none.
	Status int
	// RetryAfter is how long the receiver asks to be left alone; 0 for not.
	RetryAfter time.Duration
	Took       time.Duration
	// Certificate is what is wrong with the receiver's certificate; nil when
	// that is not why.
	Certificate *CertificateFault
}

// Send sends a request once.
func (s *Sender) Send(ctx context.Context, r Request) Try {
	begun := time.Now()
	try := s.send(ctx, &r)
	try.Took = time.Since(begun)
	return try
}

func (s *Sender) send(ctx context.Context, r *Request) Try {
	if s.rules.CheckURL(r.URL) != nil {
		return Try{Outcome: OutcomeForbiddenURL}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return Try{Outcome: OutcomeForbiddenURL}
	}
	now := time.Now()
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": s.userAgent,
		"webhook-id": r.Message, "webhook-timestamp": strconv.FormatInt(now.Unix(), 10),
		"webhook-signature": signature(r.Secrets, r.Message, now, r.Body),
	} {
		request.Header.Set(name, value)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return Try{Outcome: outcomeOf(err), Certificate: certificateFault(err)}
	}
	defer response.Body.Close()
	// Whatever comes of it, the status is the answer.
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
	try := Try{Status: response.StatusCode, Outcome: OutcomeRefused}
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		try.Outcome = OutcomeDelivered
	case status >= 300 && status < 400:
		try.Outcome = OutcomeRedirect
	case status == http.StatusGone:
		try.Outcome = OutcomeGone
	default:
		try.RetryAfter = retryAfter(response.Header.Get("Retry-After"), time.Now())
	}
	return try
}

// outcomeOf sorts an error of a request. Its text is not kept: it holds the
// URL.
func outcomeOf(err error) Outcome {
	var timeout net.Error
	switch {
	case errors.Is(err, errForbiddenAddress):
		return OutcomeForbiddenAddress
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return OutcomeTimeout
	case isError[*net.DNSError](err):
		return OutcomeUnresolved
	case isError[*tls.CertificateVerificationError](err), isError[tls.RecordHeaderError](err), isError[tls.AlertError](err),
		errors.Is(err, http.ErrSchemeMismatch):
		return OutcomeTLS
	default:
		return OutcomeUnreachable
	}
}

func isError[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// retryAfter reads a header Retry-After: seconds, or a date.
func retryAfter(header string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return max(0, min(wait, maxRetryAfter))
}
