package keycloaktest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const realmManagement = "realm-management"

// The roles of realm-management on which rights depend.
const (
	viewUsers     = "view-users"
	manageUsers   = "manage-users"
	queryUsers    = "query-users"
	queryGroups   = "query-groups"
	viewRealm     = "view-realm"
	manageRealm   = "manage-realm"
	viewClients   = "view-clients"
	manageClients = "manage-clients"
	viewProviders = "view-identity-providers"
	realmAdmin    = "realm-admin"
	viewEvents    = "view-events"
	manageEvents  = "manage-events"
)

// managementRoles gives realm-management the roles of 26.7. Composites contain other roles.
func (c *client) managementRoles() {
	for _, name := range []string{
		"create-client", "impersonation", "manage-authorization", manageClients, manageEvents,
		"manage-identity-providers", "manage-organizations", manageRealm, manageUsers, "query-clients",
		queryGroups, "query-organizations", "query-realms", queryUsers, "view-authorization", viewClients,
		viewEvents, viewProviders, "view-organizations", viewRealm, viewUsers, realmAdmin,
	} {
		c.roles = append(c.roles, &role{id: newID(), name: name, description: "${role_" + name + "}", client: c, container: c.id})
	}
	include := func(composite string, names ...string) {
		for _, r := range c.roles {
			if slices.Contains(names, r.name) {
				c.role(composite).includes = append(c.role(composite).includes, r)
			}
		}
	}
	include(viewUsers, queryUsers, queryGroups)
	include(viewClients, "query-clients")
	include("view-organizations", "query-organizations")
	last := len(c.roles) - 1
	c.roles[last].includes = c.roles[:last:last]
}

func (c *client) role(name string) *role {
	return c.roles[slices.IndexFunc(c.roles, func(r *role) bool { return r.name == name })]
}

// caller is the user who sent a call.
type caller struct {
	id     string // of the user
	client string // the id of the client that the token is for
	super  bool   // whether it is the administrator of realm master
	rights []string
}

func (c caller) may(rights ...string) bool {
	return c.super || len(rights) > 0 && slices.ContainsFunc(rights, func(r string) bool { return slices.Contains(c.rights, r) })
}

// admitted checks token, realm, group and rights, in Keycloak's order, before the call is handled. Every caller learns
// that a group is missing, but only callers with rights learn that a user is missing.
func admitted(rights []string, handle func(*call) (reply, error)) func(*call) (reply, error) {
	return func(c *call) (reply, error) {
		t, err := c.f.authenticate(c.r)
		if err != nil {
			return reply{}, err
		}
		c.realm = c.f.realms[c.path("realm")]
		if c.realm == nil {
			return reply{}, refuse(http.StatusNotFound, "Realm not found.")
		}
		c.caller = t.caller(c.realm)
		if slices.ContainsFunc([]string{"id", "group", "member", "below", "second", "third"}, func(name string) bool { return brokenID(c.path(name)) }) {
			return reply{}, broke()
		}
		if c.path("group") != "" && c.path("id") == "" && c.realm.groups[c.path("group")] == nil {
			if c.realm.organizationGroup(c.path("group")) {
				return reply{}, message(http.StatusBadRequest, "Cannot manage organization related group via non Organization API.")
			}
			return reply{}, noGroup()
		}
		if c.path("id") != "" && c.realm.users[c.path("id")] == nil && c.caller.may(viewUsers, manageUsers, queryUsers) {
			return reply{}, noUser()
		}
		if rights != nil && !c.caller.may(rights...) {
			return reply{}, forbidden()
		}
		if media := c.r.Header.Get("Content-Type"); len(c.body) > 0 && !strings.HasPrefix(media, "application/json") {
			return reply{}, refuse(http.StatusUnsupportedMediaType, "The content-type header value did not match the value in @Consumes")
		}
		return handle(c)
	}
}

// brokenID reports whether an id names a federation and no user, for which Keycloak throws an exception.
func brokenID(id string) bool {
	rest, federated := strings.CutPrefix(id, "f:")
	return federated && !strings.Contains(rest, ":")
}

// authenticate finds the token. The token of a disabled client or user is no longer valid.
func (f *Fake) authenticate(r *http.Request) (*token, error) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t := f.tokens[text]
	if !ok || t == nil || t.refresh || time.Now().After(t.expires) {
		return nil, unauthorized()
	}
	u, c := t.realm.users[t.user], t.realm.clients[t.client]
	if u == nil || !u.enabled || c == nil || !c.enabled || f.realms[t.realm.name] != t.realm {
		return nil, unauthorized()
	}
	return t, nil
}

// caller is the caller of a token in a realm. Like 26.7, it looks the roles up with each call and does not read them
// from the token.
func (t *token) caller(r *realm) caller {
	u := t.realm.users[t.user]
	if t.realm.name == masterRealm {
		return caller{id: u.id, client: t.client, super: u.username == "admin"}
	}
	if t.realm != r {
		return caller{id: u.id, client: t.client}
	}
	return caller{id: u.id, client: t.client, rights: r.effective(u)}
}

// effective are the roles of realm-management that a user has, with composites resolved.
func (r *realm) effective(u *user) []string {
	var out []string
	for _, held := range r.rolesOf(u) {
		if held.client != nil && held.client.clientID == realmManagement {
			out = append(out, held.name)
		}
	}
	slices.Sort(out)
	return out
}
