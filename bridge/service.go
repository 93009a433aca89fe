package bridge

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

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

// Options are what a Service needs besides its clients.
type Options struct {
	Log *zap.Logger // required
	// Tenants are those that can own accounts. Nobody answers for an account of another owner.
	Tenants *tenant.Registry

	// BulkOperations are those of one bulk request, and BulkPayload its bytes, at most.
	BulkOperations int
	BulkPayload    int64

	Directory  directory.Options
	MaxResults int // resources on a page of a list at most
	// ErrorDocs is the URL of the page that explains errors, for those of bulk operations; "" for none.
	ErrorDocs string
	// CursorTimeout is how long a cursor is good.
	CursorTimeout time.Duration
	// HidePagination keeps the service provider configuration from telling of them.
	HidePagination bool

	// Observer is told what the service does; nil for Unobserved.
	Observer Observer
	// Recorder keeps what is changed; nil for Unrecorded.
	Recorder Recorder
}

// Service answers SCIM requests of tenants. It is safe for concurrent use.
type Service struct {
	realms    *keycloak.Realms
	directory *directory.Directory
	applier   *apply.Applier
	brake     *guard.Brake
	options   Options
	core      *scim.ResourceType // users without extensions of a tenant's own
	told      sync.Map           // what the log says once
}

// New makes a Service over the client of each realm, by the realm's name.
func New(realms *keycloak.Realms, o Options) *Service {
	if o.Observer == nil {
		o.Observer = Unobserved{}
	}
	if o.Recorder == nil {
		o.Recorder = Unrecorded{}
	}
	s := &Service{
		realms:    realms,
		directory: directory.New(o.Directory),
		applier:   &apply.Applier{Observe: func(kind plan.Kind, err error) { o.Observer.Step(string(kind), err) }},
		options:   o,
		core:      scim.UserType(),
	}
	s.brake = guard.NewBrake(s.directory.Now)
	return s
}

// Brake holds mass removals of users.
func (s *Service) Brake() *guard.Brake { return s.brake }

// Directory is where the service finds resources.
func (s *Service) Directory() *directory.Directory { return s.directory }

// Call is what every request says.
type Call struct {
	By         tenant.Principal
	Endpoint   string   // of the resource type: "/Users", "/Groups"; "" in a search of all
	ID         string   // of the resource; hostile until parsed
	Attributes []string // the query parameter, split at its commas
	Excluded   []string
	Return     Return // that the client prefers for the answer to a write; "" for none
	Conditions
	Origin change.Origin // the way in
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
	look       *guard.Look       // at the account that the request is about; nil for none yet
	adopting   bool              // whether the operator has what no tenant owns taken over, whatever the policy says
	replacing  bool              // whether the request's document says what the whole resource shall be, as a PUT does
	ending     bool              // whether the request says itself that the user is not active
	atEnd      []func()          // what is released when the request ends
	before     scim.Document     // the resource as the tenant showed it before; nil where nobody read it
	plan       plan.Plan         // what is carried out; nil before it is planned
	change     change.Change     // what was made of it, or was to be; zero before it is planned
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

// planned is a plan and what Keycloak will hold once it is carried out.
type planned struct {
	plan  plan.Plan
	op    change.Op
	after current
	// ends says that a user loses the access it has.
	ends bool
}

// kind is what a type of resource plugs into the pipeline.
type kind interface {
	resourceType(t *tenant.Tenant) *scim.ResourceType
	// read finds a resource that the tenant may see, else a 404.
	read(ctx context.Context, r *request) (current, error)
	find(ctx context.Context, r *request, q directory.Query) (directory.Found, error)
	create(ctx context.Context, r *request, doc scim.Document) (planned, error)
	replace(ctx context.Context, r *request, cur current, doc scim.Document) (planned, error)
	patch(ctx context.Context, r *request, cur current, result patch.Result) (planned, error)
	remove(ctx context.Context, r *request, cur current) (plan.Plan, error)
	// linked is the part of a resource's version over its members or groups, see scim.LinkedVersion. What
	// it reads for that it keeps in cur, and nobody else changes it until the request ends, as far as
	// requests to the bridge can.
	linked(ctx context.Context, r *request, cur *current) (string, error)
	// resume changes what stands in the way of a creation that failed with failure and may be
	// taken up in its place; ok is false when there is nothing of that kind.
	resume(ctx context.Context, r *request, doc scim.Document, failure error) (ch planned, ok bool, err error)
	// stored is the resource that shows what Keycloak holds, without what is kept elsewhere and read for an answer.
	stored(r *request, cur current) (scim.Resource, error)
	// created completes what was planned with the ids that Keycloak gave.
	created(after current, out apply.Outcome) current
	// resource is what the answer shows; it may read what the projection asks for.
	resource(ctx context.Context, r *request, cur current) (scim.Resource, error)
	// patchesBlind plans operations that need no look at the resource; ok is false when these
	// do. It waits for the resource's lock where their order matters.
	patchesBlind(ctx context.Context, r *request, ops []patch.Operation) (p plan.Plan, ok bool, err error)
	// patchAnswers says whether a PATCH is answered with the resource where the tenant's policy says nothing.
	patchAnswers() bool
}

// Endpoints of the types of resources.
const (
	endpointUsers  = "/Users"
	endpointGroups = "/Groups"
)

func (s *Service) kindOf(endpoint string) kind {
	switch endpoint {
	case endpointUsers:
		return userKind{s}
	case endpointGroups:
		return groupKind{s}
	}
	return nil
}

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

// begin checks what every request must pass, whatever way it came in.
func (s *Service) begin(c Call, does access) (*request, error) {
	if err := Permit(c.By, c.needs(does)); err != nil {
		return nil, err
	}
	t := c.By.Tenant
	fitness := t.Fitness() // once: the wall is that of a tenant which is fit
	if fitness.Problem != "" {
		return nil, Unfit(fitness.Problem)
	}
	k, client := s.kindOf(c.Endpoint), s.realms.Client(t.Realm)
	nobodys := t.Party.Organization && t.Organization.ID.IsZero() // see tenant.EveryOrganization
	if k == nil || client == nil || nobodys {
		return nil, scim.NoEndpoint()
	}
	rt := k.resourceType(t)
	projection, err := rt.NewProjection(c.Attributes, c.Excluded)
	if err != nil {
		return nil, err
	}
	if !c.sees(c.Endpoint) {
		projection = rt.Hidden(projection)
	}
	r := &request{Call: c, Tenant: t, kind: k, rt: rt, client: client, fitness: fitness, wall: guard.For(t, fitness, client), projection: projection, began: s.directory.Now()}
	if does == writing {
		err = r.writes()
	}
	return r, err
}

// view is what the request sees of the directory.
func (r *request) view() directory.View {
	return directory.View{Tenant: r.Tenant, Fitness: r.fitness, Source: r.wall, Events: r.client, Began: r.began}
}

// Create makes a resource, or takes up what stands in its place.
func (s *Service) Create(ctx context.Context, c Call, body map[string]any) (Result, error) {
	r, err := s.begin(c, writing)
	if err != nil {
		return Result{}, err
	}
	defer r.end()
	doc, err := s.document(ctx, r, body)
	if err != nil {
		return Result{}, err
	}
	ch, err := r.kind.create(ctx, r, doc)
	if err == nil {
		err = r.federatedCreation()
	}
	if err == nil {
		var out apply.Outcome
		if out, err = s.apply(ctx, r, &ch); err == nil {
			return s.written(ctx, r, r.kind.created(ch.after, out))
		}
	}
	return s.resume(ctx, r, doc, err)
}

// resume answers a creation that failed: with what it takes up in its place, if there is
// something. That somebody is protected is told to nobody who does not see the user.
func (s *Service) resume(ctx context.Context, r *request, doc scim.Document, failure error) (Result, error) {
	ch, ok, err := r.kind.resume(ctx, r, doc, failure)
	if ok && err == nil {
		err = s.federated(ctx, r, ch.after, ch)
	}
	if ok && err == nil && ch.ends {
		err = s.ends(ctx, r, ch.after)
	}
	if ok && err == nil {
		_, err = s.apply(ctx, r, &ch)
	}
	if protected, is := errors.AsType[guard.ProtectedError](err); is && ok {
		s.options.Log.Warn("an account that exists is not taken up", zap.String("tenant", r.Tenant.Path), zap.Error(protected))
		err = failure
	}
	if err != nil {
		return Result{}, s.fail(r, r.taken(ctx, s.federatedTaken(ctx, r, doc, err)))
	}
	return s.written(ctx, r, ch.after)
}

// maxAge is how old the look may be that says who is protected, for a write.
const maxAge = 15 * time.Minute

// writes refuses to write for a disabled organization, whose members Keycloak shows otherwise
// than they are, and when nobody knows any more who is protected.
func (r *request) writes() error {
	switch p := r.fitness.Protected; {
	case p == nil || time.Since(p.At) > maxAge:
		return Unfit("nobody could look for " + maxAge.String() + " who is protected, so nothing is written")
	case p.Unknown != "":
		return Unfit(p.Unknown + ", so nothing is written")
	case r.fitness.Disabled:
		return scim.Forbidden(codeOrganizationDisabled, "the organization is disabled, so nothing was changed; enable it in Keycloak first")
	}
	return nil
}

// document reads a whole resource from a body.
func (s *Service) document(ctx context.Context, r *request, body map[string]any) (scim.Document, error) {
	if err := ctx.Err(); err != nil {
		return nil, s.fail(r, err)
	}
	doc, err := r.rt.Canonical(body)
	if err != nil {
		return nil, err
	}
	if err := r.rt.Validate(doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// otherAttribute counts the attributes that no core schema knows as one, as their names
// are a client's.
const otherAttribute = "other"

// dropped counts what the mapping leaves out, and logs each attribute of a tenant once.
func (s *Service) dropped(r *request, names []string) {
	for _, name := range s.ignored(names) {
		if _, told := s.told.LoadOrStore(r.Tenant.Path+" "+name, true); !told {
			s.options.Log.Warn("an attribute without a rule is left out from now on, as the mapping's unmapped: drop says",
				zap.String("tenant", r.Tenant.Path), zap.String("attribute", name))
		}
	}
}

// ignored counts attributes whose values are left out, and returns the names under which it does.
func (s *Service) ignored(names []string) []string {
	out := slices.Clone(names)
	for i, name := range out {
		if path, err := s.core.Resolve(name); err != nil || !path.Known() {
			out[i] = otherAttribute
		}
		s.options.Observer.Ignored(out[i], 1)
	}
	return out
}

// Get reads one resource.
func (s *Service) Get(ctx context.Context, c Call) (Result, error) {
	r, err := s.begin(c, reading)
	if err != nil {
		return Result{}, err
	}
	cur, err := r.kind.read(ctx, r)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	resource, err := r.kind.resource(ctx, r, cur)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	if r.unchanged(resource) {
		return Result{Resource: resource, Version: resource.Version(), Unchanged: true}, nil
	}
	return r.show(resource), nil
}

// Replace makes a resource what the body says, as a PUT does. What the client leaves out is
// cleared, apart from externalId and active, which it keeps: Okta sends neither
// back at times, and nobody means to enable a user by silence.
func (s *Service) Replace(ctx context.Context, c Call, body map[string]any) (Result, error) {
	r, unlock, err := s.beginWrite(ctx, c)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	doc, err := s.document(ctx, r, body)
	if err != nil {
		return Result{}, err
	}
	cur, err := r.writable(ctx)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	r.ending = doc[scim.AttrActive] == false
	for _, name := range []string{scim.AttrExternalID, scim.AttrActive} {
		if value, had := cur.resource.Document[name]; had && doc[name] == nil {
			doc[name] = value
		}
	}
	r.rt.RetainImmutable(cur.resource.Document, doc)
	if err := r.rt.CheckImmutable(cur.resource.Document, doc); err != nil {
		return Result{}, err
	}
	r.replacing = true
	ch, err := r.kind.replace(ctx, r, cur, doc)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	if err := s.carryOut(ctx, r, cur, ch); err != nil {
		return Result{}, err
	}
	return s.written(ctx, r, ch.after)
}

// Patch changes a part of a resource, and shows it as the tenant's policy or the client says. Where nobody says
// anything a group is not shown, whose members cost more to read than to change.
func (s *Service) Patch(ctx context.Context, c Call, body map[string]any) (Result, error) {
	r, err := s.begin(c, writing)
	if err != nil {
		return Result{}, err
	}
	defer r.end()
	ops, err := patch.Decode(r.rt, body)
	if err != nil {
		return Result{}, err
	}
	if !r.conditional() {
		if p, ok, err := r.kind.patchesBlind(ctx, r, ops); ok || err != nil {
			return s.patchedBlind(ctx, r, p, err)
		}
	}
	if err := s.lock(ctx, r, resourceLock(r, c.ID)); err != nil {
		return Result{}, s.fail(r, err)
	}
	if r.ending = deactivating(ops); r.ending {
		r.lookEarly(ctx)
	}
	cur, err := r.writable(ctx)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	result, err := patch.Apply(ctx, r.rt, cur.resource.Document, ops)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	ch, err := r.kind.patch(ctx, r, cur, result)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	if err := s.carryOut(ctx, r, cur, ch); err != nil {
		return Result{}, err
	}
	return s.patched(ctx, r, ch.after)
}

// patchedBlind carries out a plan that was made without reading the resource.
func (s *Service) patchedBlind(ctx context.Context, r *request, p plan.Plan, err error) (Result, error) {
	if err == nil {
		_, err = s.apply(ctx, r, &planned{plan: p, op: change.Updated})
	}
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	if r.patchBody() == tenant.BodyNone {
		return r.preferred(r.result()), nil // nobody knows its version
	}
	cur, err := r.kind.read(ctx, r)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	return s.patched(ctx, r, cur)
}

// Delete removes a resource.
func (s *Service) Delete(ctx context.Context, c Call) (Result, error) {
	r, unlock, err := s.beginWrite(ctx, c)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	r.lookEarly(ctx)
	cur, err := r.writable(ctx)
	if _, damaged := errors.AsType[*mapping.DamagedError](err); err != nil && !damaged {
		return Result{}, s.fail(r, err) // a damaged attribute is no reason to keep the resource
	}
	p, err := r.kind.remove(ctx, r, cur)
	if err = r.federatedRemoval(cur, p, err); err != nil {
		return Result{}, s.fail(r, err)
	}
	if err = s.ends(ctx, r, cur); err == nil {
		ch := removal(p)
		_, err = s.apply(ctx, r, &ch)
	}
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	return r.result(), nil
}

// ends asks the removal brake whether a user may lose its access.
func (s *Service) ends(ctx context.Context, r *request, cur current) error {
	if cur.userID.IsZero() {
		return nil
	}
	err := s.brake.Remove(ctx, r.Tenant, cur.user, r.wall.CountUsers)
	if _, held := errors.AsType[guard.HeldError](err); held {
		s.options.Observer.Held(r.Tenant.Path)
	}
	return err
}

// writable reads a resource that is to be changed: one that SCIM may write and, when the
// client says so, that is as the client saw it.
func (r *request) writable(ctx context.Context) (current, error) {
	cur, err := r.kind.read(ctx, r)
	if keycloak.KindOf(err) == keycloak.Denied && r.wall.ProtectsUser(r.ID) { // and no list tells more
		return current{}, guard.ProtectedUsers(r.ID)
	}
	if _, damaged := errors.AsType[*mapping.DamagedError](err); err != nil && !damaged {
		return current{}, err
	}
	r.reads(cur)
	if refused := r.protects(cur); refused != nil {
		return current{}, refused
	}
	if stale := r.check(ctx, &cur); stale != nil {
		return current{}, stale
	}
	return cur, err
}

// protects refuses to write to a protected resource.
func (r *request) protects(cur current) error {
	switch user, group := cur.userID.String(), cur.groupID.String(); {
	case r.wall.ProtectsUser(user) && !r.wall.Deactivates(user): // else its plan says what is done
		return guard.ProtectedUsers(user)
	case r.wall.ProtectsGroup(group):
		return guard.ProtectedGroup(group)
	}
	return nil
}

// beginWrite is begin, and waits for the resource's lock.
func (s *Service) beginWrite(ctx context.Context, c Call) (*request, func(), error) {
	r, err := s.begin(c, writing)
	if err != nil {
		return nil, nil, err
	}
	if err := s.lock(ctx, r, resourceLock(r, c.ID)); err != nil {
		return nil, nil, s.fail(r, err)
	}
	return r, r.end, nil
}

// resourceLock names the lock of a resource, whatever tenant writes it.
func resourceLock(r *request, id string) string { return r.Endpoint + "/" + id }

// lock waits for a lock of the realm, which is held until the request ends.
func (s *Service) lock(ctx context.Context, r *request, name string) error {
	return s.hold(ctx, r, name, s.applier.Locks.Lock)
}

// share is lock for those that hold a lock together.
func (s *Service) share(ctx context.Context, r *request, name string) error {
	return s.hold(ctx, r, name, s.applier.Locks.Share)
}

func (s *Service) hold(ctx context.Context, r *request, name string, lock func(context.Context, string) (func(), error)) error {
	unlock, err := lock(ctx, r.Tenant.Realm+name)
	if err == nil {
		r.atEnd = append(r.atEnd, unlock)
	}
	return err
}

// await waits until nobody has a lock of the realm.
func (s *Service) await(ctx context.Context, r *request, name string) error {
	unlock, err := s.applier.Locks.Lock(ctx, r.Tenant.Realm+name)
	if err == nil {
		unlock()
	}
	return err
}

// carryOut applies a change.
func (s *Service) carryOut(ctx context.Context, r *request, cur current, ch planned) error {
	err := s.federated(ctx, r, cur, ch)
	if err == nil && ch.ends {
		err = s.ends(ctx, r, cur)
	}
	if err == nil {
		_, err = s.apply(ctx, r, &ch)
	}
	if err != nil {
		return s.fail(r, s.federatedSince(ctx, r, cur, ch, r.taken(ctx, err)))
	}
	return nil
}

// apply carries out what was planned, which the debug log shows by its names, without values. What cannot be recorded
// is not begun, and what is begun is recorded, however it ends.
func (s *Service) apply(ctx context.Context, r *request, ch *planned) (out apply.Outcome, err error) {
	s.options.Log.Debug("plan", zap.String("tenant", r.Tenant.Path), zap.Stringer("steps", ch.plan))
	if ch.after.user.Username != "" || ch.after.group.Name != "" {
		ch.after.resource, _ = r.kind.stored(r, ch.after) // what cannot be shown, its answer says
	}
	r.plan, r.change = ch.plan, factOf(r, *ch)
	if r.DryRun {
		return apply.Outcome{}, guard.Allow(ctx, r.client, r.fitness, ch.plan, r.look)
	}
	intent, err := s.intend(ctx, r.change)
	if err != nil {
		return apply.Outcome{}, err
	}
	err = errBrokeOff
	defer func() { s.settle(ctx, r, intent, out, err) }()
	out, err = s.carry(ctx, r, ch.plan)
	return out, err
}

// carry is apply for a plan whose change is recorded.
func (s *Service) carry(ctx context.Context, r *request, p plan.Plan) (apply.Outcome, error) {
	if err := guard.Allow(ctx, r.client, r.fitness, p, r.look); err != nil {
		return apply.Outcome{}, err
	}
	out, err := s.applier.Apply(ctx, r.client, p)
	users, groups := touched(p, out)
	s.directory.Touch(r.Tenant, users, groups)
	return out, err
}

// touched are the ids of what a plan may have changed.
func touched(p plan.Plan, out apply.Outcome) (users, groups []string) {
	users, groups = appendID(nil, out.User.String()), appendID(nil, out.Group.String())
	for _, step := range p {
		switch step.Kind {
		case plan.AddMember, plan.RemoveMember: // no document has them
		case plan.UpdateGroup:
			groups = appendID(groups, step.ChangedGroup())
		case plan.DeleteGroup:
			groups = appendID(groups, step.Group.String())
		default:
			users = appendID(users, step.User.String())
		}
	}
	return users, groups
}

func appendID(ids []string, id string) []string {
	if id == "" {
		return ids
	}
	return append(ids, id)
}
