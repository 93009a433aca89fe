package guard

import (
	"context"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// shownUsers shows only the id, the name and the state of a protected user.
//
// A fine-grained permission can forbid the bridge to read such a user. Keycloak then refuses a read
// by the id and leaves the user out of a search for several ids. A search for the user name still
// finds the user (measured on 26.6 and 26.7). The last read of the realm knows the name.
type shownUsers struct {
	users

	protected *tenant.Protected
}

func (w shownUsers) User(ctx context.Context, id keycloak.UserID) (keycloak.User, error) {
	u, err := w.users.User(ctx, id)
	if keycloak.KindOf(err) == keycloak.Denied && w.protected.Name(id.String()) != "" {
		var list []keycloak.User
		if list, err = w.kept(ctx, []string{id.String()}); err == nil && len(list) == 0 {
			err = noUser("get user")
		}
		if err == nil {
			u = list[0]
		}
	}
	return w.shown(u), err
}

// kept finds the protected users among some ids by their names, with a call for each.
func (w shownUsers) kept(ctx context.Context, ids []string) ([]keycloak.User, error) {
	var out []keycloak.User
	for _, id := range ids {
		name := w.protected.Name(id)
		if name == "" {
			continue
		}
		list, err := w.users.FindUsers(ctx, keycloak.UserQuery{Username: name}, keycloak.MaxPage)
		if err != nil {
			return nil, err
		}
		out = append(out, keep(list, func(u keycloak.User) bool { return u.ID == id })...)
	}
	return out, nil
}

func (w shownUsers) FindUsers(ctx context.Context, q keycloak.UserQuery, most int) ([]keycloak.User, error) {
	list, err := w.users.FindUsers(ctx, q, most)
	return each(list, w.shown), err
}

func (w shownUsers) ListUsers(ctx context.Context, first, limit int) ([]keycloak.User, []string, error) {
	list, all, err := w.users.ListUsers(ctx, first, limit)
	return each(list, w.shown), all, err
}

func (w shownUsers) UsersByID(ctx context.Context, ids []string) ([]keycloak.User, error) {
	list, err := w.users.UsersByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	_, missing := sorted(ids, list)
	kept, err := w.kept(ctx, missing)
	return each(append(list, kept...), w.shown), err
}

func (w shownUsers) Prove(ctx context.Context, ids []string) ([]Member, []string, error) {
	known, unknown, err := w.users.Prove(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	kept, err := w.kept(ctx, unknown)
	if err != nil || len(kept) == 0 {
		return known, unknown, err
	}
	members, unknown := sorted(unknown, kept)
	known = append(known, members...)
	at := make(map[string]int, len(ids))
	for i, id := range ids {
		at[id] = i
	}
	slices.SortFunc(known, func(a, b Member) int { return at[a.ID.String()] - at[b.ID.String()] })
	return known, unknown, nil
}

func (w shownUsers) shown(u keycloak.User) keycloak.User {
	if !w.protected.User(u.ID) {
		return u
	}
	return keycloak.User{ID: u.ID, Username: u.Username, Enabled: mapping.Enabled(u), Created: u.Created}
}

// ProtectsUser reports whether the last read of the realm found that SCIM may not write to a user.
func (w shownUsers) ProtectsUser(id string) bool {
	return w.protected.User(id) || w.protected.Delegate(id)
}

// Deactivates reports whether SCIM may still deactivate a protected user.
func (w shownUsers) Deactivates(id string) bool { return w.protected.Delegate(id) }

// ServiceAccount reports whether an id belongs to a service account, which is no user.
func (w shownUsers) ServiceAccount(id string) bool { return w.protected.ServiceAccount(id) }

// shownGroups shows the name of a protected group, and not its members.
type shownGroups struct {
	groups

	protected *tenant.Protected
	c         *keycloak.Client
}

func (w shownGroups) Group(ctx context.Context, id keycloak.GroupID) (keycloak.Group, error) {
	g, err := w.groups.Group(ctx, id)
	return w.shown(g), err
}

func (w shownGroups) FindGroups(ctx context.Context, q keycloak.GroupQuery, most int) ([]keycloak.Group, error) {
	list, err := w.groups.FindGroups(ctx, q, most)
	return each(list, w.shown), err
}

func (w shownGroups) ListGroups(ctx context.Context, first, limit int) ([]keycloak.Group, error) {
	list, err := w.groups.ListGroups(ctx, first, limit)
	return each(list, w.shown), err
}

// GroupsOf also reads a protected user, so that a user of another tenant answers like an absent
// one.
func (w shownGroups) GroupsOf(ctx context.Context, id keycloak.UserID) ([]keycloak.Group, error) {
	list, err := w.groups.GroupsOf(ctx, id)
	if keycloak.KindOf(err) == keycloak.Denied && w.protected.Name(id.String()) != "" {
		return nil, nil
	}
	if w.protected.User(id.String()) {
		return nil, err
	}
	return each(list, w.shown), err
}

func (w shownGroups) DepartedGroup(ctx context.Context, name string) (keycloak.Group, bool, error) {
	g, ok, err := w.groups.DepartedGroup(ctx, name)
	return w.shown(g), ok, err
}

func (w shownGroups) ProveGroup(ctx context.Context, id keycloak.GroupID) (g keycloak.Group, read bool, err error) {
	g, read, err = w.groups.ProveGroup(ctx, id)
	return w.shown(g), read, err
}

func (w shownGroups) GroupMembers(ctx context.Context, id keycloak.GroupID, first, limit int) ([]keycloak.User, []string, error) {
	if w.protected.Group(id.String()) {
		return nil, nil, nil
	}
	return w.groups.GroupMembers(ctx, id, first, limit)
}

func (w shownGroups) shown(g keycloak.Group) keycloak.Group {
	if !w.protected.Group(g.ID) {
		return g
	}
	return keycloak.Group{ID: g.ID, Name: g.Name, Path: g.Path, ParentID: g.ParentID, SubGroupCount: g.SubGroupCount, Organization: g.Organization}
}

// ProtectsGroup reports whether the last read of the realm found that SCIM may not write to a
// group.
func (w shownGroups) ProtectsGroup(id string) bool { return w.protected.Group(id) }

// KeepsGroup reports whether a group must keep its name and its place. Its members may change.
func (w shownGroups) KeepsGroup(id string) bool { return w.protected.Keeps(id) }

func each[T any](list []T, of func(T) T) []T {
	for i := range list {
		list[i] = of(list[i])
	}
	return list
}

// pathAfter returns the path that a step gives a group of the realm, or "".
func pathAfter(f tenant.Fitness, step plan.Step) string {
	switch s := step.(type) {
	case plan.CreateGroup:
		if !s.Group.Parent.Organization().IsZero() {
			return ""
		}
		for name, id := range f.Resolved.Groups {
			if id == s.Group.Parent {
				return f.Resolved.GroupNames[name] + "/" + s.Group.Name
			}
		}
		return "/" + s.Group.Name
	case plan.UpdateGroup:
		if s.Update.Name != nil && s.Group.Organization.IsZero() {
			return strings.TrimSuffix(s.Group.Path, s.Group.Name) + *s.Update.Name
		}
	case plan.AddMember, plan.AdmitUser, plan.CreateUser, plan.DeleteGroup, plan.DeleteUser, plan.EndSessions,
		plan.ExpelUser, plan.GrantRoles, plan.LinkUser, plan.RemoveMember, plan.RevokeRoles, plan.UpdateUser:
	}
	return ""
}

// parentOf returns the id of the group below which a step creates a group, or "".
func parentOf(step plan.Step) string {
	if create, is := step.(plan.CreateGroup); is {
		return create.Group.Parent.String()
	}
	return ""
}

// takesAway reports whether a step deletes or renames a group.
func takesAway(step plan.Step) bool {
	switch s := step.(type) {
	case plan.DeleteGroup:
		return true
	case plan.UpdateGroup:
		return s.Update.Name != nil
	case plan.AddMember, plan.AdmitUser, plan.CreateGroup, plan.CreateUser, plan.DeleteUser, plan.EndSessions,
		plan.ExpelUser, plan.GrantRoles, plan.LinkUser, plan.RemoveMember, plan.RevokeRoles, plan.UpdateUser:
	}
	return false
}

// live reports whether a step could take the account of a user over, give or end its access, or
// destroy it. It names every kind of step, so that the linter asks about a new one.
func live(step plan.Step) bool {
	switch s := step.(type) {
	case plan.UpdateUser:
		return s.Live
	case plan.DeleteUser, plan.ExpelUser, plan.LinkUser:
		return true
	case plan.AddMember, plan.AdmitUser, plan.CreateGroup, plan.CreateUser, plan.DeleteGroup, plan.EndSessions,
		plan.GrantRoles, plan.RemoveMember, plan.RevokeRoles, plan.UpdateGroup:
	}
	return false
}

// Allow checks a plan; every plan passes it before it is applied. It refuses a plan that writes to
// a protected user or group (ProtectedError), that renames or deletes a group that must stay
// (KeptError), or that would make an administrator (RoleError).
//
// For ordinary steps Allow uses the last read of the realm. Before a step that could take an
// account over or destroy it, Allow reads the rights of the account again. It also reads again what
// the granted roles contain. A user may have got a fine-grained permission since the last read, as
// a member of a group or a holder of a role. Only the next read of the realm finds this, because to
// ask costs a call for each policy.
//
// early is a read of the rights of an account that has begun already; nil when there is no such
// read.
func Allow(ctx context.Context, c *keycloak.Client, f tenant.Fitness, p plan.Plan, early *RightsRead) error {
	looked := keycloak.UserID{}
	for _, step := range p {
		id, group := plan.Target(step)
		user := id.String()
		switch {
		case f.Protected.User(user) || f.Protected.ServiceAccount(user):
			return ProtectedUsers(user)
		case f.Protected.Delegate(user) && !plan.Deactivates(step):
			return Delegate(user)
		case f.Protected.Group(group):
			return ProtectedGroup(group)
		case f.Protected.Group(parentOf(step)):
			return ProtectedGroup(parentOf(step))
		case f.Protected.Keeps(group) && takesAway(step):
			return KeptError{group}
		case f.Protected.Takes(pathAfter(f, step)):
			return PathError{}
		case !live(step) || id == looked:
			continue
		}
		rights, err := early.rights(ctx, c, f, id)
		if keycloak.KindOf(err) == keycloak.Denied && f.Protected.Delegate(user) { // a permission forbids the bridge to read the user
			return ProtectedUsers(user)
		}
		if err != nil {
			return err
		}
		if len(rights) > 0 {
			return ProtectedError{Resource: "user", IDs: []string{user}, Why: "has rights of realm-management since the last read of the realm: " + strings.Join(rights, ", ")}
		}
		looked = id
	}
	return grants(ctx, c, f, p)
}
