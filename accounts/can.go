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

// The actions. Each is about a thing that belongs to call centers: a call to
// those that it visited, a callback to those that its call visited.
const (
	ActionReadCall         Action = "read_call"
	ActionReadCallback     Action = "read_callback"
	ActionRegisterCallback Action = "register_callback"
)

// Actions are all actions.
var Actions = []Action{ActionReadCall, ActionReadCallback, ActionRegisterCallback}

// weakestRole returns the weakest role to which an action is open, or "" for
// an action that is open to nobody.
func weakestRole(action Action) Role {
	switch action {
	case ActionReadCall, ActionReadCallback, ActionRegisterCallback:
		return RoleAgent
	default:
		return ""
	}
}

// Can reports whether a principal may do something to what belongs to the
// given call centers. A principal that is limited to call centers must share
// one with the thing; so what belongs to no call center, such as a call
// between two phones, is open only to principals without a limit.
func Can(p Principal, action Action, callCenters []string) bool {
	weakest := weakestRole(action)
	if weakest == "" || !p.Role.Valid() || slices.Index(Roles, p.Role) < slices.Index(Roles, weakest) {
		return false
	}
	return p.CallCenters == nil || slices.ContainsFunc(callCenters, func(id string) bool {
		return slices.Contains(p.CallCenters, id)
	})
}
