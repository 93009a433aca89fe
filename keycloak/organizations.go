package keycloak

import (
	"context"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Organization is an organization of a realm as the Admin API shows it.
type Organization struct {
	ID         string              `json:"id"`
	Name       string              `json:"name"`
	Alias      string              `json:"alias"` // cannot change
	Enabled    bool                `json:"enabled"`
	Domains    []Domain            `json:"domains"`
	Attributes map[string][]string `json:"attributes"`
}

// Domain is an e-mail domain of an organization.
type Domain struct {
	Name     string `json:"name"`
	Verified bool   `json:"verified"`
}

// The calls about organizations need these rights (measured). Since 26.7: view-organizations to read organizations;
// manage-organizations and manage-users for members. Before 26.7: manage-realm and manage-users. In a realm with
// Organizations switched off each call fails with NoOrganization, as for an organization that does not exist.

// Organization reads an organization with its attributes.
func (c *Client) Organization(ctx context.Context, id OrganizationID) (Organization, error) {
	var o Organization
	if err := c.get(ctx, "get organization", id.path(), nil, &o); err != nil {
		return Organization{}, err
	}
	if err := sameID("get organization", "", id.segment, o.ID); err != nil {
		return Organization{}, err
	}
	return o, nil
}

// Organizations lists organizations by name with their attributes.
func (c *Client) Organizations(ctx context.Context, first, limit int) ([]Organization, error) {
	v := page(first, limit)
	v.Set("briefRepresentation", "false")
	var list []Organization
	err := c.get(ctx, "list organizations", "/organizations", v, &list)
	return list, err
}

// FindOrganization finds an organization by its alias, in exactly this case; ok is false when it does not exist. A
// search does not find an alias, but a query does (measured).
func (c *Client) FindOrganization(ctx context.Context, alias string) (o Organization, ok bool, err error) {
	q, err := AttributeQuery{Name: "alias", Value: alias}.q()
	if err != nil {
		return Organization{}, false, err
	}
	v := page(0, MaxPage)
	v.Set("briefRepresentation", "false")
	v.Set("q", q)
	var list []Organization
	if err := c.get(ctx, "find organization", "/organizations", v, &list); err != nil {
		return Organization{}, false, err
	}
	for _, o := range list {
		if o.Alias == alias {
			return o, true, nil
		}
	}
	return Organization{}, false, nil
}

// OrganizationsOf lists the organizations of which a user is a member, without their attributes. Their order differs by
// version.
func (c *Client) OrganizationsOf(ctx context.Context, user UserID) ([]Organization, error) {
	var list []Organization
	err := c.get(ctx, "list organizations of user", "/organizations/members/"+user.escaped()+"/organizations", nil, &list)
	return list, err
}

// OrganizationMember reads a member of the organization with attributes. A user who is not a member is NotFound, so the
// read proves the membership.
func (c *Client) OrganizationMember(ctx context.Context, o OrganizationID, user UserID) (User, error) {
	var j userJSON
	if err := c.get(ctx, "get member of organization", o.member(user), nil, &j); err != nil {
		return User{}, err
	}
	if err := sameID("get member of organization", MissingUser, user.segment, j.ID); err != nil {
		return User{}, err
	}
	return j.user(), nil
}

// OrganizationMembers lists members by user name with their attributes. It has no query, because Keycloak ignores
// queries here (measured).
func (c *Client) OrganizationMembers(ctx context.Context, o OrganizationID, first, limit int) ([]User, error) {
	v := page(first, limit)
	v.Set("briefRepresentation", "false")
	var list []userJSON
	if err := c.get(ctx, "list members of organization", o.path()+"/members", v, &list); err != nil {
		return nil, err
	}
	return users(list), nil
}

// FindOrganizationMembers lists the members whose user name, address, first or last name equals a text, without regard
// to case. They are sorted by user name and have their attributes.
func (c *Client) FindOrganizationMembers(ctx context.Context, o OrganizationID, text string, first, limit int) ([]User, error) {
	if unheld(text) {
		return nil, nil
	}
	v := page(first, limit)
	v.Set("briefRepresentation", "false")
	v.Set("search", text)
	v.Set("exact", "true")
	var list []userJSON
	if err := c.get(ctx, "find members of organization", o.path()+"/members", v, &list); err != nil {
		return nil, err
	}
	return users(list), nil
}

// OrganizationGroups lists the top-level groups of an organization by name with their attributes. Before 26.6 the call
// is NotFound. Keycloak has no call to count them.
func (c *Client) OrganizationGroups(ctx context.Context, o OrganizationID, first, limit int) ([]Group, error) {
	v := page(first, limit)
	v.Set("briefRepresentation", "false")
	var list []Group
	err := c.get(ctx, "list groups", o.path()+"/groups", v, &list)
	return of(o, list), err
}

// OrganizationGroupsOf lists the groups of an organization, of all levels, of which a user is a direct member, with
// their attributes. A user who is not a member of the organization is NotFound.
func (c *Client) OrganizationGroupsOf(ctx context.Context, o OrganizationID, user UserID) ([]Group, error) {
	v := url.Values{"briefRepresentation": {"false"}}
	var list []Group
	err := c.get(ctx, "list groups of user", o.member(user)+"/groups", v, &list)
	return of(o, list), err
}

// OrganizationHasProvider reports whether an identity provider, named by its alias, belongs to an organization.
func (c *Client) OrganizationHasProvider(ctx context.Context, o OrganizationID, alias string) (bool, error) {
	const op = "get identity provider of organization"
	s, err := parseSegment(alias)
	if err != nil {
		return false, &Error{Op: op, Kind: Invalid, Err: err}
	}
	err = c.get(ctx, op, o.path()+"/identity-providers/"+s.escaped(), nil, &struct{}{})
	if KindOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}

// CountOrganizationMembers counts the members that OrganizationMembers lists.
func (c *Client) CountOrganizationMembers(ctx context.Context, o OrganizationID) (int, error) {
	var n int
	err := c.get(ctx, "count members of organization", o.path()+"/members/count", nil, &n)
	return n, err
}

// AddOrganizationMember makes a user an UNMANAGED member of an organization. A user who is already a member is
// Conflict. A parallel addition may be Invalid with the text "Duplicate resource error" (measured on 26.7). A user who
// does not exist is NotFound, or Invalid before 26.7.
func (c *Client) AddOrganizationMember(ctx context.Context, o OrganizationID, user UserID) error {
	return c.write(ctx, "add member of organization", http.MethodPost, o.path()+"/members", user.String())
}

// RemoveOrganizationMember ends a membership. For a MANAGED member Keycloak deletes the account too. A user who is not
// a member is NotFound.
func (c *Client) RemoveOrganizationMember(ctx context.Context, o OrganizationID, user UserID) error {
	return c.bare(ctx, "remove member of organization", http.MethodDelete, o.member(user))
}

// NewOrganization is an organization to create; for tests and the demo.
type NewOrganization struct {
	Name, Alias string
	Domains     []Domain
	Attributes  map[string][]string
}

// CreateOrganization creates an enabled organization. Needs manage-organizations, before
// 26.7 manage-realm.
func (c *Client) CreateOrganization(ctx context.Context, o NewOrganization) (OrganizationID, error) {
	const op = "create organization"
	location, err := c.create(ctx, op, "/organizations", Organization{Name: o.Name, Alias: o.Alias, Enabled: true, Domains: o.Domains, Attributes: o.Attributes})
	if err != nil {
		return OrganizationID{}, err
	}
	id, err := ParseOrganizationID(location)
	return id, noLocation(op, err)
}

// SetOrganizationAttribute sets the values of an attribute of an organization, or removes the attribute for nil. It
// writes everything else as it was read just before. A value can have 255 characters. Needs manage-organizations,
// before 26.7 manage-realm.
func (c *Client) SetOrganizationAttribute(ctx context.Context, id OrganizationID, name string, values []string) error {
	const op = "update organization"
	var body map[string]jsontext.Value
	if err := c.get(ctx, op, id.path(), nil, &body); err != nil {
		return err
	}
	attributes := map[string][]string{}
	if err := unmarshalMember(body, "attributes", &attributes); err != nil {
		return &Error{Op: op, Kind: Unavailable, Err: err}
	}
	if attributes[name] = values; len(values) == 0 {
		delete(attributes, name)
	}
	if err := refuseNUL(op, attributes); err != nil {
		return err
	}
	data, err := json.Marshal(attributes)
	if err != nil {
		return &Error{Op: op, Kind: Invalid, Err: err}
	}
	body["attributes"] = data
	return c.write(ctx, op, http.MethodPut, id.path(), body)
}

// DeleteOrganization deletes an organization; for tests. The accounts of MANAGED members are deleted too.
func (c *Client) DeleteOrganization(ctx context.Context, id OrganizationID) error {
	return c.bare(ctx, "delete organization", http.MethodDelete, id.path())
}

func (o OrganizationID) path() string { return "/organizations/" + o.escaped() }

func (o OrganizationID) member(user UserID) string { return o.path() + "/members/" + user.escaped() }
