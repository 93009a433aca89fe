package keycloak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Group is a group of a realm or of an organization as the Admin API shows it.
type Group struct {
	ID            string
	Name          string
	Path          string
	ParentID      string // "" for a top-level group
	Attributes    map[string][]string
	SubGroupCount int        // of a group of the realm
	Roles         []RoleName // granted directly, sorted; with roles of clients only if the caller has view-clients
	Organization  OrganizationID

	raw map[string]jsontext.Value // as read, for UpdateGroup
}

// UnmarshalJSON keeps the whole representation, so that an update loses no field that this type does not know. Keycloak
// erases a description that a PUT lacks.
func (g *Group) UnmarshalJSON(data []byte) error {
	var known struct {
		ID            string              `json:"id"`
		Name          string              `json:"name"`
		Path          string              `json:"path"`
		ParentID      string              `json:"parentId"`
		Attributes    map[string][]string `json:"attributes"`
		SubGroupCount int                 `json:"subGroupCount"`
		RealmRoles    []string            `json:"realmRoles"`
		ClientRoles   map[string][]string `json:"clientRoles"`
	}
	var raw map[string]jsontext.Value
	if err := errors.Join(json.Unmarshal(data, &known), json.Unmarshal(data, &raw)); err != nil {
		return err
	}
	*g = Group{
		ID: known.ID, Name: known.Name, Path: known.Path, ParentID: known.ParentID,
		Attributes: known.Attributes, SubGroupCount: known.SubGroupCount, raw: raw,
	}
	for _, name := range known.RealmRoles {
		g.Roles = append(g.Roles, RoleName{Name: name})
	}
	for client, names := range known.ClientRoles {
		for _, name := range names {
			g.Roles = append(g.Roles, RoleName{Client: client, Name: name})
		}
	}
	slices.SortFunc(g.Roles, RoleName.Compare)
	return nil
}

// Group reads a group with its attributes.
func (c *Client) Group(ctx context.Context, id GroupID) (Group, error) {
	var g Group
	if err := c.get(ctx, "get group", id.path(), nil, &g); err != nil {
		return Group{}, err
	}
	if err := sameID("get group", MissingGroup, id.segment, g.ID); err != nil {
		return Group{}, err
	}
	g.Organization = id.Organization()
	return g, nil
}

// GroupByPath reads a group by its path: the names of the groups above it and its own name, each after a slash.
func (c *Client) GroupByPath(ctx context.Context, path string) (Group, error) {
	var escaped strings.Builder
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if name == "" || name == "." || name == ".." {
			return Group{}, &Error{Op: "get group by path", Kind: NotFound, Missing: MissingGroup}
		}
		escaped.WriteString("/" + url.PathEscape(name))
	}
	var g Group
	err := c.get(ctx, "get group by path", "/group-by-path"+escaped.String(), nil, &g)
	return g, err
}

// of marks groups as groups of an organization.
func of(o OrganizationID, list []Group) []Group {
	for i := range list {
		list[i].Organization = o
	}
	return list
}

// Children lists the groups directly below a group, by name. Groups of the realm have their attributes.
func (c *Client) Children(ctx context.Context, id GroupID, first, limit int) ([]Group, error) {
	v := page(first, limit)
	v.Set("briefRepresentation", "false")
	var list []Group
	err := c.get(ctx, "list groups", id.path()+"/children", v, &list)
	return of(id.Organization(), list), err
}

// GroupQuery is a search for groups of all levels. Set either Search or Attribute. In organizations an attribute finds
// only top-level groups (measured).
type GroupQuery struct {
	Search    string // the name, in any case; finds other groups too, but misses none
	Attribute *AttributeQuery
	In        OrganizationID // whose groups are searched; zero means the realm
	First     int            // offset
	Max       int            // 1 to MaxPage; 0 means MaxPage
}

// text is the search text that finds all groups with the name. Among groups of an organization Keycloak escapes the
// characters of a pattern wrongly and misses such names. It also cuts outer blanks and compares only the beginning of
// names (measured). Its wildcard is a star.
func (q GroupQuery) text() string {
	if q.In.IsZero() {
		return q.Search
	}
	text := strings.NewReplacer("%", "*", "_", "*", `\`, "*").Replace(q.Search)
	if cut := strings.TrimSpace(text); cut != text {
		return "*" + cut
	}
	return text
}

// Groups lists groups of all levels as a flat list, with attributes.
func (c *Client) Groups(ctx context.Context, q GroupQuery) ([]Group, error) {
	v := page(q.First, q.Max)
	v.Set("briefRepresentation", "false")
	v.Set("populateHierarchy", "false")
	switch {
	case unheld(q.Search), q.Attribute != nil && unheld(q.Attribute.Value):
		return nil, nil
	case q.Attribute != nil:
		text, err := q.Attribute.q()
		if err != nil {
			return nil, err
		}
		v.Set("q", text)
	case q.Search != "":
		v.Set("search", q.text())
	default:
		return nil, nil // Keycloak would list the top level instead
	}
	var list []Group
	err := c.get(ctx, "list groups", q.In.TopLevel().groupsPath(), v, &list)
	return of(q.In, list), err
}

// TopGroups lists top-level groups by name, with attributes.
func (c *Client) TopGroups(ctx context.Context, first, limit int) ([]Group, error) {
	v := page(first, limit)
	v.Set("briefRepresentation", "false")
	var list []Group
	err := c.get(ctx, "list groups", "/groups", v, &list)
	return list, err
}

// CountTopGroups counts the top-level groups.
func (c *Client) CountTopGroups(ctx context.Context) (int, error) {
	var answer struct {
		Count int `json:"count"`
	}
	err := c.get(ctx, "count groups", "/groups/count", url.Values{"top": {"true"}}, &answer)
	return answer.Count, err
}

// NewGroup is a group to create.
type NewGroup struct {
	Name       string // at most 255 characters; longer names make Keycloak answer 500
	Attributes map[string][]string
	Parent     GroupID // zero for a top-level group of the realm; see also TopLevel
}

// Made is the created group, in the form that UpdateGroup takes.
func (g NewGroup) Made(id GroupID) Group {
	made := Group{ID: id.String(), Name: g.Name, ParentID: g.Parent.String(), Attributes: g.Attributes, Organization: id.Organization()}
	made.raw = make(map[string]jsontext.Value)
	for name, text := range map[string]string{"id": made.ID, "name": made.Name} {
		made.raw[name], _ = jsontext.AppendQuote(nil, text) // a name that is not UTF-8 cannot have been created
	}
	return made
}

// CreateGroup creates a group. It is never repeated.
func (c *Client) CreateGroup(ctx context.Context, g NewGroup) (GroupID, error) {
	const op = "create group"
	if err := refuseNUL(op, g.Attributes, g.Name); err != nil {
		return GroupID{}, err
	}
	body := gocloak.Group{Name: &g.Name, Attributes: &g.Attributes}
	if o := g.Parent.Organization(); !o.IsZero() {
		location, err := c.create(ctx, op, g.Parent.groupsPath(), body)
		if err != nil {
			return GroupID{}, err
		}
		id, err := o.ParseGroupID(location)
		return id, noLocation(op, err)
	}
	var location string
	err := c.viaGocloak(ctx, op, func(ctx context.Context, token string) (err error) {
		if g.Parent.IsZero() {
			location, err = c.cloak.CreateGroup(ctx, token, c.realm.escaped(), body)
		} else {
			location, err = c.cloak.CreateChildGroup(ctx, token, c.realm.escaped(), g.Parent.escaped(), body)
		}
		return err
	})
	if err != nil {
		return GroupID{}, err
	}
	id, err := ParseGroupID(location)
	return id, noLocation(op, err)
}

// GroupUpdate is a change of a group. Fields that are nil do not change. Attributes replace all attributes.
type GroupUpdate struct {
	Name       *string
	Attributes map[string][]string
}

// UpdateGroup changes a group that was read before. It sends the group as it was read, with the change.
func (c *Client) UpdateGroup(ctx context.Context, current Group, u GroupUpdate) error {
	const op = "update group"
	id, err := current.Organization.ParseGroupID(current.ID)
	if err != nil {
		return &Error{Op: op, Kind: Invalid, Err: err}
	}
	if err := refuseNUL(op, u.Attributes, deref(u.Name)); err != nil {
		return err
	}
	body := maps.Clone(current.raw)
	if body == nil {
		return &Error{Op: op, Kind: Invalid, Err: errors.New("the group was not read from Keycloak")}
	}
	for _, name := range []string{"access", "subGroups", "subGroupCount", "realmRoles", "clientRoles"} {
		delete(body, name) // a PUT ignores these members
	}
	if err := overlay(body, u); err != nil {
		return &Error{Op: op, Kind: Invalid, Err: err}
	}
	return c.write(ctx, op, http.MethodPut, id.path(), body)
}

func overlay(body map[string]jsontext.Value, u GroupUpdate) error {
	set := func(name string, value any) error {
		data, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		body[name] = data
		return nil
	}
	var err error
	if u.Name != nil {
		err = set("name", *u.Name)
	}
	if u.Attributes != nil {
		err = errors.Join(err, set("attributes", u.Attributes))
	}
	return err
}

// DeleteGroup deletes a group and all groups below it.
func (c *Client) DeleteGroup(ctx context.Context, id GroupID) error {
	const op = "delete group"
	if !id.organization.IsZero() {
		return c.bare(ctx, op, http.MethodDelete, id.path())
	}
	return c.viaGocloak(ctx, op, func(ctx context.Context, token string) error {
		return c.cloak.DeleteGroup(ctx, token, c.realm.escaped(), id.escaped())
	})
}

// Members lists direct members of a group by user name, without attributes on
// Keycloak 26.6 and newer.
func (c *Client) Members(ctx context.Context, id GroupID, first, limit int) ([]User, error) {
	v := page(first, limit)
	v.Set("briefRepresentation", "true")
	var list []userJSON
	if err := c.get(ctx, "list members", id.path()+"/members", v, &list); err != nil {
		return nil, err
	}
	return users(list), nil
}

// AddMember makes a user a member of a group. For a user who is already a member it returns Conflict in a group of an
// organization, and no error in a group of the realm. With NotFound, Missing says whether the user or the group is
// missing. A user who is not a member of the organization counts as missing.
func (c *Client) AddMember(ctx context.Context, user UserID, group GroupID) error {
	return c.bare(ctx, "add member", http.MethodPut, membership(user, group))
}

// membership is the path of a membership. gocloak has the call for groups of the realm, but costs a third more, and a
// bridge may make thousands of these calls.
func membership(user UserID, group GroupID) string {
	if group.organization.IsZero() {
		return "/users/" + user.escaped() + "/groups/" + group.escaped()
	}
	return group.path() + "/members/" + user.escaped()
}

// RemoveMember ends a membership; it is no error when there is no membership. A 404 is as for AddMember.
func (c *Client) RemoveMember(ctx context.Context, user UserID, group GroupID) error {
	return c.bare(ctx, "remove member", http.MethodDelete, membership(user, group))
}
