package keycloaktest

import (
	"encoding/json"
	"strconv"
)

// component is a provider of user federation, or one of its mappers. The fake reads no directory, so no user comes from
// there.
type component struct {
	ID           string              `json:"id"`
	Name         string              `json:"name"`
	ProviderID   string              `json:"providerId"`
	ProviderType string              `json:"providerType"`
	ParentID     string              `json:"parentId"`
	Config       map[string][]string `json:"config"`
}

// createComponent also creates the mappers that Keycloak creates for the fields of an LDAP account.
func createComponent(c *call) (reply, error) {
	var body component
	if json.Unmarshal(c.body, &body) != nil || body.ProviderType != storageType && body.ProviderType != mapperType {
		return reply{}, notModelled("component of another type than user federation")
	}
	if body.ID = newID(); body.ParentID == "" {
		body.ParentID = c.realm.id
	}
	c.realm.components = append(c.realm.components, body)
	if body.ProviderType == storageType && body.ProviderID == "ldap" {
		readOnly := strconv.FormatBool(len(body.Config["editMode"]) == 0 || body.Config["editMode"][0] != "WRITABLE")
		for _, field := range []string{"username", "email", "firstName", "lastName"} {
			c.realm.components = append(c.realm.components, component{
				ID: newID(), Name: field, ProviderID: "user-attribute-ldap-mapper", ProviderType: mapperType, ParentID: body.ID,
				Config: map[string][]string{"user.model.attribute": {field}, "read.only": {readOnly}},
			})
		}
	}
	return created(c.f.server.URL+c.r.URL.EscapedPath()+"/"+body.ID, nil)
}

func listComponents(c *call) (reply, error) {
	kind, _ := c.query("type")
	parent, below := c.query("parent")
	if kind != storageType && kind != mapperType {
		return reply{}, notModelled("components of another type than user federation")
	}
	out := []component{}
	for _, one := range c.realm.components {
		if one.ProviderType == kind && (!below || one.ParentID == parent) {
			out = append(out, one)
		}
	}
	return found(out)
}
