package callcenter

import (
	"fmt"
	"slices"
	"strings"
)

// CallCenter is a desk with a name, an extension and queues of its own
// (コールセンター).
type CallCenter struct {
	ID        string
	Name      string
	Extension string
	Queues    []string
	// Label is the id of the business label of its calls that have no other;
	// empty for none.
	Label string
}

// RingGroup is an extension that rings several phones (着信グループ). One
// that is a queue on the PBX lists it.
type RingGroup struct {
	ID        string
	Name      string
	Extension string
	Queues    []string
}

// Label is a line of business (業務ラベル). Calls dialled to one of its DIDs
// have it, unless the dialplan gives them another by CALLBACKD_LABEL.
type Label struct {
	ID   string
	Name string
	DIDs []string
}

// Extension matches extensions; configs.Pattern is one.
type Extension interface{ Match(exten string) bool }

// Plan is what a site's configuration says about its dialplan: what call
// classification goes by. It is not changed once it is in use.
type Plan struct {
	CallCenters []CallCenter
	RingGroups  []RingGroup
	Terminals   []Extension
	Labels      []Label
	// Dialplan says whose habits the dialplan has.
	Dialplan Dialplan
	// Trunks are the endpoints that lead outside, such as PJSIP/trunk.
	Trunks []string
	// Contexts are the dialplan contexts in which an extension counts as
	// dialled; empty for any.
	Contexts []string
	// NumberKey returns what all spellings of a number have in common, by which
	// the number dialled is compared with the labels' DIDs: trunks send the same
	// number as 0355550001 and as +81355550001. It must be pure. Nil compares
	// digits alone.
	NumberKey func(number string) string
	// Application is the name of our Stasis application; empty when the
	// dialplan has no callbacks registered.
	Application string
}

// classifier is a Plan made ready for look-ups.
type classifier struct {
	centers    map[string]*CallCenter // by id
	groups     map[string]*RingGroup  // by id
	byQueue    map[string]target      // by the name in small letters, as Asterisk compares
	byExten    map[string]target
	byVariable map[string]string // call center's id or extension → id
	labels     map[string]bool
	byDID      map[string]string // key of a DID → label id
	numberKey  func(string) string
	// labelled remembers the label of extensions that were dialled: there are
	// few, and a call asks for its own with each change.
	labelled  map[string]string
	terminals []Extension
	trunks    map[string]bool
	contexts  map[string]bool
	// application is that of Plan.
	application string
	habits      habits
}

// target is what a queue or an extension belongs to; just one is set.
type target struct {
	center *CallCenter
	group  *RingGroup
}

func newClassifier(p *Plan) (*classifier, error) {
	c := &classifier{
		centers: map[string]*CallCenter{}, groups: map[string]*RingGroup{},
		byQueue: map[string]target{}, byExten: map[string]target{}, byVariable: map[string]string{},
		labels: map[string]bool{}, byDID: map[string]string{}, labelled: map[string]string{}, numberKey: p.NumberKey,
		terminals: slices.Clone(p.Terminals), trunks: map[string]bool{}, contexts: map[string]bool{},
		application: p.Application, habits: habitsOf(p.Dialplan),
	}
	for i := range p.CallCenters {
		cc := &p.CallCenters[i]
		c.centers[cc.ID] = cc
		c.byVariable[cc.ID] = cc.ID
		c.byVariable[cc.Extension] = cc.ID
		if err := c.claim(cc.Extension, cc.Queues, target{center: cc}); err != nil {
			return nil, fmt.Errorf("call center %q: %w", cc.ID, err)
		}
	}
	for i := range p.RingGroups {
		g := &p.RingGroups[i]
		c.groups[g.ID] = g
		if err := c.claim(g.Extension, g.Queues, target{group: g}); err != nil {
			return nil, fmt.Errorf("ring group %q: %w", g.ID, err)
		}
	}
	if c.numberKey == nil {
		c.numberKey = digits
	}
	for _, l := range p.Labels {
		c.labels[l.ID] = true
		for _, did := range l.DIDs {
			key := c.numberKey(did)
			if other, taken := c.byDID[key]; taken && other != l.ID {
				return nil, fmt.Errorf("business label %q: number %q is that of label %q, spelt otherwise", l.ID, did, other)
			}
			c.byDID[key] = l.ID
		}
	}
	for _, t := range p.Trunks {
		c.trunks[t] = true
	}
	for _, name := range p.Contexts {
		c.contexts[name] = true
	}
	return c, nil
}

// claim notes whose an extension and queues are. One that belonged to two
// would make a call of one count for the other.
func (c *classifier) claim(exten string, queues []string, t target) error {
	if exten != "" {
		if _, taken := c.byExten[exten]; taken {
			return fmt.Errorf("extension %q is taken", exten)
		}
		c.byExten[exten] = t
	}
	for _, q := range queues {
		name := strings.ToLower(q)
		if _, taken := c.byQueue[name]; taken {
			return fmt.Errorf("queue %q is taken", q)
		}
		c.byQueue[name] = t
	}
	return nil
}

// maxLabelled bounds the extensions whose label is remembered: a hostile
// caller may dial any.
const maxLabelled = 1024

// labelOf returns the label of a number that was dialled; empty for none.
func (c *classifier) labelOf(exten string) string {
	if exten == "" || len(c.byDID) == 0 {
		return ""
	}
	label, known := c.labelled[exten]
	if !known {
		if len(c.labelled) >= maxLabelled {
			clear(c.labelled)
		}
		label = c.byDID[c.numberKey(exten)]
		c.labelled[exten] = label
	}
	return label
}

// queue says what entering a queue means.
func (c *classifier) queue(name string) Signal {
	switch t := c.byQueue[strings.ToLower(name)]; {
	case t.center != nil:
		return Signal{Rule: RuleCallCenterQueue, Kind: KindCallCenter, CallCenter: t.center.ID, Value: name}
	case t.group != nil:
		return Signal{Rule: RuleRingGroupQueue, Kind: KindRingGroup, Value: name}
	}
	if prefix := c.habits.groupQueue; prefix != "" && strings.HasPrefix(name, prefix) {
		return Signal{Rule: RuleRingGroupQueue, Kind: KindRingGroup, Value: name}
	}
	return Signal{Rule: RuleUnknownQueue, Kind: KindUnknown, Value: name}
}

// extension says what being dialled to an extension means; ok is false when
// it means nothing.
func (c *classifier) extension(context, exten string) (s Signal, ok bool) {
	if exten == "" || len(c.contexts) > 0 && !c.contexts[context] || c.habits.inner(context) {
		return Signal{}, false
	}
	switch t := c.byExten[exten]; {
	case t.center != nil:
		return Signal{Rule: RuleCallCenterExtension, Kind: KindCallCenter, CallCenter: t.center.ID, Value: exten}, true
	case t.group != nil:
		return Signal{Rule: RuleRingGroupExtension, Kind: KindRingGroup, Value: exten}, true
	}
	if slices.ContainsFunc(c.terminals, func(t Extension) bool { return t.Match(exten) }) {
		return Signal{Rule: RuleTerminalExtension, Kind: KindTerminal, Value: exten}, true
	}
	return Signal{}, false
}

// variable says what a value of CALLBACKD_CALL_CENTER means.
func (c *classifier) variable(value string) Signal {
	if id, ok := c.byVariable[value]; ok {
		return Signal{Rule: RuleCallCenterVariable, Kind: KindCallCenter, CallCenter: id, Value: value}
	}
	return Signal{Rule: RuleUnknownVariable, Kind: KindUnknown, Value: value}
}

// ActionRegister is the first argument of our Stasis application where the
// dialplan asks for a callback; the second is the call center.
const ActionRegister = "register"

// stasis says what running Stasis with the given arguments means; ok is false
// when it means nothing.
func (c *classifier) stasis(data string) (s Signal, ok bool) {
	if c.application == "" || argument(data, 0) != c.application || argument(data, 1) != ActionRegister {
		return Signal{}, false
	}
	value := argument(data, 2)
	if id, ok := c.byVariable[value]; ok {
		return Signal{Rule: RuleCallCenterRequest, Kind: KindCallCenter, CallCenter: id, Value: value}, true
	}
	return Signal{Rule: RuleUnknownRequest, Kind: KindUnknown, Value: value}, true
}

// CallCenterOf returns the call center of an id or extension, as the dialplan
// may name it.
func (p *Plan) CallCenterOf(name string) (CallCenter, bool) {
	i := slices.IndexFunc(p.CallCenters, func(c CallCenter) bool { return name != "" && (c.ID == name || c.Extension == name) })
	if i < 0 {
		return CallCenter{}, false
	}
	return p.CallCenters[i], true
}

// dial says what running Dial with the given devices means, at a place in the
// dialplan to which another one led that somebody dialled. Several contacts of
// one endpoint are one device; trunks lead outside and are none.
func (c *classifier) dial(where, dialled position, devices string) Signal {
	switch c.habits.rings(where, dialled, devices) {
	case ringsPerson:
		return Signal{Rule: RuleTerminalDial, Kind: KindTerminal, Value: devices}
	case ringsGroup:
		return Signal{Rule: RuleRingGroupDial, Kind: KindRingGroup, Value: devices}
	case ringsDevices:
	}
	distinct := map[string]bool{}
	for device := range strings.SplitSeq(devices, "&") {
		if e := endpointOfDevice(device); e != "" && !c.trunks[e] {
			distinct[e] = true
		}
	}
	if len(distinct) > 1 {
		return Signal{Rule: RuleRingGroupDial, Kind: KindRingGroup, Value: devices}
	}
	return Signal{Rule: RuleTerminalDial, Kind: KindTerminal, Value: devices}
}

// leadsOutside reports whether all devices are trunks.
func (c *classifier) leadsOutside(devices string) bool {
	for device := range strings.SplitSeq(devices, "&") {
		if !c.trunks[endpointOfDevice(device)] {
			return false
		}
	}
	return true
}

// ivr reports whether an application, by its name in small letters, speaks to
// the caller or listens for keys.
func (c *classifier) ivr(name string) bool {
	return ivrApplications[name] && !(c.habits.busyAGI && strings.HasSuffix(name, "agi"))
}

// ivrApplications speak to the caller or listen for keys. Answer, NoOp, Set,
// Goto and their like say nothing.
var ivrApplications = map[string]bool{
	"background": true, "backgrounddetect": true, "waitexten": true, "read": true, "readexten": true,
	"playback": true, "controlplayback": true, "playtones": true, "musiconhold": true, "mp3player": true,
	"saydigits": true, "saynumber": true, "sayalpha": true, "sayphonetic": true, "sayunixtime": true, "datetime": true,
	"record": true, "voicemail": true, "voicemailmain": true, "directory": true, "dictate": true, "echo": true,
	"speechbackground": true, "festival": true, "agi": true, "eagi": true, "minivmgreet": true, "amd": true,
}

// digits returns the digits of a number, so that spellings compare equal.
func digits(number string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, number)
}
