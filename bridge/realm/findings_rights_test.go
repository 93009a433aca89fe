package realm_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestEachFindingAboutWhoIsProtected: rights that make everybody an administrator, names that now
// mean something else, and the stored ids of names.
func TestEachFindingAboutWhoIsProtected(t *testing.T) {
	t.Parallel()
	const check = "protected"
	top := keycloak.GroupID{}
	listed := func(users, groups []string) func(w *world) {
		return func(w *world) { w.tenant.Policy.Protected = tenant.Listed{Users: users, Groups: groups} }
	}
	known := func(values ...string) func(w *world) { // what names meant before the bridge was started
		return func(w *world) {
			w.must(realm.Remember(w.t.Context(), w.c, "scim.protected", func([]string) ([]string, error) { return values, nil }))
		}
	}
	for name, a := range map[string]ailment{
		"a user and a group that are listed": {do: func(w *world) {
			w.user(keycloak.NewUser{Username: "boss"})
			w.group("nested", w.group("board", top))
			listed([]string{"boss", "id:" + w.account("bridge").String()}, []string{"/board"})(w)
		}},
		"a user who is not there":   {do: listed([]string{"boss"}, nil), want: []wanted{{fail, check, `the user "boss" of protected.users does not exist`, "correct the entry"}}},
		"a group that is not there": {do: listed(nil, []string{"/board"}), want: []wanted{{fail, check, `the group "/board" of protected.groups does not exist`, "correct the entry"}}},
		"an id that nobody has":     {do: listed([]string{"id:no/id"}, []string{"id:00000000-0000-0000-0000-000000000000"}), want: []wanted{{fail, check, "protected.users does not exist", ""}, {fail, check, "protected.groups does not exist", ""}}},
		"a user who is gone": {do: func(w *world) {
			listed([]string{"boss"}, nil)(w)
			known("user|boss|00000000-0000-0000-0000-000000000000")(w)
		}, want: []wanted{{fail, check, "no longer exists: its id was 00000000", "write the id of its replacement"}}},
		"a user in whose place is another": {do: func(w *world) {
			w.user(keycloak.NewUser{Username: "boss"})
			listed([]string{"boss"}, nil)(w)
			known("user|boss|00000000-0000-0000-0000-000000000000")(w)
		}, want: []wanted{{fail, check, "is now another user", "in place of its name"}}},
		"a group that was renamed": {do: func(w *world) {
			id := w.group("board", top)
			listed(nil, []string{"/old"})(w)
			known("group|/old|" + id.String())(w)
		}, want: []wanted{{warn, check, `is called "/board" now: the bridge still means the same group`, "write its id in place of its name"}}},
		"a group in whose place is another": {do: func(w *world) {
			id := w.group("board", top)
			w.group("old", top)
			listed(nil, []string{"/old"})(w)
			known("group|/old|" + id.String())(w)
		}, want: []wanted{{fail, check, `is called "/board" now`, "write the id of the group that you mean"}}},
		"values that the bridge did not write": {do: known("nonsense", "user|")},
		"what is remembered cannot be read": {do: func(w *world) {
			w.fake.Inject(keycloaktest.Fault{Op: "GET /users/{id}", Status: http.StatusInternalServerError})
		}, want: []wanted{{fail, "realm", "find the protected users and groups", "doctor"}}},
		"everybody administers": {do: func(w *world) {
			w.contain(w.find(keycloak.RoleName{Name: "default-roles-" + w.Name.String()}), w.management("view-users"))
		}, want: []wanted{{fail, check, "every user of the realm is an administrator", "remove the right or the permission from the role"}}},
		"everybody new administers": {do: func(w *world) {
			id := w.group("everyone", top)
			w.grant(id, w.role("outer", w.role("inner", w.management("manage-users"))))
			w.Send(w.t, http.MethodPut, "/default-groups/"+id.String(), "")
		}, want: []wanted{{fail, check, "every new user of the realm becomes an administrator", "remove it from the default groups"}}},
		"a role that cannot be looked up": {do: func(w *world) { w.role("a/b", w.management("view-users")) }, want: []wanted{{fail, check, "the bridge cannot find out who has the role", "give the role another name"}}},
	} {
		t.Run(name, a.probe)
	}
}

// TestEachFindingAboutPermissions: fine-grained admin permissions make administrators, and the
// bridge cannot read who has some of them.
func TestEachFindingAboutPermissions(t *testing.T) {
	t.Parallel()
	const check, users = "permissions", `"resourceType":"Users","scopes":["view","manage"]`
	jane := func(w *world) string { return w.user(keycloak.NewUser{Username: "jane"}).String() }
	with := func(members string, policies ...func(w *world) string) func(w *world) {
		return func(w *world) {
			w.Send(w.t, http.MethodPut, "", `{"adminPermissionsEnabled":true}`)
			var texts []string
			for _, p := range policies {
				texts = append(texts, p(w))
			}
			w.permission(`"name":"q",`+members, texts...)
		}
	}
	user := func(w *world) string { return fmt.Sprintf(`user "users":[%q]`, jane(w)) }
	negative := func(w *world) string { return fmt.Sprintf(`user "logic":"NEGATIVE","users":[%q]`, jane(w)) }
	hours := func(*world) string { return `time "notOnOrAfter":"2099-01-01 00:00:00"` }
	claim := func(w *world) string {
		return fmt.Sprintf(`group "groupsClaim":"groups","groups":[{"id":%q}]`, w.group("helpdesk", keycloak.GroupID{}))
	}
	listed := func(do func(w *world)) func(w *world) {
		return func(w *world) { do(w); w.tenant.Policy.Protected.Policies = true }
	}
	for name, a := range map[string]ailment{
		"for a user": {do: with(users, user)},
		"for a role": {do: with(users, func(w *world) string { return fmt.Sprintf(`role "roles":[{"id":%q}]`, w.role("helper").ID) })},
		"for a group": {do: with(users, func(w *world) string {
			id := w.group("desk", keycloak.GroupID{})
			w.group("night", id)
			w.group("ops/desk", keycloak.GroupID{})
			return fmt.Sprintf(`group "groups":[{"id":%q,"extendChildren":true},{"id":"00000000-0000-0000-0000-000000000000"}]`, id)
		})},
		"to look alone, whatever its policy": {do: with(`"resourceType":"Users","scopes":["view"]`, hours)},
		"for hours":                          {do: with(users, hours), want: []wanted{{fail, check, `its policy "policy 0" has the type time; nothing is written`, "policies of the types user, group and role"}}},
		"for hours, people listed":           {do: listed(with(users, hours)), want: []wanted{{warn, check, `has the type time`, "protected.users and protected.groups list these people"}}},
		"for a claim":                        {do: with(users, claim), want: []wanted{{fail, check, "a claim of the token in place of groups", "protected.policies: listed"}}},
		"for hours of a user":                {do: with(users+`,"decisionStrategy":"UNANIMOUS"`, user, hours), want: []wanted{{warn, check, "all users that its other policies name count as administrators", ""}}},
		"for everybody else":                 {do: with(users, negative), want: []wanted{{fail, check, `has the logic Negative; nothing is written`, "remove the policy from the permission"}}},
		"for everybody else to look":         {do: with(`"resourceType":"Users","scopes":["view"]`, negative), want: []wanted{{fail, check, `has the logic Negative`, "remove the policy"}}},
		"for a user and not another": {do: with(users+`,"decisionStrategy":"UNANIMOUS"`, user, func(w *world) string {
			return fmt.Sprintf(`user "logic":"NEGATIVE","users":[%q]`, w.user(keycloak.NewUser{Username: "other"}))
		}), want: []wanted{{warn, check, "a permission with no other policy is for every user", "remove the policy"}}},
		"for whom it does not name": {do: with(users+`,"logic":"NEGATIVE"`, user), want: []wanted{{fail, check, "it has the logic Negative itself", ""}}},
		"more than are read": {do: func(w *world) {
			with(users, user)(w)
			for i := range 201 {
				w.authorize("/policy/user", fmt.Sprintf(`{"name":"many %d","users":[%q]}`, i, w.account("bridge")))
			}
		}, want: []wanted{{fail, check, "more than 200 fine-grained permissions or policies", "remove those that nobody needs"}}},
		"of the first version": {do: func(w *world) { w.fake.FirstPermissions(w.Name.String()) }, want: []wanted{{fail, check, "permissions of the first version", "admin-fine-grained-authz:v1"}}},
	} {
		t.Run(name, a.others)
	}
}

// others is probe without the findings about accounts and groups that no tenant made.
func (a ailment) others(t *testing.T) {
	t.Helper()
	do := a.do
	a.do = func(w *world) {
		if do != nil {
			do(w)
		}
		w.tenant.Policy.OwnedOnly = true // accounts of other tenants do not matter here
	}
	a.probe(t)
}

// TestEachFindingAboutNeighbours: groups of tenants that are not separate.
func TestEachFindingAboutNeighbours(t *testing.T) {
	t.Parallel()
	const check = "groups"
	beside := func(own, other string) func(w *world) {
		return func(w *world) {
			one := w.group("one", keycloak.GroupID{})
			w.group("two", one)
			w.group("three", keycloak.GroupID{})
			w.tenant.Mapping = w.mapping(own)
			w.others = []*tenant.Tenant{w.newTenant("beta", w.mapping(other))}
		}
	}
	for name, a := range map[string]ailment{
		"apart":                      {do: beside("groups:\n  parent: /one\n", "groups:\n  parent: /three\n")},
		"one parent":                 {do: beside("groups:\n  parent: /one\n", "groups:\n  parent: /one\n"), want: []wanted{{fail, check, "are below the same group", "name another group in groups.parent"}}},
		"one above another":          {do: beside("groups:\n  parent: /one\n", "groups:\n  parent: /one/two\n"), want: []wanted{{warn, check, "is below the other", "move the groups apart"}}},
		"no parent beside":           {do: beside("", "groups:\n  parent: /one\n"), want: []wanted{{warn, check, "the realm has other tenants, beta, and the mapping has no groups.parent", "name a group in groups.parent"}}},
		"a default group of another": {do: beside("groups:\n  parent: /three\nusers:\n  defaultGroups: [/one/two]\n", "groups:\n  parent: /one\n"), want: []wanted{{fail, check, "which every new user joins, is among the groups of beta", "users.defaultGroups"}}},
	} {
		t.Run(name, a.others)
	}
}

// TestEachFindingAboutAnOrganization: about one organization, and about all.
func TestEachFindingAboutAnOrganization(t *testing.T) {
	t.Parallel()
	const check = "organization"
	verified := keycloak.NewOrganization{Domains: []keycloak.Domain{{Name: "acme.test", Verified: true}}}
	of := func(o keycloak.NewOrganization, then func(w *world)) func(w *world) {
		return func(w *world) {
			w.right("manage-organizations", true)
			w.right("view-identity-providers", true)
			w.tenant = w.organization("acme", o)
			if then != nil {
				then(w)
			}
		}
	}
	every := func(then func(w *world)) func(w *world) {
		return func(w *world) {
			w.right("manage-organizations", true)
			w.right("view-identity-providers", true)
			w.tenant.Owner.Organization, w.tenant.Organization.Alias, w.tenant.Entry.Every = true, tenant.EveryOrganization, true
			w.tenant.Path = tenant.OrganizationPath("acme", tenant.EveryOrganization)
			if then != nil {
				then(w)
			}
		}
	}
	path := func(w *world) string { return "/organizations/" + w.tenant.Organization.ID.String() }
	tokens := map[string][]string{tenant.AttrCredentials: {"x"}}
	withTokens := keycloak.NewOrganization{Domains: verified.Domains, Attributes: tokens}
	provider := "users:\n  link: { identityProvider: corp, userId: externalId }\n"
	corp := func(w *world) {
		w.Send(w.t, http.MethodPost, "/identity-provider/instances", `{"alias":"corp","providerId":"oidc","enabled":true}`)
		w.tenant.Mapping = w.mapping(provider)
	}
	older := func(w *world) { // like Keycloak 26.4
		w.fake.Inject(keycloaktest.Fault{Op: "GET /organizations/{id}/groups", Status: http.StatusNotFound, Body: `{"error":"Unable to find matching target resource method"}`, Header: http.Header{"Content-Type": {"application/json"}}})
	}
	for name, a := range map[string]ailment{
		"in health":          {do: of(verified, nil)},
		"a missing right":    {do: of(verified, func(w *world) { w.right("manage-organizations", false) }), want: []wanted{{fail, "rights", "manage-organizations", "--allow-manage-realm"}}},
		"no verified domain": {do: of(keycloak.NewOrganization{}, nil), want: []wanted{{warn, check, "domain", ""}}},
		"switched off": {do: of(verified, func(w *world) {
			w.Send(w.t, http.MethodPut, path(w), `{"name":"acme","alias":"acme","enabled":false,"domains":[{"name":"acme.test","verified":true}]}`)
		}), want: []wanted{{warn, check, `"acme" is disabled, so that writes are refused`, "enable the organization"}}},
		"Organizations off": {do: of(verified, func(w *world) { w.Send(w.t, http.MethodPut, "", `{"organizationsEnabled":false}`) }), want: []wanted{{fail, check, "Organizations are disabled in the realm", "enable Organizations"}}},
		"gone":              {do: of(verified, func(w *world) { w.Send(w.t, http.MethodDelete, path(w), "") }), want: []wanted{{fail, check, `the organization "acme" does not exist`, "remove the tenant"}}},
		"another one now": {do: of(verified, func(w *world) {
			w.Send(w.t, http.MethodDelete, path(w), "")
			was := w.tenant
			w.organization("acme", keycloak.NewOrganization{})
			w.tenant = was
			w.tenant.OfOrganization = true
		}), want: []wanted{{fail, check, `and "acme" is now another organization`, "organizations.overrides"}}},
		"another alias":             {do: of(verified, func(w *world) { w.tenant.Organization.Alias = "other" }), want: []wanted{{fail, check, `has the alias "acme" and not "other"`, "write the right alias or the right id"}}},
		"tokens that are passed by": {do: of(withTokens, func(w *world) { w.tenant.Entry.Every = true }), want: []wanted{{warn, check, "has tokens in its attributes", "organizations.overrides"}}},
		"a provider of nobody":      {do: of(verified, corp), want: []wanted{{fail, "identity provider", "does not belong to the organization", "add it to the organization"}}},
		"its provider": {do: of(verified, func(w *world) {
			corp(w)
			w.Send(w.t, http.MethodPost, path(w)+"/identity-providers", `"corp"`)
		})},
		"roles of groups without effect": {do: of(verified, func(w *world) {
			w.role("employee")
			w.tenant.Mapping = w.mapping("grantableRoles: [employee]\ngroups:\n  roles: { Team: [employee] }\n")
		}), want: []wanted{{fail, "groups", "groups.roles of the mapping has no effect", "users.roles"}}},
		"no groups of organizations": {do: of(verified, older), want: []wanted{{warn, "groups", "so the tenant has no groups", "upgrade to 26.6"}}},
		"no groups of organizations, and those of the realm": {do: of(verified, func(w *world) {
			older(w)
			w.group("scim", keycloak.GroupID{})
			w.tenant.Mapping = w.mapping("groups:\n  parent: /scim\n")
		})},
		"all, no groups of organizations": {do: every(func(w *world) {
			w.organization("acme", verified)
			older(w)
		}), want: []wanted{{warn, "groups", "so the tenant has no groups", "organizations.overrides"}}},
		"all, and the groups of one": {do: every(func(w *world) {
			w.organization("acme", verified)
			older(w)
			w.group("scim", keycloak.GroupID{})
			w.tenant.Mapping = w.mapping("groups:\n  parent: /scim\n")
		}), want: []wanted{{fail, "groups", `all organizations would share the groups below "/scim"`, "a parent of its own"}}},
		"members whom nobody can take over": {do: of(verified, func(w *world) {
			w.tenant.Policy.Adopt = config.AdoptUnowned
			for name, u := range map[string]keycloak.NewUser{"verified": {Email: "a@acme.test", EmailVerified: true}, "unverified": {Email: "b@acme.test"}, "elsewhere": {Email: "c@beta.test", EmailVerified: true}} {
				u.Username = name
				w.must(w.Admin.AddOrganizationMember(w.t.Context(), w.tenant.Organization.ID, w.user(u)))
			}
		}), want: []wanted{{warn, "existing", "3 users that no endpoint made: the client may take them over (adopt: unowned), and can then change and delete them. 2 of the users cannot be taken over: 1 whose address is not verified, 1 whose address is in no verified domain", "switch on Email verified"}}},
		"members whom nobody made": {do: of(verified, func(w *world) {
			for _, name := range []string{"jane", "joan"} {
				w.must(w.Admin.AddOrganizationMember(w.t.Context(), w.tenant.Organization.ID, w.user(keycloak.NewUser{Username: name, Email: name + "@acme.test", EmailVerified: true})))
			}
		}), want: []wanted{{warn, "existing", "2 users that no endpoint made: the client finds them. It deactivates only those whose accounts belong to the organization", "adopt"}}},
		"all, none yet":         {do: every(nil)},
		"all, one with a token": {do: every(func(w *world) { w.organization("acme", withTokens) })},
		"all, without a domain": {do: every(func(w *world) {
			w.organization("acme", keycloak.NewOrganization{Attributes: tokens})
			w.organization("beta", keycloak.NewOrganization{})
		}), want: []wanted{{warn, check, "without a verified domain refuse every user with an address: 1", "/organizations/acme"}}},
		"all, one provider": {do: every(func(w *world) { corp(w) }), want: []wanted{{fail, "identity provider", "can belong to only one organization", "organizations.overrides"}}},
	} {
		t.Run(name, a.probe)
	}
}

// TestWhoHasWhatEverybodyHasIsNotProtectedForIt: otherwise SCIM could write no user. The finding
// stops the tenant.
func TestWhoHasWhatEverybodyHasIsNotProtectedForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	everybody := w.find(keycloak.RoleName{Name: "default-roles-" + w.Name.String()})
	w.contain(everybody, w.management("view-users"))
	plain, boss := w.user(keycloak.NewUser{Username: "plain"}), w.user(keycloak.NewUser{Username: "boss"})
	w.grant(plain, everybody)
	w.grant(boss, w.management("realm-admin"))
	report, err := realm.Check(t.Context(), w.c, w.tenant, w.tenant.Mapping, realm.ProtectorOf(w.c, w.tenant))
	if err != nil || report.Protected.User(plain.String()) || !report.Protected.User(boss.String()) || len(report.Problems()) != 1 || len(report.Warnings()) > 0 {
		t.Errorf("protected are %v, %v, problems %q, warnings %q", report.Protected.Users, err, report.Problems(), report.Warnings())
	}
}
