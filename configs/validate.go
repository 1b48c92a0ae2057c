package configs

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// The shapes of names. Those of nodes and identifiers end up in URLs, metrics
// and environment variables, hence so few characters.
var (
	nodeName    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	identifier  = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	application = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	endpoint    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*/[^\s/,&;@]+$`)
	table       = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$`)
	systemname  = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	dialled     = regexp.MustCompile(`^\+?[0-9*#]+$`)
	soundName   = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)
	contextName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	language    = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// validator reports what a decoded configuration gets wrong.
type validator struct {
	*decoder
	source Source
}

// config checks everything but the secrets.
func (v *validator) config(cfg *Config) {
	v.database("database", cfg.Database)
	v.listen(cfg.Listen)
	v.oidc(&cfg.OIDC)
	if _, err := time.LoadLocation(cfg.Timezone); v.sound("timezone") && (err != nil || cfg.Timezone == "" || cfg.Timezone == "Local") {
		v.report("timezone", "%s is not a time zone: write an IANA name such as Asia/Tokyo", quote(cfg.Timezone))
	}
	if v.sound("region") && !phonenumbers.GetSupportedRegions()[cfg.Region] {
		v.report("region", "%s is not a country with telephone numbers: write its ISO 3166 code in capitals, such as JP", quote(cfg.Region))
	}
	v.absolute("recordings.copies", cfg.Recordings.Copies)
	v.nodes(cfg)
	labels := v.labels(cfg.BusinessLabels)
	v.dialplan(cfg, labels)
	v.attendant(&cfg.Attendant)
}

// database checks the URL of a database, whichever way it was given.
func (v *validator) database(path string, db Database) {
	if db.URL.IsZero() {
		return
	}
	// The parser's own words are not used: they may quote the password.
	u, err := url.Parse(db.URL.Reveal())
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		path += ".url"
		if db.URLFile != "" {
			path += "_file"
		}
		v.report(path, "not a PostgreSQL URL: write postgres://user:password@host:5432/database, "+
			"with %%XX for special characters of the password")
	}
}

func (v *validator) listen(l Listen) {
	v.address("listen.api", l.API)
	v.address("listen.ops", l.Ops)
	if l.API == l.Ops && v.sound("listen.api") && v.sound("listen.ops") {
		v.report("listen.ops", "%s is already the address of listen.api: metrics need their own", quote(l.Ops))
	}
	if l.PlainCookies && v.sound("listen.api") && !isLoopback(l.API) {
		v.report("listen.plain_cookies", "sessions could be stolen on the way: it is only for an API on this machine, "+
			"such as 127.0.0.1:8080; elsewhere use HTTPS, here or in a reverse proxy")
	}
	origins := v.unique("origin")
	for i, origin := range l.EmbedOrigins {
		origins.add(fmt.Sprintf("listen.embed_origins[%d]", i), string(origin), string(origin))
	}
	const cert, key = "listen.tls.certificate", "listen.tls.key"
	switch {
	case l.TLS == TLS{}:
	case l.TLS.Certificate == "":
		v.report(cert, "is missing, while listen.tls.key is set: HTTPS needs both")
	case l.TLS.Key == "":
		v.report(key, "is missing, while listen.tls.certificate is set: HTTPS needs both")
	default:
		if _, err := tls.LoadX509KeyPair(v.source.file(l.TLS.Certificate), v.source.file(l.TLS.Key)); err != nil {
			v.report(cert, "certificate and key cannot be used: %v", err)
		}
	}
}

// isLoopback reports whether only this machine can reach an address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (v *validator) address(path, address string) {
	if !v.sound(path) {
		return
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		v.report(path, "%s is not an address to listen on: write host:port, or :port for all addresses", quote(address))
	}
}

func (v *validator) nodes(cfg *Config) {
	nodes := cfg.PBX
	if len(nodes) == 0 && v.sound("pbx") {
		v.report("pbx", "no PBX to follow: list at least one node with name and ari")
	}
	names, urls := v.unique("node name"), v.unique("ARI URL")
	for i, p := range nodes {
		path := fmt.Sprintf("pbx[%d]", i)
		if v.shape(path+".name", p.Name, nodeName, "a node name", "up to 32 small letters, digits and inner hyphens, such as pbx1") {
			names.add(path+".name", p.Name, p.Name)
		}
		if base := v.ari(path+".ari", p.ARI); base != "" {
			urls.add(path+".ari.url", base, p.ARI.URL)
		}
		trunks := v.unique("trunk of a node")
		for j, trunk := range p.Trunks {
			at := fmt.Sprintf("%s.trunks[%d]", path, j)
			if v.shape(at, trunk, endpoint, "a trunk", "TECHNOLOGY/name as Asterisk names the endpoint, such as PJSIP/trunk") {
				trunks.add(at, trunk, trunk)
			}
		}
		contexts := v.unique("context of a node")
		for j, name := range p.Contexts {
			at := fmt.Sprintf("%s.contexts[%d]", path, j)
			if v.word(at, name, "a context") {
				contexts.add(at, name, name)
			}
		}
		v.library(path+".recordings", p.Recordings, cfg.Recordings.Copies != "")
		v.cel(path+".cel", p.CEL)
		v.journal(path+".journal", p.Journal)
		v.canary(path+".canary", p.Canary)
		v.sip(path+".sip", &cfg.PBX[i].SIP, p.Trunks)
	}
}

// cel checks where a node keeps its channel event log.
func (v *validator) cel(path string, c CEL) {
	if c == (CEL{}) {
		return
	}
	if !c.Enabled() {
		if v.sound(path+".database") && v.sound(path+".database.url") && v.sound(path+".database.url_file") {
			v.report(path+".database", "is missing: write where the channel event log is, or leave cel out")
		}
		return
	}
	v.database(path+".database", c.Database)
	v.shape(path+".table", c.Table, table, "a table", "its name, or schema.table, such as cel")
	if _, err := time.LoadLocation(c.Timezone); v.sound(path+".timezone") && (err != nil || c.Timezone == "Local") {
		v.report(path+".timezone", "%s is not a time zone: write an IANA name such as Asia/Tokyo, or UTC", quote(c.Timezone))
	}
	if c.Systemname != "" {
		v.shape(path+".systemname", c.Systemname, systemname, "a system name", "the systemname of asterisk.conf, such as pbx1")
	}
}

// ari checks how a node is reached and returns its URL in a form that is the
// same for the same Asterisk, or nothing if the URL is wrong.
func (v *validator) ari(path string, a ARI) string {
	v.shape(path+".application", a.Application, application, "an application name", "letters, digits, dots, hyphens and underscores")
	if strings.ContainsAny(a.Username, ":\r\n") {
		v.report(path+".username", "%s cannot be sent: a user name has no colon and no line end", quote(a.Username))
	}
	path += ".url"
	if !v.sound(path) {
		return ""
	}
	const right = "write http://host:8088/ari, as http.conf and its prefix say"
	if a.URL == "" {
		v.report(path, "the ARI URL is missing: %s", right)
		return ""
	}
	u, err := url.Parse(a.URL)
	problem := ""
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		problem = "is not an HTTP URL"
	case u.User != nil:
		v.report(path, "the ARI URL holds a user or password, which proxies would log: use username and password_file")
		return ""
	case u.RawQuery != "" || u.Fragment != "":
		problem = "has something behind the path"
	case strings.Trim(u.Path, "/") == "":
		problem = "has no path"
	default:
		return strings.ToLower(u.Scheme+"://"+u.Host) + strings.TrimRight(u.Path, "/")
	}
	v.report(path, "%s %s: %s", quote(a.URL), problem, right)
	return ""
}

// labels checks the business labels and returns their identifiers.
func (v *validator) labels(labels []BusinessLabel) *unique {
	ids, numbers := v.unique("id of a business label"), v.unique("number of a business label")
	for i, l := range labels {
		path := fmt.Sprintf("business_labels[%d]", i)
		v.identity(path, l.ID, l.Name, ids)
		for j, did := range l.DID {
			at := fmt.Sprintf("%s.did[%d]", path, j)
			if v.shape(at, did, dialled, "a dialled number", "digits only, such as 0355550001 or +81355550001") {
				numbers.add(at, did, did)
			}
		}
	}
	return ids
}

// dialplan checks what extensions and queues mean. Each may mean one thing
// only, or a call's kind would depend on which was looked at first.
func (v *validator) dialplan(cfg *Config, labels *unique) {
	extensions, queues := v.unique("extension"), v.unique("queue")
	ids := v.unique("id of a call center")
	for i, c := range cfg.CallCenters {
		path := fmt.Sprintf("call_centers[%d]", i)
		v.identity(path, c.ID, c.Name, ids)
		v.extension(path, c.Extension, extensions)
		if len(c.Queues) == 0 && v.sound(path+".queues") {
			v.report(path+".queues", "no queue: list the Asterisk queues in which callers of this call center wait")
		}
		v.queues(path, c.Queues, queues)
		if c.Label != "" && !labels.has(c.Label) && v.sound(path+".label") && v.sound("business_labels") {
			v.report(path+".label", "there is no business label with the id %s%s", quote(c.Label), labels.known())
		}
	}
	v.variableIsClear(cfg.CallCenters)
	ids = v.unique("id of a ring group")
	for i, g := range cfg.RingGroups {
		path := fmt.Sprintf("ring_groups[%d]", i)
		v.identity(path, g.ID, g.Name, ids)
		v.extension(path, g.Extension, extensions)
		v.queues(path, g.Queues, queues)
	}
	for i, t := range cfg.Terminals {
		path := fmt.Sprintf("terminals[%d].extension", i)
		switch text := t.Extension.String(); {
		case text != "":
			extensions.add(path, t.Extension.key(), text)
		case v.sound(path):
			v.report(path, `the extension is missing: write a number, or a pattern such as "_2XXX"`)
		}
	}
}

// longest bounds what the attendant may be told to wait: it gives up after
// four minutes in all, and a message of more is nobody's to hear.
const longest = 3 * time.Minute

// attendant checks how callers are talked to.
func (v *validator) attendant(a *Attendant) {
	for path, name := range map[string]string{
		"welcome": a.Sounds.Welcome, "your_number": a.Sounds.YourNumber, "digits": a.Sounds.Digits, "confirm": a.Sounds.Confirm,
		"enter": a.Sounds.Enter, "invalid": a.Sounds.Invalid, "leave_message": a.Sounds.LeaveMessage,
		"registered": a.Sounds.Registered, "added": a.Sounds.Added, "cancelled": a.Sounds.Cancelled,
		"no_number": a.Sounds.NoNumber, "failed": a.Sounds.Failed,
	} {
		v.shape("attendant.sounds."+path, name, soundName, "a sound's name", "it as Playback has it in the dialplan, such as callbackd/welcome")
	}
	if a.Language != "" {
		v.shape("attendant.language", a.Language, language, "a language", "it as Asterisk does, such as ja")
	}
	for path, d := range map[string]Duration{
		"key_timeout": a.KeyTimeout, "digit_timeout": a.DigitTimeout,
		"message.max_duration": a.Message.MaxDuration, "message.max_silence": a.Message.MaxSilence,
	} {
		if path = "attendant." + path; v.sound(path) && d.Duration > longest {
			v.report(path, "%s is longer than a caller should be held: write %s at most", d, longest)
		}
	}
}

// variableIsClear reports a call center whose id is the extension of another:
// the dialplan variable CALLBACKD_CALL_CENTER may hold either.
func (v *validator) variableIsClear(centers []CallCenter) {
	for i, c := range centers {
		other := slices.IndexFunc(centers, func(other CallCenter) bool { return c.ID == other.Extension })
		if other == i || other < 0 || c.ID == "" {
			continue
		}
		v.report(fmt.Sprintf("call_centers[%d].id", i), "%s is the extension of another call center (line %d), "+
			"and CALLBACKD_CALL_CENTER may hold either: choose another id",
			quote(c.ID), v.placeOf(fmt.Sprintf("call_centers[%d].extension", other)).line)
	}
}

// identity checks the id and name that people and programs know a thing by.
func (v *validator) identity(path, id, name string, ids *unique) {
	if v.shape(path+".id", id, identifier, "an id", "up to 63 small letters, digits, hyphens and underscores") {
		ids.add(path+".id", id, id)
	}
	if v.sound(path+".name") && strings.TrimSpace(name) == "" {
		v.report(path+".name", "the name is missing: write what people shall read")
	}
}

// extension checks one that must be a single number, and that it is new.
func (v *validator) extension(path, text string, extensions *unique) {
	path += ".extension"
	if !v.sound(path) {
		return
	}
	if text == "" {
		v.report(path, "the extension is missing: write the number that is dialled")
		return
	}
	switch p, err := ParsePattern(text); {
	case err == nil && p.Plain():
		extensions.add(path, p.key(), text)
	case err == nil || !strings.HasPrefix(text, "_") && strings.ContainsAny(text, ".![]XZN"):
		v.report(path, "%s is a pattern: write the one number that is dialled; only terminals may have patterns", quote(text))
	default:
		v.report(path, "extension %s %v", quote(text), err)
	}
}

// queues checks names of queues, and that they are new. Asterisk finds a queue
// whatever the capitals.
func (v *validator) queues(path string, names []string, queues *unique) {
	for i, name := range names {
		at := fmt.Sprintf("%s.queues[%d]", path, i)
		if v.word(at, name, "a queue") {
			queues.add(at, strings.ToLower(name), name)
		}
	}
}

// word reports a name that Asterisk's configuration could not hold.
func (v *validator) word(path, name, what string) bool {
	if !v.sound(path) {
		return false
	}
	if name == "" || name != strings.TrimSpace(name) || strings.ContainsAny(name, ",]\r\n") {
		v.report(path, "%s is not %s: write its name as Asterisk's configuration has it", quote(name), what)
		return false
	}
	return true
}

// shape reports a value that is missing or not made as it must be.
func (v *validator) shape(path, value string, shape *regexp.Regexp, what, right string) bool {
	switch {
	case !v.sound(path):
		return false
	case value == "":
		v.report(path, "is missing: write %s", right)
		return false
	case !shape.MatchString(value):
		v.report(path, "%s is not %s: write %s", quote(value), what, right)
		return false
	}
	return true
}
