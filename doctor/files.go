package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"callbackd/configs"
)

// judgeAsteriskConfig says what the files of a PBX mean for callbackd.
func judgeAsteriskConfig(cfg *configs.Config, node *configs.PBX, c *asteriskConfig) []Finding {
	e := &examined{part: "pbx " + node.Name}
	if c.err != nil {
		e.add(Fault, "--asterisk-config, and the rights of who runs doctor", "Asterisk's configuration cannot be read: %s", c.err)
		return e.findings
	}
	c.judgeLimits(e)
	c.judgeARI(e, node)
	c.judgeConfiguredQueues(e, cfg)
	c.judgeExtensions(e, cfg)
	return e.findings
}

const (
	// neededSessions is how many connections callbackd may have, and enoughSessions
	// Asterisk's default, which leaves room for others.
	neededSessions, enoughSessions = 11, 100
	// enoughWriteTimeout is Asterisk's default, in milliseconds.
	enoughWriteTimeout = 100
)

// judgeLimits looks at limits by which Asterisk cuts connections off.
func (c *asteriskConfig) judgeLimits(e *examined) {
	const sessions, timeout = "sessionlimit = 100 in http.conf, section [general]", "websocket_write_timeout = 100 in ari.conf, section [general]"
	switch n, err := strconv.Atoi(c.http.get("general", "sessionlimit")); {
	case err != nil:
		e.add(Good, "", "sessionlimit is Asterisk's default, %d", enoughSessions)
	case n < neededSessions:
		e.add(Fault, sessions, "sessionlimit is %d: callbackd may need %d, and what is beyond is cut off without an answer", n, neededSessions)
	case n < enoughSessions:
		e.add(Warning, sessions, "sessionlimit is %d: others use connections, too, and callbackd may need %d", n, neededSessions)
	default:
		e.add(Good, "", "sessionlimit is %d", n)
	}
	switch n, err := strconv.Atoi(c.ari.get("general", "websocket_write_timeout")); {
	case err != nil:
		e.add(Good, "", "websocket_write_timeout is Asterisk's default, %d ms", enoughWriteTimeout)
	case n < enoughWriteTimeout:
		e.add(Warning, timeout, "websocket_write_timeout is %d ms: a network that stalls for longer makes a gap", n)
	default:
		e.add(Good, "", "websocket_write_timeout is %d ms", n)
	}
}

// judgeARI looks at what ari.conf says of channel variables and of our user.
func (c *asteriskConfig) judgeARI(e *examined, node *configs.PBX) {
	if !c.ari.has(node.ARI.Username) && !c.ari.elsewhere {
		e.add(Fault, fmt.Sprintf("section [%s] in ari.conf, as the sample has it", node.ARI.Username), "ari.conf has no user %s", node.ARI.Username)
	}
	vars := c.ari.get("general", "channelvars")
	for _, name := range []string{"CHANNEL(linkedid)", "CALLBACKD_CALL_CENTER", "CALLBACKD_LABEL"} {
		if !slices.ContainsFunc(strings.Split(vars, ","), func(v string) bool { return strings.TrimSpace(v) == name }) {
			l := Warning
			if node.ARI.EventFilter {
				l = Fault
			}
			e.add(l, channelvarsLine, "channelvars does not name %s", name)
			return
		}
	}
	e.add(Good, "", "channelvars names what it should")
}

// judgeConfiguredQueues compares the queues of both configurations. Capitals do
// not count.
func (c *asteriskConfig) judgeConfiguredQueues(e *examined, cfg *configs.Config) {
	ours := map[string]string{}
	for _, cc := range cfg.CallCenters {
		for _, q := range cc.Queues {
			ours[strings.ToLower(q)] = "call center " + cc.ID
		}
	}
	for _, g := range cfg.RingGroups {
		for _, q := range g.Queues {
			ours[strings.ToLower(q)] = "ring group " + g.ID
		}
	}
	before := len(e.findings)
	for _, name := range c.queueNames {
		if _, known := ours[strings.ToLower(name)]; !known {
			e.add(Warning, "name it under queues of a call center or a ring group in callbackd.yaml", "queue %q of queues.conf is in no call center and no ring group", name)
		}
	}
	if c.queues.elsewhere {
		e.add(Good, "", "a program makes a part of queues.conf: whether it has the queues of the configuration is not known")
		return
	}
	for q, where := range ours {
		if !slices.ContainsFunc(c.queueNames, func(name string) bool { return strings.EqualFold(name, q) }) {
			e.add(Fault, "its name in callbackd.yaml or in queues.conf: it must be the same, letter by letter", "queue %q of %s is not in queues.conf", q, where)
		}
	}
	if len(e.findings) == before {
		e.add(Good, "", "queues.conf has the queues of the configuration, and no others")
	}
}

// judgeExtensions looks whether the dialplan has the extensions of the
// configuration, in any context.
func (c *asteriskConfig) judgeExtensions(e *examined, cfg *configs.Config) {
	if c.extensions.elsewhere || !slices.ContainsFunc(c.extensions.sections, func(s *asteriskSection) bool { return s.name != "general" && s.name != "globals" }) {
		e.add(Good, "", "the dialplan is not in extensions.conf alone: whether it has the extensions of the configuration is not known")
		return
	}
	missing := false
	look := func(where, id, exten string) {
		if !slices.ContainsFunc(c.dialled, func(p configs.Pattern) bool { return p.Match(exten) }) {
			missing = true
			e.add(Warning, "its extension in callbackd.yaml, or the dialplan", "extension %s of %s %s is in no context of extensions.conf", exten, where, id)
		}
	}
	for _, cc := range cfg.CallCenters {
		look("call center", cc.ID, cc.Extension)
	}
	for _, g := range cfg.RingGroups {
		look("ring group", g.ID, g.Extension)
	}
	if !missing {
		e.add(Good, "", "extensions.conf has the extensions of the configuration")
	}
}
