package sip_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"callbackd/sip"
	"callbackd/sip/siptest"
)

// answering answers the first request of each connection with a status; what
// it reads is delivered.
func answering(t *testing.T, listener net.Listener, status string) <-chan string {
	t.Helper()
	requests := make(chan string, 8)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 8<<10)
				n, err := conn.Read(buffer)
				if err != nil {
					return
				}
				requests <- string(buffer[:n])
				answer := strings.Builder{}
				answer.WriteString("SIP/2.0 " + status + "\r\n")
				for line := range strings.SplitSeq(string(buffer[:n]), "\r\n") {
					for _, header := range []string{"Via:", "From:", "To:", "Call-ID:", "CSeq:"} {
						if strings.HasPrefix(line, header) {
							answer.WriteString(line + "\r\n")
						}
					}
				}
				answer.WriteString("Content-Length: 0\r\n\r\n")
				_, _ = conn.Write([]byte(answer.String()))
				_, _ = conn.Read(buffer) // until the probe closes
			}()
		}
	}()
	return requests
}

func probing(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// TestProbe_Transports: whatever is answered, and however it is carried, there
// is somebody.
func TestProbe_Transports(t *testing.T) {
	t.Parallel()
	phone := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	if a, err := sip.Probe(probing(t), sip.Target{Address: phone.Addr().String()}); err != nil || a.Status != sipmsg.StatusOK || a.Refused() || a.RoundTrip <= 0 {
		t.Errorf("by UDP: %+v, %v", a, err)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests := answering(t, plain, "403 Forbidden")
	target := sip.Target{Address: plain.Addr().String(), Transport: sip.TransportTCP, User: "somebody"}
	if a, err := sip.Probe(probing(t), target); err != nil || a.Status != 403 || a.Reason != "Forbidden" || !a.Refused() {
		t.Errorf("by TCP: %+v, %v", a, err)
	}
	if got := <-requests; !strings.HasPrefix(got, "OPTIONS sip:127.0.0.1:") || !strings.Contains(got, "<sip:somebody@") {
		t.Errorf("it was asked %q", got)
	}
	certified := httptest.NewUnstartedServer(http.NotFoundHandler()) // for its certificate
	certified.StartTLS()
	defer certified.Close()
	secure, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	answering(t, secure, "200 OK")
	trusted := x509.NewCertPool()
	trusted.AddCert(certified.Certificate())
	target = sip.Target{Address: secure.Addr().String(), Transport: sip.TransportTLS, TLS: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}
	if a, err := sip.Probe(probing(t), target); err != nil || a.Status != 200 {
		t.Errorf("by TLS: %+v, %v", a, err)
	}
	target.TLS = nil
	if a, err := sip.Probe(probing(t), target); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("by TLS, of a stranger: %+v, %v", a, err)
	}
}

// TestProbe_Nobody: who does not answer is told within the time given.
func TestProbe_Nobody(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for _, target := range []sip.Target{
		{Address: silent.LocalAddr().String()},
		{Address: mute.Addr().String(), Transport: sip.TransportTCP},
		{Address: mute.Addr().String(), Transport: sip.TransportTLS},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		began := time.Now()
		a, err := sip.Probe(ctx, target)
		cancel()
		if err == nil || time.Since(began) > 15*time.Second {
			t.Errorf("%+v: %+v, %v after %v", target, a, err, time.Since(began))
		}
	}
	for _, address := range []string{"", "nowhere:x", "127.0.0.1:1:2"} {
		if a, err := sip.Probe(probing(t), sip.Target{Address: address}); err == nil {
			t.Errorf("%q: %+v", address, a)
		}
	}
}
