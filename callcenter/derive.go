package callcenter

import (
	"slices"
	"strings"
	"time"
)

// call works out from the facts what the call is.
func (c *call) call(node string, plan *classifier) Call {
	out := Call{
		RequestID: c.requestID, Node: node, LinkedID: c.linkedID,
		Kind: c.kind(), Direction: c.direction(), CallCenters: c.callCenters(),
		State: StateActive, StartedAt: c.startedAt(), AnsweredAt: c.answeredAt(),
		Recordings: slices.Clone(c.recordings), Receipt: slices.Clone(c.receipt),
		MergedInto: c.mergedInto, LastEventAt: c.lastEventAt,
	}
	for _, l := range c.legs {
		out.Legs = append(out.Legs, l.clone())
	}
	if out.Kind == KindCallCenter {
		out.CallCenter = c.callCenter(out.CallCenters)
	}
	out.Agent, out.Agents = c.agents(out.Direction)
	out.RemoteNumber = c.remoteNumber(out.Direction)
	out.LocalNumber = c.localNumber(&out, plan)
	out.BusinessLabel = c.businessLabel(&out, plan)
	if c.live == 0 {
		out.State = StateEnded
		ended := c.endedAt()
		out.EndedAt = &ended
		out.Outcome = c.outcome()
		// The reason may have come from what is not stored: it stands while
		// the result does.
		if c.restored != nil && c.restored.Outcome.Result == out.Outcome.Result {
			out.Outcome = c.restored.Outcome
		}
	} else {
		out.Activity = c.activity(&out)
	}
	return out
}

func (l *leg) clone() Leg {
	out := l.Leg
	for _, t := range []**time.Time{&out.RingingAt, &out.AnsweredAt, &out.EndedAt, &out.HungUpAt} {
		if *t != nil {
			at := **t
			*t = &at
		}
	}
	return out
}

func (c *Call) clone() Call {
	out := *c
	out.Receipt = slices.Clone(c.Receipt)
	out.Recordings = slices.Clone(c.Recordings)
	out.Legs = slices.Clone(c.Legs)
	return out
}

// kind is the strongest that a signal speaks for. Having met an IVR counts
// only for calls that met nothing else.
func (c *call) kind() Kind {
	kind := KindUnknown
	for _, s := range c.receipt {
		if s.Kind == KindIVR && c.has(RuleUnknownQueue) {
			continue
		}
		if slices.Index(Kinds, s.Kind) < slices.Index(Kinds, kind) {
			kind = s.Kind
		}
	}
	return kind
}

// root is the leg that began the call: the first that Asterisk did not dial,
// or else the first.
func (c *call) root() *leg {
	for _, l := range c.legs {
		if !l.Dialled && !l.local() {
			return l
		}
	}
	return c.legs[0]
}

func (l *leg) local() bool { return isLocal(l.Endpoint) }

// isLocal reports whether an endpoint is half of a Local channel.
func isLocal(endpoint string) bool { return strings.HasPrefix(endpoint, "Local/") }

// caller is the leg of who called: one that came in from outside, even when
// a transfer brought it into a call between phones, or else the root.
func (c *call) caller() *leg {
	for _, l := range c.legs {
		if l.Trunk && !l.Dialled {
			return l
		}
	}
	return c.root()
}

func (c *call) direction() Direction {
	caller := c.caller()
	switch {
	case caller.Trunk && !caller.Dialled && caller == c.root():
		return DirectionInbound
	case c.wentOut():
		return DirectionOutbound
	case caller.Trunk:
		return DirectionInbound
	}
	return DirectionInternal
}

// wentOut reports whether a trunk was called, and not only beside a phone that
// answered in its place, as where somebody's mobile phone rings, too.
func (c *call) wentOut() bool {
	called, answeredInside := false, false
	for _, l := range c.legs {
		switch {
		case !l.Dialled:
		case !l.Trunk:
			answeredInside = answeredInside || c.answers(l)
		case l.AnsweredAt != nil:
			return true
		default:
			called = true
		}
	}
	return called && !answeredInside
}

// callCenters are all that were visited, in the order of the first visit.
func (c *call) callCenters() []string {
	var ids []string
	for _, s := range c.receipt {
		if s.CallCenter != "" && !slices.Contains(ids, s.CallCenter) {
			ids = append(ids, s.CallCenter)
		}
	}
	return ids
}

// callCenter is the one that the call counts for: the last whose agent
// answered, or else the last it entered. A leg may have been called for one
// that the call was not seen to enter, where rows of a log are missing: only the
// receipt says who may see the call.
func (c *call) callCenter(visited []string) string {
	if l := c.lastAnswered(func(l *leg) bool { return slices.Contains(visited, l.CallCenter) }); l != nil {
		return l.CallCenter
	}
	return c.entered()
}

// entered is the call center that the call entered last.
func (c *call) entered() string {
	var last Signal
	for _, s := range c.receipt {
		if s.CallCenter != "" && !s.At.Before(last.At) {
			last = s
		}
	}
	return last.CallCenter
}

// lastAnswered returns the leg that was answered last among those that match.
func (c *call) lastAnswered(match func(*leg) bool) *leg {
	var last *leg
	for _, l := range c.legs {
		if l.AnsweredAt != nil && match(l) && (last == nil || l.AnsweredAt.After(*last.AnsweredAt)) {
			last = l
		}
	}
	return last
}

// agents returns the endpoint that the call counts for and all that took
// part: the phone that placed the call and those that answered.
func (c *call) agents(direction Direction) (agent string, all []string) {
	phone := func(l *leg) bool { return !l.Trunk && !l.local() }
	placed := phone(c.root()) && !c.root().Dialled
	if placed {
		all = append(all, c.root().Endpoint)
	}
	answered := slices.DeleteFunc(slices.Clone(c.legs), func(l *leg) bool { return l.AnsweredAt == nil || !phone(l) })
	slices.SortStableFunc(answered, func(a, b *leg) int { return a.AnsweredAt.Compare(*b.AnsweredAt) })
	for _, l := range answered {
		if !slices.Contains(all, l.Endpoint) {
			all = append(all, l.Endpoint)
		}
	}
	// Of a Local channel's two sides only the phone's is a person's; both
	// carry the call center.
	last := c.lastAnswered(func(l *leg) bool { return phone(l) && l.CallCenter != "" })
	switch {
	case last != nil:
	case placed && direction == DirectionOutbound:
		last = c.root()
	default:
		last = c.lastAnswered(phone)
	}
	if last != nil {
		agent = last.Endpoint
	}
	return agent, all
}

func (c *call) startedAt() time.Time { return c.legs[0].StartedAt }

// answeredAt is when a person answered first: a leg that was dialled and is
// not half of a Local channel. Of a call that Asterisk began (click to call, a
// dialler) the first leg is who calls, as soon as it has been sent on.
func (c *call) answeredAt() *time.Time {
	var first *time.Time
	for _, l := range c.legs {
		if c.answers(l) && (first == nil || l.AnsweredAt.Before(*first)) {
			at := *l.AnsweredAt
			first = &at
		}
	}
	return first
}

// answers reports whether a leg is one that was called and answered.
func (c *call) answers(l *leg) bool {
	return l.AnsweredAt != nil && !l.local() && (l != c.root() || !c.begun())
}

// begun reports whether Asterisk began the call, and its first leg has been
// sent on as who calls.
func (c *call) begun() bool {
	return c.root().Dialled && c.has(RuleCallCenterQueue, RuleRingGroupQueue, RuleUnknownQueue, RuleRingGroupDial, RuleTerminalDial)
}

func (c *call) endedAt() time.Time {
	var last time.Time
	for _, l := range c.legs {
		if l.EndedAt != nil && l.EndedAt.After(last) {
			last = *l.EndedAt
		}
	}
	return last
}

// remoteNumber is the other party's: of an outgoing call the number sent to
// the trunk, of all others the caller's.
func (c *call) remoteNumber(direction Direction) string {
	number := ""
	if direction == DirectionOutbound {
		answered := false
		for _, l := range c.legs {
			if n := numberOfDialString(l.dialString); l.Trunk && n != "" && !answered {
				number, answered = n, l.AnsweredAt != nil
			}
		}
	} else if caller := c.caller(); !caller.Dialled { // or else the number is its own
		number = presentedNumber(firstOf(caller.calling().introducedBy, caller.number))
	}
	if number == "" && c.restored != nil {
		return c.restored.RemoteNumber
	}
	return number
}

// localNumber is our side's: the extension of the call center or ring group,
// the phone's number of a plain outgoing call, or else what was dialled.
func (c *call) localNumber(out *Call, plan *classifier) string {
	number := ""
	switch {
	case out.Kind == KindCallCenter:
		if cc := plan.centers[out.CallCenter]; cc != nil {
			number = cc.Extension
		}
	case out.Direction == DirectionOutbound && c.restored != nil && c.restored.Direction == DirectionOutbound:
		number = c.restored.LocalNumber // what the channel shows by now may be what is presented
	case out.Direction == DirectionOutbound:
		number = firstOf(c.root().calling().ownNumber, c.root().number)
	case out.Kind == KindRingGroup:
		number = c.ringGroupExtension(plan)
	case out.Kind == KindTerminal:
		for _, s := range c.receipt {
			if s.Rule == RuleTerminalExtension {
				number = s.Value
			}
		}
		number = firstOf(number, c.dialledExten)
	}
	if number == "" && c.restored != nil {
		number = c.restored.LocalNumber
	}
	if out.Direction == DirectionOutbound {
		return number // what was dialled is the other side's
	}
	return firstOf(number, c.firstExten)
}

func (c *call) ringGroupExtension(plan *classifier) string {
	number := ""
	for _, s := range c.receipt {
		switch s.Rule {
		case RuleRingGroupExtension:
			number = s.Value
		case RuleRingGroupQueue:
			if g := plan.byQueue[strings.ToLower(s.Value)].group; g != nil {
				number = g.Extension
			}
		default: // says nothing about which ring group
		}
	}
	return firstOf(number, c.dialledExten)
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// businessLabel is what the dialplan set, or else what the number dialled
// stands for, or else the call center's.
func (c *call) businessLabel(out *Call, plan *classifier) string {
	if c.label != "" {
		return c.label
	}
	if out.Direction == DirectionInbound {
		if id := plan.labelOf(c.firstExten); id != "" {
			return id
		}
	}
	if cc := plan.centers[out.CallCenter]; cc != nil {
		return cc.Label
	}
	return ""
}
