package configs

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"time"
)

// SIP says what of a node's SIP side is asked from time to time whether it
// answers, since a PBX may be followed by ARI while no call can come in. The
// zero value says nothing.
type SIP struct {
	// Address is the host:port at which phones and trunks reach the node.
	Address string `yaml:"address"`
	// Transport is SIPOverUDP when omitted.
	Transport SIPTransport `yaml:"transport"`
	// Trunks are those whose far end is asked itself. Of the node's other
	// trunks it is asked what Asterisk says of them.
	Trunks []SIPTrunk `yaml:"trunks"`
	// CA names a PEM file with who is trusted to certify over TLS; the machine's
	// own when omitted.
	CA string `yaml:"ca"`
	// User is the user part of the address that asks; "callbackd" when omitted.
	User string `yaml:"user"`
	// Every is the time between two probes of one address; 15 s when omitted.
	Every Duration `yaml:"every"`
	// Timeout is how long an answer may take; 3 s when omitted.
	Timeout Duration `yaml:"timeout"`
}

// SIPTrunk is a trunk whose far end is asked itself.
type SIPTrunk struct {
	// Trunk is one of the node's trunks.
	Trunk string `yaml:"trunk"`
	// Address is the far end's host:port.
	Address   string       `yaml:"address"`
	Transport SIPTransport `yaml:"transport"`
}

// SIPTransport is how SIP is carried.
type SIPTransport string

// The transports of SIP.
const (
	SIPOverUDP SIPTransport = "udp"
	SIPOverTCP SIPTransport = "tcp"
	SIPOverTLS SIPTransport = "tls"
)

// UnmarshalText accepts the transports that exist.
func (t *SIPTransport) UnmarshalText(text []byte) error {
	switch got := SIPTransport(text); got {
	case SIPOverUDP, SIPOverTCP, SIPOverTLS:
		*t = got
		return nil
	default:
		return fmt.Errorf("%s is not a transport: write udp, tcp or tls", quote(string(text)))
	}
}

// Enabled reports whether anything is asked.
func (s *SIP) Enabled() bool { return s.Address != "" || len(s.Trunks) > 0 }

// Authorities returns who is trusted to certify over TLS; nil for the
// machine's own.
func (s *SIP) Authorities() (*x509.CertPool, error) {
	if s.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, fmt.Errorf("the certificates cannot be read: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("the file %s holds no certificate in PEM", quote(s.CA))
	}
	return pool, nil
}

func (s *SIP) setDefaults() {
	if !s.Enabled() {
		return
	}
	if s.Transport == "" {
		s.Transport = SIPOverUDP
	}
	for i := range s.Trunks {
		if s.Trunks[i].Transport == "" {
			s.Trunks[i].Transport = SIPOverUDP
		}
	}
	if s.User == "" {
		s.User = "callbackd"
	}
	if s.Every.Duration == 0 {
		s.Every.Duration = 15 * time.Second
	}
	if s.Timeout.Duration == 0 {
		s.Timeout.Duration = 3 * time.Second
	}
}

// Probes more often would be a nuisance to carriers, and those less often tell
// too late.
const (
	minSIPEvery = 5 * time.Second
	maxSIPEvery = 10 * time.Minute
)

// sip checks what is asked.
func (v *validator) sip(path string, s *SIP, trunks []string) {
	if !s.Enabled() {
		if (s.User != "" || s.CA != "" || s.Every.Duration != 0 || s.Timeout.Duration != 0 || s.Transport != "") && v.sound(path) {
			v.report(path+".address", "is missing: write the host:port at which phones reach Asterisk, or leave sip out")
		}
		return
	}
	if s.Address != "" {
		v.sipAddress(path+".address", s.Address)
	}
	seen := map[string]bool{}
	for i, t := range s.Trunks {
		at := fmt.Sprintf("%s.trunks[%d]", path, i)
		v.sipAddress(at+".address", t.Address)
		switch {
		case !v.sound(at + ".trunk"):
		case !slices.Contains(trunks, t.Trunk):
			v.report(at+".trunk", "%s is none of the node's trunks", quote(t.Trunk))
		case seen[t.Trunk]:
			v.report(at+".trunk", "%s is already listed", quote(t.Trunk))
		}
		seen[t.Trunk] = true
	}
	if v.sound(path+".every") && (s.Every.Duration < minSIPEvery || s.Every.Duration > maxSIPEvery) {
		v.report(path+".every", "%s is not between %s and %s: write 15s, for instance", s.Every, minSIPEvery, maxSIPEvery)
	} else if v.sound(path+".timeout") && s.Timeout.Duration > s.Every.Duration {
		v.report(path+".timeout", "%s is longer than the time between two probes, %s: write 3s, for instance", s.Timeout, s.Every)
	}
	if v.sound(path+".user") && !application.MatchString(s.User) {
		v.report(path+".user", "%s cannot be the user of an address: write letters, digits, dots, hyphens and underscores", quote(s.User))
	}
	if s.CA != "" && v.sound(path+".ca") {
		s.CA = v.source.file(s.CA)
		if _, err := s.Authorities(); err != nil {
			v.report(path+".ca", "%v", err)
		}
	}
}

func (v *validator) sipAddress(path, address string) {
	if !v.sound(path) {
		return
	}
	host, port, err := net.SplitHostPort(address)
	if n, wrong := strconv.ParseUint(port, 10, 16); err != nil || host == "" || wrong != nil || n == 0 {
		v.report(path, "%s is not an address: write host:port, such as 192.0.2.10:5060", quote(address))
	}
}
