package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"callbackd/configs"
)

// pair returns a new certificate for 127.0.0.1 with a serial number, and its
// key, as PEM.
func pair(t *testing.T, serial int64) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// put puts a file into its place, as those who renew certificates do.
func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// A server that stays up goes over to a renewed certificate, and at no moment
// has none, however its files are replaced.
func TestServe_CertificateIsRenewed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	files := configs.TLS{Certificate: filepath.Join(folder, "cert.pem"), Key: filepath.Join(folder, "key.pem")}
	firstCert, firstKey := pair(t, 1)
	put(t, files.Certificate, firstCert)
	put(t, files.Key, firstKey)

	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	d := &daemon{log: slog.New(slog.DiscardHandler)}
	go func() { served <- d.serve(ctx, l, http.NotFoundHandler(), files) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	}()

	want := func(when string, serial int64) {
		t.Helper()
		dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it looks at the certificate itself
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		conn, err := dialer.DialContext(ctx, "tcp", l.Addr().String())
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		defer conn.Close()
		got := conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
		if got != serial {
			t.Errorf("%s: certificate %d is served, want %d", when, got, serial)
		}
	}
	want("at first", 1)

	secondCert, secondKey := pair(t, 2)
	put(t, files.Certificate, secondCert)
	want("when only the certificate is new", 1)
	put(t, files.Key, secondKey)
	want("when the key is new too", 2)

	put(t, files.Certificate, []byte("not a certificate"))
	want("when the file is broken", 2)
	if err := os.Remove(files.Key); err != nil {
		t.Fatal(err)
	}
	want("when a file is gone", 2)

	thirdCert, thirdKey := pair(t, 3)
	put(t, filepath.Join(folder, "3.cert"), thirdCert)
	put(t, files.Key, thirdKey)
	if err := os.Remove(files.Certificate); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("3.cert", files.Certificate); err != nil {
		t.Fatal(err)
	}
	want("by a symbolic link", 3)
	fourthCert, fourthKey := pair(t, 4)
	put(t, filepath.Join(folder, "4.cert"), fourthCert)
	if err := os.Symlink("4.cert", files.Certificate+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(files.Certificate+".new", files.Certificate); err != nil {
		t.Fatal(err)
	}
	put(t, files.Key, fourthKey)
	want("when the link is turned", 4)
}

func TestServe_BrokenCertificateAtFirst(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	files := configs.TLS{Certificate: filepath.Join(folder, "cert.pem"), Key: filepath.Join(folder, "key.pem")}
	if _, err := loadCertificates(files, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("files that are not there were loaded")
	}
	put(t, files.Certificate, []byte("x"))
	put(t, files.Key, []byte("x"))
	if _, err := loadCertificates(files, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("files that are broken were loaded")
	}
}
