package bridge

import (
	"context"
	"errors"
	"net/http"
	"path"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// newLink is the link that an account gets, or nil when it gets no link or has the link already. refusal is the reason
// why it cannot have the link.
func (k userKind) newLink(ctx context.Context, r *request, id keycloak.UserID, doc scim.Document) (link *keycloak.Link, refusal string, err error) {
	link, err = r.Tenant.Mapping.Link(doc)
	if err != nil || link == nil {
		return nil, "", err
	}
	links, err := r.client.Links(ctx, id)
	if err != nil {
		return nil, "", err
	}
	i := slices.IndexFunc(links, func(l keycloak.Link) bool { return l.IdentityProvider == link.IdentityProvider })
	switch {
	case i < 0:
		return link, "", nil
	case links[i].UserID == link.UserID:
		return nil, "", nil
	}
	return nil, "it is linked to the identity provider as another user", nil
}

// linkAsItIs is the link that an account gets, or nil. reason says why it gets no link.
func (k userKind) linkAsItIs(ctx context.Context, r *request, id keycloak.UserID, doc scim.Document) (link *keycloak.Link, reason string, err error) {
	_, err = k.link(ctx, r, doc)
	linked, taken := errors.AsType[takenError](err)
	missing, invalid := errors.AsType[*scim.Error](err)
	switch {
	case taken && linked.id != id.String():
		return nil, "not linked: another user is linked to the identity provider as this one", nil
	case !taken && invalid:
		return nil, "not linked: " + missing.Detail, nil
	case !taken && err != nil:
		return nil, "", err
	}
	link, refusal, err := k.newLink(ctx, r, id, doc)
	if refusal != "" {
		refusal = "not linked: " + refusal
	}
	return link, refusal, err
}

// joining is what a new user of the tenant gets besides its account. A zero id means that the account is to be created.
func (k userKind) joining(ctx context.Context, r *request, id keycloak.UserID, attributes map[string][]string, doc scim.Document) (plan.Joining, error) {
	j := plan.Joining{Organization: r.organization(), Groups: defaultGroups(r)}
	if !id.IsZero() {
		var err error
		j.Roles, err = k.rolesOf(ctx, r, id, attributes, doc, shownDefaultGroups(r))
		return j, err
	}
	rules, err := r.Tenant.Mapping.UserRoles(doc, shownDefaultGroups(r))
	j.Roles = plan.Roles{Rules: rules, Known: r.fitness.Resolved.Roles}
	return j, err
}

// link is the link of a new user to the mapping's identity provider, or nil. A link that another user has is a
// takenError, because Keycloak would give one identity to both. No other request in this process can make the link
// until this request ends.
func (k userKind) link(ctx context.Context, r *request, doc scim.Document) (*keycloak.Link, error) {
	link, err := r.Tenant.Mapping.Link(doc)
	if err != nil || link == nil {
		return nil, err
	}
	if err := k.s.lock(ctx, r, " link "+link.IdentityProvider+" "+link.UserID); err != nil {
		return nil, err
	}
	others, err := r.client.Users(ctx, keycloak.UserQuery{Link: link, Max: 1})
	if err == nil && len(others) > 0 {
		return nil, takenError{link: true, id: others[0].ID, refusal: &scim.Error{
			Code: code.LinkTaken, Status: http.StatusConflict, Type: scim.UniqueValue,
			Detail: "another user is linked to the identity provider with this value of " + r.Tenant.Mapping.LinkAttribute() + "; send another value",
		}}
	}
	return link, err
}

// defaultGroups are the groups that a new user joins, as the last check of the realm found them. A tenant is not fit
// when such a group is missing.
func defaultGroups(r *request) []keycloak.GroupID {
	var out []keycloak.GroupID
	resolved := r.fitness.Resolved
	for _, path := range r.Tenant.Mapping.DefaultGroups {
		out = append(out, resolved.Groups[path])
	}
	return out
}

// shownDefaultGroups are the names of the default groups that are also groups of the tenant.
func shownDefaultGroups(r *request) []string {
	var out []string
	resolved := r.fitness.Resolved
	for _, group := range r.Tenant.Mapping.DefaultGroups {
		at := resolved.GroupNames[group]
		g := keycloak.Group{ID: resolved.Groups[group].String(), Name: path.Base(at), Path: at, ParentID: parentOf(r, at)}
		if r.wall.Shows(g) {
			out = append(out, g.Name)
		}
	}
	return out
}

// parentOf is the id of the parent of a group with a path, or "" at the top level. When the mapping does not name the
// parent, the parent belongs to no tenant, and its path is returned.
func parentOf(r *request, at string) string {
	parent := path.Dir(at)
	if parent == "/" {
		return ""
	}
	for group, name := range r.fitness.Resolved.GroupNames {
		if name == parent {
			return r.fitness.Resolved.Groups[group].String()
		}
	}
	return parent
}
