package mapping

import (
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// link says where the bridge finds the ids of users at an identity provider.
type link struct {
	provider string // alias of the identity provider
	id, name linkSource
}

type linkSource struct {
	at   place
	path string
}

func (s linkSource) text(doc scim.Document) string {
	text, _ := s.at.get(doc).(string)
	return text
}

// IdentityProvider returns the alias of the identity provider to which new users are linked, or "".
// The identity provider must exist.
func (m *Mapping) IdentityProvider() string {
	if m.link == nil {
		return ""
	}
	return m.link.provider
}

// Link returns the link of a new user, or nil without users.link. doc is the document as it will be
// stored, with the values of the expressions. A document without the id at the identity provider
// gives a *scim.Error that names the attribute.
func (m *Mapping) Link(doc scim.Document) (*keycloak.Link, error) {
	if m.link == nil {
		return nil, nil //nolint:nilnil // a mapping without users.link is not an error
	}
	doc = m.users.copied(doc)
	if err := m.users.derive(doc); err != nil {
		return nil, err
	}
	id := m.link.id.text(doc)
	if id == "" {
		return nil, scim.BadRequest(scim.CodeRequired, scim.InvalidValue, "%s is required: it is the id that links the user to the identity provider", m.link.id.path)
	}
	if length(id) > maxGroupValue {
		return nil, scim.BadRequest(scim.CodeTooLong, scim.InvalidValue, "%s can have at most %d characters", m.link.id.path, maxGroupValue)
	}
	return &keycloak.Link{IdentityProvider: m.link.provider, UserID: id, UserName: m.link.name.text(doc)}, nil
}

// LinkAttribute is the path of the attribute that holds the id at the identity provider.
func (m *Mapping) LinkAttribute() string { return m.link.id.path }

// links compiles users.link.
func (c compiler) links(m *Mapping, l config.Link) {
	if l == (config.Link{}) {
		return
	}
	where := config.Where("users").Key("link")
	name := l.UserName
	if name == "" {
		name = scim.AttrUserName
	}
	m.link = &link{
		provider: string(l.IdentityProvider),
		id:       c.linkSource(m.User, where.Key("userId"), l.UserID), name: c.linkSource(m.User, where.Key("userName"), name),
	}
}

// linkSource resolves the path of a text that a client sends.
func (c compiler) linkSource(rt *scim.ResourceType, where config.Where, text string) linkSource {
	if text == "" {
		return linkSource{} // a missing path is a problem already
	}
	path, ok := c.path(rt, written{path: text, where: where})
	if !ok {
		return linkSource{}
	}
	leaf := path.Attr.Leaf()
	if path.Filter != nil || leaf.MultiValued || path.Attr.Attr.MultiValued || leaf.Type != scim.TypeString || leaf.Mutability == scim.ReadOnly {
		c.Add(where, "is not one text that a client sends", "Name an attribute like externalId or userName")
	}
	return linkSource{at: placeOf(path.Attr), path: text}
}
