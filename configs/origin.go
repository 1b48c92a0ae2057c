package configs

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Origin is where pages come from, in the very form in which browsers name it
// and compare it: scheme, host, and the port unless it is that of the scheme.
type Origin string

var (
	// hostName is how browsers name the host of an origin, but for its capitals.
	hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
	// numeric is the last part of a host that browsers take for an address,
	// however it is written: 0x7f.1 is 127.0.0.1.
	numeric = regexp.MustCompile(`(^|\.)([0-9]+|0[xX][0-9A-Fa-f]*)$`)
)

// UnmarshalText accepts origins over HTTPS, and those of this machine over
// HTTP.
func (o *Origin) UnmarshalText(text []byte) error {
	const right = "write it as https://crm.example.org"
	given := string(text)
	u, err := url.Parse(given)
	switch {
	case strings.Contains(given, "*"):
		return fmt.Errorf("%s stands for many: name each of them, and %s", quote(given), right)
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%s is not an origin: %s", quote(given), right)
	case strings.IndexFunc(given, func(r rune) bool { return r > '~' }) >= 0:
		return fmt.Errorf("%s is not as browsers write it: write the name's ASCII form, which begins with xn--", quote(given))
	}
	_, notParsed := netip.ParseAddr(u.Hostname())
	isAddress := notParsed == nil || numeric.MatchString(u.Hostname())
	here := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1"
	port, badPort := strconv.ParseUint(cmp.Or(u.Port(), "1"), 10, 16)
	switch {
	case !isAddress && !hostName.MatchString(u.Hostname()):
		return fmt.Errorf("%s has no host by that name: %s", quote(given), right)
	case badPort != nil || port == 0:
		return fmt.Errorf("%s has no port by that number: take one of 1 to 65535", quote(given))
	case isAddress && !here:
		return fmt.Errorf("%s has an address, which browsers do not compare: give the machine a name, and %s", quote(given), right)
	case u.Scheme == "http" && !here:
		return fmt.Errorf("%s could be changed on the way: use HTTPS, and %s; only localhost and 127.0.0.1 do without", quote(given), right)
	}
	*o = Origin(canonical(u))
	if given != string(*o) {
		return fmt.Errorf("%s is not as browsers write an origin, without a path: write %s", quote(given), *o)
	}
	return nil
}

// canonical returns the origin of a URL.
func canonical(u *url.URL) string {
	origin := u.Scheme + "://" + strings.ToLower(u.Hostname())
	usual := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	if port := strings.TrimLeft(u.Port(), "0"); port != "" && port != usual {
		origin += ":" + port
	}
	return origin
}

// Embedders returns EmbedOrigins as text.
func (l *Listen) Embedders() []string {
	var list []string
	for _, origin := range l.EmbedOrigins {
		list = append(list, string(origin))
	}
	return list
}
