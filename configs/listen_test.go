package configs

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParse_TrustedProxies(t *testing.T) {
	t.Parallel()
	cfg, err := Parse([]byte(fmt.Sprintf(minimal, "password: p")+
		"listen: {trusted_proxies: [10.1.0.0/16, 192.0.2.7, '2001:db8::/32', '::ffff:192.0.2.8']}\n"), Source{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Network{
		{netip.MustParsePrefix("10.1.0.0/16")},
		{netip.MustParsePrefix("192.0.2.7/32")},
		{netip.MustParsePrefix("2001:db8::/32")},
		{netip.MustParsePrefix("192.0.2.8/32")},
	}
	if diff := cmp.Diff(want, cfg.Listen.TrustedProxies, cmpopts.EquateComparable(Network{})); diff != "" {
		t.Errorf("trusted proxies (-want +got):\n%s", diff)
	}
	for address, want := range map[string]bool{
		"10.1.255.255": true, "10.2.0.0": false, "192.0.2.7": true, "192.0.2.9": false, "::ffff:10.1.0.1": true,
		"2001:db8::1": true, "2001:db8::1%eth0": true, "2001:db9::1": false, "::1": false, "127.0.0.1": false,
	} {
		if got := cfg.Listen.IsTrustedProxy(netip.MustParseAddr(address)); got != want {
			t.Errorf("IsTrustedProxy(%s) = %t, want %t", address, got, want)
		}
	}
	if cfg.Listen.IsTrustedProxy(netip.Addr{}) {
		t.Error("a connection without an address comes from a trusted proxy")
	}
}

func TestParse_PlainCookies(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:8080", "[::1]:8080", "localhost:0", "127.1.2.3:1"} {
		cfg, err := Parse([]byte(fmt.Sprintf(minimal, "password: p")+
			"listen: {plain_cookies: true, api: '"+address+"'}\n"), Source{})
		if err != nil || !cfg.Listen.PlainCookies {
			t.Errorf("plain cookies on %s: %v", address, err)
		}
	}
	cfg, err := Parse(fmt.Appendf(nil, minimal, "password: p"), Source{})
	if err != nil || cfg.Listen.PlainCookies {
		t.Errorf("plain cookies without being asked for: %v", err)
	}
}

func TestParse_EmbedOrigins(t *testing.T) {
	t.Parallel()
	cfg, err := Parse([]byte(fmt.Sprintf(minimal, "password: p")+
		"listen: {embed_origins: [https://crm.example.org, 'https://crm.example.org:8443', 'http://localhost:3000', 'http://127.0.0.1']}\n"), Source{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Origin{"https://crm.example.org", "https://crm.example.org:8443", "http://localhost:3000", "http://127.0.0.1"}
	if diff := cmp.Diff(want, cfg.Listen.EmbedOrigins); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
}
