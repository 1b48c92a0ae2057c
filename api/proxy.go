package api

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
)

// The headers in which reverse proxies say what they were asked.
const (
	forwardedFor  = "X-Forwarded-For"
	forwardedHost = "X-Forwarded-Host"
)

type clientKey struct{}

// clientFrom returns the address of whoever sent the request; the zero
// address when it is not known.
func clientFrom(ctx context.Context) netip.Addr {
	address, _ := ctx.Value(clientKey{}).(netip.Addr)
	return address
}

// forwarded finds out who sent a request. What proxies say of it is believed
// only of proxies that are trusted: anybody else could get around the limit
// of attempts to log in by claiming another address each time.
func (s *Server) forwarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, trusted := s.client(r)
		r = r.WithContext(context.WithValue(r.Context(), clientKey{}, client))
		if host := r.Header.Get(forwardedHost); trusted && host != "" {
			// What the browser calls this server; a page's origin is compared
			// with it.
			r.Host = host
		}
		next.ServeHTTP(w, r)
	})
}

// client returns the address that a request came from, and whether the last
// one on its way here was a trusted proxy.
func (s *Server) client(r *http.Request) (client netip.Addr, trusted bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	client = peer.Addr().Unmap().WithZone("")
	if !s.isTrustedProxy(client) {
		return client, false
	}
	// Each proxy appends who asked it. What stands before the first that is
	// not trusted was written by anybody.
	hops := strings.Split(strings.Join(r.Header.Values(forwardedFor), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			break
		}
		client = hop
		if !s.isTrustedProxy(hop) {
			break
		}
	}
	return client, true
}

// parseHop reads an address, which some proxies write with its port.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if address, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return address.Unmap().WithZone(""), true
	}
	if address, err := netip.ParseAddrPort(text); err == nil {
		return address.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

func (s *Server) isTrustedProxy(address netip.Addr) bool {
	return s.options.IsTrustedProxy != nil && s.options.IsTrustedProxy(address)
}
