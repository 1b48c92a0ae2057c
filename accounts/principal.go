package accounts

import "slices"

// Kind says what a principal is.
type Kind string

// The kinds of principals.
const (
	KindAccount Kind = "account" // a person
	KindToken   Kind = "token"   // another system
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
	// Name is the account's or the token's name, unique within its kind.
	Name string
	Role Role
	// CallCenters are the ids of the call centers that the principal is
	// limited to. Nil means all, and also what belongs to none; empty but not
	// nil means nothing at all.
	CallCenters []string
	// TokenID is the token that was presented; 0 for an account.
	TokenID TokenID
}

// Signature is how the principal is recorded on what it changes: an
// account's name as it is, a token's name after "token:", so that a token
// cannot be taken for the person of the same name.
func (p Principal) Signature() string {
	if p.Kind == KindToken {
		return "token:" + p.Name
	}
	return p.Name
}
