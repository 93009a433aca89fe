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

// Group is a realm group as the Admin API shows it.
type Group struct {
	ID            string
	Name          string
	Path          string
	ParentID      string // "" for a top-level group
	Attributes    map[string][]string
	SubGroupCount int
	Roles         []RoleName // that it has itself, sorted; those of clients only with view-clients

	raw map[string]jsontext.Value // as read, for UpdateGroup
}

// UnmarshalJSON keeps the representation as it is, so that an update loses nothing
// that this type does not know: Keycloak erases a description that a PUT lacks.
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
	if err := c.get(ctx, "get group", "/groups/"+id.escaped(), nil, &g); err != nil {
		return Group{}, err
	}
	if g.ID != id.String() {
		return Group{}, &Error{Op: "get group", Kind: Unavailable, Err: errors.New("the answer is about another group")}
	}
	return g, nil
}

// GroupByPath reads a group by the names of the groups above it and its own, each with a
// slash in front.
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

// Children lists the groups right below a group by name, with attributes.
func (c *Client) Children(ctx context.Context, id GroupID, first, limit int) ([]Group, error) {
	v := page(first, limit)
	v.Set("briefRepresentation", "false")
	var list []Group
	err := c.get(ctx, "list groups", "/groups/"+id.escaped()+"/children", v, &list)
	return list, err
}

// GroupQuery is a search for groups of all levels. One of Search and Attribute is
// set.
type GroupQuery struct {
	Search    string // part of the name, without regard to case; finds at least every match
	Attribute *AttributeQuery
	First     int // offset
	Max       int // 1 to MaxPage; 0 means MaxPage
}

// Groups lists groups of all levels as a flat list, with attributes.
func (c *Client) Groups(ctx context.Context, q GroupQuery) ([]Group, error) {
	v := page(q.First, q.Max)
	v.Set("briefRepresentation", "false")
	v.Set("populateHierarchy", "false")
	switch {
	case q.Attribute != nil:
		text, err := q.Attribute.q()
		if err != nil {
			return nil, err
		}
		v.Set("q", text)
	case q.Search != "":
		v.Set("search", q.Search)
	default:
		return nil, nil // Keycloak would list the top level
	}
	var list []Group
	err := c.get(ctx, "list groups", "/groups", v, &list)
	return list, err
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
	Name       string // at most 255 characters; one more is a 500 of Keycloak
	Attributes map[string][]string
	Parent     GroupID // zero: a top-level group
}

// CreateGroup creates a group. It is never repeated.
func (c *Client) CreateGroup(ctx context.Context, g NewGroup) (GroupID, error) {
	const op = "create group"
	if err := refuseNUL(op, g.Attributes, g.Name); err != nil {
		return GroupID{}, err
	}
	body := gocloak.Group{Name: &g.Name, Attributes: &g.Attributes}
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

// GroupUpdate is a change of a group: what is nil stays as it is. Attributes
// replace all attributes.
type GroupUpdate struct {
	Name       *string
	Attributes map[string][]string
}

// UpdateGroup changes a group that was read before: the body is what was read, with
// the change on top.
func (c *Client) UpdateGroup(ctx context.Context, current Group, u GroupUpdate) error {
	const op = "update group"
	id, err := ParseGroupID(current.ID)
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
		delete(body, name) // a PUT ignores them
	}
	if err := overlay(body, u); err != nil {
		return &Error{Op: op, Kind: Invalid, Err: err}
	}
	return c.write(ctx, op, http.MethodPut, "/groups/"+id.escaped(), body)
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
	return c.viaGocloak(ctx, "delete group", func(ctx context.Context, token string) error {
		return c.cloak.DeleteGroup(ctx, token, c.realm.escaped(), id.escaped())
	})
}

// Members lists direct members of a group by user name, without attributes on
// Keycloak 26.6 and newer.
func (c *Client) Members(ctx context.Context, id GroupID, first, limit int) ([]User, error) {
	v := page(first, limit)
	v.Set("briefRepresentation", "true")
	var list []userJSON
	if err := c.get(ctx, "list members", "/groups/"+id.escaped()+"/members", v, &list); err != nil {
		return nil, err
	}
	return users(list), nil
}

// AddMember makes a user a member of a group; it may be one already. A 404 says in
// Missing which of the two is not there.
func (c *Client) AddMember(ctx context.Context, user UserID, group GroupID) error {
	return c.viaGocloak(ctx, "add member", func(ctx context.Context, token string) error {
		return c.cloak.AddUserToGroup(ctx, token, c.realm.escaped(), user.escaped(), group.escaped())
	})
}

// RemoveMember ends a membership; there may be none. A 404 is as for AddMember.
func (c *Client) RemoveMember(ctx context.Context, user UserID, group GroupID) error {
	return c.viaGocloak(ctx, "remove member", func(ctx context.Context, token string) error {
		return c.cloak.DeleteUserFromGroup(ctx, token, c.realm.escaped(), user.escaped(), group.escaped())
	})
}
