package ari

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Defaults of ClientOptions.
const (
	DefaultTimeout        = 5 * time.Second
	DefaultMaxConnections = 8
	DefaultMaxBody        = 64 << 20
)

// maxMaxConnections keeps one daemon from using up the PBX's HTTP sessions
// (sessionlimit in http.conf, 100 by default, for everybody together).
const maxMaxConnections = 10

// retryPause is how long a GET that got no answer waits before its only
// retry: long enough for another session to end when Asterisk was at its
// session limit.
const retryPause = 100 * time.Millisecond

// ClientOptions say where an Asterisk is and how to speak to it.
type ClientOptions struct {
	// URL is the base of the REST interface, such as http://127.0.0.1:8088/ari.
	// It must hold no user name, password or query. Mandatory.
	URL string
	// Username and Password are of ari.conf. They travel in the Authorization
	// header only: what is in a URL ends up in logs. Mandatory.
	Username, Password string
	// Application is the Stasis application under whose name events are
	// received. Mandatory. No two programs may use the same.
	Application string
	// Timeout bounds each request, waiting for a free connection and the one
	// retry included; DefaultTimeout if 0. A context may make it shorter.
	Timeout time.Duration
	// MaxConnections bounds the connections to the PBX, the event stream's
	// not counted; DefaultMaxConnections if 0, at most 10.
	MaxConnections int
	// MaxBody bounds an answer's body in bytes; DefaultMaxBody if 0.
	MaxBody int64
	// TLS is for https; nil means the system's certificate authorities.
	TLS *tls.Config
	// Dial makes the connections of requests and event streams; a net.Dialer
	// if nil. Tests use it to put a bad network in between.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (o *ClientOptions) validate() (*url.URL, error) {
	var errs []error
	for _, f := range []struct{ name, value string }{
		{"username", o.Username}, {"password", o.Password}, {"application", o.Application},
	} {
		if f.value == "" {
			errs = append(errs, fmt.Errorf("%s is missing", f.name))
		}
	}
	if strings.ContainsAny(o.Application, ",&") {
		// Asterisk takes a list of names here; following several applications
		// over one socket is not meant by it.
		errs = append(errs, fmt.Errorf("application %q: one name expected", o.Application))
	}
	if o.MaxConnections < 0 || o.MaxConnections > maxMaxConnections {
		errs = append(errs, fmt.Errorf("max connections %d: 1 to %d expected", o.MaxConnections, maxMaxConnections))
	}
	base, err := url.Parse(o.URL)
	switch {
	case err != nil:
		// The parser's error quotes the URL, in which a password may stand.
		errs = append(errs, errors.New("url is not a URL"))
	case base.User != nil || base.RawQuery != "" || base.Fragment != "":
		errs = append(errs, errors.New("url: no user, query or fragment expected"))
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		errs = append(errs, errors.New("url: http or https and a host expected"))
	}
	return base, errors.Join(errs...)
}

// Client makes requests of one Asterisk. It may be used by many goroutines.
type Client struct {
	options ClientOptions
	base    *url.URL
	http    *http.Client
	// skew is that of ClockSkew; nil before the first answer that told.
	skew atomic.Pointer[time.Duration]
}

// NewClient returns a client. It makes no connection; all that is wrong with
// the options is reported at once.
func NewClient(o ClientOptions) (*Client, error) {
	base, err := o.validate()
	if err != nil {
		return nil, fmt.Errorf("ari client: %w", err)
	}
	base.Path = strings.TrimRight(base.Path, "/")
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.MaxConnections = cmp.Or(o.MaxConnections, DefaultMaxConnections)
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	c := &Client{options: o, base: base}
	c.http = c.httpClient(o.Dial, o.MaxConnections)
	return c, nil
}

// Application returns the name under which this client's events are received.
func (c *Client) Application() string { return c.options.Application }

// ClockSkew returns how far Asterisk's clock was ahead of ours at its last
// answer, to a second; false before any answer told. Events tell it better,
// but on a quiet PBX there are none.
func (c *Client) ClockSkew() (time.Duration, bool) {
	if skew := c.skew.Load(); skew != nil {
		return *skew, true
	}
	return 0, false
}

// Close closes the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) httpClient(dial func(context.Context, string, string) (net.Conn, error), connections int) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			// No proxy: the PBX is a neighbour, and its credentials are not
			// for whatever HTTP_PROXY names.
			DialContext:         dial,
			TLSClientConfig:     c.options.TLS,
			TLSHandshakeTimeout: c.options.Timeout,
			MaxConnsPerHost:     connections,
			MaxIdleConnsPerHost: connections,
			// Asterisk drops an idle session after 15 s. Being first spares
			// the race between its close and our next request.
			IdleConnTimeout:    10 * time.Second,
			DisableCompression: true,
		},
		// A redirect would carry the credentials elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// path joins segments to a path below the base URL, each escaped: IDs come
// from the PBX and from users, and may hold slashes.
func path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// request is one request, before it is made (and possibly made again).
type request struct {
	method, path string
	query        url.Values
	body         any // sent as JSON unless nil
}

func (c *Client) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	return c.do(ctx, request{method: http.MethodGet, path: path, query: query})
}

// do makes the request and returns the body of a 2xx answer. A GET that ended
// without any answer is made once more: Asterisk closes the connections
// beyond its session limit and those kept alive too long without a word.
// Nothing else is repeated, since it may have been carried out.
func (c *Client) do(ctx context.Context, r request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	body, err := c.once(ctx, r)
	if err != nil && r.method == http.MethodGet && unanswered(err) {
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
			body, err = c.once(ctx, r)
		}
	}
	if err == nil {
		return body, nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return nil, err
	}
	return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
}

func (c *Client) once(ctx context.Context, r request) ([]byte, error) {
	req, err := c.newRequest(ctx, r)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		// Without the URL that net/http puts around it: do names the path.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end, or given up
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.skew.Store(new(time.Until(at.Add(time.Second / 2)))) // it is cut to seconds
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.options.MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if int64(len(body)) > c.options.MaxBody {
		return nil, fmt.Errorf("read answer: more than %d bytes", c.options.MaxBody)
	}
	if resp.StatusCode/100 != 2 {
		return nil, refusal(r.method, r.path, resp.StatusCode, body)
	}
	return body, nil
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("encode body: %w", err)
		}
		body = bytes.NewReader(b)
	}
	u := c.base.String() + r.path
	if len(r.query) > 0 {
		u += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.SetBasicAuth(c.options.Username, c.options.Password)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// unanswered reports whether the connection ended before an answer came.
func unanswered(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// message returns the sentence in the body of a refusal.
func message(body []byte) string {
	var m struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &m) != nil {
		return ""
	}
	return m.Message
}
