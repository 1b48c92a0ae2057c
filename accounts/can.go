package accounts

import (
	"errors"
	"slices"
)

// ErrForbidden says that the principal may see the thing but not do this to
// it. What a principal may not even see does not exist for it.
var ErrForbidden = errors.New("not allowed")

// Action is something that a principal may want to do.
type Action string

// The actions on what belongs to call centers: a call to those that it
// visited, a callback to those that its call visited, an account to those
// that it is a member of.
const (
	ActionReadCall         Action = "read_call"
	ActionReadCallback     Action = "read_callback"
	ActionRegisterCallback Action = "register_callback"
	// ActionClaimCallback makes the principal's own account the assignee of a
	// callback that has none.
	ActionClaimCallback Action = "claim_callback"
	// ActionAssignCallback gives a callback to somebody, or takes it away.
	ActionAssignCallback Action = "assign_callback"
	// ActionSetOwnCallbackStatus completes and reopens a callback whose
	// assignee is the principal's own account.
	ActionSetOwnCallbackStatus Action = "set_own_callback_status"
	// ActionSetCallbackStatus completes and reopens anybody's callback.
	ActionSetCallbackStatus Action = "set_callback_status"
	// ActionEditCallback changes memo and contact number.
	ActionEditCallback    Action = "edit_callback"
	ActionReadHistory     Action = "read_history"
	ActionExportCallbacks Action = "export_callbacks"
	ActionReadAccount     Action = "read_account"
	// ActionReadMonitor watches what goes on at a call center now, and what its
	// agents do.
	ActionReadMonitor Action = "read_monitor"
	// ActionPlayRecording lists and plays the recordings of a call.
	ActionPlayRecording Action = "play_recording"
	// ActionReadListens shows who heard which parts of a recording.
	ActionReadListens Action = "read_listens"
)

// The actions on what is shared by all call centers: the phone book, and the
// PBX nodes.
const (
	ActionReadPhonebook   Action = "read_phonebook"
	ActionManagePhonebook Action = "manage_phonebook"
	// ActionReadNodes sees how PBX nodes are followed.
	ActionReadNodes Action = "read_nodes"
)

// The actions on who may do things. To manage belongs to no call center, so
// it takes a principal without a limit: one with a limit could otherwise lift
// it.
const (
	ActionManageAccounts Action = "manage_accounts"
	ActionManageTokens   Action = "manage_tokens"
)

// ActionManageWebhooks has changes sent to another system, of call centers that
// are all the principal's own: what is sent leaves callbackd.
const ActionManageWebhooks Action = "manage_webhooks"

// Actions are all actions.
var Actions = []Action{
	ActionReadCall, ActionReadCallback, ActionRegisterCallback, ActionClaimCallback, ActionAssignCallback,
	ActionSetOwnCallbackStatus, ActionSetCallbackStatus, ActionEditCallback, ActionReadHistory, ActionExportCallbacks,
	ActionReadAccount, ActionReadMonitor, ActionPlayRecording, ActionReadListens,
	ActionReadPhonebook, ActionManagePhonebook, ActionReadNodes, ActionManageAccounts, ActionManageTokens,
	ActionManageWebhooks,
}

// reach says how a principal's limit to call centers bears on an action.
type reach int

const (
	reachShared    reach = iota // the principal has a call center, whichever
	reachOwn                    // it has one in common with the thing, or no limit
	reachWhole                  // it has all that the thing has, or no limit
	reachUnlimited              // it has no limit
)

// rule returns the weakest role to which an action is open, or "" for an
// action that is open to nobody, and how far the action reaches.
func rule(action Action) (weakest Role, reaches reach) {
	switch action {
	case ActionReadCall, ActionReadCallback, ActionRegisterCallback, ActionClaimCallback,
		ActionSetOwnCallbackStatus, ActionEditCallback, ActionReadHistory, ActionReadAccount, ActionPlayRecording:
		return RoleAgent, reachOwn
	case ActionAssignCallback, ActionSetCallbackStatus, ActionExportCallbacks, ActionReadMonitor, ActionReadListens:
		return RoleSupervisor, reachOwn
	case ActionReadPhonebook:
		return RoleAgent, reachShared
	case ActionManagePhonebook, ActionReadNodes:
		return RoleSupervisor, reachShared
	case ActionManageWebhooks:
		return RoleAdmin, reachWhole
	case ActionManageAccounts, ActionManageTokens:
		return RoleAdmin, reachUnlimited
	default:
		return "", reachUnlimited
	}
}

// Can reports whether a principal may do something to what belongs to the
// given call centers. A principal that is limited to call centers must share
// one with the thing; so what belongs to no call center, such as a call
// between two phones, is open only to principals without a limit. What is
// shared by all is open to every principal that has a call center at all. What
// is sent elsewhere must be the principal's as a whole.
func Can(p Principal, action Action, callCenters []string) bool {
	weakest, reaches := rule(action)
	if weakest == "" || !p.Role.Valid() || slices.Index(Roles, p.Role) < slices.Index(Roles, weakest) {
		return false
	}
	if p.CallCenters == nil {
		return true
	}
	switch reaches {
	case reachShared:
		return len(p.CallCenters) > 0
	case reachOwn:
		return slices.ContainsFunc(callCenters, func(id string) bool { return slices.Contains(p.CallCenters, id) })
	case reachWhole:
		return len(callCenters) > 0 &&
			!slices.ContainsFunc(callCenters, func(id string) bool { return !slices.Contains(p.CallCenters, id) })
	default:
		return false
	}
}

// CanReadCall reports whether a principal sees a call that belongs to the
// given call centers and in which those endpoints spoke. People also see the
// calls of their own phone, whatever kind of call it was, so that they can be
// told why no callback can be registered for it.
func CanReadCall(p Principal, callCenters, agents []string) bool {
	return Can(p, ActionReadCall, callCenters) ||
		p.Role.Valid() && p.Endpoint != "" && slices.Contains(agents, p.Endpoint)
}

// MayBeAssigned reports whether an account of these call centers can be made
// the assignee of a callback that belongs to those: it must be enabled and a
// member of one of them, whatever its role.
func MayBeAssigned(enabled bool, memberOf, callCenters []string) bool {
	return enabled && slices.ContainsFunc(callCenters, func(id string) bool { return slices.Contains(memberOf, id) })
}
