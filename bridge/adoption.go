package bridge

import (
	"context"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// Adoption is the result for one account or group when a tenant adopts existing accounts and groups, or releases them.
type Adoption struct {
	Type    string   `json:"type"` // "User" or "Group"
	ID      string   `json:"id"`
	Name    string   `json:"name"` // userName or displayName
	Outcome Outcome  `json:"outcome"`
	Linked  bool     `json:"linked,omitempty"`  // to the identity provider of the mapping
	Changes []string `json:"changes,omitempty"` // without the owner, and without values
	Reason  string   `json:"reason,omitempty"`  // why it is refused or not linked, or what an account gets that the tenant owns already
	// Unproven is the reason why the owner of an adopted account is not certain (tenant.Unproven), or "".
	Unproven string `json:"unproven,omitempty"`
}

// Outcome is the outcome of an adoption.
type Outcome string

// Types of adopted resources.
const (
	typeUser  = "User"
	typeGroup = "Group"
)

// The outcomes.
const (
	Adopted  Outcome = "adopted"
	Own      Outcome = "own" // it belongs to the tenant already
	Refused  Outcome = "refused"
	Released Outcome = "released" // it no longer has an owner
)

// AdoptOptions say what Adopt does.
type AdoptOptions struct {
	DryRun bool // write nothing
	Undo   bool // release what the tenant adopted
}

// Adopt adopts accounts and groups without an owner: the accounts of all users of the realm (for a tenant of an
// organization, of its members), and the groups of the tenant. Accounts keep their identity and groups their names.
// With Undo, adopted accounts and groups lose their owner again and do not change otherwise. each gets the result for
// every account, in the order of the user names, and then for every group.
func (s *Service) Adopt(ctx context.Context, by tenant.Principal, o AdoptOptions, each func(Adoption) error) error {
	for _, endpoint := range []string{endpointUsers, endpointGroups} {
		r, err := s.begin(Call{By: by, Endpoint: endpoint, DryRun: o.DryRun, Origin: change.Adopt}, writing)
		if err != nil {
			return err
		}
		a := adopter{s: s, by: by, o: o, each: each}
		switch {
		case o.Undo:
			err = a.undo(ctx, r)
		case endpoint == endpointUsers:
			err = a.users(ctx, r)
		default:
			err = a.groups(ctx, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// adopter is one run of Adopt.
type adopter struct {
	s    *Service
	by   tenant.Principal
	o    AdoptOptions
	each func(Adoption) error
}

// users adopts accounts.
func (a adopter) users(ctx context.Context, r *request) error {
	for first := 0; ; first += keycloak.MaxPage {
		list, err := r.everybody(ctx, first)
		if err != nil {
			return err
		}
		for _, u := range list {
			out := Adoption{Type: typeUser, ID: u.ID, Name: u.Username, Outcome: Own}
			if !r.Tenant.Owner.Owns(u) || mapping.Unowned(u.Attributes) {
				out, err = a.one(ctx, endpointUsers, out, userKind{a.s}.adoptAsItIs)
			} else {
				out.Reason, err = a.own(ctx, u)
			}
			if err == nil {
				err = a.each(out)
			}
			if err != nil {
				return err
			}
		}
		if len(list) < keycloak.MaxPage {
			return nil
		}
	}
}

// everybody is a page of the users that the tenant could adopt.
func (r *request) everybody(ctx context.Context, first int) ([]keycloak.User, error) {
	if !r.organization().IsZero() {
		return r.client.OrganizationMembers(ctx, r.organization(), first, keycloak.MaxPage)
	}
	return r.client.Users(ctx, keycloak.UserQuery{First: first})
}

// groups adopts groups.
func (a adopter) groups(ctx context.Context, r *request) error {
	for first := 0; ; first += keycloak.MaxPage {
		list, err := r.wall.ListGroups(ctx, first, keycloak.MaxPage)
		if err != nil {
			return err
		}
		for _, g := range list {
			out := Adoption{Type: typeGroup, ID: g.ID, Name: g.Name, Outcome: Own}
			if r.wall.ProtectsGroup(g.ID) || !r.Tenant.Owner.OwnsGroup(g) {
				out, err = a.one(ctx, endpointGroups, out, groupKind{a.s}.adoptAsItIs)
			}
			if err == nil {
				err = a.each(out)
			}
			if err != nil {
				return err
			}
		}
		if len(list) < keycloak.MaxPage {
			return nil
		}
	}
}

// own handles an account that already belongs to the tenant.
func (a adopter) own(ctx context.Context, u keycloak.User) (string, error) {
	c, err := a.call(endpointUsers, u.ID)
	if err != nil {
		return "", err
	}
	return a.s.keyOwn(ctx, c, u)
}

// call is the call for one account or group. It uses the tenant as it is now, because the configuration may have
// changed since the adoption began.
func (a adopter) call(endpoint, id string) (Call, error) {
	was, by := a.by.Tenant, a.by
	by.Tenant = a.s.options.Tenants.ByPath(was.Path)
	if by.Tenant == nil || by.Tenant.Realm != was.Realm || by.Tenant.Owner.Key != was.Owner.Key {
		return Call{}, scim.NoEndpoint()
	}
	return Call{By: by, Endpoint: endpoint, ID: id, DryRun: a.o.DryRun, Origin: change.Adopt}, nil
}

// one adopts one account or group. The resource is locked and read again.
func (a adopter) one(ctx context.Context, endpoint string, out Adoption, of func(context.Context, *request, *Adoption) (planned, error)) (Adoption, error) {
	c, err := a.call(endpoint, out.ID)
	if err != nil {
		return out, err
	}
	r, unlock, err := a.s.beginWrite(ctx, c)
	if err != nil {
		return out, err
	}
	defer unlock()
	ch, err := of(ctx, r, &out)
	if err == nil && ch.op != "" { // otherwise the adoption is refused, or there is nothing to release
		_, err = a.s.apply(ctx, r, &ch)
	}
	if refused, ok := r.refusalOf(err); ok {
		return Adoption{Type: out.Type, ID: out.ID, Name: out.Name, Outcome: Refused, Reason: refused}, nil
	}
	return out, err
}

// adoptAsItIs plans the adoption of the request's account as it is now.
func (k userKind) adoptAsItIs(ctx context.Context, r *request, out *Adoption) (planned, error) {
	id, user, err := r.account(ctx)
	if err != nil {
		return planned{}, err
	}
	eligible, former, err := k.s.adoptable(ctx, r, id, user)
	if err != nil {
		return planned{}, err
	}
	if eligible.Refusal != "" {
		out.Outcome, out.Reason = Refused, eligible.Refusal
		return planned{}, nil
	}
	whole, err := asOwner(r, user)
	if err != nil {
		return planned{}, err
	}
	var shown scim.Document // a duplicate that the tenant already shows does not prevent the adoption, but a new duplicate does
	if !r.Tenant.Policy.OwnedOnly {
		before, err := r.Tenant.Mapping.UserResource(r.Tenant.Owner, user)
		if err != nil {
			return planned{}, err
		}
		shown = before.Document
	}
	if err := k.s.checkUnique(ctx, r, r.uniqueOfUsers(), shown, whole); err != nil {
		return planned{}, err
	}
	link, reason, err := k.linkAsItIs(ctx, r, id, whole)
	if err != nil {
		return planned{}, err
	}
	ch, err := k.adoptLinked(ctx, r, id, user, whole.Clone(), whole, link, eligible.Member)
	out.Outcome, out.Linked, out.Reason = Adopted, reason == "" && r.Tenant.Mapping.IdentityProvider() != "", reason
	out.Changes = append(changedFields(user, ch.after.user), changedBeside(ch.plan)...)
	out.Unproven = tenant.Unproven(user)
	out.Changes = append(out.Changes, formerly(former)...)
	return ch, err
}

// adoptAsItIs plans the adoption of the request's group as it is now.
func (k groupKind) adoptAsItIs(ctx context.Context, r *request, out *Adoption) (planned, error) {
	r.adopting = true
	cur, err := r.writable(ctx)
	switch {
	case err != nil:
		return planned{}, err
	case !k.s.ownerless(r, cur.group.Attributes):
		out.Outcome, out.Reason = Refused, "a tenant owns it"
		return planned{}, nil
	}
	former := mapping.FormerOwner(cur.group.Attributes)
	cur.group.Attributes = mapping.Release(cur.group.Attributes)
	ch, err := k.adopt(ctx, r, cur, patch.Result{Document: scim.Document{}})
	out.Outcome, out.Changes = Adopted, append(changedBeside(ch.plan), formerly(former)...)
	return ch, err
}

// changedFields names the fields and attributes of an account that a change writes, without the bridge's own
// attributes.
func changedFields(before, after keycloak.User) []string {
	var out []string
	for name, differs := range map[string]bool{
		"username": before.Username != after.Username, "email": before.Email != after.Email,
		"firstName": before.FirstName != after.FirstName, "lastName": before.LastName != after.LastName, "enabled": before.Enabled != after.Enabled,
	} {
		if differs {
			out = append(out, name)
		}
	}
	for _, name := range slices.Concat(scim.SortedNames(before.Attributes), scim.SortedNames(after.Attributes)) {
		if !strings.HasPrefix(name, mapping.OwnPrefix) && !slices.Equal(before.Attributes[name], after.Attributes[name]) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// changedBeside describes the steps of a plan that change something besides the account or group.
func changedBeside(p plan.Plan) []string {
	var out []string
	for _, step := range p {
		switch s := step.(type) {
		case plan.AddMember:
			out = append(out, "joins the group "+s.Group.String())
		case plan.AdmitUser:
			out = append(out, "joins the organization")
		case plan.GrantRoles:
			for _, role := range s.Roles {
				out = append(out, "gets the role "+role.String())
			}
		case plan.RevokeRoles:
			for _, role := range s.Roles {
				out = append(out, "loses the role "+role.String())
			}
		case plan.CreateGroup, plan.CreateUser, plan.DeleteGroup, plan.DeleteUser, plan.EndSessions,
			plan.ExpelUser, plan.LinkUser, plan.RemoveMember, plan.UpdateGroup, plan.UpdateUser:
		}
	}
	return out
}

// undo releases the adopted resources of the request's type, wherever they are now.
func (a adopter) undo(ctx context.Context, r *request) error {
	query := keycloak.AttributeQuery{Name: mapping.AttrOwner, Value: r.Tenant.Owner.AdoptedMark()}
	list, err := r.marked(ctx, query)
	if err != nil {
		return err
	}
	for _, out := range list {
		of := a.releaseUser
		if r.Endpoint == endpointGroups {
			of = groupKind{a.s}.release
		}
		out, err := a.one(ctx, r.Endpoint, out, of)
		if err == nil {
			err = a.each(out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// marked are the accounts or groups with an attribute. All are read before one is changed, because a changed one is on
// no page any longer.
func (r *request) marked(ctx context.Context, q keycloak.AttributeQuery) ([]Adoption, error) {
	var out []Adoption
	for first := 0; ; first += keycloak.MaxPage {
		n := 0
		if r.Endpoint == endpointGroups {
			list, err := r.client.Groups(ctx, keycloak.GroupQuery{Attribute: &q, In: r.groupsOf(), First: first})
			if err != nil {
				return nil, err
			}
			for _, g := range list {
				out = append(out, Adoption{Type: typeGroup, ID: g.ID, Name: g.Name, Outcome: Own})
			}
			n = len(list)
		} else {
			list, err := r.client.Users(ctx, keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{q}, First: first})
			if err != nil {
				return nil, err
			}
			for _, u := range list {
				out = append(out, Adoption{Type: typeUser, ID: u.ID, Name: u.Username, Outcome: Own})
			}
			n = len(list)
		}
		if n < keycloak.MaxPage {
			return out, nil
		}
	}
}

// groupsOf is the organization that has the tenant's groups; zero when the groups are groups of the realm.
func (r *request) groupsOf() keycloak.OrganizationID {
	if r.fitness.OrganizationGroups {
		return r.organization()
	}
	return keycloak.OrganizationID{}
}

// release plans that the request's group no longer has an owner.
func (groupKind) release(ctx context.Context, r *request, out *Adoption) (planned, error) {
	id, err := r.wall.GroupID(r.ID)
	if err != nil {
		return planned{}, err
	}
	group, err := r.client.Group(ctx, id)
	if err != nil || !r.Tenant.Owner.Adopted(group.Attributes) {
		return planned{}, err
	}
	out.Outcome = Released
	return planned{plan: plan.ForReleasedGroup(group), op: change.Left}, nil
}
