package guard_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// verdict is the result of Allow in a word.
func verdict(err error) string {
	protected, isProtected := errors.AsType[guard.ProtectedError](err)
	_, isKept := errors.AsType[guard.KeptError](err)
	_, isRole := errors.AsType[guard.RoleError](err)
	_, isPath := errors.AsType[guard.PathError](err)
	switch {
	case err == nil:
		return "allowed"
	case isProtected && protected.Delegate:
		return "a delegate"
	case isProtected:
		return "protected " + protected.Resource
	case isKept:
		return "kept"
	case isRole:
		return "a role"
	case isPath:
		return "a path of a permission"
	}
	return string(keycloak.KindOf(err))
}

// TestNoVerbWritesToWhoIsProtected: kinds of steps × kinds of users. A refusal needs no call.
func TestNoVerbWritesToWhoIsProtected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fitness()
	p := *f.Protected
	p.Delegates = map[string]bool{w.users[member]: true}
	p.Management = try(w.Client.ManagementClient(t.Context())).must(t)
	f.Protected = &p
	off, enabled := false, true
	steps := map[string]func(keycloak.UserID) plan.Step{
		"deactivate": func(id keycloak.UserID) plan.Step {
			return plan.UpdateUser{User: id, Update: &keycloak.UserUpdate{Enabled: &off}}
		},
		"activate": func(id keycloak.UserID) plan.Step {
			return plan.UpdateUser{User: id, Update: &keycloak.UserUpdate{Enabled: &enabled}}
		},
		"rename": func(id keycloak.UserID) plan.Step {
			return plan.UpdateUser{User: id, Update: &keycloak.UserUpdate{Username: new("x")}}
		},
		"delete":       func(id keycloak.UserID) plan.Step { return plan.DeleteUser{User: id} },
		"end sessions": func(id keycloak.UserID) plan.Step { return plan.EndSessions{User: id} },
		"join":         func(id keycloak.UserID) plan.Step { return plan.AddMember{User: id, Group: w.realmGroup(top)} },
		"leave":        func(id keycloak.UserID) plan.Step { return plan.RemoveMember{User: id, Group: w.realmGroup(top)} },
		"admit":        func(id keycloak.UserID) plan.Step { return plan.AdmitUser{User: id, Organization: w.acme} },
		"expel":        func(id keycloak.UserID) plan.Step { return plan.ExpelUser{User: id, Organization: w.acme} },
		"link":         func(id keycloak.UserID) plan.Step { return plan.LinkUser{User: id} },
		"revoke roles": func(id keycloak.UserID) plan.Step { return plan.RevokeRoles{Holder: plan.Holder{User: id}} },
	}
	for name, of := range steps {
		for label, want := range map[string]string{free: "allowed", others: "allowed", admin: "protected user", service: "protected user", member: "a delegate"} {
			if label == member && (name == "deactivate" || name == "end sessions") {
				want = "allowed"
			}
			step := of(w.user(label))
			w.fake.ResetCalls()
			if got := verdict(guard.Allow(t.Context(), w.Client, f, plan.Plan{step}, nil)); got != want {
				t.Errorf("%s %s is %s, want %s", name, label, got, want)
			}
			// The result is the same for a plan that begins with an allowed step.
			first := plan.EndSessions{User: w.user(free)}
			if got := verdict(guard.Allow(t.Context(), w.Client, f, plan.Plan{first, step}, nil)); got != want {
				t.Errorf("%s %s behind another step is %s, want %s", name, label, got, want)
			}
			if calls := w.fake.Calls(); len(calls) > 0 && want != "allowed" {
				t.Errorf("that %s %s is refused took %q", name, label, calls)
			}
		}
	}
}

// TestNoVerbTakesAProtectedGroupAway: no step deletes or renames a protected group or a group that
// must keep its place, or makes a group with a path that a permission names.
func TestNoVerbTakesAProtectedGroupAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fitness()
	p := *f.Protected
	p.Alike = []tenant.Alike{{Path: "/admins", Below: true}, {Path: "/scim/ops"}, {Path: "/helpers-", Prefix: true}}
	f.Protected = &p
	group := func(label string) *keycloak.Group {
		g := try(w.Client.Group(t.Context(), w.realmGroup(label))).must(t)
		return &g
	}
	renamed := func(label, name string) plan.Step {
		return plan.UpdateGroup{Group: group(label), Update: &keycloak.GroupUpdate{Name: &name}}
	}
	created := func(name string, parent keycloak.GroupID) plan.Step {
		return plan.CreateGroup{Group: &keycloak.NewGroup{Name: name, Parent: parent}}
	}
	root := keycloak.GroupID{}
	for name, c := range map[string]struct {
		step plan.Step
		want string
	}{
		"delete a group":                     {plan.DeleteGroup{Group: w.realmGroup(top)}, "allowed"},
		"delete a protected group":           {plan.DeleteGroup{Group: w.realmGroup(locked)}, "protected group"},
		"change a protected group":           {plan.UpdateGroup{Group: group(locked), Update: &keycloak.GroupUpdate{Attributes: map[string][]string{}}}, "protected group"},
		"make a group in a protected one":    {created("x", w.realmGroup(locked)), "protected group"},
		"join a protected group":             {plan.AddMember{User: w.user(free), Group: w.realmGroup(locked)}, "protected group"},
		"leave a protected group":            {plan.RemoveMember{User: w.user(free), Group: w.realmGroup(locked)}, "protected group"},
		"give a protected group roles":       {plan.GrantRoles{Holder: plan.Holder{Group: w.realmGroup(locked)}}, "protected group"},
		"delete a group that is named":       {plan.DeleteGroup{Group: w.realmGroup(scimRoot)}, "kept"},
		"rename a group that is named":       {renamed(scimRoot, "x"), "kept"},
		"change a group that is named":       {plan.UpdateGroup{Group: group(scimRoot), Update: &keycloak.GroupUpdate{Attributes: map[string][]string{}}}, "allowed"},
		"join a group that is named":         {plan.AddMember{User: w.user(free), Group: w.realmGroup(scimRoot)}, "allowed"},
		"make a group":                       {created("x", root), "allowed"},
		"make a group of a permission":       {created("admins", root), "a path of a permission"},
		"make one that goes on like it":      {created("adminstrators", root), "allowed"},
		"make one by its prefix":             {created("helpers-of-acme", root), "a path of a permission"},
		"make one below the parent":          {created("ops", w.realmGroup(scimRoot)), "a path of a permission"},
		"make another below it":              {created("dev", w.realmGroup(scimRoot)), "allowed"},
		"make one of an organization":        {created("admins", w.acme.TopLevel()), "allowed"},
		"rename a group to one":              {renamed(top, "admins"), "a path of a permission"},
		"rename a group below the parent":    {renamed(inScim, "ops"), "a path of a permission"},
		"rename a group below another":       {renamed(inTwo, "ops"), "allowed"},
		"rename a group to what is above it": {renamed(top, "scim"), "a path of a permission"},
	} {
		if got := verdict(guard.Allow(t.Context(), w.Client, f, plan.Plan{c.step}, nil)); got != c.want {
			t.Errorf("to %s is %s, want %s", name, got, c.want)
		}
	}
}

// TestALiveReadFindsWhatChangedSinceTheLastCheck: Allow reads the rights of an account again before a
// step that could take the account over, once for each account.
func TestALiveReadFindsWhatChangedSinceTheLastCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fitness()
	f.Protected.Management = try(w.Client.ManagementClient(t.Context())).must(t)
	all, _, err := w.Admin.ManagementRoles(t.Context(), w.user(free))
	noError(t, err)
	i := slices.IndexFunc(all, func(r keycloak.Role) bool { return r.Name == "view-users" })
	noError(t, w.Admin.GrantRoles(t.Context(), w.user(employee), all[i:i+1]))
	const look = "GET /users/{id}/role-mappings/clients/{client}/composite"
	del := func(label string) plan.Step { return plan.DeleteUser{User: w.user(label)} }
	for name, c := range map[string]struct {
		plan  plan.Plan
		early string // the account whose rights were read before
		fault *keycloaktest.Fault
		want  string
		calls []string
	}{
		"an ordinary step":             {plan: plan.Plan{plan.EndSessions{User: w.user(employee)}}, want: "allowed"},
		"somebody":                     {plan: plan.Plan{del(free)}, want: "allowed", calls: []string{look}},
		"somebody twice":               {plan: plan.Plan{del(free), del(free)}, want: "allowed", calls: []string{look}},
		"a new administrator":          {plan: plan.Plan{del(employee)}, want: "protected user", calls: []string{look}},
		"one behind another":           {plan: plan.Plan{del(free), del(employee)}, want: "protected user", calls: []string{look, look}},
		"somebody, looked at before":   {plan: plan.Plan{del(free)}, early: free, want: "allowed", calls: []string{look}},
		"an administrator, likewise":   {plan: plan.Plan{del(employee)}, early: employee, want: "protected user", calls: []string{look}},
		"another was looked at before": {plan: plan.Plan{del(employee)}, early: free, want: "protected user", calls: []string{look, look}},
		"nobody can look":              {plan: plan.Plan{del(free)}, fault: &keycloaktest.Fault{Op: look, Status: http.StatusForbidden}, want: "denied", calls: []string{look}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.fault != nil {
				w.fake.Inject(*c.fault)
				defer w.fake.ClearFaults()
			}
			w.fake.ResetCalls()
			var early *guard.RightsRead
			if c.early != "" {
				early = guard.ReadRights(t.Context(), w.Client, f, w.user(c.early))
				defer early.Wait()
				early.Wait()
			}
			err := guard.Allow(t.Context(), w.Client, f, c.plan, early)
			calls := slices.DeleteFunc(w.fake.Calls(), func(op string) bool { return op == "POST /token" })
			if diff := cmp.Diff(c.calls, calls); verdict(err) != c.want || diff != "" {
				t.Errorf("it is %s, %v, want %s (-want +got)\n%s", verdict(err), err, c.want, diff)
			}
		})
	}
}

// TestNoPlanGrantsAnAdministratorsRole: not even inside another role, whatever the last read of the
// realm found.
func TestNoPlanGrantsAnAdministratorsRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fitness()
	f.Protected.Management = try(w.Client.ManagementClient(t.Context())).must(t)
	role := func(name string) keycloak.Role {
		w.Send(t, http.MethodPost, "/roles", `{"name":"`+name+`"}`)
		return try(w.Client.FindRole(t.Context(), keycloak.RoleName{Name: name})).must(t)
	}
	plain, outer, inner, gone, helper := role("plain"), role("outer"), role("inner"), role("gone"), role("helper")
	right := try(w.Client.FindRole(t.Context(), keycloak.RoleName{Client: "realm-management", Name: "view-users"})).must(t)
	contain := func(outer, inner keycloak.Role) {
		w.Send(t, http.MethodPost, "/roles-by-id/"+outer.ID+"/composites", `[{"id":"`+inner.ID+`","name":"`+inner.Name+`"}]`)
	}
	contain(outer, inner)
	contain(inner, outer) // a cycle of roles ends the search
	deep := role("deep")
	contain(deep, outer)
	contain(inner, right)
	w.Send(t, http.MethodDelete, "/roles/gone", "")
	f.Protected.Roles = map[string]bool{helper.ID: true}
	for name, c := range map[string]struct {
		roles []keycloak.Role
		want  string
		says  string
	}{
		"a role":                      {[]keycloak.Role{plain}, "allowed", ""},
		"a right":                     {[]keycloak.Role{right}, "a role", `the role "realm-management/view-users" of the mapping contains the right view-users of realm-management: nobody becomes an administrator by SCIM`},
		"a role that contains one":    {[]keycloak.Role{plain, deep}, "a role", `the role "deep" of the mapping contains the right view-users of realm-management: nobody becomes an administrator by SCIM`},
		"a role of a permission":      {[]keycloak.Role{helper}, "a role", `the role "helper" of the mapping contains the role helper of a fine-grained permission: nobody becomes an administrator by SCIM`},
		"a role that is gone":         {[]keycloak.Role{gone}, "a role", `the role "gone" of the mapping does not exist any more`},
		"a role that is taken":        {nil, "allowed", ""},
		"a role that nobody can read": {[]keycloak.Role{plain}, "denied", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan.Plan{plan.RevokeRoles{Holder: plan.Holder{User: w.user(free)}, Roles: []keycloak.Role{right}}}
			if c.roles != nil {
				p = append(p, plan.GrantRoles{Holder: plan.Holder{User: w.user(free)}, Roles: c.roles})
			}
			if c.want == "denied" {
				w.fake.Inject(keycloaktest.Fault{Op: "GET /roles-by-id/{byID}/composites", Status: http.StatusForbidden})
				defer w.fake.ClearFaults()
			}
			err := guard.Allow(t.Context(), w.Client, f, p, nil)
			if verdict(err) != c.want || c.says != "" && err.Error() != c.says {
				t.Errorf("it is %s, %v, want %s, %s", verdict(err), err, c.want, c.says)
			}
		})
	}
}

// TestTheLogOfARefusal: ids and reasons, and no names.
func TestTheLogOfARefusal(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"a write to a protected user: 1, 2 administers the realm or is protected by the configuration":                                                               guard.ProtectedUsers("1", "2"),
		"a write to a protected group: 3 administers the realm or is protected by the configuration":                                                                 guard.ProtectedGroup("3"),
		"a write to a protected user: 4 administers the realm by a fine-grained permission, so that SCIM may only deactivate it":                                     guard.Delegate("4"),
		"a rename or deletion of the group 5, which must keep its place: the configuration names it, or a group below it is named there, is protected or has rights": guard.KeptError{ID: "5"},
		`the user federation "ldap" (READ_ONLY) does not accept a change of [email]`:                                                                                 guard.FederatedError{ID: "6", Federation: keycloak.Federation{Name: "ldap", EditMode: keycloak.EditReadOnly}, Refused: []guard.Refusal{guard.KeepsEmail}},
		"the removal brake holds: more than 3 of 10 users would be removed within its window; lift it with: scim-bridge tenants lift":                                guard.HeldError{Tenant: "acme", Lift: "scim-bridge tenants lift", Most: 3, Users: 10},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}
