package keycloaktest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const masterRealm = "master"

type realm struct {
	id       string
	name     string
	settings map[string]any // the known part of the RealmRepresentation
	profile  profile
	users    map[string]*user // by id
	named    map[string]*user // by user name
	groups   map[string]*group
	clients  map[string]*client
	roles    []*role
	// organizations of the realm, by id.
	organizations map[string]*organization
	sessions      []*session
	// providers are the aliases of the identity providers.
	providers []string
	// components of the user federation, with their mappers.
	components []component
	// defaultGroups are the ids of the groups that a new user joins.
	defaultGroups []string
	events        []event
	userEvents    []userEvent
	// policies and permissions of the fine-grained admin permissions.
	policies []*policy
	// firstActions are the required actions that every new user gets.
	firstActions []string
}

func (r *realm) flag(name string) bool {
	on, _ := r.settings[name].(bool)
	return on
}

// user is a row of Keycloak's table, with the rows of its attributes.
type user struct {
	id, username, email, first, last string

	enabled, verified bool
	created           int64 // ms
	notBefore         int64 // s
	actions           []string
	password          string // "" when there is no password
	attributes        []row
	groups            []string
	roles             []*role
	links             []link
	serviceOf         string // the client, when the user is a service account
}

// row is one value of an attribute. By its number a transaction knows which values it has seen.
type row struct {
	number      int
	name, value string
}

func (u *user) values() map[string][]string {
	out := map[string][]string{}
	for _, r := range u.attributes {
		out[r.name] = append(out[r.name], r.value)
	}
	return out
}

type group struct {
	id, name, parent string

	description *string
	attributes  map[string][]*string // Keycloak stores null elements
	roles       []*role
}

type client struct {
	id, clientID, description, secret string

	enabled, public, directGrants, service bool

	authorization bool   // whether it has policies and permissions
	authenticator string // "client-secret" or "client-jwt"
	attributes    map[string]string
	roles         []*role
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])                      // never fails, see crypto/rand
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, as Keycloak's
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (f *Fake) addRealm(name string) *realm {
	r := &realm{
		id: newID(), name: name, profile: defaultProfile(),
		settings: map[string]any{
			"enabled": true, "editUsernameAllowed": false, "registrationEmailAsUsername": false,
			"loginWithEmailAllowed": true, "duplicateEmailsAllowed": false, "registrationAllowed": false, "organizationsEnabled": false,
			"adminEventsEnabled": false, "eventsEnabled": false, "eventsExpiration": json.Number("0"), "enabledEventTypes": []any{}, "adminPermissionsEnabled": false, "attributes": map[string]any{},
			"accessTokenLifespan": json.Number("300"),
		},
		users: map[string]*user{}, named: map[string]*user{}, groups: map[string]*group{}, clients: map[string]*client{}, organizations: map[string]*organization{},
	}
	r.defaultRoles()
	for _, id := range []string{"account", "account-console", "broker", "security-admin-console"} {
		r.addClient(&client{clientID: id, enabled: true, public: true})
	}
	r.addClient(&client{clientID: "admin-cli", enabled: true, public: true, directGrants: true})
	r.addClient(&client{clientID: realmManagement, enabled: true}).managementRoles()
	f.realms[name] = r
	return r
}

func (r *realm) addClient(c *client) *client {
	c.id = newID()
	if c.clientID == "" {
		c.clientID = c.id
	}
	if !c.public && c.clientID != realmManagement {
		c.secret = rand.Text() + rand.Text()
	}
	r.clients[c.id] = c
	if c.service {
		r.addServiceAccount(c)
	}
	return c
}

func (r *realm) addServiceAccount(c *client) *user {
	return r.addUser(&user{username: serviceAccountName(c.clientID), enabled: true, serviceOf: c.id})
}

func serviceAccountName(clientID string) string {
	return "service-account-" + strings.ToLower(clientID)
}

func (r *realm) addUser(u *user) *user {
	u.id = newID()
	u.roles = append(u.roles, r.roles[0])
	if u.created == 0 {
		u.created = time.Now().UnixMilli()
	}
	r.users[u.id], r.named[u.username] = u, u
	return u
}

func (r *realm) clientNamed(clientID string) *client {
	for _, c := range r.clients {
		if c.clientID == clientID {
			return c
		}
	}
	return nil
}

func (r *realm) userNamed(username string) *user { return r.named[strings.ToLower(username)] }

func (r *realm) userWithEmail(email string) *user {
	if email == "" {
		return nil
	}
	email = strings.ToLower(email)
	for _, u := range r.users {
		if u.email == email {
			return u
		}
	}
	return nil
}

// sortedUsers are all users in Keycloak's order.
func (r *realm) sortedUsers() []*user {
	return slices.SortedFunc(maps.Values(r.users), func(a, b *user) int { return strings.Compare(a.username, b.username) })
}

func (r *realm) groupPath(g *group) string {
	if g.parent == "" {
		return "/" + g.name
	}
	return r.groupPath(r.groups[g.parent]) + "/" + g.name
}

// children are the groups directly below a parent, by name; "" is the top level.
func (r *realm) children(parent string) []*group {
	var out []*group
	for _, g := range r.groups {
		if g.parent == parent {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, r.byName)
	return out
}

func (r *realm) byName(a, b *group) int {
	if n := strings.Compare(a.name, b.name); n != 0 {
		return n
	}
	return strings.Compare(r.groupPath(a), r.groupPath(b))
}

func (r *realm) removeGroup(g *group) {
	for _, child := range r.children(g.id) {
		r.removeGroup(child)
	}
	delete(r.groups, g.id)
	for _, u := range r.users {
		u.groups = slices.DeleteFunc(u.groups, func(id string) bool { return id == g.id })
	}
}

func (r *realm) removeUser(u *user) {
	delete(r.users, u.id)
	delete(r.named, u.username)
	for _, o := range r.organizations {
		o.members = slices.DeleteFunc(o.members, func(id string) bool { return id == u.id })
	}
	r.sessions = slices.DeleteFunc(r.sessions, func(s *session) bool { return s.user == u.id })
}
