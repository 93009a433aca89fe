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
	Alias      string              `json:"alias"` // fixed when it is made
	Enabled    bool                `json:"enabled"`
	Domains    []Domain            `json:"domains"`
	Attributes map[string][]string `json:"attributes"`
}

// Domain is a domain of e-mail addresses that an organization has.
type Domain struct {
	Name     string `json:"name"`
	Verified bool   `json:"verified"`
}

// The rights that the calls about organizations need, by version: 26.7 view-organizations to
// read organizations, manage-organizations and manage-users for members; before that
// manage-realm and manage-users (measured). In a realm with Organizations switched off each
// is NoOrganization, as for one that does not exist.

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

// FindOrganization looks an organization up by its alias, whose case matters; ok is false
// when there is none. A search does not find an alias, a query does (measured).
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

// OrganizationsOf lists the organizations of which a user is a member, without their
// attributes; none for a user who is a member of none. Their order differs by version.
func (c *Client) OrganizationsOf(ctx context.Context, user UserID) ([]Organization, error) {
	var list []Organization
	err := c.get(ctx, "list organizations of user", "/organizations/members/"+user.escaped()+"/organizations", nil, &list)
	return list, err
}

// OrganizationMember reads a user with attributes, who must be a member of the organization;
// anybody else is NotFound, so that the read is the proof.
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

// OrganizationMembers lists members by user name with their attributes. No query confines
// it: Keycloak ignores them (measured).
func (c *Client) OrganizationMembers(ctx context.Context, o OrganizationID, first, limit int) ([]User, error) {
	v := page(first, limit)
	v.Set("briefRepresentation", "false")
	var list []userJSON
	if err := c.get(ctx, "list members of organization", o.path()+"/members", v, &list); err != nil {
		return nil, err
	}
	return users(list), nil
}

// FindOrganizationMembers lists the members whose user name, address, first or last name is
// a text, without regard to case, by user name with their attributes.
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

// OrganizationGroups lists the top-level groups of an organization by name with their
// attributes. Before 26.6 there are none: NotFound. Nothing counts them.
func (c *Client) OrganizationGroups(ctx context.Context, o OrganizationID, first, limit int) ([]Group, error) {
	v := page(first, limit)
	v.Set("briefRepresentation", "false")
	var list []Group
	err := c.get(ctx, "list groups", o.path()+"/groups", v, &list)
	return of(o, list), err
}

// OrganizationGroupsOf lists the groups of an organization, of all levels, of which a member
// is a direct member, with their attributes. Who is no member of the organization is
// NotFound.
func (c *Client) OrganizationGroupsOf(ctx context.Context, o OrganizationID, user UserID) ([]Group, error) {
	v := url.Values{"briefRepresentation": {"false"}}
	var list []Group
	err := c.get(ctx, "list groups of user", o.member(user)+"/groups", v, &list)
	return of(o, list), err
}

// OrganizationHasProvider reports whether an identity provider of the realm is that of an
// organization, by its alias.
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

// CountOrganizationMembers counts those that OrganizationMembers lists.
func (c *Client) CountOrganizationMembers(ctx context.Context, o OrganizationID) (int, error) {
	var n int
	err := c.get(ctx, "count members of organization", o.path()+"/members/count", nil, &n)
	return n, err
}

// AddOrganizationMember makes a user a member of an organization, UNMANAGED. One who is a
// member already is Conflict; a parallel addition may be Invalid with the text "Duplicate
// resource error" (measured on 26.7). A user who does not exist is NotFound, before 26.7
// Invalid.
func (c *Client) AddOrganizationMember(ctx context.Context, o OrganizationID, user UserID) error {
	return c.write(ctx, "add member of organization", http.MethodPost, o.path()+"/members", user.String())
}

// RemoveOrganizationMember ends a membership; Keycloak deletes the account of a MANAGED
// member with it. One who is no member is NotFound.
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

// SetOrganizationAttribute gives an attribute of an organization values, none for nil, and
// leaves all else as it was read just before. A value can have 255 characters. Needs
// manage-organizations, before 26.7 manage-realm.
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

// DeleteOrganization deletes an organization; for tests. Accounts of MANAGED members go with
// it.
func (c *Client) DeleteOrganization(ctx context.Context, id OrganizationID) error {
	return c.bare(ctx, "delete organization", http.MethodDelete, id.path())
}

func (o OrganizationID) path() string { return "/organizations/" + o.escaped() }

func (o OrganizationID) member(user UserID) string { return o.path() + "/members/" + user.escaped() }
