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

// Call is a request, the same for every entry point. Each entry point makes one for each request.
type Call struct {
	// By is required, with its tenant. Every verb with a Call asks Permit what By may do.
	By         tenant.Principal
	Endpoint   string   // of the resource type: "/Users", "/Groups"; "" in a search of all
	ID         string   // of the resource; hostile until parsed
	Attributes []string // the query parameter, split at its commas
	Excluded   []string
	Return     Return // the client's preference for the answer to a write, or ""
	Conditions
	Origin change.Origin // the entry point; required for writes, because the recorded Change has it
	// DryRun says that nothing is written: the request is only planned and checked by the guard.
	DryRun bool

	bulk    bool            // whether it is an operation of a bulk request, whose answer shows no resource
	changes func(change.ID) // called with the change that the request begins; may be nil
}

// request is a Call in the pipeline.
type request struct {
	Call
	Tenant     *tenant.Tenant // of the principal
	kind       kind
	rt         *scim.ResourceType
	client     *keycloak.Client // for writes; reads go through the guard
	wall       guard.Wall
	fitness    tenant.Fitness // the fitness of the tenant when the request began
	projection scim.Projection
	linking    bool // whether a precondition includes the linked members or groups
	began      time.Time
	names      map[string]string // names of users and groups that were read for the client, by id
	rights     *guard.RightsRead // rights of the account that the request is about; nil until they are read
	adopting   bool              // whether the operator adopts resources without an owner, under any policy
	replacing  bool              // whether the document replaces the whole resource, as with PUT
	ending     bool              // whether the request itself says that the user is inactive
	held       apply.Held        // locks until the request ends
	atEnd      []func()          // called when the request ends
	before     scim.Document     // the resource as the tenant showed it before; nil when it was not read
	plan       plan.Plan         // the plan that is carried out; nil before planning
	change     *change.Change    // the change that was recorded or is to be recorded; nil before planning
}

// current is the present state of a resource in Keycloak. Either user or group is set.
type current struct {
	resource scim.Resource
	user     keycloak.User
	userID   keycloak.UserID
	group    keycloak.Group
	groupID  keycloak.GroupID
	members  []guard.Member // of a group
	known    bool           // whether members are all members of the group; the list can then be empty
}

// made is the planned resource after its creation, with the id that Keycloak gave it.
func (c current) made(out apply.Outcome) current {
	switch {
	case !out.User.IsZero():
		c.userID, c.user.ID, c.resource.ID = out.User, out.User.String(), out.User.String()
	case !out.Group.IsZero():
		c.groupID, c.group.ID, c.resource.ID = out.Group, out.Group.String(), out.Group.String()
	}
	return c
}

// planned is a plan, and the resource that Keycloak will have after it.
type planned struct {
	plan  plan.Plan
	op    change.Op
	after current
	// ends says that a user loses access.
	ends bool
	// created is when a new resource is created, as Keycloak will store it; zero for an existing resource.
	created time.Time
	// check makes the last checks of the plan, whose results the plan does not need: they run while the change is
	// recorded. Nil for none.
	check func(ctx context.Context) error
}

// desired is what a creation asks for: a document and its mapped state. A request maps the document once.
type desired struct {
	doc   scim.Document
	user  mapping.UserState  // of /Users
	group mapping.GroupState // of /Groups
}

// kind is a type of resource in the pipeline.
type kind interface {
	resourceType(t *tenant.Tenant) *scim.ResourceType
	// read finds a resource that the tenant may see, or returns a 404.
	read(ctx context.Context, r *request) (current, error)
	find(ctx context.Context, r *request, q directory.Query) (directory.Found, error)
	// desired maps the document of a creation.
	desired(r *request, doc scim.Document) (desired, error)
	create(ctx context.Context, r *request, d desired) (planned, error)
	// change plans the result of a PUT or a PATCH.
	change(ctx context.Context, r *request, cur current, result patch.Result) (planned, error)
	remove(ctx context.Context, r *request, cur current) (plan.Plan, error)
	// linked is the part of a resource's version for its members or groups, see scim.LinkedVersion. It keeps in cur
	// what it reads. No other request to the bridge can change this until the request ends.
	linked(ctx context.Context, r *request, cur *current) (string, error)
	// obstacles are the resources that may have made a creation fail with failure, and that the creation could use.
	obstacles(d desired, failure error) []obstacle
	// stored is the resource that shows what Keycloak has, without the parts that are read separately for an answer.
	stored(r *request, cur current) (scim.Resource, error)
	// made is the id of the resource that a creation made whose answer was lost, or "".
	made(ctx context.Context, r *request, c change.Change) (string, error)
	// held reads the request's resource with any owner. The tenant need not see the resource.
	held(ctx context.Context, r *request) (current, error)
	// holds reports whether Keycloak stores a document of the resource completely, also what the document does not
	// show. told is false when that is not known.
	holds(r *request, cur current, doc scim.Document) (holds, told bool)
	// resource is the resource for the answer. It may read what the projection asks for.
	resource(ctx context.Context, r *request, cur current) (scim.Resource, error)
}

// blindPatcher is a kind that can carry out some PATCHes without reading the resource. Showing the resource would cost
// more than the change. Unless the tenant's policy says otherwise, such a PATCH is answered without the resource.
type blindPatcher interface {
	// patchesBlind plans operations that do not need the resource. ok is false when they need it. It waits for the
	// resource's lock when the order of operations matters.
	patchesBlind(ctx context.Context, r *request, ops []patch.Operation) (p plan.Plan, ok bool, err error)
	// proves checks that such a PATCH may be about the resource. It reads the resource only if it must.
	proves(ctx context.Context, r *request) (current, error)
}

// obstacle is a resource that may prevent a creation.
type obstacle struct {
	// find is its id, or "".
	find func(ctx context.Context, r *request) (string, error)
	// takeUp reads the resource again, under its lock, and plans that it becomes what the creation asks for. ok is
	// false when that is not allowed.
	takeUp func(ctx context.Context, r *request) (ch planned, ok bool, err error)
}

// Endpoints of the types of resources.
const (
	endpointUsers  = "/Users"
	endpointGroups = "/Groups"
)

// sees reports whether the client may see the values of resources of a type. This one rule decides what is shown: of a
// resource that the client writes, and of resources that another one names.
func (c Call) sees(endpoint string) bool {
	switch endpoint {
	case endpointUsers:
		return c.By.Scopes.Has(tenant.UsersRead)
	case endpointGroups:
		return c.By.Scopes.Has(tenant.GroupsRead)
	}
	return false
}

// view is the part of the directory that the request can see.
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

// organization is the organization of the tenant, zero for a tenant of the realm.
func (r *request) organization() keycloak.OrganizationID { return r.Tenant.Organization.ID }
