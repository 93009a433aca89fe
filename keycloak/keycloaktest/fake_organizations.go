package keycloaktest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// organization is an organization with its members.
type organization struct {
	id, name, alias, description string

	enabled    bool
	domains    []domain
	attributes map[string][]string
	members    []string // ids of users
	providers  []string // aliases
	groups     map[string]*group
	root       string // the id of the group that contains all others
}

type domain struct {
	Name     string `json:"name"`
	Verified bool   `json:"verified"`
}

func noOrganization() error { return message(http.StatusNotFound, "Organization not found.") }

// organized admits calls in realms with Organizations, for callers with the rights of 26.7. Calls about members need
// the rights about users too.
func organized(members bool, handle func(*call) (reply, error)) func(*call) (reply, error) {
	return func(c *call) (reply, error) {
		rights := []string{"manage-organizations"}
		if c.r.Method == http.MethodGet {
			rights = append(rights, "view-organizations")
		}
		switch {
		case !c.realm.flag("organizationsEnabled"):
			return reply{}, message(http.StatusNotFound, "Organizations not enabled for this realm.")
		case !c.caller.may(rights...), members && !c.caller.may(manageUsers) && (c.r.Method != http.MethodGet || !c.caller.may(viewUsers)):
			return reply{}, forbidden()
		}
		if id := c.path("organization"); id != "" && c.realm.organizations[id] == nil {
			return reply{}, noOrganization()
		}
		return handle(c)
	}
}

func (c *call) organization() *organization { return c.realm.organizations[c.path("organization")] }

func (o *organization) show(full bool) map[string]any {
	out := map[string]any{"id": o.id, "name": o.name, "alias": o.alias, "enabled": o.enabled}
	if len(o.domains) > 0 {
		out["domains"] = o.domains
	}
	if o.description != "" {
		out["description"] = o.description
	}
	if full {
		out["attributes"] = o.attributes
	}
	return out
}

func listOrganizations(c *call) (reply, error) {
	q, _ := c.query("q")
	pairs, err := parseQuery(q)
	if err != nil {
		return reply{}, err
	}
	if _, ok := c.query("search"); ok {
		return reply{}, notModelled("search for organizations")
	}
	list := slices.SortedFunc(maps.Values(c.realm.organizations), func(a, b *organization) int { return strings.Compare(a.name, b.name) })
	list = filter(list, func(o *organization) bool { return o.hasAll(pairs) })
	if list, err = page(c, list, 10); err != nil {
		return reply{}, err
	}
	out := []any{}
	for _, o := range list {
		out = append(out, o.show(c.r.URL.Query().Get("briefRepresentation") == "false"))
	}
	return found(out)
}

// hasAll compares attributes; the alias counts as an attribute with that name.
func (o *organization) hasAll(pairs map[string]string) bool {
	for name, value := range pairs {
		has := slices.Contains(o.attributes[name], value)
		if name == "alias" {
			has = o.alias == value
		}
		if !has {
			return false
		}
	}
	return true
}

func createOrganization(c *call) (reply, error) {
	var body struct {
		Name, Alias, Description string
		Enabled                  *bool
		Domains                  []domain
		Attributes               map[string][]string
	}
	if json.Unmarshal(c.body, &body) != nil || body.Name == "" || body.Alias == "" {
		return reply{}, notModelled("organization without a name and an alias")
	}
	o := &organization{
		id: newID(), name: body.Name, alias: body.Alias, description: body.Description, enabled: body.Enabled == nil || *body.Enabled,
		domains: body.Domains, attributes: body.Attributes, root: newID(),
	}
	o.groups = map[string]*group{o.root: {id: o.root, name: o.id, attributes: map[string][]*string{}}}
	for _, other := range c.realm.organizations {
		switch {
		case other.name == o.name:
			return reply{}, message(http.StatusConflict, "A organization with the same name already exists.")
		case other.alias == o.alias:
			return reply{}, message(http.StatusConflict, "A organization with the same alias already exists")
		}
	}
	c.realm.organizations[o.id] = o
	return created(c.f.server.URL+c.r.URL.EscapedPath()+"/"+o.id, nil)
}

func readOrganization(c *call) (reply, error) { return found(c.organization().show(true)) }

// updateOrganization replaces the name, the domains and the flag. The alias does not change.
func updateOrganization(c *call) (reply, error) {
	var body struct {
		Name, Alias string
		Enabled     *bool
		Domains     []domain
		Attributes  map[string][]string
	}
	o := c.organization()
	if json.Unmarshal(c.body, &body) != nil || body.Name == "" || body.Enabled == nil {
		return reply{}, notModelled("change of an organization without a name and enabled")
	}
	if body.Alias != o.alias {
		return reply{}, message(http.StatusBadRequest, "Cannot change the alias")
	}
	o.name, o.enabled, o.domains = body.Name, *body.Enabled, body.Domains
	if body.Attributes != nil {
		o.attributes = body.Attributes
	}
	return done()
}

func deleteOrganization(c *call) (reply, error) {
	o := c.organization()
	for id := range o.groups {
		c.realm.leave(id)
	}
	delete(c.realm.organizations, o.id)
	return done()
}

// showMember is a member with attributes. All members are UNMANAGED, because nobody logs in through an identity
// provider here.
func (c *call) showMember(u *user) map[string]any {
	out := c.realm.show(u, false, nil)
	out["membershipType"] = "UNMANAGED"
	return out
}

func listOrganizationMembers(c *call) (reply, error) {
	for _, name := range []string{"q", "membershipType"} {
		if _, ok := c.query(name); ok {
			return reply{}, notModelled("parameter " + name + " of members")
		}
	}
	if c.r.URL.Query().Get("briefRepresentation") != "false" {
		return reply{}, notModelled("brief list of members")
	}
	search, searched := c.query("search")
	if searched && c.r.URL.Query().Get("exact") != "true" {
		return reply{}, notModelled("inexact search for members")
	}
	members := filter(c.realm.sortedUsers(), func(u *user) bool {
		named := func(text string) bool { return strings.EqualFold(text, search) }
		return slices.Contains(c.organization().members, u.id) && (!searched || slices.ContainsFunc([]string{u.username, u.email, u.first, u.last}, named))
	})
	members, err := page(c, members, 10)
	if err != nil {
		return reply{}, err
	}
	out := []any{}
	for _, u := range members {
		out = append(out, c.showMember(u))
	}
	return found(out)
}

func countOrganizationMembers(c *call) (reply, error) { return found(len(c.organization().members)) }

// member is the member in the path. Any other user counts as missing.
func (c *call) member() (*user, error) {
	u := c.realm.users[c.path("member")]
	if u == nil || !slices.Contains(c.organization().members, u.id) {
		return nil, badNumber()
	}
	return u, nil
}

func readOrganizationMember(c *call) (reply, error) {
	u, err := c.member()
	if err != nil {
		return reply{}, err
	}
	return found(c.showMember(u))
}

func addOrganizationMember(c *call) (reply, error) {
	var id string
	if json.Unmarshal(c.body, &id) != nil {
		id = string(c.body)
	}
	u, o := c.realm.users[id], c.organization()
	switch {
	case u == nil:
		return reply{}, badNumber()
	case slices.Contains(o.members, id):
		return reply{}, message(http.StatusConflict, "User is already a member of the organization.")
	}
	o.members = append(o.members, id)
	return created(c.f.server.URL+c.r.URL.EscapedPath()+"/"+id, id)
}

func removeOrganizationMember(c *call) (reply, error) {
	u, err := c.member()
	if err != nil {
		return reply{}, err
	}
	o := c.organization()
	o.members = slices.DeleteFunc(o.members, func(id string) bool { return id == u.id })
	u.groups = slices.DeleteFunc(u.groups, func(id string) bool { return o.groups[id] != nil })
	return done()
}

// readBelowOrganizations answers two paths of the same form: the members of an organization, and the organizations of a
// user.
func readBelowOrganizations(c *call) (reply, error) {
	switch first, second, third := c.path("first"), c.path("second"), c.path("third"); {
	case first == "members" && third == "organizations":
		c.r.SetPathValue("member", second)
		return organized(true, listOrganizationsOf)(c)
	case second == "identity-providers":
		c.r.SetPathValue("organization", first)
		c.r.SetPathValue("alias", third)
		return organized(false, readOrganizationProvider)(c)
	case second == "members" && third == "count":
		c.r.SetPathValue("organization", first)
		return organized(true, countOrganizationMembers)(c)
	case second == "members":
		c.r.SetPathValue("organization", first)
		c.r.SetPathValue("member", third)
		return organized(true, readOrganizationMember)(c)
	}
	return unknownRoute(c)
}

func readOrganizationProvider(c *call) (reply, error) {
	if !c.caller.may(viewProviders, "manage-identity-providers") {
		return reply{}, forbidden()
	}
	if !slices.Contains(c.organization().providers, c.path("alias")) {
		return reply{}, badNumber()
	}
	return readProvider(c)
}

// addOrganizationProvider assigns an identity provider of the realm to an organization.
func addOrganizationProvider(c *call) (reply, error) {
	var alias string
	if json.Unmarshal(c.body, &alias) != nil || !slices.Contains(c.realm.providers, alias) {
		return reply{}, notModelled("identity provider of an organization that does not exist")
	}
	c.organization().providers = append(c.organization().providers, alias)
	return done()
}

func listOrganizationsOf(c *call) (reply, error) {
	id := c.path("member")
	if c.realm.users[id] == nil {
		return reply{}, badNumber()
	}
	out := []any{}
	for _, o := range slices.SortedFunc(maps.Values(c.realm.organizations), func(a, b *organization) int { return strings.Compare(a.name, b.name) }) {
		if slices.Contains(o.members, id) {
			out = append(out, o.show(false))
		}
	}
	return found(out)
}
