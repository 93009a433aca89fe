package apply_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// The roles of a user and of a group.
const (
	grantUser   = "POST /users/{id}/role-mappings/realm"
	revokeUser  = "DELETE /users/{id}/role-mappings/realm"
	grantGroup  = "POST /groups/{id}/role-mappings/realm"
	revokeGroup = "DELETE /groups/{id}/role-mappings/realm"
)

// newUser creates a user, followed by the rest of the steps.
func newUser(rest ...plan.Step) plan.Plan {
	return append(plan.Plan{plan.CreateUser{User: &keycloak.NewUser{Username: "new", Enabled: true}}}, rest...)
}

// newGroup creates a group, followed by the rest of the steps.
func newGroup(rest ...plan.Step) plan.Plan {
	return append(plan.Plan{plan.CreateGroup{Group: &keycloak.NewGroup{Name: "new"}}}, rest...)
}

// TestAPlanThatBreaksOffLeavesNothingHalfMade, or reports what it leaves. When Keycloak is away, a
// group stays, and the next attempt continues with it.
func TestAPlanThatBreaksOffLeavesNothingHalfMade(t *testing.T) {
	t.Parallel()
	noUser := func(w *world, _ apply.Outcome) bool { return !w.exists("new") }
	user := func(w *world, _ apply.Outcome) bool { return w.exists("new") }
	noGroup := func(w *world, _ apply.Outcome) bool { return !w.hasGroup("new") }
	group := func(w *world, _ apply.Outcome) bool { return w.hasGroup("new") }
	joinsNowhere := func(w *world) plan.Plan { return newUser(plan.AddMember{Group: w.nowhere}) }
	renames := func(w *world) plan.Plan {
		team, err := w.Client.Group(w.t.Context(), w.team)
		w.must(err)
		return plan.Plan{plan.UpdateGroup{Group: &team, Update: &keycloak.GroupUpdate{Name: new("crew")}}}
	}
	for name, r := range map[string]row{
		"a user, in its groups, with its roles, in its organization": {plan: func(w *world) plan.Plan {
			return newUser(plan.AddMember{Group: w.team}, plan.GrantRoles{Roles: []keycloak.Role{w.reader}}, plan.AdmitUser{Organization: w.acme},
				plan.UpdateUser{Update: &keycloak.UserUpdate{FirstName: new("New")}})
		}, calls: []string{createUser, join, grantUser, admit, updateUser}, after: func(w *world, out apply.Outcome) bool {
			u, err := w.Admin.OrganizationMember(w.t.Context(), w.acme, out.User)
			groups, err2 := w.Admin.UserGroups(w.t.Context(), out.User)
			return errors.Join(err, err2) == nil && u.FirstName == "New" && len(groups) == 1
		}},
		"a user whose group is gone":      {plan: joinsNowhere, calls: []string{createUser, join, deleteUser}, kind: keycloak.NotFound, step: "add_member", after: noUser},
		"a user who is deleted meanwhile": {plan: joinsNowhere, faults: []keycloaktest.Fault{done(deleteUser, http.StatusNotFound)}, calls: []string{createUser, join, deleteUser}, kind: keycloak.NotFound, step: "add_member", after: noUser},
		"a user who is deleted at once":   {plan: joinsNowhere, faults: []keycloaktest.Fault{done(deleteUser, http.StatusInternalServerError)}, calls: []string{createUser, join, deleteUser, readUser}, kind: keycloak.NotFound, step: "add_member", after: noUser},
		"a user who cannot be deleted":    {plan: joinsNowhere, faults: []keycloaktest.Fault{on(deleteUser, http.StatusForbidden)}, calls: []string{createUser, join, deleteUser}, kind: keycloak.NotFound, step: "add_member", done: 1, left: true, after: user},
		"a user, Keycloak away":           {plan: joinsNowhere, faults: []keycloaktest.Fault{on(join, http.StatusServiceUnavailable)}, calls: []string{createUser, join, deleteUser}, kind: keycloak.Unavailable, step: "add_member", after: noUser},
		"a user, Keycloak away for good":  {plan: joinsNowhere, faults: []keycloaktest.Fault{on(join, http.StatusServiceUnavailable), on(deleteUser, http.StatusServiceUnavailable)}, calls: []string{createUser, join, deleteUser}, kind: keycloak.Unavailable, step: "add_member", done: 1, left: true, after: user},
		"a user who is not admitted":      {plan: func(w *world) plan.Plan { return newUser(plan.AdmitUser{Organization: w.acme}) }, faults: []keycloaktest.Fault{on(admit, http.StatusForbidden)}, calls: []string{createUser, admit, deleteUser}, kind: keycloak.Denied, step: "admit_user", after: noUser},
		"a user who is not made":          {plan: joinsNowhere, faults: []keycloaktest.Fault{on(createUser, http.StatusBadRequest)}, calls: []string{createUser}, kind: keycloak.Invalid, step: "create_user", after: noUser},
		"a user who was there": {plan: func(w *world) plan.Plan {
			return plan.Plan{plan.AdmitUser{User: w.jane, Organization: w.acme}, plan.AddMember{User: w.jane, Group: w.nowhere}}
		}, calls: []string{admit, join}, kind: keycloak.NotFound, step: "add_member", done: 1, after: func(w *world, _ apply.Outcome) bool { return w.exists("jane") }},
		"a group with a member and a role": {plan: func(w *world) plan.Plan {
			return newGroup(plan.AddMember{User: w.jane}, plan.GrantRoles{Roles: []keycloak.Role{w.reader}}, plan.RevokeRoles{Roles: []keycloak.Role{w.reader}}, plan.UpdateGroup{New: &keycloak.NewGroup{Name: "new"}, Update: &keycloak.GroupUpdate{Attributes: map[string][]string{"done": {"1"}}}})
		}, calls: []string{createGroup, join, grantGroup, revokeGroup, updateGroup}, after: func(w *world, out apply.Outcome) bool {
			g, err := w.Admin.Group(w.t.Context(), out.Group)
			return err == nil && len(g.Attributes["done"]) == 1 && w.joined()
		}},
		"a group whose member is gone":   {plan: func(w *world) plan.Plan { return newGroup(plan.AddMember{User: w.nobody}) }, calls: []string{createGroup, join, deleteGroup}, kind: keycloak.NotFound, step: "add_member", after: noGroup},
		"a group that cannot be deleted": {plan: func(w *world) plan.Plan { return newGroup(plan.AddMember{User: w.nobody}) }, faults: []keycloaktest.Fault{on(deleteGroup, http.StatusForbidden)}, calls: []string{createGroup, join, deleteGroup}, kind: keycloak.NotFound, step: "add_member", done: 1, left: true, after: group},
		"a group whose member keeps a role": {plan: func(w *world) plan.Plan {
			return newGroup(plan.AddMember{User: w.jane}, plan.GrantRoles{Holder: plan.Holder{User: w.jane}, Roles: []keycloak.Role{w.reader}}, plan.RevokeRoles{Holder: plan.Holder{User: w.jane}, Roles: []keycloak.Role{w.reader}})
		}, faults: []keycloaktest.Fault{on(revokeUser, http.StatusForbidden)}, calls: []string{createGroup, join, grantUser, revokeUser, deleteGroup}, kind: keycloak.Denied, step: "revoke_roles", done: 1, after: noGroup},
		"a group, Keycloak away":          {plan: func(w *world) plan.Plan { return newGroup(plan.AddMember{User: w.jane}) }, faults: []keycloaktest.Fault{on(join, http.StatusServiceUnavailable)}, calls: []string{createGroup, join}, kind: keycloak.Unavailable, step: "add_member", done: 1, after: group},
		"a group that is renamed":         {plan: renames, calls: []string{updateGroup}, after: func(w *world, _ apply.Outcome) bool { return w.hasGroup("crew") }},
		"a group that is renamed in vain": {plan: renames, faults: []keycloaktest.Fault{on(updateGroup, http.StatusConflict)}, calls: []string{updateGroup}, kind: keycloak.Conflict, step: "update_group", after: func(w *world, _ apply.Outcome) bool { return w.hasGroup("team") }},
		"a group that is deleted":         {plan: func(w *world) plan.Plan { return plan.Plan{plan.DeleteGroup{Group: w.team}} }, calls: []string{deleteGroup}, after: func(w *world, _ apply.Outcome) bool { return !w.hasGroup("team") }},
		"roles that a user gets and loses": {plan: func(w *world) plan.Plan {
			return plan.Plan{plan.GrantRoles{Holder: plan.Holder{User: w.jane}, Roles: []keycloak.Role{w.reader, w.writer}}, plan.RevokeRoles{Holder: plan.Holder{User: w.jane}, Roles: []keycloak.Role{w.reader}}}
		}, calls: []string{grantUser, revokeUser}, after: func(w *world, _ apply.Outcome) bool { return w.holders(w.reader) == 0 && w.holders(w.writer) == 1 }},
		"roles that cannot be taken": {plan: func(w *world) plan.Plan {
			return plan.Plan{plan.GrantRoles{Holder: plan.Holder{User: w.jane}, Roles: []keycloak.Role{w.reader}}, plan.RevokeRoles{Holder: plan.Holder{User: w.jane}, Roles: []keycloak.Role{w.reader}}}
		}, faults: []keycloaktest.Fault{on(revokeUser, http.StatusForbidden)}, calls: []string{grantUser, revokeUser}, kind: keycloak.Denied, step: "revoke_roles", done: 1, after: func(w *world, _ apply.Outcome) bool { return w.holders(w.reader) == 1 }},
		"access that is taken from nobody": {plan: func(*world) plan.Plan { return nil }, calls: nil},
		"access, the account stays as it is": {before: func(w *world) { w.LogIn(w.t, "jane", password, true) }, plan: func(w *world) plan.Plan {
			return plan.Plan{plan.UpdateUser{User: w.jane, Update: &keycloak.UserUpdate{Enabled: new(false)}}, plan.RemoveMember{User: w.jane, Group: w.team}, plan.EndSessions{User: w.jane, Always: true}}
		}, faults: []keycloaktest.Fault{on(updateUser, http.StatusBadRequest)}, calls: []string{updateUser, logout, consents, revoke}, kind: keycloak.Invalid, step: "update_user", done: 1, after: func(w *world, _ apply.Outcome) bool { return len(w.offline()) == 0 }},
	} {
		t.Run(name, r.probe)
	}
}

// TestMembershipsAreChangedIndependently: one failure does not stop the others, and the error names
// the first failure in the order of the plan.
func TestMembershipsAreChangedIndependently(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var p plan.Plan
	for i := range 30 {
		step := plan.AddMember{User: w.jane, Group: w.team}
		if i == 7 || i == 20 {
			step.Group = w.nowhere
		}
		if i == 20 {
			step.User = w.nobody // both are gone
		}
		p = append(p, step)
	}
	p = append(p, plan.GrantRoles{Holder: plan.Holder{User: w.jane}, Roles: []keycloak.Role{w.reader}})
	w.fake.ResetCalls()
	_, err := w.applier.Apply(t.Context(), w.Client, &apply.Held{}, p)
	failed, is := errors.AsType[*apply.Error](err)
	if !is || failed.Done != 28 || failed.All != 31 || failed.Step != plan.Step(plan.AddMember{User: w.jane, Group: w.nowhere}) || len(w.fake.Calls()) != 30 || w.holders(w.reader) > 0 {
		t.Errorf("Apply = %#v after %d calls, want 28 of 31 done and the first failure named", err, len(w.fake.Calls()))
	}
}

// TestACompensationGoesOnWhenItsRequestIsGivenUp: the client disconnected between the creation and
// the admission.
func TestACompensationGoesOnWhenItsRequestIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.applier.Observe = func(kind plan.Kind, _ error) {
		if kind == "create_user" {
			cancel()
		}
	}
	_, err := w.applier.Apply(ctx, w.Client, &apply.Held{}, newUser(plan.AdmitUser{Organization: w.acme}))
	failed, is := errors.AsType[*apply.Error](err)
	if !is || !errors.Is(err, context.Canceled) || failed.Remains || w.exists("new") {
		t.Errorf("Apply = %#v, and the user is there: %t", err, w.exists("new"))
	}
}

// TestAStepOfNoKnownKindIsRefused: a step that nothing carries out is not a success.
func TestAStepOfNoKnownKindIsRefused(t *testing.T) {
	t.Parallel()
	type unknown struct{ plan.Step }
	var a apply.Applier
	if _, err := a.Apply(t.Context(), nil, &apply.Held{}, plan.Plan{unknown{}}); err == nil {
		t.Error("the step counts as carried out")
	}
}
