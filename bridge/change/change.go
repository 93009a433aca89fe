package change

import (
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Change describes one change of one resource, before or after it is made. It contains no password,
// because no document has a password.
type Change struct {
	ID ID // "" for a dry run
	// Begun is when the change was planned, just before it was recorded.
	Begun time.Time

	Actor  Actor
	Origin Origin
	// Tenant is the path of the tenant, Realm its realm, and Organization its organization, or
	// zero.
	Tenant       string
	Realm        string
	Organization Organization

	Op       Op
	Resource Resource
	// Before and After are the resource as the tenant shows it, without members. Before is nil for
	// a new resource, After for a deleted resource; both are nil when the resource was not read.
	// When somebody else made the change, Before is what the journal last had, or nil when that is
	// not known, and After is what Keycloak had when the bridge read it.
	Before, After scim.Document
	// MembersAdded and MembersRemoved are the ids of the users who join or leave the changed group.
	// When the change failed, they are the users who should have joined or left; only Keycloak
	// knows which of them did.
	MembersAdded, MembersRemoved []string

	// Steps are the calls to Keycloak, with the names of what they change and without values.
	Steps []string
	// Unseen are the parts of the change that nobody can read in Keycloak afterwards. After a crash
	// their outcome is not known.
	Unseen []Part
	// Done is the least number of steps that were carried out and stay. After the reason
	// "unavailable" one more step may have been carried out, because its answer did not arrive.
	Done    int
	Outcome Outcome
	// Recovered says that the bridge ended before the change ended. What the change says about its
	// end was read in Keycloak later.
	Recovered bool
	// Reason is why the change was refused or failed, or what is not known of a change that others
	// made, without personal data; otherwise "".
	Reason string
}

// Actor is the client or operator that makes a change.
type Actor struct {
	Kind  string // a value of tenant.ActorKind; "" when nobody knows who made the change
	Name  string // for a client: the name of its credential; for an administrator: the id of the user in Keycloak
	KeyID string // for a client with a static token: the key ID; for an administrator: the id of the client in Keycloak; otherwise ""
}

// Organization is the organization of a tenant.
type Organization struct{ ID, Alias string }

// Resource is the resource that is changed.
type Resource struct {
	Type string // such as "User"
	ID   string // "" before it is created
}

// Origin says by which interface a change came in. Each interface has its own origin.
type Origin string

// The origins.
const (
	Request Origin = "request" // a single request
	Bulk    Origin = "bulk"    // an operation of a bulk request
	Import  Origin = "import"  // the operator's import, also its bulk requests, and all other writes over the control socket
	Adopt   Origin = "adopt"   // the operator's command adopt
	// Observation is no interface: the bridge itself read what Keycloak has, or which changes
	// others made in Keycloak.
	Observation Origin = "observation"
)

// Op says what happens to a resource, as its tenant sees it.
type Op string

// Kinds of operations.
const (
	Created     Op = "created"
	Updated     Op = "updated"
	Deactivated Op = "deactivated" // a user who was active
	Reactivated Op = "reactivated" // a user who was inactive
	Deleted     Op = "deleted"     // also in Keycloak
	Joined      Op = "joined"      // an account or group that the tenant owns and that had left is its resource again
	Left        Op = "left"        // it no longer belongs to the tenant, and stays in Keycloak
	Adopted     Op = "adopted"     // an account or group without owner became the tenant's
	Observed    Op = "observed"    // the bridge read what Keycloak has: after changes that ran at the same time, or after a change that no event tells
	Erased      Op = "erased"      // the store forgot a user; nothing changed in Keycloak
)

// Part is a part of a change.
type Part string

// The parts of a change that cannot be read afterwards.
const (
	Password Part = "password" // a new password of a user
	Sessions Part = "sessions" // the end of a user's sessions
)

// EndsAccess reports whether a user who is changed like this can do less afterwards: the user can no
// longer log in, or is no longer a user of the tenant.
func (o Op) EndsAccess() bool { return o == Deactivated || o == Deleted || o == Left }

// Outcome is how a change ended.
type Outcome string

// The outcomes. Before the end, the outcome is "".
const (
	Done    Outcome = "done"
	Failed  Outcome = "failed"  // during its steps; steps that were carried out stay
	Refused Outcome = "refused" // before its first step
	Unknown Outcome = "unknown" // it was interrupted, and it is not known at which step
)
