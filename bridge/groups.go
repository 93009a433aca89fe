package bridge

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
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
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// groupKind plugs groups into the pipeline.
type groupKind struct{ s *Service }

func (groupKind) resourceType(t *tenant.Tenant) *scim.ResourceType { return t.Mapping.Group }

// patchAnswers: reading the members of a group costs Keycloak far more than
// changing them, and Entra and Okta take a 204.
func (groupKind) patchAnswers() bool { return false }

func (groupKind) read(ctx context.Context, r *request) (current, error) {
	id, err := r.wall.GroupID(r.ID)
	if err != nil {
		return current{}, scim.NotFound(r.rt.Name)
	}
	group, err := r.wall.Group(ctx, id)
	if err != nil {
		return current{}, err
	}
	resource, err := r.Tenant.Mapping.GroupResource(r.Tenant.Party.Key, group)
	return current{resource: resource, group: group, groupID: id}, err
}

func (k groupKind) find(ctx context.Context, r *request, q directory.Query) (directory.Found, error) {
	return k.s.directory.Groups(ctx, r.view(), q)
}

func (k groupKind) create(ctx context.Context, r *request, doc scim.Document) (planned, error) {
	if !r.wall.TakesGroups() {
		return planned{}, scim.Forbidden(codeNoGroups, "this endpoint has no groups: its Keycloak keeps none for organizations, and the operator named no place for them")
	}
	if err := k.s.checkUnique(ctx, r, r.Tenant.Mapping.GroupUnique(), nil, doc); err != nil {
		return planned{}, err
	}
	state, err := k.state(r, doc)
	if err != nil {
		return planned{}, err
	}
	members, err := k.proven(ctx, r, doc[scim.AttrMembers])
	if err != nil {
		return planned{}, err
	}
	roles, err := k.planRolesOf(ctx, r, regrouping{name: state.Name, add: idsOf(members)})
	if err != nil {
		return planned{}, err
	}
	own := plan.Roles{Rules: state.Roles, Known: r.fitness.Resolved.Roles}
	p, after := plan.ForNewGroup(r.Tenant.Party, state, r.wall.GroupParent(), idsOf(members), own, roles, time.Now())
	if len(p) > 1 { // as for users
		if err := k.s.lock(ctx, r, displayNameLock(state.Name)); err != nil {
			return planned{}, err
		}
	}
	return planned{plan: p, op: change.Created, after: current{group: after, members: members, known: true}}, nil
}

func displayNameLock(name string) string { return " displayName " + name }

func (k groupKind) state(r *request, doc scim.Document) (mapping.GroupState, error) {
	state, err := r.Tenant.Mapping.GroupState(doc)
	k.s.dropped(r, state.Dropped)
	return state, err
}

// proven are the members that a document lists, each proved to exist.
func (k groupKind) proven(ctx context.Context, r *request, value any) ([]guard.Member, error) {
	ids, err := patch.MemberIDs(value)
	if err != nil {
		return nil, err
	}
	return k.prove(ctx, r, patch.Distinct(ids))
}

// prove looks the ids up. Unknown ones are refused or left out, as the tenant's
// policy says.
func (k groupKind) prove(ctx context.Context, r *request, ids []string) ([]guard.Member, error) {
	known, unknown, err := r.wall.Prove(ctx, ids)
	if err != nil {
		return nil, err
	}
	r.readsMembers(known)
	if len(unknown) > 0 {
		if !r.Tenant.Policy.IgnoresUnknownMembers() {
			return nil, unknownMembers(unknown)
		}
		k.ignored(r, len(unknown))
	}
	if err := k.refuse(r, known); err != nil {
		return nil, err
	}
	return k.federatedMembers(r, slices.DeleteFunc(known, func(m guard.Member) bool { return r.wall.ProtectsUser(m.ID.String()) }))
}

// refuse refuses, or counts as ignored, those of some members whom SCIM may not write.
func (k groupKind) refuse(r *request, members []guard.Member) error {
	var ids []string
	for _, m := range members {
		if id := m.ID.String(); r.wall.ProtectsUser(id) {
			ids = append(ids, id)
		}
	}
	switch {
	case len(ids) == 0:
		return nil
	case !r.Tenant.Policy.IgnoresUnknownMembers():
		return guard.ProtectedUsers(ids...)
	}
	k.ignored(r, len(ids))
	return nil
}

// removable are the ids of members that may go. Those of protected users may not; one that is
// no user of the tenant is left out, as nobody's. Where all members are its users, only the
// protected are looked up.
func (k groupKind) removable(ctx context.Context, r *request, texts []string) ([]keycloak.UserID, error) {
	var out []keycloak.UserID
	var asked []string
	for _, id := range keycloak.ParseUserIDs(texts) { // what is no id is no member
		if asks(r, id) {
			asked = append(asked, id.String())
		} else {
			out = append(out, id)
		}
	}
	if len(asked) == 0 {
		return out, nil
	}
	known, _, err := r.wall.Prove(ctx, asked)
	if err == nil {
		r.readsMembers(known)
		err = k.refuse(r, known)
	}
	for _, m := range known {
		if !r.wall.ProtectsUser(m.ID.String()) {
			out = append(out, m.ID)
		}
	}
	return out, err
}

// asks reports whether a member's id must be looked up. Else the change of the membership is the
// check: Keycloak answers 404 to an id of nobody.
func asks(r *request, id keycloak.UserID) bool {
	return !id.IsCanonical() || !r.wall.RefusesStrangers() || r.wall.ProtectsUser(id.String()) || r.wall.ServiceAccount(id.String())
}

// ignored records members that the policy leaves as they are: counted and logged, never
// silent.
func (k groupKind) ignored(r *request, n int) {
	k.s.options.Observer.Ignored(scim.AttrMembers, n)
	k.s.options.Log.Warn("unknown or protected members left as they are, as the tenant's policy unknownMembers: ignore says",
		zap.String("tenant", r.Tenant.Path), zap.Int("members", n))
}

// maxNamed bounds the ids that an error repeats.
const maxNamed = 20

func unknownMembers(ids []string) *scim.Error {
	hint := ""
	if slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, patch.NoUser) }) {
		hint = "; a group cannot be a member of another, as Keycloak's members do not pass to the group above"
	}
	return scim.BadRequest(codeUnknownMember, scim.InvalidValue, "members holds ids that no user has (%d), so nothing was changed: %s; create these users first%s", len(ids), listed(ids), hint)
}

// listed are ids for an error, some of them when there are many.
func listed(ids []string) string {
	text := strings.Join(ids[:min(len(ids), maxNamed)], ", ")
	if len(ids) > maxNamed {
		text += " and others"
	}
	return strings.ToValidUTF8(scim.Clip(text, maxNamed*48), "") // as many of Keycloak's ids
}

func idsOf(members []guard.Member) []keycloak.UserID {
	ids := make([]keycloak.UserID, len(members))
	for i, m := range members {
		ids[i] = m.ID
	}
	return ids
}

func (groupKind) created(after current, out apply.Outcome) current {
	after.groupID = out.Group
	after.group.ID, after.resource.ID = out.Group.String(), out.Group.String()
	return after
}

// replace makes the members those of the document: only the difference is written,
// so that nobody loses a membership for a moment. With it a group that no tenant owns may become the
// tenant's own, and an adoption takes nothing away.
func (k groupKind) replace(ctx context.Context, r *request, cur current, doc scim.Document) (planned, error) {
	if r.adoptsGroup(cur.group) {
		return k.adopt(ctx, r, cur, doc)
	}
	ids, err := patch.MemberIDs(doc[scim.AttrMembers])
	if err != nil {
		return planned{}, err
	}
	return k.change(ctx, r, cur, patch.Result{
		Document: doc, Members: patch.Members{Replace: true, Add: patch.Distinct(ids)},
	})
}

func (k groupKind) patch(ctx context.Context, r *request, cur current, result patch.Result) (planned, error) {
	return k.change(ctx, r, cur, result)
}

func (k groupKind) change(ctx context.Context, r *request, cur current, result patch.Result) (planned, error) {
	cur, err := k.made(ctx, r, cur)
	if err != nil {
		return planned{}, err
	}
	if err := k.s.checkUnique(ctx, r, r.Tenant.Mapping.GroupUnique(), cur.resource.Document, result.Document); err != nil {
		return planned{}, err
	}
	state, err := k.state(r, result.Document)
	if err == nil {
		state, err = ownedState(r, cur.group, state)
	}
	if err != nil {
		return planned{}, err
	}
	members, after, err := k.planMembers(ctx, r, cur, result.Members)
	if err != nil {
		return planned{}, err
	}
	roles, err := k.planRolesOfChange(ctx, r, cur, state.Name, members)
	if err != nil {
		return planned{}, err
	}
	p, group := plan.ForGroup(r.Tenant.Party.Key, cur.group, state, time.Now())
	own := plan.Roles{Has: cur.group.Roles, Rules: state.Roles, Known: r.fitness.Resolved.Roles}
	last := state.BecomesOwned() || group.Name != cur.group.Name && len(roles) > 0
	p, group = plan.ForGroupRoles(r.Tenant.Party, cur.groupID, cur.group, p, group, own, append(members, roles...), last)
	return planned{plan: p, op: groupOp(r, cur.group, state), after: current{group: group, groupID: cur.groupID, members: after, known: result.Members.Replace}}, nil
}

// groupOp is what a change makes of a group that is there.
func groupOp(r *request, g keycloak.Group, state mapping.GroupState) change.Op {
	switch {
	case r.Tenant.Party.Left(g.Attributes):
		return change.Joined
	case mapping.Unowned(g.Attributes) && state.BecomesOwned():
		return change.Adopted
	}
	return change.Updated
}

// planMembers plans a change of members and tells the members afterwards where it
// had to read them.
func (k groupKind) planMembers(ctx context.Context, r *request, cur current, m patch.Members) (plan.Plan, []guard.Member, error) {
	id := cur.groupID
	if m.Replace {
		return k.planReplaced(ctx, r, cur, m.Add)
	}
	matching, err := k.matching(ctx, r, id, m)
	if err != nil {
		return nil, nil, err
	}
	remove, err := k.removable(ctx, r, slices.Concat(m.Remove, matching))
	if err != nil {
		return nil, nil, err
	}
	if len(m.Add) == 1 && !r.Tenant.Policy.IgnoresUnknownMembers() {
		if user, err := keycloak.ParseUserID(m.Add[0]); err == nil && !asks(r, user) {
			return plan.ForMembers(id, []keycloak.UserID{user}, remove), nil, nil
		}
	}
	add, err := k.prove(ctx, r, m.Add)
	return plan.ForMembers(id, idsOf(add), remove), nil, err
}

// planReplaced plans with the members that the client's precondition was compared with, if it was: who
// joined after that stays, and is not lost.
func (k groupKind) planReplaced(ctx context.Context, r *request, cur current, ids []string) (plan.Plan, []guard.Member, error) {
	id, present := cur.groupID, cur.members
	if !cur.known {
		var err error
		if present, err = members(ctx, r, id); err != nil {
			return nil, nil, err
		}
	}
	byID := make(map[string]guard.Member, len(present))
	for _, m := range present {
		byID[m.ID.String()] = m
	}
	var after []guard.Member
	var missing []string
	for _, id := range ids {
		if m, ok := byID[id]; ok {
			after = append(after, m)
			delete(byID, id)
		} else {
			missing = append(missing, id)
		}
	}
	add, err := k.prove(ctx, r, missing)
	if err != nil {
		return nil, nil, err
	}
	var remove []keycloak.UserID
	var kept []guard.Member
	for _, m := range present {
		_, gone := byID[m.ID.String()]
		switch {
		case gone && r.wall.ProtectsUser(m.ID.String()):
			kept = append(kept, m)
		case gone:
			remove = append(remove, m.ID)
		}
	}
	if err := k.refuse(r, kept); err != nil {
		return nil, nil, err
	}
	after = append(after, kept...)
	return plan.ForMembers(id, idsOf(add), remove), append(after, add...), nil
}

// members reads all members of a group: what a change is planned by comes from Keycloak.
func members(ctx context.Context, r *request, id keycloak.GroupID) ([]guard.Member, error) {
	list, err := directory.ReadMembers(ctx, r.wall, id)
	return proven(list), err
}

// proven are the members of a group as those of a plan.
func proven(list []directory.Member) []guard.Member {
	out := make([]guard.Member, 0, len(list))
	for _, m := range list {
		if id, err := keycloak.ParseUserID(m.ID); err == nil {
			out = append(out, guard.Member{ID: id, Username: m.Username})
		}
	}
	return out
}

// patchesBlind takes operations on members alone, without a look at the group:
// their cost does not depend on its size. Additions and removals are not ordered among each other:
// Keycloak keeps each membership by itself.
func (k groupKind) patchesBlind(ctx context.Context, r *request, ops []patch.Operation) (plan.Plan, bool, error) {
	m, ok, err := patch.OnlyMembers(ctx, r.rt, ops)
	if !ok || err != nil {
		return nil, ok, err
	}
	id, err := r.wall.GroupID(r.ID)
	if err != nil {
		return nil, true, scim.NotFound(r.rt.Name)
	}
	hold, name := k.s.share, membersLock(r, r.ID)
	if m.Replace || len(m.Matching) > 0 || r.Tenant.Mapping.RolesFollowGroups() {
		hold, name = k.s.lock, resourceLock(r, r.ID)
	}
	if err := hold(ctx, r, name); err != nil {
		return nil, true, err
	}
	reads := r.wall.ConfinesGroups() || r.wall.HidesLeft() || !id.IsCanonical()
	protected := r.wall.ProtectsGroup(id.String())
	if reads || protected { // before the members, whose error would tell a foreign group from an absent one
		cur, err := k.read(ctx, r)
		if err != nil {
			return nil, true, err
		}
		r.reads(cur)
	}
	if protected {
		return nil, true, guard.ProtectedGroup(id.String())
	}
	p, _, err := k.planMembers(ctx, r, current{groupID: id}, m)
	if err == nil && r.Tenant.Mapping.RolesFollowGroups() {
		p, err = k.withRoles(ctx, r, id, p)
	}
	if err == nil && len(p) == 0 && !m.Replace && !reads { // nothing to do is still a 404 when there is no group
		_, err = k.read(ctx, r)
	}
	return p, true, err
}

// maxNamesakes are the groups of one name in any spelling that are looked at.
const maxNamesakes = 100

// resume takes up the group in the way of a creation: one of the tenant's that left it or whose creation
// broke off, whose members become those of the document, or one that it adopts. Whatever else exists
// stays a conflict.
func (k groupKind) resume(ctx context.Context, r *request, doc scim.Document, failure error) (planned, bool, error) {
	taken, isTaken := errors.AsType[takenError](failure)
	if !isTaken && keycloak.KindOf(failure) != keycloak.Conflict {
		return planned{}, false, failure
	}
	r.end() // as for users
	r.ID = taken.id
	if !isTaken {
		if ch, ok, err := k.comeBack(ctx, r, doc); ok || err != nil {
			return ch, ok, err
		}
		path, err := r.rt.Resolve(scim.AttrDisplayName)
		if err != nil {
			return planned{}, false, err
		}
		found, err := k.find(ctx, r, directory.Query{
			Filter: &filter.Compare{Path: path, Op: filter.Eq, Value: doc.String(scim.AttrDisplayName)}, Start: 1, Count: maxNamesakes,
		})
		at := slices.IndexFunc(found.Resources, func(g scim.Resource) bool {
			return g.Document.String(scim.AttrDisplayName) == doc.String(scim.AttrDisplayName)
		})
		if err != nil || at < 0 {
			return planned{}, false, cmp.Or(err, failure)
		}
		r.ID = found.Resources[at].ID
	}
	if err := k.s.lock(ctx, r, resourceLock(r, r.ID)); err != nil { // until the request ends
		return planned{}, false, err
	}
	cur, err := k.read(ctx, r)
	switch party := r.Tenant.Party; {
	case keycloak.KindOf(err) == keycloak.NotFound:
		return planned{}, false, failure
	case err != nil:
		return planned{}, false, err
	case party.HalfMade(cur.group.Attributes):
		ch, err := k.replace(ctx, r, cur, doc)
		ch.op = change.Created
		return ch, true, err
	case !isTaken && r.adoptsGroup(cur.group):
		ch, err := k.adopt(ctx, r, cur, doc)
		return ch, true, err
	}
	return planned{}, false, failure
}

// remove refuses a group with sub-groups, which Keycloak would delete with it.
func (k groupKind) remove(ctx context.Context, r *request, cur current) (plan.Plan, error) {
	if r.wall.KeepsGroup(cur.groupID.String()) { // whether it has sub-groups or not
		return nil, guard.KeptError{ID: cur.groupID.String()}
	}
	if party := r.Tenant.Party; !party.OwnsGroup(cur.group) && !party.Left(cur.group.Attributes) {
		return nil, notCreatedHere(cur.group, "delete it")
	}
	if refused := r.protects(cur); refused != nil { // before its members are looked at
		return nil, refused
	}
	nested, err := r.wall.HasSubGroups(ctx, cur.group)
	if err != nil {
		return nil, err
	}
	if nested {
		return nil, &scim.Error{
			Code: codeSubgroups, Status: http.StatusConflict,
			Detail: "the group has sub-groups in Keycloak, which would be deleted with it; remove them there first",
		}
	}
	if !r.Tenant.Policy.Leaves() { // else nobody loses a membership
		if err := k.refuseProtectedMembers(ctx, r, cur.groupID); err != nil {
			return nil, err
		}
	}
	all, err := k.allMembers(ctx, r, cur.groupID)
	if err != nil {
		return nil, err
	}
	// before the deletion: nobody could repeat it
	roles, err := k.planRolesOf(ctx, r, regrouping{id: cur.groupID, all: all})
	if err != nil {
		return nil, err
	}
	rest, err := k.planEnd(ctx, r, cur)
	return append(roles, rest...), err
}

// stored shows a group as its resource.
func (groupKind) stored(r *request, cur current) (scim.Resource, error) {
	if cur.resource.Document != nil {
		return cur.resource, nil
	}
	return r.Tenant.Mapping.GroupResource(r.Tenant.Party.Key, cur.group)
}

func (k groupKind) resource(ctx context.Context, r *request, cur current) (scim.Resource, error) {
	resource, err := k.stored(r, cur)
	if err != nil {
		return scim.Resource{}, err
	}
	if !r.projection.Wants(r.rt.Attribute(scim.AttrMembers)) {
		return resource, nil
	}
	list := cur.members
	if !cur.known {
		id, err := r.wall.GroupID(resource.ID)
		if err != nil {
			return scim.Resource{}, err
		}
		known, err := k.s.directory.Members(ctx, r.view(), id)
		if err != nil {
			return scim.Resource{}, err
		}
		list = proven(known)
	}
	if len(list) > 0 {
		resource.Derived = map[string]any{scim.AttrMembers: memberObjects(r, list)}
	}
	resource.Linked = versionOfMembers(r, list)
	return resource, nil
}

func memberObjects(r *request, list []guard.Member) []any {
	out := make([]any, len(list))
	for i, m := range list {
		id := m.ID.String()
		object := map[string]any{scim.AttrValue: id, scim.AttrType: "User", scim.AttrRef: r.Tenant.Mapping.User.Location(r.Tenant.BaseURL, id)}
		if r.sees(endpointUsers) {
			object[scim.AttrDisplay] = m.Username
		}
		out[i] = object
	}
	return out
}
