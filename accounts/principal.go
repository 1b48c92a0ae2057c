package accounts

import "slices"

// Kind says what a principal is.
type Kind string

// The kinds of principals.
const (
	KindAccount  Kind = "account"  // a person, or a token that acts for one
	KindToken    Kind = "token"    // another system
	KindOperator Kind = "operator" // whoever runs commands on the daemon's machine
	KindSystem   Kind = "system"   // a part of the daemon, for whoever calls
)

// Role is what a principal is to the call centers: it decides which actions
// are open to it.
type Role string

// The roles, weakest first.
const (
	RoleAgent      Role = "agent"      // ユーザ
	RoleSupervisor Role = "supervisor" // スーパバイザ
	RoleAdmin      Role = "admin"      // システム管理者
)

// Roles are all roles, weakest first.
var Roles = []Role{RoleAgent, RoleSupervisor, RoleAdmin}

// Valid reports whether r is one of Roles.
func (r Role) Valid() bool { return slices.Contains(Roles, r) }

// Principal is who asks for something. Its zero value may do nothing.
type Principal struct {
	Kind Kind
	// Name is the account's or the token's name, unique within its kind. A
	// token that acts for an account has the account's.
	Name string
	Role Role
	// CallCenters are the ids of the call centers that the principal is
	// limited to. Nil means all, and also what belongs to none; empty but not
	// nil means nothing at all.
	CallCenters []string
	// AccountID is the account that asks, or that a token acts for; 0 for
	// none.
	AccountID AccountID
	// DisplayName is the account's name for people; empty without an account.
	DisplayName string
	// Endpoint is the account's phone, such as PJSIP/2001; empty for none.
	Endpoint string
	// HasPassword says that the account has a password here.
	HasPassword bool
	// SessionID is the session in which an account asks; 0 for none.
	SessionID SessionID
	// TokenID is the token that was presented; 0 for none.
	TokenID TokenID
	// TokenName is the name of the token that was presented; empty for none.
	TokenName string
}

// Operator returns the principal for commands that are given on the daemon's
// own machine. Whoever can give them can read the database's password too, so
// there is nothing to keep from them.
func Operator() Principal {
	return Principal{Kind: KindOperator, Name: "operator", Role: RoleAdmin}
}

// System returns the principal for what a part of the daemon does by itself,
// because a caller asked for it. It signs, as in "system:attendant", but may do
// nothing that is asked of Can.
func System(part string) Principal { return Principal{Kind: KindSystem, Name: part} }

// ActingFor returns the name of the account that a token acts for, and whether
// the principal is such a token.
func (p Principal) ActingFor() (account string, acting bool) {
	if p.Kind == KindAccount && p.TokenID != 0 {
		return p.Name, true
	}
	return "", false
}

// Signature is how the principal is recorded on what it changes: an account's
// name as it is, a token's name after "token:", so that a token cannot be taken
// for the person of the same name, and both for a token that acts for an
// account, as in "sato (token:crm)". A name of an account has neither colon
// nor space, so no two principals sign alike.
func (p Principal) Signature() string {
	switch {
	case p.Kind == KindAccount && p.TokenID != 0:
		return p.Name + " (token:" + p.TokenName + ")"
	case p.Kind == KindAccount:
		return p.Name
	default:
		return string(p.Kind) + ":" + p.Name
	}
}

// limitedBy returns the principal of an account as far as a token reaches that
// acts for it: the weaker of both roles, and only the call centers of both.
func (p Principal) limitedBy(token *Token) Principal {
	p.TokenID, p.TokenName = token.ID, token.Name
	if slices.Index(Roles, token.Role) < slices.Index(Roles, p.Role) {
		p.Role = token.Role
	}
	switch {
	case token.CallCenters == nil:
	case p.CallCenters == nil:
		p.CallCenters = token.CallCenters
	default:
		both := []string{} // nil would mean all
		for _, id := range p.CallCenters {
			if slices.Contains(token.CallCenters, id) {
				both = append(both, id)
			}
		}
		p.CallCenters = both
	}
	return p
}
