package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// ask calls a method of a Wall and returns only the error.
type ask func(ctx context.Context, wall guard.Wall) error

// asks are all methods that call Keycloak, about a user and a group that the tenant has.
func (w *world) asks(user, group string) map[string]ask {
	id, text := w.user(user), w.groups[group]
	in := func(wall guard.Wall) keycloak.GroupID {
		g, err := wall.GroupID(text)
		if err != nil {
			w.t.Error(err)
		}
		return g
	}
	second := func(_ any, err error) error { return err }
	third := func(_, _ any, err error) error { return err }
	return map[string]ask{
		"User": func(ctx context.Context, wall guard.Wall) error { return second(wall.User(ctx, id)) },
		"FindUsers by name": func(ctx context.Context, wall guard.Wall) error {
			return second(wall.FindUsers(ctx, keycloak.UserQuery{Username: user}, 10))
		},
		"FindUsers by attribute": func(ctx context.Context, wall guard.Wall) error {
			return second(wall.FindUsers(ctx, keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{{Name: "label", Value: user}}}, 10))
		},
		"UsersByID": func(ctx context.Context, wall guard.Wall) error {
			return second(wall.UsersByID(ctx, []string{id.String()}))
		},
		"ListUsers":  func(ctx context.Context, wall guard.Wall) error { return third(wall.ListUsers(ctx, 0, 10)) },
		"CountUsers": func(ctx context.Context, wall guard.Wall) error { return second(wall.CountUsers(ctx)) },
		"Prove":      func(ctx context.Context, wall guard.Wall) error { return third(wall.Prove(ctx, []string{id.String()})) },
		"Group":      func(ctx context.Context, wall guard.Wall) error { return second(wall.Group(ctx, in(wall))) },
		"FindGroups": func(ctx context.Context, wall guard.Wall) error {
			return second(wall.FindGroups(ctx, keycloak.GroupQuery{Search: group}, 10))
		},
		"ListGroups":  func(ctx context.Context, wall guard.Wall) error { return second(wall.ListGroups(ctx, 0, 10)) },
		"CountGroups": func(ctx context.Context, wall guard.Wall) error { return second(wall.CountGroups(ctx)) },
		"GroupsOf":    func(ctx context.Context, wall guard.Wall) error { return second(wall.GroupsOf(ctx, id)) },
		"GroupMembers": func(ctx context.Context, wall guard.Wall) error {
			return third(wall.GroupMembers(ctx, in(wall), 0, 10))
		},
		"ProtectedMembers": func(ctx context.Context, wall guard.Wall) error { return second(wall.ProtectedMembers(ctx, in(wall))) },
	}
}

// TestAnOutageIsNeverAnEmptyAnswer: kinds of tenants × methods, while Keycloak fails. An identity
// provider would create an absent user again, and would remove users because of an empty list.
func TestAnOutageIsNeverAnEmptyAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kinds := w.kinds()
	for name, of := range map[string][2]string{
		"a realm": {free, top}, "a realm, what it owns": {owned, top}, "a realm, below a parent": {owned, inScim}, "a realm, beside another tenant": {owned, top},
		"a realm whose groups leave": {free, top}, "an organization": {member, guild}, "an organization, groups of the realm": {employee, inScim},
	} {
		wall := w.wall(kinds[name])
		for verb, do := range w.asks(of[0], of[1]) {
			noError(t, do(t.Context(), wall)) // else the fault proves nothing
			for status, want := range map[int]keycloak.Kind{http.StatusInternalServerError: keycloak.Unknown, http.StatusForbidden: keycloak.Denied, http.StatusTooManyRequests: keycloak.RateLimited} {
				w.fake.Inject(keycloaktest.Fault{Status: status, Body: `{"error":"unknown_error"}`, Header: http.Header{"Content-Type": {"application/json"}}})
				if err := do(t.Context(), wall); keycloak.KindOf(err) != want {
					t.Errorf("%s: %s while Keycloak answers %d = %v", name, verb, status, err)
				}
				w.fake.ClearFaults()
			}
		}
		if nested, err := wall.HasSubGroups(t.Context(), keycloak.Group{ID: w.groups[guild]}); nested != (name == "an organization") || err != nil {
			t.Errorf("%s: HasSubGroups = %t, %v", name, nested, err)
		}
	}
}

// TestAFaultInTheMiddleOfManyIsOneOfTheWhole: a list that needs several calls is complete or an
// error.
func TestAFaultInTheMiddleOfManyIsOneOfTheWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kinds := w.kinds()
	for name, c := range map[string]struct {
		kind, op string
		do       func(wall guard.Wall) error
	}{
		"members proved one by one": {"an organization", "GET /organizations/{id}/members/{user}", func(wall guard.Wall) error {
			_, err := wall.UsersByID(t.Context(), []string{w.users[member], w.users[employee], w.users[memberBy]})
			return err
		}},
		"members of a group, whose owner is looked at": {"a realm, what it owns", "GET /users/{id}", func(wall guard.Wall) error {
			_, _, err := wall.GroupMembers(t.Context(), w.realmGroup(top), 0, 10)
			return err
		}},
		"hits of an attribute": {"an organization", "GET /organizations/{id}/members/{user}", func(wall guard.Wall) error {
			_, err := wall.FindUsers(t.Context(), keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{{Name: "label", Value: member}}}, 10)
			return err
		}},
		"groups of a user, whose owner is looked at": {"a realm, what it owns", "GET /users/{id}", func(wall guard.Wall) error {
			_, err := wall.GroupsOf(t.Context(), w.user(owned))
			return err
		}},
	} {
		wall := w.wall(kinds[c.kind])
		noError(t, c.do(wall))
		w.fake.Inject(keycloaktest.Fault{Op: c.op, Nth: 1, Status: http.StatusInternalServerError})
		if err := c.do(wall); keycloak.KindOf(err) != keycloak.Unknown {
			t.Errorf("%s = %v", name, err)
		}
		w.fake.ClearFaults()
	}
}

// TestATermThatMatchesTooManyIsRefused, and the bridge reads only what it needs to know this.
func TestATermThatMatchesTooManyIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 130 {
		_, err := w.Client.CreateUser(t.Context(), keycloak.NewUser{Username: fmt.Sprint("many", i), Enabled: true, Attributes: map[string][]string{"team": {"red"}}})
		noError(t, err)
	}
	wall := w.wall(w.kinds()["a realm"])
	query := keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{{Name: "team", Value: "red"}}}
	for most, pages := range map[int]int{100: 1, 101: 2, 1000: 2} {
		w.fake.ResetCalls()
		list, err := wall.FindUsers(t.Context(), query, most)
		told, refused := errors.AsType[*scim.Error](err)
		if refused != (most == 100) || refused && told.Type != scim.TooMany || !refused && len(list) != 130 || len(w.fake.Calls()) != pages {
			t.Errorf("of %d at most: %d found, %v, by %d calls; want %d", most, len(list), err, len(w.fake.Calls()), pages)
		}
	}
}

// TestTheProtectedMembersOfAGroup: one call finds them among few members. Among many members, the
// bridge reads the groups of each protected user of the realm, also of users of other tenants.
func TestTheProtectedMembersOfAGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	crowd := func(label string, parent keycloak.GroupID, first string) keycloak.GroupID {
		w.group(label, parent, "")
		id := w.realmGroup(label)
		if o := parent.Organization(); !o.IsZero() {
			id = try(o.ParseGroupID(w.groups[label])).must(t)
		}
		if first != "" {
			noError(t, w.Client.AddMember(t.Context(), w.user(first), id))
		}
		for i := range 100 {
			u, err := w.Client.CreateUser(t.Context(), keycloak.NewUser{Username: fmt.Sprintf("%s%03d", label, i), Enabled: true})
			noError(t, err)
			if !parent.Organization().IsZero() {
				noError(t, w.Client.AddOrganizationMember(t.Context(), w.acme, u))
			}
			noError(t, w.Client.AddMember(t.Context(), u, id))
		}
		return id
	}
	big, late := crowd("a-crowd", keycloak.GroupID{}, ""), crowd("crowd", keycloak.GroupID{}, "")
	noError(t, w.Client.AddMember(t.Context(), w.user(member), late))
	noError(t, w.Client.AddMember(t.Context(), w.user(memberBy), late))
	early := crowd("b-crowd", keycloak.GroupID{}, admin)
	noError(t, w.Client.AddMember(t.Context(), w.user(member), early))
	guilds := crowd("a-guild", w.acme.TopLevel(), memberBy)
	inGuild := try(w.acme.ParseGroupID(w.groups[guild])).must(t)
	f := w.fitness()
	p := *f.Protected
	p.Delegates = map[string]bool{w.users[member]: true}
	f.Protected = &p
	realmTenant, orgTenant := w.kinds()["a realm"], w.kinds()["an organization"]
	realmTenant.fitness, orgTenant.fitness = f, f
	orgTenant.fitness.OrganizationGroups = true
	const read, groups = "GET /groups/{id}/members", "GET /users/{id}/groups"
	const readGuild = "GET /organizations/{id}/groups/{group}/members"
	for name, c := range map[string]struct {
		kind  kind
		group keycloak.GroupID
		want  []string
		calls []string
	}{
		"few members":                        {realmTenant, w.realmGroup(top), []string{admin, member}, []string{read}},
		"few members, none of them":          {realmTenant, w.realmGroup(inScim), []string{}, []string{read}},
		"many members":                       {realmTenant, late, []string{member, memberBy}, []string{read, groups, groups, groups}},
		"many, and one is on the first page": {realmTenant, early, []string{admin}, []string{read}}, // any protected member is reason enough
		"many members, none of them":         {realmTenant, big, []string{}, []string{read, groups, groups, groups}},
		"few members of an organization":     {orgTenant, inGuild, []string{member, memberBy}, []string{readGuild}},
		"many members of an organization":    {orgTenant, guilds, []string{memberBy}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w.fake.ResetCalls()
			ids, err := w.wall(c.kind).ProtectedMembers(t.Context(), c.group)
			calls := slices.DeleteFunc(w.fake.Calls(), func(op string) bool { return op == "POST /token" })
			if diff := cmp.Diff(c.want, labels(w.users, ids)); err != nil || diff != "" {
				t.Errorf("others are found, %v (-want +got)\n%s", err, diff)
			}
			if c.calls != nil && !slices.Equal(calls, c.calls) {
				t.Errorf("it takes %q, want %q", calls, c.calls)
			}
		})
	}
	w.fake.ResetCalls()
	nobody := realmTenant
	nobody.fitness.Protected = &tenant.Protected{Users: map[string]bool{w.users[service]: true}, ServiceAccounts: map[string]bool{w.users[service]: true}}
	if ids, err := w.wall(nobody).ProtectedMembers(t.Context(), big); len(ids) > 0 || err != nil || len(w.fake.Calls()) > 0 {
		t.Errorf("where nobody is protected: %q, %v, by %q", ids, err, w.fake.Calls())
	}
	nobody.fitness.Protected = nil
	if ids, err := w.wall(nobody).ProtectedMembers(t.Context(), big); len(ids) > 0 || err != nil {
		t.Errorf("where nobody looked: %q, %v", ids, err)
	}
	w.fake.Inject(keycloaktest.Fault{Op: groups, Status: http.StatusForbidden}) // the last call, because an error ends the other calls, which Keycloak would still answer
	if ids, err := w.wall(realmTenant).ProtectedMembers(t.Context(), late); err != nil || !slices.Equal(labels(w.users, ids), []string{member, memberBy}) {
		t.Errorf("where the groups of one cannot be read: %q, %v", ids, err)
	}
}
