package callcenter

import "strings"

// Dialplan names the product that made a node's dialplan: what a site lists
// counts in any of them, and how some products write theirs is known besides.
type Dialplan string

// The dialplans whose habits are known.
const (
	DialplanGeneric Dialplan = "generic" // nothing is known of it; so is ""
	DialplanFreePBX Dialplan = "freepbx"
	DialplanWazo    Dialplan = "wazo"
)

// habits are how a product writes its dialplan, as far as no event tells.
type habits struct {
	// inner reports whether a context is one of the product's own subroutines,
	// whose extensions nobody dials.
	inner func(context string) bool
	// rings tells whom Dial calls where the number of devices does not.
	rings func(where, dialled position, devices string) ringing
	// groupQueue is what the names of queues begin with that are ring groups;
	// empty for none.
	groupQueue string
	// busyAGI says that AGI runs in calls of every kind, to look things up.
	busyAGI bool
}

// position is a place in the dialplan.
type position struct{ context, exten string }

// ringing says whom Dial calls.
type ringing int

const (
	ringsDevices ringing = iota // as many as there are devices
	ringsPerson                 // one person, who may have several
	ringsGroup                  // several, who may have but one between them just now
)

func habitsOf(d Dialplan) habits {
	switch d {
	case DialplanFreePBX:
		return habits{inner: freepbxInner, rings: freepbxRings, busyAGI: true}
	case DialplanWazo:
		return habits{inner: wazoInner, rings: wazoRings, groupQueue: "grp-", busyAGI: true}
	case DialplanGeneric:
	}
	return habits{
		inner: func(string) bool { return false },
		rings: func(_, _ position, _ string) ringing { return ringsDevices },
	}
}

// freepbxInner: macros are subroutines by that name since Asterisk 21. What a
// queue's members are called by is reached through Local channels alone, at the
// queue's extension first.
func freepbxInner(context string) bool {
	for _, prefix := range [...]string{"macro-", "sub-", "func-", "dialparties", "from-queue"} {
		if strings.HasPrefix(context, prefix) {
			return true
		}
	}
	return false
}

// freepbxRings: macro-dial-one calls an extension, which may have several
// phones. macro-dial calls ring groups, but also what follow-me lists, which is
// a primary (FMPR-) and a list (FMGL-) in Local channels where both ring at once.
func freepbxRings(where, dialled position, devices string) ringing {
	switch {
	case where.context == "macro-dial-one", strings.HasPrefix(devices, "Local/FMPR-"):
		return ringsPerson
	case !strings.HasPrefix(where.context, "macro-dial") || strings.HasPrefix(where.context, "macro-dialout"):
		return ringsDevices
	case strings.HasPrefix(dialled.context, "followme-"), strings.HasPrefix(dialled.context, "ext-findmefollow"),
		strings.HasPrefix(dialled.exten, "FMGL-"), strings.HasPrefix(dialled.exten, "FMPR-"):
		return ringsPerson
	}
	return ringsGroup
}

// wazoContexts are the subroutines that Wazo brings; a site's own contexts have
// other names.
var wazoContexts = map[string]bool{
	"did": true, "forward": true, "user": true, "group": true, "queue": true, "outcall": true, "agentcallback": true,
	"usersharedlines": true, "switchboard": true, "voicemail": true, "conference": true, "contextlib": true,
}

func wazoInner(context string) bool {
	return wazoContexts[context] || strings.HasPrefix(context, "wazo-") || strings.HasPrefix(context, "xivo-")
}

// wazoRings: a user may have several lines. A group that rings one after the
// other is a loop behind a Local channel, all others are queues.
func wazoRings(where, _ position, _ string) ringing {
	switch where.context {
	case "user", "usersharedlines", "agentcallback":
		return ringsPerson
	case "group":
		return ringsGroup
	}
	return ringsDevices
}
