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
	realmAdmin    = "realm-admin"
)

// managementRoles are the roles of 26.7.4. Composites hold others.
func managementRoles() []role {
	includes := map[string][]string{
		viewUsers: {queryUsers, queryGroups}, viewClients: {"query-clients"}, "view-organizations": {"query-organizations"},
	}
	var out []role
	var all []string
	for _, name := range []string{
		"create-client", "impersonation", "manage-authorization", manageClients, "manage-events",
		"manage-identity-providers", "manage-organizations", manageRealm, manageUsers, "query-clients",
		queryGroups, "query-organizations", "query-realms", queryUsers, "view-authorization", viewClients,
		"view-events", "view-identity-providers", "view-organizations", viewRealm, viewUsers,
	} {
		out, all = append(out, role{id: newID(), name: name, includes: includes[name]}), append(all, name)
	}
	return append(out, role{id: newID(), name: realmAdmin, includes: all})
}

// caller is who sent a call.
type caller struct {
	super  bool // the administrator of realm master
	rights []string
}

func (c caller) may(rights ...string) bool {
	return c.super || len(rights) > 0 && slices.ContainsFunc(rights, func(r string) bool { return slices.Contains(c.rights, r) })
}

// admitted checks token, realm, group and rights, in Keycloak's order, before it
// hands a call on. A missing group is told to everybody, a missing user only to
// those with rights.
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
		if c.path("group") != "" && c.path("id") == "" && c.realm.groups[c.path("group")] == nil {
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

// authenticate finds the token. That of a disabled client or user is good no more.
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

// caller is what a token is worth in a realm. Roles are looked up with each call, as
// 26.7 does, not read from the token.
func (t *token) caller(r *realm) caller {
	u := t.realm.users[t.user]
	if t.realm.name == masterRealm {
		return caller{super: u.username == "admin"}
	}
	if t.realm != r {
		return caller{}
	}
	return caller{rights: r.effective(u)}
}

// effective are the roles of realm-management that a user holds, composites
// resolved.
func (r *realm) effective(u *user) []string {
	management := r.clientNamed(realmManagement)
	var out []string
	for _, role := range management.roles {
		if slices.Contains(u.roles[management.id], role.name) {
			out = append(append(out, role.name), role.includes...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
