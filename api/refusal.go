package api

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

func asNotCallCenterCall(err error) (*callbacks.NotCallCenterCallError, bool) {
	return errors.AsType[*callbacks.NotCallCenterCallError](err)
}

// refusal says why no callback can be registered for a call that is not a
// call-center call, for the agent who tried: what kind of call it was, by
// the signal of the receipt that made it so, and what the rule is.
func refusal(call *callcenter.Call, lang Language) string {
	if why, ok := unknownRefusal(call, lang); ok {
		return why
	}
	return fmt.Sprintf(lang.pick(
		"この通話は%sため、折り返し呼を登録できません。コールセンターの通話のみ登録できます。",
		"A callback cannot be registered because this call %s. Only call-center calls can have one."), reason(call, lang))
}

// reason completes the sentence of refusal.
func reason(call *callcenter.Call, lang Language) string {
	switch call.Kind {
	case callcenter.KindTerminal:
		return terminalReason(call, lang)
	case callcenter.KindRingGroup:
		return ringGroupReason(call, lang)
	case callcenter.KindIVR:
		if call.State == callcenter.StateActive {
			return lang.pick("まだ音声案内(IVR)のみに接続している", "has reached only a voice menu (IVR) so far")
		}
		return lang.pick("音声案内(IVR)のみに接続した", "reached only a voice menu (IVR)")
	case callcenter.KindCallCenter, callcenter.KindUnknown:
	}
	return lang.pick("どの種類の着信か判別できない", "is of a kind that could not be told")
}

func terminalReason(call *callcenter.Call, lang Language) string {
	if call.Direction == callcenter.DirectionOutbound {
		phone := phoneName(call.Agent)
		if phone == "" {
			phone = cleaned(call.LocalNumber)
		}
		return named(lang, phone, "電話端末(%s)からの発信の", "電話端末からの発信の",
			"was made from a phone (%s), not for a call center", "was made from a phone, not for a call center")
	}
	phone := ""
	if signal, ok := strongest(call, callcenter.RuleTerminalExtension, callcenter.RuleTerminalDial); ok {
		phone = phoneName(signal.Value)
	}
	if phone == "" {
		phone = cleaned(call.LocalNumber)
	}
	if call.Direction == callcenter.DirectionInternal {
		return named(lang, phone, "電話端末(%s)への内線通話の", "電話端末への内線通話の",
			"was an internal call to a phone (%s)", "was an internal call to a phone")
	}
	return named(lang, phone, "電話端末(%s)への着信の", "電話端末への着信の", "was to a phone (%s)", "was to a phone")
}

func ringGroupReason(call *callcenter.Call, lang Language) string {
	signal, _ := strongest(call, callcenter.RuleRingGroupQueue, callcenter.RuleRingGroupExtension, callcenter.RuleRingGroupDial)
	switch signal.Rule {
	case callcenter.RuleRingGroupQueue:
		return named(lang, cleaned(signal.Value), "着信グループ(キュー「%s」)への着信の", "着信グループへの着信の",
			"was to a ring group (queue %q)", "was to a ring group")
	case callcenter.RuleRingGroupExtension:
		return named(lang, cleaned(signal.Value), "着信グループ(%s)への着信の", "着信グループへの着信の",
			"was to a ring group (%s)", "was to a ring group")
	default:
		// Dial with several devices: the group's number says more to an agent
		// than the list of phones.
		return named(lang, cleaned(call.LocalNumber), "着信グループ(%s)への着信の", "着信グループへの着信の",
			"was to a ring group (%s)", "was to a ring group")
	}
}

// unknownRefusal is for calls that look as if the configuration had
// forgotten something: the agent cannot help it, but can tell whom it takes.
func unknownRefusal(call *callcenter.Call, lang Language) (string, bool) {
	if call.Kind != callcenter.KindUnknown {
		return "", false
	}
	signal, ok := strongest(call, callcenter.RuleUnknownQueue, callcenter.RuleUnknownVariable, callcenter.RuleUnknownRequest)
	if !ok {
		return "", false
	}
	value := cleaned(signal.Value)
	if signal.Rule != callcenter.RuleUnknownQueue {
		return fmt.Sprintf(lang.pick(
			"この通話に指定されたコールセンター「%s」が設定されていないため、折り返し呼を登録できません。コールセンターの通話であれば、設定について管理者に連絡してください。",
			"A callback cannot be registered because the call center %q, given for this call, is not configured. If this was a call-center call, please tell your administrator."), value), true
	}
	return fmt.Sprintf(lang.pick(
		"この通話が入ったキュー「%s」がどのコールセンターにも設定されていないため、折り返し呼を登録できません。コールセンターの通話であれば、設定について管理者に連絡してください。",
		"A callback cannot be registered because the queue %q, which this call entered, is not configured for any call center. If this was a call-center call, please tell your administrator."), value), true
}

// strongest returns the newest signal of the first of the rules that has
// one.
func strongest(call *callcenter.Call, rules ...callcenter.Rule) (callcenter.Signal, bool) {
	for _, rule := range rules {
		for i := len(call.Receipt) - 1; i >= 0; i-- {
			if call.Receipt[i].Rule == rule {
				return call.Receipt[i], true
			}
		}
	}
	return callcenter.Signal{}, false
}

// named puts a name into a phrase, or takes the phrase that needs none.
func named(lang Language, name, ja, jaPlain, en, enPlain string) string {
	if name == "" {
		return lang.pick(jaPlain, enPlain)
	}
	return fmt.Sprintf(lang.pick(ja, en), name)
}

// phoneName is what people call a phone: 2001 of PJSIP/2001.
func phoneName(device string) string {
	if _, resource, ok := strings.Cut(device, "/"); ok {
		device = resource
	}
	return cleaned(device)
}

// cleaned bounds what comes from the PBX and takes out what would disturb a
// sentence: callers can choose some of these names.
func cleaned(name string) string {
	name = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, strings.ToValidUTF8(name, ""))
	return shown(name)
}
