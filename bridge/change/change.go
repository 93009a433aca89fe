package change

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Change is one change of one resource, before it is made or after. It holds no password: no document has one.
type Change struct {
	Actor  Actor
	Origin Origin
	// Tenant is the path of the tenant, Realm its realm, and Organization its organization, zero for none.
	Tenant       string
	Realm        string
	Organization Organization

	Op       Op
	Resource Resource
	// Before and After are the resource as the tenant shows it, without members. Before is nil for one that was not
	// there and for one that nobody read, After for one that is gone and for one that nobody read.
	Before, After scim.Document
	// MembersAdded and MembersRemoved are the ids of the users who join a group or leave it, of a change of a group. Of
	// one that failed they are those who were to: which of them do, Keycloak alone knows.
	MembersAdded, MembersRemoved []string

	// Steps are the calls of Keycloak: what they change, by its name and without any value.
	Steps []string
	// Done is how many of the steps were carried out and stay, at the least: whether one was whose answer did not come,
	// as the reason "unavailable" says, nobody knows.
	Done    int
	Outcome Outcome
	// Reason is why it was refused or failed, without personal data; "" for what was done.
	Reason string
}

// Actor is who makes a change.
type Actor struct {
	Kind  string // a value of tenant.ActorKind
	Name  string // of a client the name of its credential
	KeyID string // of a client's static token, else ""
}

// Organization is that of a tenant.
type Organization struct{ ID, Alias string }

// Resource is what is changed.
type Resource struct {
	Type string // as "User"
	ID   string // "" before it is made
}

// Origin is the way in by which a change came. Each way in has one of its own.
type Origin string

// The origins.
const (
	Request Origin = "request" // a request of its own
	Bulk    Origin = "bulk"    // an operation of a bulk request
	Import  Origin = "import"  // the operator's import, also its bulk requests, and whatever else writes over the control socket
	Adopt   Origin = "adopt"   // the operator's command adopt
)

// Op is what becomes of a resource, as its tenant sees it.
type Op string

// The ops.
const (
	Created     Op = "created"
	Updated     Op = "updated"
	Deactivated Op = "deactivated" // a user who was active
	Reactivated Op = "reactivated" // a user who was not
	Deleted     Op = "deleted"     // also in Keycloak
	Joined      Op = "joined"      // an account or a group of the tenant's own that had left it is its resource again
	Left        Op = "left"        // it is the tenant's no more, and stays in Keycloak
	Adopted     Op = "adopted"     // nobody's account or group became the tenant's
)

// Outcome is how a change ended.
type Outcome string

// The outcomes. It is "" before the end.
const (
	Done    Outcome = "done"
	Failed  Outcome = "failed"  // on its way; what was done of it stays
	Refused Outcome = "refused" // before its first step
	Unknown Outcome = "unknown" // it broke off, and nobody knows at which step
)
