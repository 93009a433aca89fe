package bridge

import (
	"context"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// Call is what every request says, whatever way it came in. A way in makes one for each request.
type Call struct {
	// By is required, with its tenant. Every verb that takes a Call asks Permit what it may do.
	By         tenant.Principal
	Endpoint   string   // of the resource type: "/Users", "/Groups"; "" in a search of all
	ID         string   // of the resource; hostile until parsed
	Attributes []string // the query parameter, split at its commas
	Excluded   []string
	Return     Return // that the client prefers for the answer to a write; "" for none
	Conditions
	Origin change.Origin // the way in; required of what may write, as it stands in the Change that is recorded
	// DryRun says that nothing is written: the request is planned and looked at by the walls alone.
	DryRun bool

	bulk bool // whether it is an operation of a bulk request, whose answer shows no resource
}

// request is a Call on its way through the pipeline.
type request struct {
	Call
	Tenant     *tenant.Tenant // of the principal
	kind       kind
	rt         *scim.ResourceType
	client     *keycloak.Client // for writes; reads go through the wall
	wall       guard.Wall
	fitness    tenant.Fitness // of the tenant when the request began
	projection scim.Projection
	linking    bool // whether a precondition names what is linked to the resource
	began      time.Time
	names      map[string]string // user names and names of groups that were read for the client, by ids
	rights     *guard.RightsRead // of the account that the request is about; nil for none yet
	adopting   bool              // whether the operator has what no tenant owns taken over, whatever the policy says
	replacing  bool              // whether the request's document says what the whole resource shall be, as a PUT does
	ending     bool              // whether the request says itself that the user is not active
	held       apply.Held        // until the request ends
	atEnd      []func()          // what is waited for when the request ends
	before     scim.Document     // the resource as the tenant showed it before; nil where nobody read it
	plan       plan.Plan         // what is carried out; nil before it is planned
	change     *change.Change    // what was made of it, or was to be; nil before it is planned
}

// current is a resource as Keycloak holds it. One of user and group is set.
type current struct {
	resource scim.Resource
	user     keycloak.User
	userID   keycloak.UserID
	group    keycloak.Group
	groupID  keycloak.GroupID
	members  []guard.Member // of a group
	known    bool           // whether members are the group's, be they none
}

// made is what was planned to be created, with the id that Keycloak gave it.
func (c current) made(out apply.Outcome) current {
	switch {
	case !out.User.IsZero():
		c.userID, c.user.ID, c.resource.ID = out.User, out.User.String(), out.User.String()
	case !out.Group.IsZero():
		c.groupID, c.group.ID, c.resource.ID = out.Group, out.Group.String(), out.Group.String()
	}
	return c
}

// planned is a plan and what Keycloak will hold once it is carried out.
type planned struct {
	plan  plan.Plan
	op    change.Op
	after current
	// ends says that a user loses the access it has.
	ends bool
}

// desired is what a creation asks for: a document, and what the mapping makes of it, which is worked out once.
type desired struct {
	doc   scim.Document
	user  mapping.UserState  // of /Users
	group mapping.GroupState // of /Groups
}

// kind is what a type of resource plugs into the pipeline.
type kind interface {
	resourceType(t *tenant.Tenant) *scim.ResourceType
	// read finds a resource that the tenant may see, else a 404.
	read(ctx context.Context, r *request) (current, error)
	find(ctx context.Context, r *request, q directory.Query) (directory.Found, error)
	// desired maps the document of a creation.
	desired(r *request, doc scim.Document) (desired, error)
	create(ctx context.Context, r *request, d desired) (planned, error)
	// change plans what a PUT or a PATCH made of the resource.
	change(ctx context.Context, r *request, cur current, result patch.Result) (planned, error)
	remove(ctx context.Context, r *request, cur current) (plan.Plan, error)
	// linked is the part of a resource's version over its members or groups, see scim.LinkedVersion. What
	// it reads for that it keeps in cur, and nobody else changes it until the request ends, as far as
	// requests to the bridge can.
	linked(ctx context.Context, r *request, cur *current) (string, error)
	// obstacles are what may stand in the way of a creation that failed with failure, and be taken up in its place.
	obstacles(d desired, failure error) []obstacle
	// stored is the resource that shows what Keycloak holds, without what is kept elsewhere and read for an answer.
	stored(r *request, cur current) (scim.Resource, error)
	// resource is what the answer shows; it may read what the projection asks for.
	resource(ctx context.Context, r *request, cur current) (scim.Resource, error)
}

// blindPatcher is a kind of which some PATCHes need no look at the resource, and whose resources cost more to show than
// to change: where the tenant's policy says nothing, a PATCH is not answered with one.
type blindPatcher interface {
	// patchesBlind plans operations that need no look at the resource; ok is false when these
	// do. It waits for the resource's lock where their order matters.
	patchesBlind(ctx context.Context, r *request, ops []patch.Operation) (p plan.Plan, ok bool, err error)
}

// obstacle is a resource that may stand in the way of a creation.
type obstacle struct {
	// find is its id, "" for none.
	find func(ctx context.Context, r *request) (string, error)
	// takeUp reads it again, under its lock, and plans that it becomes what the creation asks for; ok is false when it
	// may not.
	takeUp func(ctx context.Context, r *request) (ch planned, ok bool, err error)
}

// Endpoints of the types of resources.
const (
	endpointUsers  = "/Users"
	endpointGroups = "/Groups"
)

// sees reports whether the client may see what resources of a type hold. It is the one rule of what
// is shown: of a resource that it writes, and of those that another one names.
func (c Call) sees(endpoint string) bool {
	switch endpoint {
	case endpointUsers:
		return c.By.Scopes.Has(tenant.UsersRead)
	case endpointGroups:
		return c.By.Scopes.Has(tenant.GroupsRead)
	}
	return false
}

// view is what the request sees of the directory.
func (r *request) view() directory.View {
	return directory.View{Tenant: r.Tenant, Fitness: r.fitness, Source: r.wall, Events: r.client, Began: r.began}
}

// end releases what the request holds.
func (r *request) end() {
	r.held.Release()
	for _, release := range r.atEnd {
		release()
	}
	r.atEnd = nil
}

// organization is that of the tenant, zero for a tenant of the realm.
func (r *request) organization() keycloak.OrganizationID { return r.Tenant.Organization.ID }
