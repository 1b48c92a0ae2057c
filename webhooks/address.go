package webhooks

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
)

// errForbiddenAddress says that a host is none that requests are sent to.
var errForbiddenAddress = errors.New("the address is not of the public internet, and its network is not allowed")

// special are the networks that are no part of the public internet, or lead to
// another address that may not be: the special-purpose registries of IANA
// (RFC 6890 and its updates).
var special = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // shared by the customers of a provider
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, and where clouds answer who one is
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocols
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, broadcast
	"2001::/23",       // protocols: Teredo, ORCHID
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4, which holds an IPv4 address
	"3fff::/20",       // documentation
)

// globalUnicast is all of IPv6 that is given out for the public internet. It
// holds neither loopback, link-local, unique local and multicast addresses nor
// those that stand for IPv4 (mapped, compatible, NAT64).
var globalUnicast = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// Rules say where requests may be sent.
type Rules struct {
	// AllowNetworks are networks that are not of the public internet and may
	// be sent to all the same.
	AllowNetworks []netip.Prefix
	// AllowHTTP also lets requests be sent without TLS.
	AllowHTTP bool
}

// address returns an error for an address that may not be sent to.
func (r *Rules) address(a netip.Addr) error {
	a = a.WithZone("").Unmap() // ::ffff:127.0.0.1 is 127.0.0.1
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	switch {
	case slices.ContainsFunc(r.AllowNetworks, in):
		return nil
	case !a.IsValid(), a.Is6() && !globalUnicast.Contains(a), slices.ContainsFunc(special, in):
		return errForbiddenAddress
	default:
		return nil
	}
}

// control is a net.Dialer's: it is asked with the very address that is to be
// connected to, so that a name cannot lead elsewhere the second time that it
// is resolved.
func (r *Rules) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", errForbiddenAddress, err)
	}
	return r.address(to.Addr())
}

// URLFault says what is wrong with a URL to send to.
type URLFault string

// The faults.
const (
	URLMalformed URLFault = "malformed" // no URL with a host
	URLPlain     URLFault = "plain"     // not HTTPS
	URLUserinfo  URLFault = "userinfo"  // holds a user and password
	URLForbidden URLFault = "forbidden" // an address that is not sent to
)

// URLError says that a URL is none that requests are sent to.
type URLError struct{ Fault URLFault }

func (e *URLError) Error() string { return "the URL cannot be sent to: " + string(e.Fault) }

// CheckURL returns a *URLError for a URL that cannot be sent to, whatever its
// host's name resolves to.
func (r *Rules) CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Opaque != "", u.Hostname() == "", u.Fragment != "", u.Scheme != "https" && u.Scheme != "http":
		return &URLError{URLMalformed}
	case u.Scheme == "http" && !r.AllowHTTP:
		return &URLError{URLPlain}
	case u.User != nil:
		return &URLError{URLUserinfo}
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && r.address(a) != nil {
		return &URLError{URLForbidden}
	}
	if port := u.Port(); port != "" {
		if n, err := net.LookupPort("tcp", port); err != nil || n == 0 { //nolint:noctx // a number, which nobody is asked about
			return &URLError{URLMalformed}
		}
	}
	return nil
}
