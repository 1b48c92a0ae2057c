package doctor

import (
	"net/netip"
	"net/url"

	"golang.org/x/net/publicsuffix"

	"callbackd/configs"
)

// JudgeConfig says what looks like a slip in a configuration that is without
// fault. It connects to nothing.
func JudgeConfig(cfg *configs.Config) []Finding {
	e := &examined{part: "listen"}
	page := cfg.OIDC.PublicURL // the only place that tells where browsers find it
	if page == "" {
		return nil
	}
	for _, origin := range cfg.Listen.EmbedOrigins {
		if webSite(string(origin)) != webSite(page) {
			e.add(Warning, "another name of callbackd beside that page's, by DNS and the reverse proxy, unless it has one: docs/integration.md, section 10",
				"embed_origins names %s, which is of another site than %s: browsers send no cookie from there, and who is logged in here is signed out in the player",
				origin, page)
		}
	}
	return e.findings
}

// webSite returns the site of a URL as browsers tell sites apart for cookies:
// its scheme, and the part of the host's name that somebody registered.
func webSite(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // it was parsed when the configuration was read
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err != nil {
		if registered, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
			host = registered
		}
	}
	return u.Scheme + "://" + host
}
