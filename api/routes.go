package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// basePath is where the contract's paths begin.
const basePath = "/api/v1"

// handler is an http.Handler that leaves its errors to the caller.
type handler func(w http.ResponseWriter, r *http.Request) error

// routes puts the operations of the contract behind the middleware.
func (s *Server) routes() http.Handler {
	mux := &operationMux{server: s, mux: http.NewServeMux()}
	strict := NewStrictHandlerWithOptions(operations{s}, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc: func(w http.ResponseWriter, r *http.Request, err error) {
			s.fail(w, r, invalidBody(r, err))
		},
		ResponseErrorHandlerFunc: s.fail,
	})
	HandlerWithOptions(strict, StdHTTPServerOptions{
		BaseURL: basePath, BaseRouter: mux,
		// Decoding refuses nothing that validation let through, unless the
		// contract is laxer than its Go type.
		ErrorHandlerFunc: func(w http.ResponseWriter, r *http.Request, err error) { s.fail(w, r, invalidFromDecoder(r, err)) },
	})
	return s.observe(s.catchPanics(secureHeaders(s.forwarded(s.dispatch(mux.mux)))))
}

// operationMux gives each operation its middleware as the generated code
// registers it.
type operationMux struct {
	server *Server
	mux    *http.ServeMux
}

func (m *operationMux) HandleFunc(pattern string, f func(http.ResponseWriter, *http.Request)) {
	m.mux.Handle(pattern, m.server.operation(m.server.contract.operation(pattern), f))
}

func (m *operationMux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// operation is the way of a request to one operation of the contract.
func (s *Server) operation(op *operation, f http.HandlerFunc) http.Handler {
	inner := s.validate(op, func(w http.ResponseWriter, r *http.Request) error {
		if kind := op.streams(); kind != "" && kind != soundType && r.Method == http.MethodHead {
			// The mux lets HEAD through as GET; a stream would go on unseen.
			w.Header().Set("Content-Type", kind)
			return nil
		}
		f(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, r)))
		return nil
	})
	if !op.public() {
		inner = s.authenticate(op, inner)
	}
	inner = s.limit(op, s.refuseWhileAway(op, inner))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lang := requestLanguage(r)
		w.Header().Add("Vary", "Accept-Language")
		w.Header().Set("Content-Language", string(lang))
		r = r.WithContext(withLanguage(r.Context(), lang))
		if err := inner(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// dispatch answers what the mux would answer with a page of its own: unknown
// paths, wrong methods, and paths that are not in their simplest form. Such
// paths are refused, not redirected, so that a proxy in front and this
// server never disagree about what a path means.
func (s *Server) dispatch(mux *http.ServeMux) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := crossOrigin.Check(r); err != nil {
			s.fail(w, r, errCrossOrigin)
			return
		}
		if r.URL.Path != path.Clean(r.URL.Path) {
			s.fail(w, r, errRouteNotFound)
			return
		}
		if s.forSignOn(r) {
			s.serveSignOn(w, r)
			return
		}
		if s.forPage(r) {
			s.servePage(w, r)
			return
		}
		unrouted, pattern := mux.Handler(r)
		if pattern == "" {
			s.failUnrouted(w, r, unrouted)
			return
		}
		setRoute(w, pattern)
		mux.ServeHTTP(w, r)
	})
}

// pageRoute is the route of the page and its files.
const pageRoute = "page"

// forPage reports whether a request is for the page: for a path that it has,
// or by a person who opens one that nobody has.
func (s *Server) forPage(r *http.Request) bool {
	if s.options.Page == nil || r.Method != http.MethodGet && r.Method != http.MethodHead ||
		r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/") {
		return false
	}
	return s.options.Page.Has(r.URL.Path) || r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

// servePage answers with the page within the time of other requests.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	if rec, ok := w.(*recorder); ok {
		rec.route = pageRoute
	}
	// Writers that have no deadlines, as in tests, do without.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.options.RequestTimeout))
	s.options.Page.ServeHTTP(w, r)
}

// failUnrouted tells a wrong method from an unknown path by the mux's own
// answer.
func (s *Server) failUnrouted(w http.ResponseWriter, r *http.Request, unrouted http.Handler) {
	answer := &discard{header: make(http.Header)}
	unrouted.ServeHTTP(answer, r)
	if answer.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", answer.header.Get("Allow"))
		s.fail(w, r, errMethodNotAllowed)
		return
	}
	s.fail(w, r, errRouteNotFound)
}

// discard is a response that keeps only its status and header.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// secureHeaders tells browsers to make nothing of an answer but data.
func secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// limit bounds a request's size and, unless it is a stream, its time.
func (s *Server) limit(op *operation, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.ContentLength > op.maxBody {
			return errTooLarge
		}
		r.Body = http.MaxBytesReader(w, r.Body, op.maxBody)
		if op.streams() != "" {
			return next(w, r)
		}
		deadline := time.Now().Add(max(s.options.RequestTimeout, op.timeout))
		// The connection's deadlines end what does not watch the context: a
		// body that trickles in, an answer that nobody reads. Writers that
		// have none, as in tests, do without.
		control := http.NewResponseController(w)
		if r.ContentLength != 0 {
			_ = control.SetReadDeadline(deadline)
			r.Body = &timedBody{
				ReadCloser: r.Body, read: func() { _ = control.SetReadDeadline(time.Time{}) },
				unfinished: invalidField(languageFrom(r.Context()), "", inBody,
					"本文を最後まで受信できませんでした。", "The body did not arrive in whole."),
			}
		}
		_ = control.SetWriteDeadline(deadline.Add(s.options.RequestTimeout))
		ctx, cancel := context.WithDeadline(r.Context(), deadline)
		defer cancel()
		return next(w, r.WithContext(ctx))
	}
}

// timedBody is a body that has to come within a time. Once it is read, the
// connection may be read without a deadline again: the server watches it for
// its end, and would take a deadline that passes for one. Then the contexts of
// all further requests on that connection would be over when they begin.
//
// A body that is late or breaks off is unfinished, the caller's fault. Its own
// error would be taken for one of the database's connections.
type timedBody struct {
	io.ReadCloser
	read       func()
	unfinished error
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF: //nolint:errorlint // as io.Reader says, and unlike a body that breaks off
		b.read()
	case err != nil && !isTooLarge(err):
		err = b.unfinished
	}
	return n, err
}

// catchPanics answers for a handler that panicked.
func (s *Server) catchPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(value)
			}
			// Only the runtime's own words are logged: what else is thrown
			// may hold a number.
			what := fmt.Sprintf("%T", value)
			if err, ok := value.(runtime.Error); ok {
				what = err.Error()
			}
			s.log.LogAttrs(r.Context(), slog.LevelError, "handler panicked",
				slog.String("route", routeFrom(w)), slog.String("panic", what), slog.String("stack", string(debug.Stack())))
			s.fail(w, r, errPanic)
		}()
		next.ServeHTTP(w, r)
	})
}

// observe counts and logs each request by its route pattern.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, route: unknownRoute}
		start := time.Now()
		defer func() {
			took := time.Since(start)
			s.metrics.observe(rec, r.Method, took)
			s.log.LogAttrs(r.Context(), slog.LevelInfo, "request",
				slog.String("method", methodLabel(r.Method)), slog.String("route", rec.route),
				slog.Int("status", rec.finalStatus()), slog.Duration("duration", took))
		}()
		next.ServeHTTP(rec, r)
	})
}

// unknownRoute is the label of all paths that are none of the contract's.
const unknownRoute = "unknown"

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	route  string
	status int // 0 until the header is written
	// left says that the caller went away before there was an answer.
	left bool
}

// statusLeft is counted for who did not wait for the answer, as proxies do. It
// is never sent. Counted as what a cancelled request comes to, people who
// close pages would look like a fault of the server.
const statusLeft = 499

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) finalStatus() int {
	switch {
	case r.left:
		return statusLeft
	case r.status == 0:
		return http.StatusOK
	}
	return r.status
}

// setRoute notes the pattern's path as the request's route.
func setRoute(w http.ResponseWriter, pattern string) {
	if rec, ok := w.(*recorder); ok {
		_, rec.route, _ = strings.Cut(pattern, " ")
	}
}

func routeFrom(w http.ResponseWriter) string {
	if rec, ok := w.(*recorder); ok {
		return rec.route
	}
	return unknownRoute
}
