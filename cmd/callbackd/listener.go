package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"callbackd/configs"
)

const (
	// drainTimeout is how long requests in flight may take once the daemon is
	// asked to end.
	drainTimeout = 4 * time.Second
	// unreadTimeout is how long a body may take that no handler reads, and
	// unsentTimeout an answer, unless handlers say otherwise.
	unreadTimeout = 15 * time.Second
	unsentTimeout = 30 * time.Second
)

// serve answers HTTP on a listener until ctx ends and requests in flight have
// finished.
func (d *daemon) serve(ctx context.Context, l net.Listener, h http.Handler, files configs.TLS) error {
	var tlsConfig *tls.Config
	if files.Enabled() {
		certificates, err := loadCertificates(files, d.log)
		if err != nil {
			return err
		}
		tlsConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificates.get}
	}
	srv := &http.Server{
		Handler: guarded(h), TLSConfig: tlsConfig, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
		// OPTIONS * is answered like anything else that does not exist.
		DisableGeneralOptionsHandler: true,
		// No ReadTimeout and no WriteTimeout: they would cut event streams.
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		err := srv.Shutdown(drain)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		stopped <- err
	})
	var err error
	if files.Enabled() {
		err = srv.ServeTLS(l, "", "")
	} else {
		err = srv.Serve(l)
	}
	if stop() { // it ended by itself
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return <-stopped
}

// guarded bounds what handlers leave to the server: a body that nobody reads,
// which the server would wait for before it answers, and an answer that nobody
// takes. Handlers that read bodies, or stream, set deadlines of their own.
//
// A connection on which a request came in chunks ends with its answer. Where
// such a request also gives a length, a proxy in front may go by that, and take
// for the next request what was a part of this one.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.ContentLength != 0 {
			_ = control.SetReadDeadline(time.Now().Add(unreadTimeout)) // connections have deadlines
		}
		_ = control.SetWriteDeadline(time.Now().Add(unsentTimeout))
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
