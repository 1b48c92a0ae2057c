package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callbackd/api"
	"callbackd/lab/labtest"
)

// authority is one of a site's own, which signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.certificate, a.key = a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	})
	return a
}

// sign returns a certificate and its key; of an authority that has none yet,
// its own.
func (a *authority) sign(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

// receiver starts a receiver that proves with a certificate of the authority who
// it is, and takes what it is sent.
func (a *authority) receiver(t *testing.T, change func(*x509.Certificate)) (url string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	change(template)
	certificate, key := a.sign(t, template)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // that it is not trusted
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// A receiver with a certificate of an authority of the site's own is sent to
// once the daemon is told to trust it. Of any other the log says what is wrong,
// and what to do.
func TestWebhooks_Certificates(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	writeFile(t, s.file, readFile(t, s.file)+"webhooks: {allow_networks: [127.0.0.1]}\n", 0o600)
	ours, theirs := newAuthority(t), newAuthority(t)
	file := filepath.Join(t.TempDir(), "authority.pem")
	writeFile(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ours.certificate.Raw})), 0o600)
	s.start(t, "SSL_CERT_FILE="+file)
	as := func(*x509.Certificate) {}
	for _, test := range []struct {
		name, url       string
		outcome         api.WebhookOutcome
		problem, remedy string
	}{
		{"trusted", ours.receiver(t, as), "delivered", "", ""},
		{"of somebody else", theirs.receiver(t, as), "tls", "unknown authority", "SSL_CERT_FILE"},
		{"expired", ours.receiver(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "tls", "has expired", "renewed"},
		{"of another host", ours.receiver(t, func(c *x509.Certificate) {
			c.IPAddresses, c.DNSNames = nil, []string{"receiver.test"}
		}), "tls", "127.0.0.1", "in the webhook's url"},
	} {
		webhook := asked[api.CreatedWebhook](t, &s.world, http.MethodPost, "/webhooks", map[string]any{
			"name": test.name, "url": test.url + "/the-key-of-the-receiver", "kinds": []string{"callback"},
		})
		path := fmt.Sprintf("/webhooks/%d", webhook.ID)
		ping := asked[api.WebhookDelivery](t, &s.world, http.MethodPost, path+"/ping", struct{}{})
		labtest.Eventually(t, siegePatience, func() error {
			now := asked[api.WebhookDelivery](t, &s.world, http.MethodGet, fmt.Sprintf("%s/deliveries/%d", path, ping.ID), nil)
			if now.Outcome == nil {
				return errors.New("the ping was not sent")
			}
			if *now.Outcome != test.outcome {
				t.Errorf("%s: the outcome is %s, want %s", test.name, *now.Outcome, test.outcome)
			}
			return nil
		})
		labtest.Eventually(t, siegePatience, func() error { return s.saysOfCertificate(webhook.ID, test.problem, test.remedy) })
	}
	if strings.Contains(s.log.String(), "the-key-of-the-receiver") {
		t.Error("the log holds the URL of a receiver")
	}
}

// saysOfCertificate looks in the log for what it says of a webhook's receiver;
// a problem of "" is none.
func (s *siege) saysOfCertificate(webhook int64, problem, remedy string) error {
	for line := range strings.Lines(s.log.String()) {
		if !strings.Contains(line, "does not prove who it is") || !strings.Contains(line, fmt.Sprintf(`"webhook":%d,`, webhook)) {
			continue
		}
		if problem == "" || !strings.Contains(line, problem) || !strings.Contains(line, remedy) {
			return fmt.Errorf("the log says %s", line)
		}
		return nil
	}
	if problem != "" {
		return errors.New("the log says nothing")
	}
	return nil
}
