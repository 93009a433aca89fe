package apply_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// The calls of the steps, in the notation of the fake.
const (
	createUser  = "POST /users"
	readUser    = "GET /users/{id}"
	updateUser  = "PUT /users/{id}"
	deleteUser  = "DELETE /users/{id}"
	logout      = "POST /users/{id}/logout"
	consents    = "GET /users/{id}/consents"
	revoke      = "DELETE /users/{id}/consents/{client}"
	groupsOf    = "GET /users/{id}/groups"
	join        = "PUT /users/{id}/groups/{group}"
	leave       = "DELETE /users/{id}/groups/{group}"
	createGroup = "POST /groups"
	updateGroup = "PUT /groups/{id}"
	deleteGroup = "DELETE /groups/{id}"
	addLink     = "POST /users/{id}/federated-identity/{alias}"
	links       = "GET /users/{id}/federated-identity"
	admit       = "POST /organizations/{id}/members"
	member      = "GET /organizations/{id}/members/{user}"
	expel       = "DELETE /organizations/{id}/members/{user}"
	joinGuild   = "PUT /organizations/{id}/groups/{group}/members/{user}"
	guildsOf    = "GET /organizations/{id}/members/{user}/groups"
)

// row is a plan and a fault that happens to it.
type row struct {
	before func(w *world) // what was done before; nil for nothing
	plan   func(w *world) plan.Plan
	faults []keycloaktest.Fault
	calls  []string // in any order
	kind   keycloak.Kind
	step   plan.Kind // kind of the step that failed
	done   int
	left   bool
	after  func(w *world, out apply.Outcome) bool // what must be true afterwards; nil for nothing
}

// on is a fault of one operation: Keycloak does nothing and gives this answer.
func on(op string, status int) keycloaktest.Fault {
	return keycloaktest.Fault{Op: op, Status: status, Body: `{"error":"unknown_error","errorMessage":"Injected"}`, Header: http.Header{"Content-Type": {"application/json"}}}
}

// done is a fault of one operation: Keycloak carries it out and gives another answer.
func done(op string, status int) keycloaktest.Fault {
	f := on(op, status)
	f.Stage = keycloaktest.After
	return f
}

func one(s func(w *world) plan.Step) func(w *world) plan.Plan {
	return func(w *world) plan.Plan { return plan.Plan{s(w)} }
}

func (r row) probe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if r.before != nil {
		r.before(w)
	}
	p := r.plan(w)
	for _, f := range r.faults {
		w.fake.Inject(f)
	}
	w.fake.ResetCalls()
	observed := map[plan.Kind]error{}
	if len(p) == 1 { // otherwise the calls run in parallel
		w.applier.Observe = func(k plan.Kind, err error) { observed[k] = err }
	}
	out, err := w.applier.Apply(t.Context(), w.Client, &apply.Held{}, p)
	calls := slices.DeleteFunc(w.fake.Calls(), func(op string) bool { return op == "POST /token" })
	slices.Sort(calls)
	slices.Sort(r.calls)
	if diff := cmp.Diff(r.calls, calls); diff != "" {
		t.Errorf("other calls (-want +got)\n%s", diff)
	}
	failed, is := errors.AsType[*apply.Error](err)
	switch {
	case r.kind == "" && err != nil:
		t.Errorf("Apply = %v, want success", err)
	case r.kind == "":
	case !is || keycloak.KindOf(err) != r.kind || plan.KindOf(failed.Step) != r.step || failed.Done != r.done || failed.Remains != r.left || failed.All != len(p):
		t.Errorf("Apply = %#v, want %s at %s, %d done, left: %t", err, r.kind, r.step, r.done, r.left)
	}
	if len(p) == 1 && (len(observed) != 1 || (observed[plan.KindOf(p[0])] == nil) != (err == nil)) {
		t.Errorf("Observe was told %v of %v", observed, err)
	}
	w.fake.ClearFaults()
	if r.after != nil && !r.after(w, out) {
		t.Errorf("Keycloak holds something else than it has to")
	}
}

// TestAStepThatMeetsAFault: each kind of step, with the result of each race in Keycloak.
func TestAStepThatMeetsAFault(t *testing.T) {
	t.Parallel()
	created := one(func(*world) plan.Step {
		return plan.CreateUser{User: &keycloak.NewUser{Username: "new", Enabled: true}}
	})
	deleted := one(func(w *world) plan.Step { return plan.DeleteUser{User: w.jane} })
	joins := one(func(w *world) plan.Step { return plan.AddMember{User: w.jane, Group: w.team} })
	leaves := one(func(w *world) plan.Step { return plan.RemoveMember{User: w.jane, Group: w.team} })
	joinsGuild := one(func(w *world) plan.Step { return plan.AddMember{User: w.jane, Group: w.guild} })
	admits := one(func(w *world) plan.Step { return plan.AdmitUser{User: w.jane, Organization: w.acme} })
	expels := one(func(w *world) plan.Step { return plan.ExpelUser{User: w.jane, Organization: w.acme} })
	corp := keycloak.Link{IdentityProvider: "corp", UserID: "1", UserName: "jane"}
	linked := one(func(w *world) plan.Step { return plan.LinkUser{User: w.jane, Link: corp} })
	ends := one(func(w *world) plan.Step { return plan.EndSessions{User: w.jane} })
	isMember := func(w *world) { w.must(w.Client.AddMember(w.t.Context(), w.jane, w.team)) }
	isAdmitted := func(w *world) { w.must(w.Client.AddOrganizationMember(w.t.Context(), w.acme, w.jane)) }
	isLinked := func(w *world) { w.must(w.Client.AddLink(w.t.Context(), w.jane, corp)) }
	hasLogin := func(w *world) { w.LogIn(w.t, "jane", password, true) }
	gone := func(w *world, _ apply.Outcome) bool { return !w.exists("jane") }
	kept := func(w *world, _ apply.Outcome) bool { return w.exists("jane") }
	inTeam := func(w *world, _ apply.Outcome) bool { return w.joined() }
	inNoTeam := func(w *world, _ apply.Outcome) bool { return !w.joined() }
	noSession := func(w *world, _ apply.Outcome) bool { return len(w.offline()) == 0 }
	for name, r := range map[string]row{
		"create a user": {plan: created, calls: []string{createUser}, after: func(w *world, out apply.Outcome) bool {
			u, err := w.Client.User(w.t.Context(), out.User)
			return err == nil && u.Username == "new"
		}},
		"create a user, a name that is taken": {plan: one(func(*world) plan.Step {
			return plan.CreateUser{User: &keycloak.NewUser{Username: "jane"}}
		}), calls: []string{createUser}, kind: keycloak.Conflict, step: "create_user", after: kept},
		"create a user, and nobody knows whether it was": {
			plan: created, faults: []keycloaktest.Fault{done(createUser, http.StatusBadGateway)}, calls: []string{createUser},
			kind: keycloak.Unavailable, step: "create_user", after: func(w *world, _ apply.Outcome) bool { return w.exists("new") },
		},
		"delete a user":            {plan: deleted, calls: []string{deleteUser}, after: gone},
		"delete a user twice":      {plan: deleted, faults: []keycloaktest.Fault{done(deleteUser, http.StatusInternalServerError)}, calls: []string{deleteUser, readUser}, after: gone},
		"delete a user, in vain":   {plan: deleted, faults: []keycloaktest.Fault{on(deleteUser, http.StatusInternalServerError)}, calls: []string{deleteUser, readUser}, kind: keycloak.Unknown, step: "delete_user", after: kept},
		"delete a user, forbidden": {plan: deleted, faults: []keycloaktest.Fault{on(deleteUser, http.StatusForbidden)}, calls: []string{deleteUser}, kind: keycloak.Denied, step: "delete_user", after: kept},
		"delete nobody":            {plan: one(func(w *world) plan.Step { return plan.DeleteUser{User: w.nobody} }), calls: []string{deleteUser}, kind: keycloak.NotFound, step: "delete_user"},

		"join":                                  {plan: joins, calls: []string{join}, after: inTeam},
		"join a group of which one is a member": {plan: joins, before: isMember, faults: []keycloaktest.Fault{on(join, http.StatusConflict)}, calls: []string{join, groupsOf}, after: inTeam},
		"join, in vain":                         {plan: joins, faults: []keycloaktest.Fault{on(join, http.StatusConflict)}, calls: []string{join, groupsOf}, kind: keycloak.Conflict, step: "add_member", after: inNoTeam},
		"join, and nobody can look":             {plan: joins, faults: []keycloaktest.Fault{on(join, http.StatusConflict), on(groupsOf, http.StatusForbidden)}, calls: []string{join, groupsOf}, kind: keycloak.Conflict, step: "add_member"},
		"join no group":                         {plan: one(func(w *world) plan.Step { return plan.AddMember{User: w.jane, Group: w.nowhere} }), calls: []string{join}, kind: keycloak.NotFound, step: "add_member"},
		"join a group of an organization":       {plan: joinsGuild, before: isAdmitted, calls: []string{joinGuild}},
		"join a group of an organization twice": {plan: joinsGuild, before: func(w *world) {
			isAdmitted(w)
			w.must(w.Client.AddMember(w.t.Context(), w.jane, w.guild))
		}, faults: []keycloaktest.Fault{on(joinGuild, http.StatusConflict)}, calls: []string{joinGuild, guildsOf}},

		"leave":                       {plan: leaves, before: isMember, calls: []string{leave}, after: inNoTeam},
		"leave, a user who is gone":   {plan: one(func(w *world) plan.Step { return plan.RemoveMember{User: w.nobody, Group: w.team} }), calls: []string{leave}},
		"leave, a group that is gone": {plan: one(func(w *world) plan.Step { return plan.RemoveMember{User: w.jane, Group: w.nowhere} }), calls: []string{leave}, kind: keycloak.NotFound, step: "remove_member"},
		"leave, in vain":              {plan: leaves, before: isMember, faults: []keycloaktest.Fault{on(leave, http.StatusInternalServerError)}, calls: []string{leave}, kind: keycloak.Unknown, step: "remove_member", after: inTeam},

		"admit":                             {plan: admits, calls: []string{admit}},
		"admit a member":                    {plan: admits, before: isAdmitted, calls: []string{admit, member}},
		"admit at the same time as another": {plan: admits, before: isAdmitted, faults: []keycloaktest.Fault{on(admit, http.StatusBadRequest)}, calls: []string{admit, member}},
		"admit, refused":                    {plan: admits, faults: []keycloaktest.Fault{on(admit, http.StatusBadRequest)}, calls: []string{admit, member}, kind: keycloak.Invalid, step: "admit_user"},
		"admit, forbidden":                  {plan: admits, faults: []keycloaktest.Fault{on(admit, http.StatusForbidden)}, calls: []string{admit}, kind: keycloak.Denied, step: "admit_user"},
		"expel":                             {plan: expels, before: isAdmitted, calls: []string{expel}},
		"expel who left":                    {plan: expels, calls: []string{expel}},
		"expel, forbidden":                  {plan: expels, before: isAdmitted, faults: []keycloaktest.Fault{on(expel, http.StatusForbidden)}, calls: []string{expel}, kind: keycloak.Denied, step: "expel_user"},

		"link":       {plan: linked, calls: []string{addLink}},
		"link twice": {plan: linked, before: isLinked, calls: []string{addLink, links}},
		"link as somebody else": {plan: one(func(w *world) plan.Step {
			return plan.LinkUser{User: w.jane, Link: keycloak.Link{IdentityProvider: "corp", UserID: "2", UserName: "jane"}}
		}), before: isLinked, calls: []string{addLink, links}, kind: keycloak.Conflict, step: "link_user"},
		"link, and nobody can look": {plan: linked, before: isLinked, faults: []keycloaktest.Fault{on(links, http.StatusForbidden)}, calls: []string{addLink, links}, kind: keycloak.Conflict, step: "link_user"},

		"end no session":     {plan: ends, calls: []string{logout, consents}},
		"end an offline one": {plan: ends, before: hasLogin, calls: []string{logout, consents, revoke}, after: noSession},
		"end, no logout":     {plan: ends, before: hasLogin, faults: []keycloaktest.Fault{on(logout, http.StatusInternalServerError)}, calls: []string{logout, consents, revoke}, kind: keycloak.Unknown, step: "end_sessions", after: noSession},
		"end, no list":       {plan: ends, before: hasLogin, faults: []keycloaktest.Fault{on(consents, http.StatusForbidden)}, calls: []string{logout, consents}, kind: keycloak.Denied, step: "end_sessions"},
		"end, one stays":     {plan: ends, before: hasLogin, faults: []keycloaktest.Fault{on(revoke, http.StatusForbidden)}, calls: []string{logout, consents, revoke}, kind: keycloak.Denied, step: "end_sessions", after: func(w *world, _ apply.Outcome) bool { return len(w.offline()) == 1 }},
	} {
		t.Run(name, r.probe)
	}
}

// TestAnUnknownStepIsRefused, because otherwise it would count as done.
func TestAnUnknownStepIsRefused(t *testing.T) {
	t.Parallel()
	var a apply.Applier
	_, err := a.Apply(t.Context(), nil, &apply.Held{}, plan.Plan{nil})
	if err == nil || err.Error() != `the step "" failed after 0 of 1 steps: there is no such step` {
		t.Errorf("Apply = %v", err)
	}
}
