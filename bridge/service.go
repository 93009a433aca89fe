package bridge

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
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
	// Locker orders the requests that write one resource; nil for a Locker in this process.
	Locker apply.Locker
	// Ledger is the ledger of the removal brake; nil for a Ledger in this process.
	Ledger guard.Ledger
	// Tenants are the tenants that can own accounts. No tenant is responsible for an account with another
	// owner.
	Tenants *tenant.Registry

	// BulkOperations and BulkPayload are the most operations and bytes of one bulk request.
	BulkOperations int
	BulkPayload    int64

	Directory  directory.Options
	MaxResults int // most resources on a page of a list
	// ErrorDocs is the URL of the page that explains errors, for errors of bulk operations, or "".
	ErrorDocs string
	// CursorTimeout is how long a cursor is valid.
	CursorTimeout time.Duration
	// HidePagination leaves cursors out of the service provider configuration.
	HidePagination bool

	// Observer gets what the service does; nil for Unobserved.
	Observer Observer
	// Recorder keeps the changes; nil for Unrecorded.
	Recorder Recorder
}

// Service answers SCIM requests of tenants. It is safe for concurrent use.
type Service struct {
	realms     *keycloak.Realms
	directory  *directory.Directory
	applier    *apply.Applier
	brake      *guard.Brake
	options    Options
	core       *scim.ResourceType // users without a tenant's own extensions
	loggedOnce sync.Map           // what was logged and is logged only once
}

// New makes a Service with the client of each realm, by the realm's name.
func New(realms *keycloak.Realms, o Options) *Service {
	if o.Locker == nil {
		o.Locker = &apply.Locks{}
	}
	if o.Ledger == nil {
		o.Ledger = &guard.MemoryLedger{}
	}
	if o.Observer == nil {
		o.Observer = Unobserved{}
	}
	if o.Recorder == nil {
		o.Recorder = Unrecorded{}
	}
	s := &Service{
		realms:    realms,
		directory: directory.New(o.Directory),
		applier:   &apply.Applier{Locker: o.Locker, Observe: func(kind plan.Kind, err error) { o.Observer.Step(string(kind), err) }},
		options:   o,
		core:      scim.UserType(),
	}
	s.brake = guard.NewBrake(s.directory.Now, o.Ledger)
	return s
}

// Brake holds mass removals of users.
func (s *Service) Brake() *guard.Brake { return s.brake }

// Directory is the directory in which the service finds resources.
func (s *Service) Directory() *directory.Directory { return s.directory }

func (s *Service) kindOf(endpoint string) kind {
	switch endpoint {
	case endpointUsers:
		return userKind{s}
	case endpointGroups:
		return groupKind{s}
	}
	return nil
}

// begin makes the checks that every request must pass, by every entry point.
func (s *Service) begin(c Call, does access) (*request, error) {
	if err := Permit(c.By, c.needs(does)); err != nil {
		return nil, err
	}
	if does == writing && !c.DryRun && (c.By.Actor.Name == "" || c.Origin == "") {
		return nil, errNobody
	}
	t := c.By.Tenant
	fitness := t.Fitness() // read once: the guard must use the same fitness
	if fitness.Problem != "" {
		return nil, Unfit(fitness.Problem)
	}
	k, client := s.kindOf(c.Endpoint), s.realms.Client(t.Realm)
	nobodys := t.Owner.Organization && t.Organization.ID.IsZero() // see tenant.EveryOrganization
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

// Create creates a resource. If possible, it uses an existing resource instead: it resumes a creation, rehires, or
// adopts.
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
	d, err := r.kind.desired(r, doc)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	ch, err := r.kind.create(ctx, r, d)
	if err == nil && len(ch.plan) > 1 { // until the last step, another request could see an incomplete resource
		err = s.lock(ctx, r, r.creationLock(ch.after))
	}
	if err == nil {
		err = r.federatedCreation()
	}
	if err == nil {
		var out apply.Outcome
		if out, err = s.apply(ctx, r, &ch); err == nil {
			return s.written(ctx, r, ch.after.made(out))
		}
	}
	return s.resume(ctx, r, d, err)
}

// resume answers a creation that failed. If possible, it uses the existing resource that made the creation fail. Only a
// client that sees the user learns that the user is protected.
func (s *Service) resume(ctx context.Context, r *request, d desired, failure error) (Result, error) {
	ch, ok, err := s.takeUp(ctx, r, d, failure)
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
		s.options.Log.Warn("a creation cannot use the existing account", zap.String("tenant", r.Tenant.Path), zap.Error(protected))
		err = failure
	}
	if err != nil {
		return Result{}, s.fail(r, r.taken(ctx, s.federatedTaken(ctx, r, d.user, err)))
	}
	return s.written(ctx, r, ch.after)
}

// takeUp plans that a creation uses the existing resource that prevents it. When this is not possible, it returns
// failure, the error of the creation.
func (s *Service) takeUp(ctx context.Context, r *request, d desired, failure error) (ch planned, ok bool, err error) {
	if _, taken := errors.AsType[takenError](failure); !taken && keycloak.KindOf(failure) != keycloak.Conflict {
		return planned{}, false, failure
	}
	for _, o := range r.kind.obstacles(d, failure) {
		r.end() // a change of a resource locks the resource before its values and its link, and the code below does so too
		if r.ID, err = o.find(ctx, r); err != nil {
			return planned{}, false, err
		}
		if r.ID == "" {
			continue
		}
		if err = s.lock(ctx, r, resourceLock(r, r.ID)); err != nil { // until the request ends
			return planned{}, false, err
		}
		if ch, ok, err = o.takeUp(ctx, r); ok || err != nil {
			return ch, ok, err
		}
	}
	return planned{}, false, failure
}

// whole waits until the creation of a resource has ended, and reads the resource again.
func (s *Service) whole(ctx context.Context, r *request, cur current) (current, error) {
	if !r.halfMade(cur) {
		return cur, nil
	}
	if err := s.await(ctx, r, r.creationLock(cur)); err != nil {
		return current{}, err
	}
	now, err := r.kind.read(ctx, r)
	if err != nil || !r.linking {
		return now, err
	}
	if !r.halfMade(now) {
		return current{}, staleError() // members or groups were added after the comparison
	}
	now.members, now.known = cur.members, cur.known
	return now, nil
}

// halfMade reports whether the creation of a resource is running, or broke off.
func (r *request) halfMade(cur current) bool {
	return r.Tenant.Owner.Unfinished(cur.user.Attributes) || r.Tenant.Owner.Unfinished(cur.group.Attributes)
}

// creationLock is held while a resource is created.
func (r *request) creationLock(cur current) string {
	if r.Endpoint == endpointGroups {
		return displayNameLock(cur.group.Name)
	}
	return userNameLock(cur.user.Username)
}

// maxAge is the greatest age of the list of protected users for a write.
const maxAge = 15 * time.Minute

// writes refuses to write for a disabled organization, because Keycloak shows its members differently. It also refuses
// when the list of protected users is too old.
func (r *request) writes() error {
	switch p := r.fitness.Protected; {
	case p == nil || time.Since(p.At) > maxAge:
		return Unfit("the bridge could not read the list of protected users for " + maxAge.String() + ", so nothing is written")
	case p.Unknown != "":
		return Unfit(p.Unknown + ", so nothing is written")
	case r.fitness.Disabled:
		return scim.Forbidden(code.OrganizationDisabled, "the organization is disabled, so nothing was changed; ask the operator to enable the organization in Keycloak first")
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

// Replace makes a resource what the body says, as a PUT does. Attributes that the client leaves out are cleared, except
// externalId and active. Okta sometimes leaves both out, and a missing value must not enable a user.
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
	result, err := replacing(doc)
	if err != nil {
		return Result{}, err
	}
	after, err := s.change(ctx, r, cur, result)
	if err != nil {
		return Result{}, err
	}
	return s.written(ctx, r, after)
}

// replacing is a whole document in the form of a result of a PATCH. Only the difference of the members is written, so
// that no user leaves a group for a moment.
func replacing(doc scim.Document) (patch.Result, error) {
	ids, err := patch.MemberIDs(doc[scim.AttrMembers])
	return patch.Result{Document: doc, Members: patch.Members{Replace: true, Add: patch.Distinct(ids)}}, err
}

// change plans and carries out the result of a PUT or a PATCH.
func (s *Service) change(ctx context.Context, r *request, cur current, result patch.Result) (current, error) {
	cur, err := s.whole(ctx, r, cur)
	if err != nil {
		return current{}, s.fail(r, err)
	}
	ch, err := r.kind.change(ctx, r, cur, result)
	if err != nil {
		return current{}, s.fail(r, err)
	}
	return ch.after, s.execute(ctx, r, cur, ch)
}

// Patch changes a part of a resource, and shows it as the tenant's policy or the client says. By default a group is not
// shown, because its members cost more to read than to change.
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
	if blind, may := r.kind.(blindPatcher); may && !r.conditional() {
		if p, ok, err := blind.patchesBlind(ctx, r, ops); ok || err != nil {
			return s.patchedBlind(ctx, r, p, err)
		}
	}
	if err := s.lock(ctx, r, resourceLock(r, c.ID)); err != nil {
		return Result{}, s.fail(r, err)
	}
	if r.ending = deactivating(ops); r.ending {
		r.readRightsEarly(ctx)
	}
	cur, err := r.writable(ctx)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	result, err := patch.Apply(ctx, r.rt, cur.resource.Document, ops)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	after, err := s.change(ctx, r, cur, result)
	if err != nil {
		return Result{}, err
	}
	return s.patched(ctx, r, after)
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
		return r.preferred(r.result()), nil // its version is not known
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
	r.readRightsEarly(ctx)
	cur, err := r.writable(ctx)
	if _, damaged := errors.AsType[*mapping.DamagedError](err); err != nil && !damaged {
		return Result{}, s.fail(r, err) // a damaged attribute does not prevent the deletion
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

// writable reads a resource for a change. It checks that SCIM may write the resource and, if the request has a
// precondition, that the client knows its version.
func (r *request) writable(ctx context.Context) (current, error) {
	cur, err := r.kind.read(ctx, r)
	if keycloak.KindOf(err) == keycloak.Denied && r.wall.ProtectsUser(r.ID) { // no list says more
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
	case r.wall.ProtectsUser(user) && !r.wall.Deactivates(user): // otherwise its plan says what is allowed
		return guard.ProtectedUsers(user)
	case r.wall.ProtectsGroup(group):
		return guard.ProtectedGroup(group)
	}
	return nil
}

// beginWrite is begin, and also waits for the resource's lock.
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

// execute carries out a change.
func (s *Service) execute(ctx context.Context, r *request, cur current, ch planned) error {
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
