package main

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"

	"callbackd/configs"
)

// certificates is a TLS certificate that follows its files: they are renewed
// every few weeks, and a restart for that would cut everybody's event streams.
//
// The files are looked at when a client connects. That needs no goroutine, and
// finds whatever replaces them: a rename, a symbolic link that is turned, a
// mounted secret.
type certificates struct {
	files configs.TLS
	log   *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	// tried are the files that were read last, whether or not they were right.
	// Those that were not are read again when they have changed.
	tried [2]fs.FileInfo
}

// loadCertificates reads the files for the first time.
func loadCertificates(files configs.TLS, log *slog.Logger) (*certificates, error) {
	c := &certificates{files: files, log: log}
	found, err := c.look()
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	if err := c.load(found); err != nil {
		return nil, err
	}
	return c, nil
}

// get is a tls.Config's GetCertificate.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, err := c.look()
	if err != nil || same(found[0], c.tried[0]) && same(found[1], c.tried[1]) {
		// A file may be away for the moment in which it is replaced.
		return c.current, nil //nolint:nilerr // the one before goes on
	}
	if err := c.load(found); err != nil {
		// Also when only one of the two was replaced so far.
		c.log.Warn("the changed TLS files are not used: they do not fit; the certificate before stays", slog.Any("err", err))
	} else {
		c.log.Info("the TLS certificate was read again", slog.Time("valid_until", c.current.Leaf.NotAfter))
	}
	return c.current, nil
}

func (c *certificates) look() (found [2]fs.FileInfo, err error) {
	for i, path := range []string{c.files.Certificate, c.files.Key} {
		if found[i], err = os.Stat(path); err != nil {
			return found, err
		}
	}
	return found, nil
}

// load reads the files as they were found: what changes while they are read is
// found changed at the next look.
func (c *certificates) load(found [2]fs.FileInfo) error {
	c.tried = found
	pair, err := tls.LoadX509KeyPair(c.files.Certificate, c.files.Key)
	if err != nil {
		return fmt.Errorf("load certificate: %w", err)
	}
	c.current = &pair
	return nil
}

// same reports whether a file is as it was.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
