package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// strikes makes calls fail with the given faults, and misses removes the faults.
func strikes(faults *keycloaktest.Faults, all ...keycloaktest.Fault) func(*testing.T, apptest.Patient) {
	return func(*testing.T, apptest.Patient) {
		for _, fault := range all {
			faults.Inject(fault)
		}
	}
}

func misses(faults *keycloaktest.Faults) func(*testing.T, apptest.Patient) {
	return func(*testing.T, apptest.Patient) { faults.ClearFaults() }
}

// TestTheRemediesOfTheServer: its clock, calls that fail once, and what hides the users.
func TestTheRemediesOfTheServer(t *testing.T) {
	t.Parallel()
	const again = "run doctor again"
	for name, start := range map[string]func(*testing.T) strickenServer{"fake": skewed, "real": proxied} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			failing := func(op, check string) remedy {
				return remedy{name: "a failure of " + op, provoke: strikes(c.faults, keycloaktest.Fault{Op: op, Status: http.StatusInternalServerError}), check: check, text: "", says: []string{again}, byHand: misses(c.faults)}
			}
			p := apptest.Patient{Bridge: apptest.NewBridgeOn(t, c.server, nil), Server: c.server}
			p.Create(t, "/Users", `{"userName":"jane"}`)
			tryRemedies(t, p, "", append(c.more,
				failing("GET /authentication/required-actions", "first login"), failing("GET /users/count", "visibility"), failing("GET /users/profile", "realm"),
				remedy{name: "no user in the list", provoke: strikes(c.faults, keycloaktest.Fault{Op: "GET /users", Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: "[]"}), check: "visibility", text: "and the list of users is empty", says: []string{"remove what restricts the account"}, byHand: misses(c.faults)},
			))
		})
	}
}

// strickenServer is a Keycloak with faults.
type strickenServer struct {
	server keycloaktest.Server
	faults *keycloaktest.Faults
	more   []remedy
}

// proxied is the real Keycloak behind a proxy that can answer in its place.
func proxied(t *testing.T) strickenServer {
	t.Helper()
	proxy := keycloaktest.NewProxy(t, keycloaktest.Real(t))
	return strickenServer{server: proxy.Server(), faults: &proxy.Faults}
}

// skewed is a fake Keycloak, whose clock can differ.
func skewed(t *testing.T) strickenServer {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	clock := func(name, text string, by time.Duration) remedy {
		return remedy{
			name: name, provoke: func(*testing.T, apptest.Patient) { fake.Ahead(by) }, check: "clock", text: text,
			says: []string{"synchronise the clocks of both machines by NTP"}, byHand: func(*testing.T, apptest.Patient) { fake.Ahead(0) },
		}
	}
	return strickenServer{fake.Server(), &fake.Faults, []remedy{clock("a clock ahead", "the clock differs from Keycloak's by", time.Minute), clock("a clock behind", "tokens may be refused", -20*time.Second)}}
}

// TestTheRemediesOfKeycloaksOwnSCIM beside the bridge. A server without this feature accepts the
// setting and drops it. For such a server, a proxy answers as a server with the feature would.
func TestTheRemediesOfKeycloaksOwnSCIM(t *testing.T) {
	t.Parallel()
	c := proxied(t)
	p := apptest.Patient{Bridge: apptest.NewBridgeOn(t, c.server, nil), Server: c.server}
	const on = `"scimApiEnabled":true`
	tryRemedies(t, p, "", []remedy{{
		name: "native SCIM", check: "native SCIM", text: "Keycloak's own SCIM API is on", says: []string{"switch off SCIM API in the realm's settings"},
		provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			shown := func() string { return apptest.AdminCall(t, c.server, http.MethodGet, "/admin/realms/"+p.Realm, "") }
			if !keycloaktest.OlderThan("26.6") { // versions that do not know the setting
				p.Set(t, "{"+on+"}")
			}
			if text := shown(); !strings.Contains(text, on) {
				strikes(c.faults, keycloaktest.Fault{Op: "GET /", Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: "{" + on + "," + strings.Replace(text, `"scimApiEnabled":false,`, "", 1)[1:]})(t, p)
			}
		},
		byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			misses(c.faults)(t, p)
			if !keycloaktest.OlderThan("26.6") {
				p.Set(t, `{"scimApiEnabled":false}`)
			}
		},
	}})
}

// TestTheRemedyOfATenantWithoutAParentBesideOthers: this may last for a while when a changed
// configuration is applied. The running bridge reports it.
func TestTheRemedyOfATenantWithoutAParentBesideOthers(t *testing.T) {
	t.Parallel()
	n := apptest.NewNeighbours(t, keycloaktest.NewFake(t).Server(), nil)
	for groups, want := range map[string]bool{"unmapped: keep": true, "parent: /scim/one": false} {
		n.Remap(t, groups)
		own, tenant := n.App.Watcher.Realms.Client(n.Realm), n.App.Watcher.Tenants.ByPath("one")
		report, err := realm.Check(t.Context(), own, tenant, tenant.Mapping, realm.ProtectorOf(own, tenant, n.App.Watcher.Tenants.ByPath("two")))
		if got := strings.Contains(strings.Join(report.Warnings(), "; "), "the realm has other tenants, two, and the mapping has no groups.parent"); err != nil || got != want {
			t.Errorf("groups: { %s }: the bridge finds %v, %v, want it: %t", groups, report.Warnings(), err, want)
		}
	}
}

// TestTheRemediesOfRolesThatAreTaken from users to which the mapping did not grant them.
func TestTheRemediesOfRolesThatAreTaken(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realmName, admin := apptest.NewEmptyRealm(t, server)
			apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+realmName+"/roles", `{"name":"staff"}`)
			file := apptest.MappingFile(t, "version: 1\ngrantableRoles: [staff]\nusers: { unmapped: keep }\n")
			p := apptest.Patient{Bridge: apptest.NewBridgeIn(t, server, realmName, admin, nil, "--mapping", file), Server: server}
			takes := inMapping(file, "grantableRoles", "managedRoles")
			tryRemedies(t, p, "", []remedy{
				{name: "a role that is taken", provoke: takes, check: "roles", text: "the bridge revokes it from every group and user", says: []string{"list the role in grantableRoles if people may grant it too"}, byHand: inMapping(file, "managedRoles", "grantableRoles")},
				{name: "a role that is taken, and is granted", provoke: takes, check: "roles", text: "the bridge revokes it from every group and user", says: []string{"or let a rule grant it"}, byHand: inMapping(file, "users: { unmapped: keep }", "users: { roles: [{ grant: [staff] }] }\ngroups: { roles: { Staff: [staff] } }")},
			})
		})
	}
}

// TestTheRemedyOfTheRightToChangeTheRealm, where a smaller right is enough.
func TestTheRemedyOfTheRightToChangeTheRealm(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.Real(t), nil)
	p := apptest.Patient{Bridge: c.Realm, Server: c.Server}
	if least, err := p.Admin.HasManagementRole(t.Context(), "manage-organizations"); err != nil || !least {
		return // before 26.7 there is no smaller right
	}
	p.Right(t, "manage-organizations", false)
	p.Right(t, "manage-realm", true)
	isIt := func(f realm.Finding) bool { return f.Check == "privileges" && f.Severity == realm.Warn }
	found := p.FindingsAt(t, "")
	i := slices.IndexFunc(found, isIt)
	if i < 0 || !strings.Contains(found[i].Text, "members of organizations need manage-realm on this Keycloak") || !strings.Contains(found[i].Fix, "remove manage-realm from the service account") {
		t.Fatalf("doctor says %+v", found)
	}
	p.Right(t, "manage-realm", false)
	for _, line := range apptest.CommandsOf(found[i].Fix) {
		obey(t, p, line)
	}
	if found := p.FindingsAt(t, ""); slices.ContainsFunc(found, isIt) || len(illness(found)) > 0 {
		t.Errorf("after the fix doctor says %+v", illness(found))
	}
}

// TestTheRemediesOfAKeycloakWithoutGroupsOfOrganizations, as before 26.6: for an organization with
// an entry, and for all organizations.
func TestTheRemediesOfAKeycloakWithoutGroupsOfOrganizations(t *testing.T) {
	t.Parallel()
	none := keycloaktest.Fault{Op: "GET /organizations/{id}/groups", Status: http.StatusNotFound, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"error":"HTTP 404 Not Found"}`}
	const noGroups, shared = "this Keycloak has no groups of organizations, so the tenant has no groups", "this Keycloak has no groups of organizations, and all organizations would share the groups below"
	finds := func(t *testing.T, p apptest.Patient, path, text, fix string) {
		t.Helper()
		found := p.FindingsAt(t, path)
		i := slices.IndexFunc(found, func(f realm.Finding) bool { return f.Check == "groups" && strings.HasPrefix(f.Text, text) })
		if i < 0 || !strings.Contains(found[i].Fix, fix) {
			t.Fatalf("doctor says %+v, want %q, %q", found, text, fix)
		}
	}
	misses := func(t *testing.T, p apptest.Patient, path string) {
		t.Helper()
		for _, f := range p.FindingsAt(t, path) {
			if strings.Contains(f.Text, "no groups of organizations") || f.Severity == realm.Fail {
				t.Errorf("after the fix doctor says %+v", f)
			}
		}
	}
	fake := keycloaktest.NewFake(t)
	server := fake.Server()
	realmName, admin := apptest.NewEmptyRealm(t, server)
	apptest.AdminSend(t, server, http.MethodPut, "/admin/realms/"+realmName, `{"organizationsEnabled":true}`)
	if _, err := admin.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: "acme", Alias: "acme", Domains: []keycloak.Domain{{Name: "acme.test", Verified: true}}}); err != nil {
		t.Fatal(err)
	}
	file := apptest.MappingFile(t, "version: 1\ngroups: { unmapped: keep }\n")
	made := apptest.RunSetup(t, server, realmName, "--organization", "acme", "--mapping", file)
	p := apptest.Patient{Bridge: apptest.Bridge{File: made.Config, Realm: realmName, Admin: admin}, Server: server}
	p.MakeGroup(t, "of-acme", keycloak.GroupID{})
	fake.Inject(none)
	finds(t, p, "", noGroups, "in groups.parent of the tenant's mapping, name a group of the realm")
	inMapping(file, "unmapped: keep", "parent: /of-acme")(t, p)
	misses(t, p, "")

	fake = keycloaktest.NewFake(t)
	c := apptest.NewEvery(t, fake.Server())
	p = apptest.Patient{Bridge: c.Realm, Server: fake.Server()}
	p.MakeGroup(t, "of-all", keycloak.GroupID{})
	all := p.Realm + "/organizations/*"
	p.EditFile(t, "config.yaml", func(s string) string {
		return strings.Replace(s, `organizations: "*"`, "organizations: { mapping: "+apptest.MappingFile(t, "version: 1\ngroups: { parent: /of-all }\n")+" }", 1)
	})
	fake.Inject(none)
	finds(t, p, all, shared, "remove groups.parent from the mapping")
	p.EditFile(t, "config.yaml", func(s string) string {
		head, tail, _ := strings.Cut(s, "organizations: { mapping:")
		_, tail, _ = strings.Cut(tail, "}")
		return head + `organizations: "*"` + tail
	})
	for _, f := range p.FindingsAt(t, all) {
		if strings.HasPrefix(f.Text, shared) {
			t.Errorf("after the fix doctor says %+v", f)
		}
	}
}

// TestTheRemedyOfNamesThatKeycloakDoesNotKeep: the running bridge reports this, because it writes
// down what the names mean.
func TestTheRemedyOfNamesThatKeycloakDoesNotKeep(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	protecting := func(names ...string) func(*config.Config) {
		return func(c *config.Config) {
			for name, r := range c.Realms {
				r.Protected.Users = names
				c.Realms[name] = r
			}
		}
	}
	b := apptest.NewBridgeOn(t, fake.Server(), nil)
	boss := b.MakeAccount(t, "boss", true)
	b.MakeAccount(t, "chief", true)
	says := func() string {
		all := b.Lines.FilterMessage("the realm is fit").All()
		return fmt.Sprint(all[len(all)-1].ContextMap()["warnings"])
	}
	const text = "after a restart the names of the configuration could mean other groups and users than now"
	broken := func(names ...string) {
		fake.Inject(keycloaktest.Fault{Op: "PUT /users/{id}", Status: http.StatusBadRequest})
		b.Reconfigure(t, protecting(names...))
		if got := says(); !strings.Contains(got, text) {
			t.Fatalf("the bridge warns of %s, want %q", got, text)
		}
	}
	mended := func(remedy string) {
		if got := says(); strings.Contains(got, text) {
			t.Errorf("%s: the bridge warns of %s", remedy, got)
		}
	}
	broken("boss")
	b.Reconfigure(t, protecting("id:"+boss.String()))
	mended("an id in place of a name")
	broken("chief")
	fake.ClearFaults()
	b.Check(t)
	mended("the bridge may write its own account")
}
