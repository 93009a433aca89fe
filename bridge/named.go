package bridge

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// reads keeps a resource that was read through the guard, for the record of its change, and its name, for a refusal
// about it.
func (r *request) reads(cur current) {
	r.before = cur.resource.Document
	name := cmp.Or(cur.resource.Document.String(scim.AttrUserName), cur.resource.Document.String(scim.AttrDisplayName))
	if r.Endpoint == endpointGroups {
		name = cmp.Or(cur.group.Name, name)
	}
	r.rememberName(cur.resource.ID, name)
}

// readsMembers is reads for users who are or will be members of a group.
func (r *request) readsMembers(list []guard.Member) {
	for _, m := range list {
		r.rememberName(m.ID.String(), m.Username)
	}
}

func (r *request) rememberName(id, name string) {
	if id == "" || name == "" {
		return
	}
	if r.names == nil {
		r.names = map[string]string{}
	}
	r.names[id] = name
}

// shown is how a refusal names a user or a group: by the name, when the client may see it, and the id.
func (r *request) shown(endpoint, id string) string {
	name := r.names[id]
	if name == "" || !r.sees(endpoint) {
		return id
	}
	return strconv.Quote(scim.Clip(name, maxName)) + " (" + id + ")"
}

// maxName bounds a name in an error, in bytes.
const maxName = 256

// shownAll is shown for several resources of a type. It names only some of many.
func (r *request) shownAll(ids []string, resourceType string) string {
	endpoint := endpointUsers
	if strings.EqualFold(resourceType, scim.GroupType().Name) {
		endpoint = endpointGroups
	}
	out := make([]string, 0, len(ids))
	for _, id := range ids[:min(len(ids), maxNamed)] {
		out = append(out, r.shown(endpoint, id))
	}
	text := strings.Join(out, ", ")
	if len(ids) > maxNamed {
		text += " and others"
	}
	return strings.ToValidUTF8(text, "")
}

// aboutTheResource are the codes of errors about the resource that a request writes.
var aboutTheResource = []scim.Code{
	code.NotOwned, code.NotCreatedHere, code.SharedAccount, code.ManagedMember, code.Adoption, code.Federated, code.FederationKeeps,
	code.GroupNotCreatedHere, code.Subgroups, code.Held,
}

// about makes an error begin with the name of the resource that it is about. For a creation the client knows the name
// already.
func (r *request) about(e *scim.Error) *scim.Error {
	name := r.names[r.ID]
	if r.ID == "" || name == "" || !r.sees(r.Endpoint) || !slices.Contains(aboutTheResource, e.Code) {
		return e
	}
	out := *e
	out.Detail = strings.ToLower(r.rt.Name) + " " + strconv.Quote(scim.Clip(name, maxName)) + ": " + e.Detail
	return &out
}

// attributeOf is the SCIM attribute for a field or an attribute of Keycloak.
func (r *request) attributeOf(field string) string {
	if name := scimName(field); name != field {
		return name
	}
	of := r.Tenant.Mapping.UserAttribute
	if r.Endpoint == endpointGroups {
		of = r.Tenant.Mapping.GroupAttribute
	}
	return cmp.Or(of(field), "one of the attributes")
}

// damaged says that a stored value of a resource, or of a resource in a list, cannot be read.
func (r *request) damaged(e *mapping.DamagedError) string {
	kind := strings.ToLower(r.rt.Name)
	return fmt.Sprintf("the stored value of %s of the %s %s cannot be read, so nothing was changed; ask the operator of this endpoint, whose log names the attribute, or delete the %[2]s and create it again",
		r.attributeOf(e.Attribute), kind, r.shown(r.Endpoint, e.ID))
}

// scimName is the SCIM attribute for a field of Keycloak.
func scimName(field string) string {
	switch field {
	case "username":
		return scim.AttrUserName
	case "email":
		return "emails.value"
	case "firstName":
		return "name.givenName"
	case "lastName":
		return "name.familyName"
	}
	return field
}
