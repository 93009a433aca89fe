package guard_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Labels of the users and groups, by what they are to the tenants.
const (
	free      = "free"         // a user without owner
	owned     = "owned"        // a user of the tenant one
	others    = "others"       // a user of the tenant two
	member    = "member"       // a member of acme without owner
	employee  = "employee"     // a member of acme that acme's tenant owns
	betas     = "betas"        // a member of another organization
	admin     = "admin-of-it"  // protected
	memberBy  = "member-admin" // protected, and a member of acme
	service   = "service"      // a client's service account, known to the last read of the realm
	late      = "late"         // a service account created since that read
	joined    = "joined"       // a service account created since that read, and a member of acme
	absent    = "absent"       // no user and no group
	top       = "top"          // a group of the top level
	nested    = "nested"       // the group below it
	scimRoot  = "scim"         // the parent of the groups of the tenant three
	inScim    = "in-scim"
	deepScim  = "deep-scim" // the group below in-scim
	twoRoot   = "two"       // the parent of the groups of the tenant two
	inTwo     = "in-two"
	locked    = "locked"    // protected
	departed  = "departed"  // a group that left the tenant one
	guild     = "guild"     // a group of acme
	subguild  = "sub-guild" // the group below it
	root      = "root"      // the root of acme's groups
	betaGuild = "beta-guild"
)

const (
	absentID = "00000000-0000-0000-0000-000000000000"
	acmePath = "one/organizations/acme"
)

// world is a Keycloak in memory with users and groups of all kinds.
type world struct {
	*keycloaktest.Realm

	t      *testing.T
	fake   *keycloaktest.Fake
	users  map[string]string // ids by label
	groups map[string]string
	acme   keycloak.OrganizationID
	beta   keycloak.OrganizationID
}

// result is what a call returned that must succeed.
type result[T any] struct {
	value T
	err   error
}

func try[T any](value T, err error) result[T] { return result[T]{value, err} }

// must returns the value; an error ends the test.
func (r result[T]) must(t *testing.T) T {
	t.Helper()
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.value
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	r := keycloaktest.NewRealm(t, fake.Server(), keycloaktest.RealmOptions{
		Roles: []string{"manage-users", "view-realm", "view-clients", "manage-organizations"}, UnmanagedPolicy: "ADMIN_EDIT",
	})
	r.Send(t, http.MethodPut, "", `{"organizationsEnabled":true}`)
	w := &world{Realm: r, t: t, fake: fake, users: map[string]string{absent: absentID}, groups: map[string]string{absent: absentID}}
	w.acme = mustOrganization(t, r.Client, "acme")
	w.beta = mustOrganization(t, r.Client, "beta")
	w.makeUsers()
	w.makeGroups()
	return w
}

func mustOrganization(t *testing.T, c *keycloak.Client, alias string) keycloak.OrganizationID {
	t.Helper()
	return try(c.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: alias, Alias: alias, Domains: []keycloak.Domain{{Name: alias + ".test", Verified: true}}})).must(t)
}

func (w *world) makeUsers() {
	t, ctx := w.t, w.t.Context()
	for label, owner := range map[string]string{free: "", owned: "one", others: "two", member: "", employee: "acme", betas: "", admin: "", memberBy: ""} {
		u := keycloak.NewUser{Username: label, Email: label + "@acme.test", FirstName: "Seen", LastName: label, Enabled: true, Attributes: map[string][]string{"label": {label}}}
		if owner != "" {
			u.Attributes[mapping.AttrOwner] = []string{owner}
		}
		w.users[label] = try(w.Client.CreateUser(ctx, u)).must(t).String()
	}
	for _, label := range []string{service, late, joined} {
		if _, err := w.AddClient(ctx, label, []string{"view-users"}); err != nil {
			t.Fatal(err)
		}
		id, _, err := w.Admin.FindClient(ctx, label)
		w.users[label] = try(w.Admin.ServiceAccount(ctx, try(id, err).must(t))).must(t).String()
	}
	for _, label := range []string{member, employee, memberBy, joined} {
		noError(t, w.Client.AddOrganizationMember(ctx, w.acme, w.user(label)))
	}
	noError(t, w.Client.AddOrganizationMember(ctx, w.beta, w.user(betas)))
}

func (w *world) makeGroups() {
	w.group(top, keycloak.GroupID{}, "")
	w.group(nested, w.realmGroup(top), "")
	w.group(scimRoot, keycloak.GroupID{}, "")
	w.group(inScim, w.realmGroup(scimRoot), "")
	w.group(deepScim, w.realmGroup(inScim), "")
	w.group(twoRoot, keycloak.GroupID{}, "")
	w.group(inTwo, w.realmGroup(twoRoot), "")
	w.group(locked, keycloak.GroupID{}, "")
	w.group(departed, keycloak.GroupID{}, "left|one")
	w.group(guild, w.acme.TopLevel(), "")
	inGuild := try(w.acme.ParseGroupID(w.groups[guild])).must(w.t)
	w.groups[subguild] = w.Send(w.t, http.MethodPost, "/organizations/"+w.acme.String()+"/groups/"+w.groups[guild]+"/children", `{"name":"`+subguild+`"}`)
	w.group(betaGuild, w.beta.TopLevel(), "")
	w.groups[root] = try(w.Client.Group(w.t.Context(), inGuild)).must(w.t).ParentID
	for label, members := range map[string][]string{top: {free, owned, member, admin, late}, inScim: {owned, others}, locked: {free}} {
		for _, of := range members {
			noError(w.t, w.Client.AddMember(w.t.Context(), w.user(of), w.realmGroup(label)))
		}
	}
	for _, of := range []string{member, memberBy} {
		noError(w.t, w.Client.AddMember(w.t.Context(), w.user(of), inGuild))
	}
}

func (w *world) group(label string, parent keycloak.GroupID, owner string) {
	g := keycloak.NewGroup{Name: label, Parent: parent, Attributes: map[string][]string{"label": {label}}}
	if owner != "" {
		g.Attributes[mapping.AttrOwner] = []string{owner}
	}
	w.groups[label] = try(w.Client.CreateGroup(w.t.Context(), g)).must(w.t).String()
}

func (w *world) user(label string) keycloak.UserID {
	w.t.Helper()
	return try(keycloak.ParseUserID(w.users[label])).must(w.t)
}

func (w *world) realmGroup(label string) keycloak.GroupID {
	w.t.Helper()
	return try(keycloak.ParseGroupID(w.groups[label])).must(w.t)
}

// labels returns the labels of ids, in order.
func labels(names map[string]string, ids []string) []string {
	out := []string{}
	for label, id := range names {
		if slices.Contains(ids, id) {
			out = append(out, label)
		}
	}
	slices.Sort(out)
	return out
}

func sortedLabels(names map[string]string) []string { return slices.Sorted(maps.Keys(names)) }

// fitness is the result of the last read of the realm, from before the accounts late and joined
// were created.
func (w *world) fitness() tenant.Fitness {
	return tenant.Fitness{
		Domains:  []string{"acme.test"},
		Resolved: mapping.Resolved{Groups: map[string]keycloak.GroupID{"/scim": w.realmGroup(scimRoot)}, GroupNames: map[string]string{"/scim": "/scim"}},
		Protected: &tenant.Protected{
			At: time.Now(), Users: map[string]bool{w.users[admin]: true, w.users[memberBy]: true}, ServiceAccounts: map[string]bool{w.users[service]: true},
			Groups: map[string]bool{w.groups[locked]: true}, Kept: map[string]bool{w.groups[scimRoot]: true},
		},
	}
}

// besides adds the parents of other tenants' groups.
func (w *world) besides(f tenant.Fitness) tenant.Fitness {
	p := *f.Protected
	p.Parents = map[string]tenant.Parent{w.groups[twoRoot]: {Tenants: []string{"two"}}}
	f.Protected = &p
	return f
}

// kind is a kind of tenant, and what it may see.
type kind struct {
	tenant  *tenant.Tenant
	fitness tenant.Fitness

	users  []string
	groups []string // by their ids
	listed []string // the groups that a list shows
	// members are the users that the tenant sees in its groups and in the groups of the realm that
	// it reaches.
	members map[string][]string
}

func (w *world) wall(k kind) guard.Wall { return guard.For(k.tenant, k.fitness, w.Client) }

// kinds returns all kinds of tenants.
func (w *world) kinds() map[string]kind {
	m := mapping.Default(scim.Tolerant)
	below := *m
	below.GroupParent = "/scim"
	people := []string{free, owned, others, member, employee, betas, admin, memberBy}
	realmGroups := []string{top, nested, scimRoot, inScim, deepScim, twoRoot, inTwo, locked, departed}
	topGroups := []string{top, scimRoot, twoRoot, locked, departed}
	inTop := map[string][]string{top: {admin, free, member, owned}, inScim: {others, owned}}
	acme := tenant.Organization{ID: w.acme, Alias: "acme"}
	members := []string{member, employee, memberBy}
	withGroups := w.fitness()
	withGroups.OrganizationGroups = true
	leaves := tenant.Policy{Policies: config.Policies{OnDelete: config.OnDeleteLeave}}
	return map[string]kind{
		"a realm": {
			&tenant.Tenant{Path: "one", Mapping: m, Owner: mapping.Owner{Key: "one"}}, w.fitness(), people, realmGroups, topGroups, inTop,
		},
		"a realm, what it owns": {
			&tenant.Tenant{Path: "one", Mapping: m, Owner: mapping.Owner{Key: "one", Shared: true}, Policy: tenant.Policy{OwnedOnly: true}}, w.fitness(),
			[]string{owned},
			realmGroups, topGroups,
			map[string][]string{top: {owned}, inScim: {owned}},
		},
		"a realm, below a parent": {
			&tenant.Tenant{Path: "three", Mapping: &below, Owner: mapping.Owner{Key: "three"}}, w.fitness(), people, []string{inScim}, []string{inScim}, map[string][]string{inScim: {others, owned}},
		},
		"a realm, beside another tenant": {
			&tenant.Tenant{Path: "one", Mapping: m, Owner: mapping.Owner{Key: "one", Shared: true}}, w.besides(w.fitness()),
			people,
			[]string{top, scimRoot, locked, departed},
			[]string{top, scimRoot, locked, departed},
			map[string][]string{top: {admin, free, member, owned}},
		},
		"a realm whose groups leave": {
			&tenant.Tenant{Path: "one", Mapping: m, Owner: mapping.Owner{Key: "one"}, Policy: leaves}, w.fitness(),
			people,
			[]string{top, nested, scimRoot, inScim, deepScim, twoRoot, inTwo, locked},
			[]string{top, scimRoot, twoRoot, locked},
			inTop,
		},
		"a realm whose parent is not known": {
			&tenant.Tenant{Path: "three", Mapping: &below, Owner: mapping.Owner{Key: "three"}}, tenant.Fitness{Protected: w.fitness().Protected}, people, nil, nil, nil,
		},
		"an organization": {
			&tenant.Tenant{Path: acmePath, Mapping: m, Owner: mapping.Owner{Key: "acme", Organization: true}, Organization: acme}, withGroups,
			members,
			[]string{guild},
			[]string{guild},
			map[string][]string{guild: {member, memberBy}},
		},
		"an organization, groups of the realm": {
			&tenant.Tenant{Path: acmePath, Mapping: &below, Owner: mapping.Owner{Key: "acme", Organization: true}, Organization: acme}, w.fitness(),
			members,
			[]string{inScim},
			[]string{inScim},
			map[string][]string{inScim: {}},
		},
		"an organization without groups": {
			&tenant.Tenant{Path: acmePath, Mapping: m, Owner: mapping.Owner{Key: "acme", Organization: true}, Organization: acme}, w.fitness(), members, nil, nil, nil,
		},
	}
}
