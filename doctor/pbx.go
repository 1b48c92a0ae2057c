package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/configs"
)

// skewAllowed is by how much the PBX's clock may differ. Repairs and lists
// compare its times with the daemon's.
const skewAllowed = 2 * time.Second

// nodeFacts are what a PBX answered. Those behind an error are zero.
type nodeFacts struct {
	node *configs.PBX
	// err is why the PBX cannot be asked.
	err      error
	info     ari.AsteriskInfo
	skew     time.Duration
	mayWrite bool
	// application says that somebody is connected under our name.
	application bool
	// followedBy is the daemon that follows the node, says the database, empty
	// for none; nil when the database does not tell.
	followedBy *string
	endpoints  []ari.Endpoint
	channels   []ari.Channel
	// cel says whether Asterisk writes channel events to PostgreSQL.
	cel bool
	// lines are what was found out about the SIP side; lineErr is why nothing is.
	lines   []callcenter.Line
	lineErr error
	// eventLog, library and journal are why they cannot be used; nil when they
	// can, or are not configured.
	eventLog, library, journal error
}

// gatherNode gathers the facts of a node, also of what it leaves on disks and
// in databases when the PBX itself does not answer.
func (s *Site) gatherNode(ctx context.Context, node *configs.PBX) nodeFacts {
	f := nodeFacts{node: node}
	if f.err = s.ask(ctx, &f); errors.Is(f.err, context.Canceled) {
		return f
	}
	if node.SIP.Enabled() {
		f.lines, f.lineErr = s.Lines(ctx, node)
	}
	f.eventLog, f.library, f.journal = s.checkEventLog(ctx, node), s.checkLibrary(ctx, node), checkJournal(node)
	return f
}

// ask asks the PBX itself. It stops at the first error.
func (s *Site) ask(ctx context.Context, f *nodeFacts) error {
	client, err := s.Client(f.node)
	if err != nil {
		return err
	}
	defer client.Close()
	if f.info, err = client.AsteriskInfo(ctx); err != nil {
		return err
	}
	f.skew, _ = client.ClockSkew()
	if f.mayWrite, err = client.MayWrite(ctx); err != nil {
		return err
	}
	if _, err = client.GetApplication(ctx, f.node.ARI.Application); err != nil && !ari.IsGone(err) {
		return err
	}
	f.application = err == nil
	if f.endpoints, err = client.Endpoints(ctx); err != nil {
		return err
	}
	module, err := client.Module(ctx, "cel_pgsql.so")
	if err != nil && !ari.IsGone(err) {
		return err
	}
	f.cel = module.Status == "Running"
	f.channels, err = client.Channels(ctx)
	return err
}

// judgeNode says what the facts of a node mean, beside those of the others.
func judgeNode(cfg *configs.Config, nodes []nodeFacts, n int) []Finding {
	f := &nodes[n]
	e := &examined{part: "pbx " + f.node.Name}
	switch {
	case f.err == nil:
		e.add(Good, "", "Asterisk %s answers, running since %s", f.info.Version, f.info.StartupAt.In(cfg.Location()).Format("2006-01-02 15:04"))
		judgeVersion(e, f.info.Version)
		judgeClock(e, f.skew)
		judgeName(e, nodes, n)
		judgeUser(e, f)
		judgeChannelVariables(e, f)
		judgeTrunks(e, f)
	case ari.IsUnauthorized(f.err):
		e.add(Fault, fmt.Sprintf("password in callbackd.yaml, or in ari.conf, section [%s]", f.node.ARI.Username), "the user or its password is wrong")
	case ari.IsBooting(f.err):
		e.add(Warning, "run doctor again in a minute", "Asterisk is not up yet")
	default:
		e.add(Fault, "ari.url in callbackd.yaml; enabled, bindaddr and bindport in http.conf; enabled in ari.conf", "%s", f.err)
	}
	judgeLines(e, f)
	judgeStores(e, f)
	return e.findings
}

func judgeLines(e *examined, f *nodeFacts) {
	if f.lineErr != nil {
		e.add(Fault, "sip of the node", "nobody can be asked by SIP: %s", f.lineErr)
	}
	if !f.node.SIP.Enabled() {
		e.add(Warning, "sip: {address: HOST:PORT} of the node in callbackd.yaml", "nobody is asked by SIP: that no call can come in would not be seen")
	}
	for _, l := range f.lines {
		switch {
		case l.State == callcenter.LineSilent && l.Name == callcenter.LineOfNode:
			e.add(Fault, "sip.address of the node; the transport's bind in pjsip.conf; the firewall", "nobody answers by SIP: %s", l.Why)
		case l.State == callcenter.LineSilent:
			e.add(Warning, "the trunk itself: `pjsip show contacts`; sip.trunks of the node", "nobody answers by SIP on %s: %s", l.Name, l.Why)
		case l.State == callcenter.LineUnknown:
			e.add(Warning, "qualify_frequency of the trunk's aor in pjsip.conf, or its address in sip.trunks of the node",
				"whether %s answers by SIP is not known: %s", l.Name, l.Why)
		case l.Status == 0:
			e.add(Good, "", "%s is there, says the PBX", l.Name)
		default:
			e.add(Good, "", "SIP on %s answers %d within %s", l.Name, l.Status, l.RoundTrip.Round(time.Millisecond))
		}
	}
}

// release is an Asterisk's branch and what comes after it.
type release struct{ major, minor, patch int }

func (r release) after(other release) bool {
	return slices.Compare([]int{r.major, r.minor, r.patch}, []int{other.major, other.minor, other.patch}) > 0
}

func parseRelease(version string) (release, bool) {
	m := regexp.MustCompile(`^(\d+)\.(\d+)(?:\.(\d+))?`).FindStringSubmatch(version)
	if m == nil {
		return release{}, false
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // "" is 0
	return release{number(m[1]), number(m[2]), number(m[3])}, true
}

// oldest is the first branch that callbackd was built for.
const oldest = 20

// pongFault is the last release of each branch that does not end when a client
// sends a PONG that was not asked for
// (https://github.com/asterisk/asterisk/issues/2085).
var pongFault = map[int]release{20: {20, 20, 1}, 22: {22, 10, 1}, 23: {23, 4, 1}}

func judgeVersion(e *examined, version string) {
	r, ok := parseRelease(version)
	switch {
	case !ok:
		e.add(Warning, "a release of Asterisk", "version %q is no release: what is known to be wrong with it is not known here", version)
	case r.major < oldest:
		e.add(Warning, "an Asterisk that is still maintained", "callbackd was never tried with Asterisk before %d", oldest)
	case r.after(pongFault[r.major]) && pongFault[r.major].major != 0:
		e.add(Warning, "look whether its changes have the mend of issue 2085",
			"releases after %d.%d.%d may crash when a websocket client sends a PONG unasked (Asterisk's issue 2085); callbackd sends none, other clients may",
			pongFault[r.major].major, pongFault[r.major].minor, pongFault[r.major].patch)
	}
}

func judgeClock(e *examined, skew time.Duration) {
	if skew.Abs() <= skewAllowed {
		return
	}
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	e.add(Warning, "let both machines follow one clock (chrony)", "the PBX's clock is %s %s ours", skew.Abs().Round(time.Second), direction)
}

func judgeUser(e *examined, f *nodeFacts) {
	switch {
	case f.mayWrite:
		e.add(Good, "", "user %s may also write: callers can ask for a callback", f.node.ARI.Username)
	case f.node.ARI.EventFilter, f.node.Canary.Enabled():
		what := "an event filter is to be set"
		if f.node.Canary.Enabled() {
			what = "canaries are to be sent"
		}
		e.add(Fault, fmt.Sprintf("read_only = no in ari.conf, section [%s]", f.node.ARI.Username),
			"user %s may only read, but %s", f.node.ARI.Username, what)
	default:
		e.add(Good, "", "user %s may only read: enough to follow calls, not to talk to callers", f.node.ARI.Username)
	}
	const own = "another ari.application of the node in callbackd.yaml, one for each program"
	switch {
	case !f.application:
	case f.followedBy != nil && *f.followedBy == "":
		e.add(Fault, own, "another program is connected as application %s: no daemon of this database follows the node, and they would take the events away from each other", f.node.ARI.Application)
	case f.followedBy != nil:
		e.add(Good, "", "%s is connected as application %s", *f.followedBy, f.node.ARI.Application)
	default:
		e.add(Warning, own, "somebody is connected as application %s; whether it is a callbackd of this database is not known", f.node.ARI.Application)
	}
}

// channelvarsLine is what ari.conf should have.
const channelvarsLine = "channelvars = CHANNEL(linkedid),CALLBACKD_CALL_CENTER,CALLBACKD_LABEL in ari.conf, section [general]"

func judgeChannelVariables(e *examined, f *nodeFacts) {
	if len(f.channels) == 0 {
		e.add(Warning, "run doctor again during a call", "no call at present: whether ari.conf has channelvars cannot be seen")
		return
	}
	for _, name := range []string{"CHANNEL(linkedid)", "CALLBACKD_CALL_CENTER", "CALLBACKD_LABEL"} {
		if _, ok := f.channels[0].Var(name); !ok {
			l, why := Warning, "calls are followed without, by more requests"
			if f.node.ARI.EventFilter {
				l, why = Fault, "with event_filter nothing else tells it"
			}
			e.add(l, channelvarsLine, "channels do not tell %s: %s", name, why)
			return
		}
	}
	e.add(Good, "", "channels tell what channelvars should have")
}

func judgeTrunks(e *examined, f *nodeFacts) {
	states := make(map[string]string, len(f.endpoints))
	for _, endpoint := range f.endpoints {
		states[endpoint.Name()] = endpoint.State
	}
	for _, trunk := range f.node.Trunks {
		switch state, ok := states[trunk]; {
		case !ok:
			e.add(Fault, "trunks in callbackd.yaml; `pjsip show endpoints` lists their names",
				"the PBX has no endpoint %s: calls by that trunk would count as internal", trunk)
		case state == "offline":
			e.add(Warning, "the trunk itself: `pjsip show contacts`", "%s is offline: no call can come or go by it", trunk)
		default:
			e.add(Good, "", "trunk %s is %s", trunk, state)
		}
	}
}

// judgeName looks whether the node's unique IDs can be those of another: calls
// are told apart by the node, but people, and the rows of a common channel event
// log, are not.
func judgeName(e *examined, nodes []nodeFacts, n int) {
	const change = "systemname in asterisk.conf, section [options], another on each node"
	f := &nodes[n]
	name := f.info.SystemName
	if want := f.node.CEL.Systemname; want != "" && want != name {
		e.add(Fault, "cel.systemname of the node, or systemname in asterisk.conf",
			"its rows in the channel event log are looked for by systemname %q, but its systemname is %q", want, name)
	}
	for i := range nodes {
		switch other := &nodes[i]; {
		case i == n || other.err != nil:
		case name == "":
			e.add(Warning, change, "it has no systemname: its unique IDs may be those of %s", other.node.Name)
		case name == other.info.SystemName:
			e.add(Warning, change, "its systemname %q is that of %s, too", name, other.node.Name)
		}
	}
}
