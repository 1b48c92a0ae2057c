package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"text/tabwriter"
	"time"

	"callbackd/lab"
)

// Places is where to look in a demo, and how to get in. The JSON names are
// fixed: scripts read them.
type Places struct {
	// API and Ops are the URLs of the two listeners, without a path.
	API string `json:"api"`
	Ops string `json:"ops"`
	// Token is an administrator's, AgentToken one of an agent who sees one
	// call center.
	Token      string `json:"token"`
	AgentToken string `json:"agent_token"`
	// Accounts can log in, all with Password.
	Accounts []Account `json:"accounts"`
	Password string    `json:"password"`
	ARI      ARI       `json:"ari"`
	// SIP is the host:port of the PBX, by UDP. A call with TrunkHeader comes
	// from outside; phones register with PhonePassword.
	SIP           string `json:"sip"`
	TrunkHeader   string `json:"trunk_header"`
	PhonePassword string `json:"phone_password"`
}

// ARI is the PBX's REST interface, and who may use it.
type ARI struct {
	URL      string `json:"url"`
	Username string `json:"username"`
	Password string `json:"password"`
}

func (d *demo) places() Places {
	return Places{
		API: urlOf(d.daemon.API), Ops: urlOf(d.daemon.Ops), Token: d.adminToken, AgentToken: d.agentToken,
		Accounts: Accounts(), Password: password,
		ARI: ARI{URL: d.pbx.ARI, Username: d.pbx.Username, Password: d.pbx.Password},
		SIP: d.pbx.SIP, TrunkHeader: lab.TrunkHeader + ": " + lab.TrunkHeaderValue, PhonePassword: d.pbx.PhonePassword,
	}
}

// urlOf is the URL of a listener as seen from this machine.
func urlOf(address net.Addr) string {
	host, port, err := net.SplitHostPort(address.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// writeJSON writes one line.
func (p Places) writeJSON(w io.Writer) error { return json.NewEncoder(w).Encode(p) }

// write writes it for people, with commands to paste.
func (p Places) write(w io.Writer, took time.Duration) error {
	var text strings.Builder
	fmt.Fprintf(&text, "\ncallbackd is ready, after %.1f s. All of this is private and gone when it ends (Ctrl-C).\n\n", took.Seconds())
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "  page\t%s/\tthe workspace: its login shows the accounts below\n", p.API)
	fmt.Fprintf(table, "  API\t%s/api/v1\tdescribed at /api/v1/openapi.yaml\n", p.API)
	fmt.Fprintf(table, "  operations\t%s\t/metrics /healthz /readyz\n", p.Ops)
	fmt.Fprintf(table, "  token\t%s\tadmin: sees everything\n", p.Token)
	fmt.Fprintf(table, "  token\t%s\tagent: sees call center %s only\n", p.AgentToken, Desk)
	for _, a := range p.Accounts {
		fmt.Fprintf(table, "  account\t%s\t%s %s; password %s\n", a.Name, a.Role, a.DisplayName, p.Password)
	}
	fmt.Fprintf(table, "  ARI\t%s\tuser %s, password %s\n", p.ARI.URL, p.ARI.Username, p.ARI.Password)
	fmt.Fprintf(table, "  SIP\t%s\tUDP; with header %q a call comes from outside\n", p.SIP, p.TrunkHeader)
	if err := table.Flush(); err != nil {
		return err
	}
	authorized := "curl -s -H 'Authorization: Bearer " + p.Token + "' "
	calls := p.API + "/api/v1/calls"
	register := func(kind string) string {
		newest := authorized + "'" + calls + "?page_size=1&kind=" + kind + `' | grep -o '"request_id":"[^"]*' | cut -d '"' -f 4`
		return authorized + "-X POST " + calls + `/"$(` + newest + `)"/callback`
	}
	for _, command := range []struct{ what, line string }{
		{"calls, newest first", authorized + "'" + calls + "?page_size=5'"},
		{"register a callback for the newest call of a call center", register("call_center")},
		{"the same for the newest call of a phone: it is refused, and told why", register("terminal")},
		{"changes as they happen", authorized + "-N " + p.API + "/api/v1/events"},
		{"metrics", "curl -s " + p.Ops + "/metrics | grep ^callbackd_"},
		{"the PBX's own view", "curl -s -u " + p.ARI.Username + ":" + p.ARI.Password + " " + p.ARI.URL + "/channels"},
	} {
		fmt.Fprintf(&text, "\n# %s\n%s\n", command.what, command.line)
	}
	text.WriteString("\n")
	_, err := io.WriteString(w, text.String())
	return err
}
