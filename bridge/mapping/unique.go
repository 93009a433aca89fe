package mapping

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Unique is an attribute whose value only one resource may have (uniqueness: server).
type Unique struct {
	Path scim.AttrPath

	rule *rule // nil for externalId
}

// ExternalIDUnique returns the Unique of a tenant where each user has a different externalId.
func (m *Mapping) ExternalIDUnique() Unique {
	return Unique{Path: scim.AttrPath{Name: scim.AttrExternalID, Attr: m.User.Attribute(scim.AttrExternalID)}}
}

// IsExternalID reports whether the attribute is externalId.
func (u Unique) IsExternalID() bool { return u.rule == nil }

// UserUnique returns the unique attributes of users.
func (m *Mapping) UserUnique() []Unique { return m.users.unique() }

// GroupUnique returns the unique attributes of groups.
func (m *Mapping) GroupUnique() []Unique { return m.groups.unique() }

func (k kind) unique() []Unique {
	var out []Unique
	for _, r := range k.rules {
		if r.leaf.Uniqueness == scim.UniqueServer {
			out = append(out, Unique{Path: r.path, rule: r})
		}
	}
	return out
}

// Value returns the attribute of a document as it will be shown once it is stored, or "".
func (u Unique) Value(doc scim.Document) string {
	if u.rule == nil {
		return doc.String(scim.AttrExternalID)
	}
	text, _ := u.rule.at.get(doc).(string)
	if text == "" {
		return ""
	}
	stored, ok := u.rule.steps.one(text)
	if !ok {
		return "" // the mapping will refuse the value
	}
	return first(u.rule.steps.out([]string{stored}))
}
