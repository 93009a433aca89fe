package realm_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// wanted is a finding; each part is a beginning or a part of the real one.
type wanted struct {
	severity         realm.Severity
	check, text, fix string
}

func (x wanted) is(f realm.Finding) bool {
	return f.Severity == x.severity && f.Check == x.check && strings.Contains(f.Text, x.text) && strings.Contains(f.Fix, x.fix)
}

// ailment is something that the test breaks, and what doctor must find: exactly that.
type ailment struct {
	mapping string
	do      func(w *world)
	want    []wanted
}

func (a ailment) probe(t *testing.T) {
	t.Helper()
	t.Parallel()
	w := newWorld(t, "")
	if a.mapping != "" { // the realm lacks the groups and roles of this mapping
		w.tenant.Mapping = w.mapping(a.mapping)
	}
	if a.do != nil {
		a.do(w)
	}
	got := w.doctor()
	w.fake.ClearFaults()
	ok := len(got) == len(a.want)
	for i := range got {
		ok = ok && slices.ContainsFunc(a.want, func(x wanted) bool { return x.is(got[i]) })
	}
	if !ok {
		t.Errorf("doctor says\n%+v, want\n%+v", got, a.want)
	}
}

func setting(text string) func(w *world) {
	return func(w *world) { w.Send(w.t, http.MethodPut, "", text) }
}

const (
	pass, warn, fail = realm.Pass, realm.Warn, realm.Fail
)

// TestEachFindingAboutTheRealm: doctor finds what the test broke, with its remedy, and nothing
// else.
func TestEachFindingAboutTheRealm(t *testing.T) {
	t.Parallel()
	expires := func(d time.Duration) func(w *world) {
		return func(w *world) { w.tenant.Tokens[0].Expires = time.Now().Add(d) }
	}
	fault := func(op string, status int) func(w *world) {
		return func(w *world) {
			w.fake.Inject(keycloaktest.Fault{Op: op, Status: status, Body: `{"error":"broken"}`, Header: http.Header{"Content-Type": {"application/json"}}})
		}
	}
	for name, a := range map[string]ailment{
		"nothing":            {},
		"no token":           {do: func(w *world) { w.tenant.Tokens = nil }, want: []wanted{{fail, "token", "the tenant has no token, so no client can use the endpoint", "tokens new"}}},
		"a token that ended": {do: expires(-time.Hour), want: []wanted{{fail, "token", `"idp" expired on`, "make a new token"}}},
		"one that ended beside a good one": {do: func(w *world) {
			expires(-time.Hour)(w)
			w.tenant.Tokens = append(w.tenant.Tokens, tenant.Token{Name: "new", Expires: time.Now().AddDate(1, 0, 0)})
		}, want: []wanted{{warn, "token", `"idp" expired on`, "tokens revoke"}}},
		"one that ends soon": {do: expires(10*24*time.Hour + time.Hour), want: []wanted{{warn, "token", `"idp" expires in 10 days`, "make a new token"}}},
		"access tokens alone, by Basic too": {do: func(w *world) {
			w.tenant.Tokens, w.tenant.AccessTokens, w.tenant.Policy.BasicAuth = nil, []tenant.AccessToken{{Name: "x"}}, true
		}},
		"no realm":                {do: func(w *world) { w.must(w.Admin.DeleteRealm(w.t.Context())) }, want: []wanted{{fail, "keycloak", "Keycloak has no realm", "correct the name of the realm"}}},
		"no Keycloak at the path": {do: fault("GET /realms/{realm}", http.StatusNotFound), want: []wanted{{fail, "keycloak", "there is no Keycloak at http://", "correct keycloak.url"}}},
		"no answer":               {do: fault("", http.StatusServiceUnavailable), want: []wanted{{fail, "keycloak", "Keycloak does not answer", "check keycloak.url"}}},
		"a wrong secret":          {do: func(w *world) { w.c = w.As(w.t, keycloak.ClientSecret("bridge", "wrong")) }, want: []wanted{{fail, "account", "Keycloak refuses the client's credentials (", "clientSecretFile"}}},
		"clocks that differ":      {do: func(w *world) { w.fake.Ahead(time.Minute) }, want: []wanted{{warn, "clock", "the clock differs from Keycloak's by", "NTP"}}},
		"a missing right":         {do: func(w *world) { w.right("view-realm", false) }, want: []wanted{{fail, "rights", "lacks the realm-management roles view-realm", "scim-bridge setup --url"}}},
		"no way to manage users": {do: func(w *world) {
			w.right("manage-users", false)
			w.right("query-users", true)
			w.right("query-groups", true)
		}, want: []wanted{{fail, "rights", "lacks the realm-management role manage-users, and no fine-grained permission", "scim-bridge setup"}}},
		"too many rights": {do: func(w *world) { w.right("manage-realm", true); w.right("impersonation", true) }, want: []wanted{{warn, "privileges", "manage-realm, impersonation: somebody with its secret could change the realm, log in as anybody", "--rolename impersonation"}}},
		"a role beside permissions": {do: func(w *world) {
			setting(`{"adminPermissionsEnabled":true}`)(w)
			w.right("query-users", true)
			w.right("query-groups", true)
		}, want: []wanted{{warn, "privileges", "manage-users besides query-users and query-groups", "remove manage-users"}}},
		"an attribute that is not declared": {mapping: "users:\n  attributes:\n    title: { keycloak: job }\n", want: []wanted{{fail, "user profile", `user attribute "job" is not declared in the user profile, so Keycloak silently drops it`, "scim-bridge setup"}}},
		"an attribute that users can write": {do: func(w *world) {
			w.profile(func(p *keycloak.UserProfile) { p.Attribute(mapping.AttrRemainder).Edit = []string{"admin", "user"} })
		}, want: []wanted{{fail, "user profile", "can be edited by users themselves", "scim-bridge setup"}}},
		"one of the mapping that users can write": {mapping: "users:\n  attributes:\n    title: { keycloak: job }\n", do: func(w *world) {
			w.profile(func(p *keycloak.UserProfile) {
				p.Attributes = append(p.Attributes, keycloak.ProfileAttribute{Name: "job", View: []string{"admin"}, Edit: []string{"admin", "user"}})
			})
		}, want: []wanted{{fail, "user profile", `"job" can be edited by users themselves`, "--restrict-attributes"}}},
		"one that the bridge cannot read": {do: func(w *world) {
			w.profile(func(p *keycloak.UserProfile) { p.Attribute(mapping.AttrOwner).View = []string{"user"} })
		}, want: []wanted{{fail, "user profile", "cannot be read and edited by administrators", "scim-bridge setup"}}},
		"one with a single value": {do: func(w *world) {
			w.profile(func(p *keycloak.UserProfile) { p.Attribute(mapping.AttrOwner).MultiValued = false })
		}, want: []wanted{{fail, "user profile", "is declared with a single value, but needs several", "scim-bridge setup"}}},
		"attributes that users erase": {mapping: "users:\n  attributes:\n    title: { keycloak: job }\n", do: func(w *world) {
			w.profile(func(p *keycloak.UserProfile) { p.UnmanagedPolicy = "ENABLED" })
		}, want: []wanted{{fail, "user profile", "own update of the account erases it", "scim-bridge setup"}}},
		"an attribute that is kept undeclared": {mapping: "users:\n  attributes:\n    title: { keycloak: job }\n", do: func(w *world) {
			w.profile(func(p *keycloak.UserProfile) { p.UnmanagedPolicy = "ADMIN_EDIT" })
		}},
		"one of the bridge's account": {do: func(w *world) {
			w.profile(func(p *keycloak.UserProfile) {
				p.Attributes = slices.DeleteFunc(p.Attributes, func(a keycloak.ProfileAttribute) bool { return a.Name == mapping.AttrProtected })
			})
		}, want: []wanted{{warn, "user profile", "when somebody saves that account", "scim-bridge setup"}}},
		"a validator": {do: func(w *world) {
			w.profile(func(p *keycloak.UserProfile) {
				p.Attribute("username").Validations = map[string]jsontext.Value{"username-prohibited-characters": jsontext.Value("{}"), "up-username-not-idn-homograph": jsontext.Value("{}")}
			})
		}, want: []wanted{{warn, "validators", `"username-prohibited-characters" of username`, "--relax-validators"}}},
		"user names that stay":          {do: setting(`{"editUsernameAllowed":false}`), want: []wanted{{warn, "user names", "changes of userName are refused", "--allow-username-changes"}}},
		"user names that are addresses": {do: setting(`{"registrationEmailAsUsername":true}`), want: []wanted{{warn, "user names", "the realm uses e-mail addresses as user names", "Email as username"}}},
		"addresses of several users":    {do: setting(`{"loginWithEmailAllowed":false,"duplicateEmailsAllowed":true}`), want: []wanted{{warn, "e-mail addresses", "several users may have the same address", "Duplicate emails"}}},
		"registration":                  {do: setting(`{"registrationAllowed":true}`), want: []wanted{{warn, "registration", "anybody can register an account under a name", "scope: owned"}}},
		"registration, owned only": {do: func(w *world) {
			setting(`{"registrationAllowed":true}`)(w)
			w.tenant.Policy.OwnedOnly = true
		}},
		"registration and adoption": {do: func(w *world) {
			setting(`{"registrationAllowed":true}`)(w)
			w.tenant.Policy.Adopt = config.AdoptUnowned
		}, want: []wanted{{warn, "adoption", "anybody can register an account under a name", "adopt: never"}}},
		"no event is stored": {do: setting(`{"adminEventsEnabled":false}`)},
		"no event is read":   {do: func(w *world) { w.right("view-events", false) }},
		"something to do first": {do: func(w *world) {
			w.Send(w.t, http.MethodPut, "/authentication/required-actions/UPDATE_PROFILE", `{"alias":"UPDATE_PROFILE","name":"Update Profile","enabled":true,"defaultAction":true}`)
		}, want: []wanted{{warn, "first login", "UPDATE_PROFILE", "Required actions"}}},
		"no user in the list": {do: func(w *world) {
			w.user(keycloak.NewUser{Username: "user-x", Attributes: map[string][]string{mapping.AttrOwner: {"acme"}}})
			w.fake.Inject(keycloaktest.Fault{Op: "GET /users", Status: http.StatusOK, Body: "[]", Header: http.Header{"Content-Type": {"application/json"}}})
		}, want: []wanted{{fail, "visibility", "and the list of users is empty", "manage-users"}}},
		"a role that is gone":  {mapping: "grantableRoles: [employee]\nusers:\n  roles:\n    - { when: 'true', grant: [employee] }\n", want: []wanted{{fail, "roles", `the role "employee" of the mapping does not exist`, "create it in Keycloak"}}},
		"roles that are there": {mapping: "grantableRoles: [employee]\nusers:\n  roles:\n    - { when: 'true', grant: [employee] }\n", do: func(w *world) { w.role("employee") }},
		"a role that administers": {mapping: "grantableRoles: [employee]\nusers:\n  roles:\n    - { when: 'true', grant: [employee] }\n", do: func(w *world) {
			w.role("employee", w.management("view-users"))
		}, want: []wanted{{fail, "roles", "nobody becomes an administrator by SCIM", "remove that right from the role"}}},
		"a provider that is gone": {mapping: "users:\n  link: { identityProvider: corp, userId: externalId }\n", do: func(w *world) { w.right("view-identity-providers", true) }, want: []wanted{{fail, "identity provider", `"corp" of the mapping does not exist`, "create it in Keycloak"}}},
		"a provider": {mapping: "users:\n  link: { identityProvider: corp, userId: externalId }\n", do: func(w *world) {
			w.right("view-identity-providers", true)
			w.Send(w.t, http.MethodPost, "/identity-provider/instances", `{"alias":"corp","providerId":"oidc","enabled":true}`)
		}},
		"a group that is gone": {mapping: "groups:\n  parent: /scim\n", want: []wanted{{fail, "groups", `the group "/scim" of the mapping does not exist`, "create it in Keycloak"}}},
		"a group with a right": {mapping: "users:\n  defaultGroups: [/staff]\n", do: func(w *world) {
			w.grant(w.group("staff", keycloak.GroupID{}), w.management("manage-users"))
		}, want: []wanted{{fail, "groups", "nobody becomes an administrator by SCIM", "name another group"}}},
	} {
		t.Run(name, a.probe)
	}
}

// TestEachFindingAboutAUserFederation: the settings of the provider decide what SCIM can do with
// users of a directory.
func TestEachFindingAboutAUserFederation(t *testing.T) {
	t.Parallel()
	const check = "user federation"
	for name, c := range map[string]struct {
		provider, config string
		want             []wanted
	}{
		"switched off":          {"ldap", `"enabled":["false"]`, []wanted{{warn, check, `"dir" is switched off`, "switch the provider on"}}},
		"no LDAP":               {"custom", `"enabled":["true"]`, nil},
		"no copy, it registers": {"ldap", `"enabled":["true"],"importEnabled":["false"],"syncRegistrations":["true"],"editMode":["WRITABLE"]`, []wanted{{warn, check, "SCIM cannot create users", "Import users"}}},
		"no copy":               {"ldap", `"enabled":["true"],"importEnabled":["false"],"editMode":["READ_ONLY"]`, []wanted{{warn, check, "does not import its users", "Import users"}}},
		"read-only":             {"ldap", `"enabled":["true"],"importEnabled":["true"],"editMode":["READ_ONLY"]`, []wanted{{warn, check, "is READ_ONLY", "edit mode"}}},
		"unsynced":              {"ldap", `"enabled":["true"],"importEnabled":["true"],"editMode":["UNSYNCED"]`, []wanted{{warn, check, "is UNSYNCED", "WRITABLE"}}},
		"writable":              {"ldap", `"enabled":["true"],"importEnabled":["true"],"editMode":["WRITABLE"]`, nil},
	} {
		t.Run(name, ailment{do: func(w *world) {
			w.Send(w.t, http.MethodPost, "/components", fmt.Sprintf(`{"name":"dir","providerId":%q,"providerType":"org.keycloak.storage.UserStorageProvider","config":{%s}}`, c.provider, c.config))
		}, want: c.want}.probe)
	}
}

// TestEachFindingAboutAccounts of a tenant: whose they are, and how a client finds them.
func TestEachFindingAboutAccounts(t *testing.T) {
	t.Parallel()
	account := func(name string, attributes map[string][]string) func(w *world) {
		return func(w *world) {
			w.user(keycloak.NewUser{Username: "user-" + name, Email: name + "@acme.test", Attributes: attributes})
		}
	}
	owned := func(key string) map[string][]string { return map[string][]string{mapping.AttrOwner: {key}} }
	all := func(do ...func(w *world)) func(w *world) {
		return func(w *world) {
			for _, d := range do {
				d(w)
			}
		}
	}
	shared := func(w *world) {
		w.tenant.Owner.Shared = true
		w.others = []*tenant.Tenant{w.newTenant("beta", w.tenant.Mapping)}
		w.others[0].Policy.OwnedOnly, w.others[0].Owner.Shared = true, true
	}
	left := func(name, owner string) func(w *world) { // a user with a foreign account that the client of acme deactivated
		return func(w *world) {
			id := w.user(keycloak.NewUser{Username: "user-" + name, Attributes: owned(owner)})
			u, err := w.Admin.User(w.t.Context(), id)
			w.must(err)
			state, err := w.tenant.Mapping.ForeignState(w.tenant.Owner, u, scim.Document{"userName": u.Username, "active": false}, true)
			w.must(err)
			empty := ""
			w.must(w.Admin.UpdateUser(w.t.Context(), id, keycloak.UserUpdate{
				Username: &u.Username, Email: &empty, FirstName: &empty, LastName: &empty, Attributes: state.UserAttributes(w.tenant.Owner, u.Attributes, time.Now()),
			}))
		}
	}
	with := func(id string) map[string][]string {
		return map[string][]string{mapping.AttrOwner: {"acme"}, mapping.AttrExternalID: {id}}
	}
	for name, a := range map[string]ailment{
		"of nobody":                   {do: all(account("a", nil), account("b", nil)), want: []wanted{{warn, "existing", "2 users that no endpoint made: the client finds them, changes and disables", "adopt"}}},
		"of nobody, and a group":      {do: func(w *world) { account("a", nil)(w); w.group("nested", w.group("g", keycloak.GroupID{})) }, want: []wanted{{warn, "existing", "1 user and 1 group that no endpoint made", "scope: owned"}}},
		"a group of nobody":           {do: func(w *world) { w.group("g", keycloak.GroupID{}) }, want: []wanted{{warn, "existing", "1 group that no endpoint made", "adopt"}}},
		"that may be taken over":      {do: all(account("a", nil), account("b", nil), func(w *world) { w.tenant.Policy.Adopt = config.AdoptUnowned })},
		"out of sight":                {do: all(account("a", nil), func(w *world) { w.tenant.Policy.OwnedOnly = true })},
		"without a key":               {do: account("a", with("x")), want: []wanted{{warn, "externalId", "1 of 1 users have an externalId that another SCIM server", "adopt"}}},
		"with one externalId":         {do: all(account("a", with("x")), account("b", with("x"))), want: []wanted{{warn, "externalId", "2 of 2 users have", "adopt"}, {warn, "externalId", "2 of 2 users share their externalId", "externalId: unique"}}},
		"of an endpoint that is gone": {do: all(shared, account("a", owned("gone")), account("b", owned("beta"))), want: []wanted{{warn, "owners", "1 users are owned by endpoints that the configuration does not have, with the keys gone", "write the key back"}}},
		"of endpoints that are there": {do: all(shared, account("a", owned("acme")), account("b", owned("beta")))},
		"a leaver who can log in":     {do: all(shared, left("a", "gone")), want: []wanted{{fail, "leavers", "the client deactivated 1 user whose accounts are enabled", "kcadm.sh update users/"}, {warn, "owners", "gone", ""}}},
		"a leaver of nobody's":        {do: all(shared, left("a", "beta"))},
	} {
		t.Run(name, a.probe)
	}
}
