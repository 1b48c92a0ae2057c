package doctor

import (
	"testing"

	"callbackd/configs"
)

func TestJudgeConfig_EmbedOrigins(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		page, origin string
		other        bool // another site
	}{
		{"https://callbackd.example.org", "https://crm.example.org", false},
		{"https://callbackd.example.org", "https://crm.example.org:8443", false},
		{"https://callbackd.example.org", "https://example.org", false},
		{"https://callbackd.example.co.jp", "https://crm.example.co.jp", false},
		{"https://callbackd.example.co.jp", "https://crm.other.co.jp", true},
		{"https://callbackd.example.org", "https://crm.example.com", true},
		{"https://callbackd.internal", "https://crm.internal", true}, // nothing above is registered
		{"https://callbackd", "https://crm", true},
		{"http://localhost:8080", "http://localhost:3000", false},
		{"http://127.0.0.1:8080", "http://127.0.0.1:3000", false},
		{"http://127.0.0.1:8080", "http://localhost:3000", true},
		{"https://192.0.0.1", "http://127.0.0.1", true},
		{"http://callbackd.example.org", "https://crm.example.org", true},
		{"", "https://crm.example.org", false}, // it is not known
	} {
		findings := JudgeConfig(&configs.Config{
			OIDC: configs.OIDC{PublicURL: test.page}, Listen: configs.Listen{EmbedOrigins: []configs.Origin{configs.Origin(test.origin)}},
		})
		if test.other {
			found(t, findings, Warning, "listen", "embed_origins names "+test.origin+", which is of another site than "+test.page)
		}
		if len(findings) > 0 != test.other {
			t.Errorf("%s within a page of %s: %+v", test.page, test.origin, findings)
		}
	}
}
