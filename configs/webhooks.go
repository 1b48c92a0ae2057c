package configs

import "net/netip"

// Webhooks says where the requests of webhooks may go besides public addresses
// of the internet, which may be sent to over HTTPS.
type Webhooks struct {
	// AllowNetworks are networks of the site's own that may be sent to: whoever
	// makes webhooks reaches them through this machine.
	AllowNetworks []Network `yaml:"allow_networks"`
	// AllowHTTP also allows requests without TLS, which others can read on the
	// way.
	AllowHTTP bool `yaml:"allow_http"`
}

// Networks returns AllowNetworks.
func (w Webhooks) Networks() []netip.Prefix {
	var list []netip.Prefix
	for _, network := range w.AllowNetworks {
		list = append(list, network.Prefix)
	}
	return list
}
