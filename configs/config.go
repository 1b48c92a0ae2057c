package configs

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the static binary runs on machines without a zone database
)

// Config is the whole configuration, as Load and Parse return it: complete and
// without contradictions.
type Config struct {
	Database Database `yaml:"database"`
	Listen   Listen   `yaml:"listen"`
	// Timezone is the IANA name of the zone in which people here read times;
	// "Asia/Tokyo" when omitted. What is stored and sent is always UTC.
	Timezone string `yaml:"timezone"`
	// Region is the ISO 3166 code of the country whose dialling rules apply to
	// numbers without a country code; "JP" when omitted.
	Region string `yaml:"region"`
	Log    Log    `yaml:"log"`
	// OIDC says how people log in with accounts of another system.
	OIDC OIDC `yaml:"oidc"`
	// PBX lists the Asterisk nodes to follow, at least one.
	PBX            []PBX           `yaml:"pbx"`
	CallCenters    []CallCenter    `yaml:"call_centers"`
	RingGroups     []RingGroup     `yaml:"ring_groups"`
	Terminals      []Terminal      `yaml:"terminals"`
	BusinessLabels []BusinessLabel `yaml:"business_labels"`
	// Recordings is about those of all nodes.
	Recordings Recordings `yaml:"recordings"`
	// Attendant says how callers are talked to who ask for a callback.
	Attendant Attendant `yaml:"attendant"`
	// Webhooks says where changes may be sent.
	Webhooks Webhooks `yaml:"webhooks"`
}

// Location returns the zone that Timezone names. It panics on a name that
// validation would have refused.
func (c *Config) Location() *time.Location {
	loc, err := time.LoadLocation(c.Timezone)
	if err != nil {
		panic(fmt.Sprintf("configs: time zone of a Config that was not validated: %v", err))
	}
	return loc
}

// Database says where PostgreSQL is.
type Database struct {
	// URL is a postgres:// URL with user and password. It is empty where no
	// database is configured, which only commands that need none accept.
	URL Secret `yaml:"url"`
	// URLFile names a file that holds the URL.
	URLFile string `yaml:"url_file"`
}

// Listen says on which addresses callbackd answers.
type Listen struct {
	// API is the host:port of the API and the workspace; ":8080" when omitted.
	API string `yaml:"api"`
	// Ops is the host:port of metrics and health, for machines and never for
	// the public; ":9090" when omitted.
	Ops string `yaml:"ops"`
	TLS TLS    `yaml:"tls"`
	// TrustedProxies are the reverse proxies whose forwarded headers
	// (X-Forwarded-For and the like) are believed. Anybody else could write
	// there what they please: somebody else's address, to get around the limit
	// of attempts to log in.
	TrustedProxies []Network `yaml:"trusted_proxies"`
	// PlainCookies also sends the session's cookie over plain HTTP. It can only
	// be set when the API listens on this machine alone.
	PlainCookies bool `yaml:"plain_cookies"`
	// EmbedOrigins are those of the pages that may hold the player of a call's
	// recordings in a frame; none when omitted.
	EmbedOrigins []Origin `yaml:"embed_origins"`
}

// IsTrustedProxy reports whether a connection comes from a reverse proxy whose
// forwarded headers are believed.
func (l *Listen) IsTrustedProxy(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(l.TrustedProxies, func(n Network) bool { return n.Contains(address) })
}

// Network is a set of addresses, written as in 10.1.0.0/16, or as one address.
type Network struct{ netip.Prefix }

// UnmarshalText accepts networks and single addresses.
func (n *Network) UnmarshalText(text []byte) error {
	const right = "write it as 10.1.0.0/16, or a single address"
	address, err := netip.ParseAddr(string(text))
	if err == nil && address.Zone() == "" {
		address = address.Unmap()
		n.Prefix = netip.PrefixFrom(address, address.BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(string(text))
	switch {
	case err != nil || prefix.Addr().Is4In6():
		return fmt.Errorf("%s is not a network: %s", quote(string(text)), right)
	case prefix.Bits() == 0:
		return fmt.Errorf("%s is everybody: name the networks that are meant", quote(string(text)))
	case prefix != prefix.Masked():
		// It is not clear what was meant: the one address or the network.
		return fmt.Errorf("%s is an address within the network %s: write one of the two", quote(string(text)), prefix.Masked())
	}
	n.Prefix = prefix
	return nil
}

// TLS names the files for serving the API over HTTPS, which are read again when
// they change. Without them it is plain HTTP, for a reverse proxy in front.
type TLS struct {
	Certificate string `yaml:"certificate"` // PEM, the chain after the leaf
	Key         string `yaml:"key"`         // PEM
}

// Enabled reports whether the API is to be served over HTTPS.
func (t TLS) Enabled() bool { return t.Certificate != "" }

// Log says how callbackd logs to standard error.
type Log struct {
	// Format is LogText when omitted.
	Format LogFormat `yaml:"format"`
	// Level is the lowest level that is written; info when omitted.
	Level LogLevel `yaml:"level"`
	// Numbers is LogMasked when omitted.
	Numbers LogNumbers `yaml:"numbers"`
}

// The environment variables that go before the keys of Log.
const (
	LogFormatVariable  = "CALLBACKD_LOG_FORMAT"
	LogLevelVariable   = "CALLBACKD_LOG_LEVEL"
	LogNumbersVariable = "CALLBACKD_LOG_NUMBERS"
)

// LogFormat is how a log record is written.
type LogFormat string

// The formats of log records.
const (
	LogText LogFormat = "text" // key=value, for people
	LogJSON LogFormat = "json" // one JSON object a line, for log collectors
)

// UnmarshalText accepts the formats that exist.
func (f *LogFormat) UnmarshalText(text []byte) error {
	switch got := LogFormat(text); got {
	case LogText, LogJSON:
		*f = got
		return nil
	default:
		return fmt.Errorf("%s is not a log format: write text or json", quote(string(text)))
	}
}

// MarshalText returns the format as it is written.
func (f LogFormat) MarshalText() ([]byte, error) { return []byte(f), nil }

// LogNumbers is how phone numbers are logged.
type LogNumbers string

// The ways to log phone numbers.
const (
	LogMasked LogNumbers = "masked" // but for the last two digits
	LogFull   LogNumbers = "full"   // as they are
)

// UnmarshalText accepts the ways that exist.
func (n *LogNumbers) UnmarshalText(text []byte) error {
	switch got := LogNumbers(text); got {
	case LogMasked, LogFull:
		*n = got
		return nil
	default:
		return fmt.Errorf("%s is no way to log phone numbers: write masked or full", quote(string(text)))
	}
}

// MarshalText returns the way as it is written.
func (n LogNumbers) MarshalText() ([]byte, error) { return []byte(n), nil }

// LogLevel is a slog.Level that is written as one of debug, info, warn and
// error. It is a slog.Leveler.
type LogLevel struct{ slog.Level }

// MarshalText returns the level's name, in small letters.
func (l LogLevel) MarshalText() ([]byte, error) {
	return []byte(strings.ToLower(l.Level.String())), nil
}

// UnmarshalText accepts the four names, in small letters.
func (l *LogLevel) UnmarshalText(text []byte) error {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.ToLower(level.String()) == string(text) {
			l.Level = level
			return nil
		}
	}
	return fmt.Errorf("%s is not a log level: write debug, info, warn or error", quote(string(text)))
}

// PBX is one Asterisk node.
type PBX struct {
	// Name is the node's name here. It is part of the request ID of every call
	// on the node, so changing it later makes known calls strangers.
	Name string `yaml:"name"`
	ARI  ARI    `yaml:"ari"`
	// Dialplan says who made the node's dialplan; DialplanGeneric when omitted.
	Dialplan Dialplan `yaml:"dialplan"`
	// Trunks are the endpoints that lead outside, as TECH/name. A call is
	// inbound when it comes from one of them and outbound when it goes to one.
	Trunks []string `yaml:"trunks"`
	// Contexts are the dialplan contexts in which dialling a call center's
	// extension counts; none means any context.
	Contexts   []string `yaml:"contexts"`
	Recordings Library  `yaml:"recordings"`
	// CEL says where the node keeps its channel event log.
	CEL CEL `yaml:"cel"`
	// Journal says where all events of the node are kept for a while.
	Journal Journal `yaml:"journal"`
	// SIP says what of the SIP side is asked whether it answers.
	SIP SIP `yaml:"sip"`
	// Canary says whether calls are made that prove that others are followed.
	Canary Canary `yaml:"canary"`
}

// PasswordVariable returns the name of the environment variable that may hold
// the node's ARI password.
func (p PBX) PasswordVariable() string {
	return "CALLBACKD_PBX_" + strings.ToUpper(strings.ReplaceAll(p.Name, "-", "_")) + "_PASSWORD"
}

// CELVariable returns the name of the environment variable that may hold the
// URL of the database of the node's channel event log.
func (p PBX) CELVariable() string {
	return "CALLBACKD_PBX_" + strings.ToUpper(strings.ReplaceAll(p.Name, "-", "_")) + "_CEL_DATABASE_URL"
}

// CEL says where a node keeps its channel event log, which Asterisk's cel_pgsql
// writes to PostgreSQL. By it callbackd repairs what it could not follow.
type CEL struct {
	Database Database `yaml:"database"`
	// Table is the table's name, or schema.table; "cel" when omitted.
	Table string `yaml:"table"`
	// Timezone is the IANA name of the zone that times in a column without a
	// time zone are of; "UTC" when omitted.
	Timezone string `yaml:"timezone"`
	// Systemname is what the node's unique IDs begin with, where several nodes
	// write to one table; empty when every row is the node's.
	Systemname string `yaml:"systemname"`
}

// Enabled reports whether the node keeps a log that callbackd can read.
func (c CEL) Enabled() bool { return !c.Database.URL.IsZero() }

// ARI says how to reach a node's REST interface.
type ARI struct {
	// URL is the base URL, up to and including "/ari".
	URL string `yaml:"url"`
	// Username is the user of ari.conf; "callbackd" when omitted.
	Username string `yaml:"username"`
	// Password is that user's password. It is never empty after Load.
	Password Secret `yaml:"password"`
	// PasswordFile names a file that holds the password.
	PasswordFile string `yaml:"password_file"`
	// Application is the Stasis application name under which callbackd
	// listens; "callbackd" when omitted. Two programs that use one name on one
	// Asterisk take the events away from each other.
	Application string `yaml:"application"`
	// EventFilter asks Asterisk not to send events that are not needed. It
	// needs the channelvars line of the sample ari.conf and a user that may
	// write.
	EventFilter bool `yaml:"event_filter"`
}

// CallCenter is a desk whose calls may become callbacks.
type CallCenter struct {
	// ID is the desk's identifier in the API and in CALLBACKD_CALL_CENTER.
	ID string `yaml:"id"`
	// Name is what people read.
	Name string `yaml:"name"`
	// Extension is the number that is dialled to reach the desk; no pattern,
	// for it is also shown as the local number of its calls.
	Extension string `yaml:"extension"`
	// Queues are the names of its Asterisk queues, at least one. Asterisk does
	// not distinguish capitals in the name of a queue.
	Queues []string `yaml:"queues"`
	// Label is the ID of the business label of its calls when neither the
	// dialled number nor the dialplan gives one; empty for none.
	Label      string    `yaml:"label"`
	Recordings Retention `yaml:"recordings"`
	// AutoRegister says which calls become callbacks by themselves; none when
	// omitted.
	AutoRegister AutoRegister `yaml:"auto_register"`
}

// RingGroup is an extension that rings several phones; its calls are no
// call-center calls.
type RingGroup struct {
	ID        string `yaml:"id"`
	Name      string `yaml:"name"`
	Extension string `yaml:"extension"`
	// Queues are the queues that merely ring a group of phones; none for a
	// group that is rung by Dial.
	Queues []string `yaml:"queues"`
}

// Terminal is a phone, or all phones that a pattern matches.
type Terminal struct {
	// Extension is a number or an Asterisk pattern. An extension that is also
	// written out at a call center or ring group belongs to that one.
	Extension Pattern `yaml:"extension"`
}

// BusinessLabel is a line of business.
type BusinessLabel struct {
	// ID is the label's identifier in the API and in CALLBACKD_LABEL.
	ID   string `yaml:"id"`
	Name string `yaml:"name"`
	// DID are the dialled numbers that mean this label, in any spelling of the
	// region; none when only the dialplan sets the label.
	DID []string `yaml:"did"`
}

// defaults returns what a file that says nothing means.
func defaults() *Config {
	return &Config{
		Listen:   Listen{API: ":8080", Ops: ":9090"},
		Timezone: "Asia/Tokyo",
		Region:   "JP",
		Log:      Log{Format: LogText, Level: LogLevel{slog.LevelInfo}, Numbers: LogMasked},

		Attendant: defaultAttendant(),
	}
}

// setDefaults fills in what a node left out. It runs after decoding, because
// before that the list of nodes is empty.
func (p *PBX) setDefaults() {
	if p.ARI.Username == "" {
		p.ARI.Username = "callbackd"
	}
	if p.ARI.Application == "" {
		p.ARI.Application = "callbackd"
	}
	if p.Dialplan == "" {
		p.Dialplan = DialplanGeneric
	}
	p.Journal.setDefaults()
	p.Canary.setDefaults()
	p.SIP.setDefaults()
}

// setDefaults fills in what was left out of where a log is, if there is one.
func (c *CEL) setDefaults() {
	if !c.Enabled() {
		return
	}
	if c.Table == "" {
		c.Table = "cel"
	}
	if c.Timezone == "" {
		c.Timezone = "UTC"
	}
}
