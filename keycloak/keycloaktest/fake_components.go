package keycloaktest

import (
	"encoding/json"
)

// component is a provider of user federation, or a mapper of one. The fake reads no directory: nobody comes
// from there.
type component struct {
	ID           string              `json:"id"`
	Name         string              `json:"name"`
	ProviderID   string              `json:"providerId"`
	ProviderType string              `json:"providerType"`
	ParentID     string              `json:"parentId"`
	Config       map[string][]string `json:"config"`
}

// createComponent makes no mappers of its own accord, as Keycloak does for an LDAP.
func createComponent(c *call) (reply, error) {
	var body component
	if json.Unmarshal(c.body, &body) != nil || body.ProviderType != storageType && body.ProviderType != mapperType {
		return reply{}, notModelled("component of another type than user federation")
	}
	if body.ID = newID(); body.ParentID == "" {
		body.ParentID = c.realm.id
	}
	c.realm.components = append(c.realm.components, body)
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
