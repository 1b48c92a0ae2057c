package webhooks_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"callbackd/webhooks"
)

func TestRules_CheckURL(t *testing.T) {
	t.Parallel()
	allowed := webhooks.Rules{
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}, AllowHTTP: true,
	}
	for url, want := range map[string]struct{ strict, allowed webhooks.URLFault }{
		"https://example.com/hook?key=1":    {},
		"https://example.com:8443/":         {},
		"https://8.8.8.8/":                  {},
		"https://[2606:4700::1111]/":        {},
		"http://example.com/":               {webhooks.URLPlain, ""},
		"https://10.1.2.3/":                 {webhooks.URLForbidden, ""},
		"https://[fd00:1::5]/":              {webhooks.URLForbidden, ""},
		"https://[::ffff:10.1.2.3]/":        {webhooks.URLForbidden, ""},
		"https://10.2.0.1/":                 {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://127.0.0.1/":                {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://[::1]/":                    {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://[::ffff:127.0.0.1]/":       {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://[::ffff:a9fe:a9fe]/":       {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://[::127.0.0.1]/":            {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://[64:ff9b::7f00:1]/":        {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://[2002:7f00:1::]/":          {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://[2001:0:7f00:1::]/":        {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://[fe80::1%25eth0]/":         {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://[fc00::1]/":                {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://[ff02::1]/":                {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://[::]/":                     {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://0.0.0.0/":                  {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://169.254.169.254/latest":    {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://172.16.0.1/":               {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://192.168.1.1/":              {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://100.64.0.1/":               {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://224.0.0.1/":                {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://255.255.255.255/":          {webhooks.URLForbidden, webhooks.URLForbidden},
		"https://user:password@example.com": {webhooks.URLUserinfo, webhooks.URLUserinfo},
		"https://example.com/#part":         {webhooks.URLMalformed, webhooks.URLMalformed},
		"https:///path":                     {webhooks.URLMalformed, webhooks.URLMalformed},
		"https://example.com:0/":            {webhooks.URLMalformed, webhooks.URLMalformed},
		"https://example.com:99999/":        {webhooks.URLMalformed, webhooks.URLMalformed},
		"file:///etc/passwd":                {webhooks.URLMalformed, webhooks.URLMalformed},
		"gopher://example.com/":             {webhooks.URLMalformed, webhooks.URLMalformed},
		"example.com/hook":                  {webhooks.URLMalformed, webhooks.URLMalformed},
		"https://exa mple.com/":             {webhooks.URLMalformed, webhooks.URLMalformed},
	} {
		for name, rules := range map[string]*webhooks.Rules{"strict": {}, "allowed": &allowed} {
			var got webhooks.URLFault
			if e, ok := errors.AsType[*webhooks.URLError](rules.CheckURL(url)); ok {
				got = e.Fault
			}
			wanted := want.strict
			if name == "allowed" {
				wanted = want.allowed
			}
			if got != wanted {
				t.Errorf("%s, rules %s: fault %q, want %q", url, name, got, wanted)
			}
		}
	}
}

// send sends an empty object.
func send(t *testing.T, sender *webhooks.Sender, url string) webhooks.Try {
	t.Helper()
	return sender.Send(t.Context(), webhooks.Request{URL: url, Message: "msg_1", Secrets: []webhooks.Secret{make(webhooks.Secret, 32)}, Body: []byte("{}")})
}

// Whatever a receiver does, a try ends in time and says what it was.
func TestSender_Outcomes(t *testing.T) {
	t.Parallel()
	var redirected atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { redirected.Store(true) }))
	t.Cleanup(other.Close)
	left := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "999999999")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", 1<<20)) })
	mux.HandleFunc("/cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-left:
		case <-r.Context().Done():
		}
	})
	plain, secure := httptest.NewServer(mux), httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // that it is not trusted
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	t.Cleanup(func() { close(left) })
	patient := webhooks.NewSender(webhooks.SenderOptions{Rules: loopback, Timeout: patience})
	hasty := webhooks.NewSender(webhooks.SenderOptions{Rules: loopback, Timeout: 100 * time.Millisecond})
	trusting := webhooks.NewSender(webhooks.SenderOptions{Rules: loopback, Timeout: patience, TLS: secure.Client().Transport.(*http.Transport).TLSClientConfig})
	strict := webhooks.NewSender(webhooks.SenderOptions{Timeout: patience})
	for _, test := range []struct {
		name    string
		sender  *webhooks.Sender
		url     string
		outcome webhooks.Outcome
		status  int
	}{
		{"taken", patient, plain.URL + "/ok", webhooks.OutcomeDelivered, http.StatusNoContent},
		{"taken over TLS", trusting, secure.URL + "/ok", webhooks.OutcomeDelivered, http.StatusNoContent},
		{"an answer without end", patient, plain.URL + "/large", webhooks.OutcomeDelivered, http.StatusOK},
		{"refused", patient, plain.URL + "/nowhere", webhooks.OutcomeRefused, http.StatusNotFound},
		{"busy", patient, plain.URL + "/busy", webhooks.OutcomeRefused, http.StatusTooManyRequests},
		{"redirected", patient, plain.URL + "/redirect", webhooks.OutcomeRedirect, http.StatusTemporaryRedirect},
		{"gone", patient, plain.URL + "/gone", webhooks.OutcomeGone, http.StatusGone},
		{"a header without end", patient, plain.URL + "/header", webhooks.OutcomeUnreachable, 0},
		{"cut off", patient, plain.URL + "/cut", webhooks.OutcomeUnreachable, 0},
		{"slow", hasty, plain.URL + "/hang", webhooks.OutcomeTimeout, 0},
		{"a certificate of nobody", patient, secure.URL + "/ok", webhooks.OutcomeTLS, 0},
		{"TLS to who has none", patient, strings.Replace(plain.URL, "http:", "https:", 1), webhooks.OutcomeTLS, 0},
		{"no listener", patient, "http://127.0.0.1:1/", webhooks.OutcomeUnreachable, 0},
		{"no longer allowed", strict, plain.URL, webhooks.OutcomeForbiddenURL, 0},
		{"a name of this machine", strict, strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), webhooks.OutcomeForbiddenAddress, 0},
	} {
		got := send(t, test.sender, test.url)
		if got.Outcome != test.outcome || got.Status != test.status || got.Took <= 0 {
			t.Errorf("%s: %+v, want %s with status %d", test.name, got, test.outcome, test.status)
		}
		if certificate := test.name == "a certificate of nobody"; (got.Certificate != nil) != certificate ||
			certificate && !strings.Contains(got.Certificate.Problem+got.Certificate.Remedy, "unknown authorityhave this machine trust") {
			t.Errorf("%s: of the certificate is said %+v", test.name, got.Certificate)
		}
		if want := map[bool]time.Duration{true: 24 * time.Hour}[test.name == "busy"]; got.RetryAfter != want {
			t.Errorf("%s: try again after %s, want %s", test.name, got.RetryAfter, want)
		}
	}
	if redirected.Load() {
		t.Error("a redirect was followed")
	}
}

// A name that leads to an allowed address when it is looked at, and to another
// one when it is connected to, is of no use: the address is looked at that is
// connected to, each time.
func TestSender_Rebinding(t *testing.T) {
	t.Parallel()
	var inside atomic.Int32
	victim := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Add(1) }))
	t.Cleanup(victim.Close)
	_, port, err := net.SplitHostPort(victim.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	// The attacker's own machine, on the port of the victim.
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	attacker := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // so that the name is resolved again
	}))
	attacker.Listener.Close() //nolint:errcheck // not used
	attacker.Listener = listener
	attacker.Start()
	t.Cleanup(attacker.Close)
	var leads atomic.Pointer[string]
	sender := webhooks.NewSender(webhooks.SenderOptions{
		Rules:    webhooks.Rules{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, AllowHTTP: true},
		Resolver: nameServer(t, &leads), Timeout: patience,
	})
	for _, test := range []struct {
		address string
		want    webhooks.Outcome
	}{
		{"127.0.0.2", webhooks.OutcomeDelivered},
		{"127.0.0.1", webhooks.OutcomeForbiddenAddress},
		{"169.254.169.254", webhooks.OutcomeForbiddenAddress},
		{"127.0.0.2", webhooks.OutcomeDelivered},
		{"", webhooks.OutcomeUnresolved},
	} {
		leads.Store(&test.address)
		if got := send(t, sender, "http://hook.attacker.test:"+port+"/"); got.Outcome != test.want {
			t.Errorf("to %q: %+v, want %s", test.address, got, test.want)
		}
	}
	if n := inside.Load(); n != 0 {
		t.Errorf("%d requests reached the inside", n)
	}
}

// nameServer resolves all names to one address, or to none.
func nameServer(t *testing.T, leads *atomic.Pointer[string]) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) //nolint:errcheck // it was only read
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return // closed
			}
			var message dnsmessage.Message
			if message.Unpack(buffer[:n]) != nil || len(message.Questions) != 1 {
				continue
			}
			question := message.Questions[0]
			message.Response, message.Additionals = true, nil
			if address := *leads.Load(); address == "" {
				message.RCode = dnsmessage.RCodeNameError
			} else if question.Type == dnsmessage.TypeA {
				message.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
				}}
			}
			if packed, err := message.Pack(); err == nil {
				conn.WriteTo(packed, from) //nolint:errcheck // it is asked again
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}
