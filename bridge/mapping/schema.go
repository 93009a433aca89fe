package mapping

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// extensions holds the schemas of a file for one resource type, and the rules written with their
// attributes.
type extensions struct {
	schemas []*scim.Schema
	rules   []written
}

var urnForm = regexp.MustCompile(`^(?i:urn):[A-Za-z0-9][A-Za-z0-9-]{0,31}:[A-Za-z0-9()+,\-.:=@;$_!*'%/?#~&]*[A-Za-z0-9]$`)

func (c compiler) schemas(table config.Table[config.Schema], resource config.Resource, unmapped config.Unmapped) extensions {
	var out extensions
	for i, e := range table {
		if e.Value.Resource != resource && (e.Value.Resource != "" || resource != config.ResourceUser) {
			continue // a schema without a resource has that problem already, and is checked once
		}
		c.urn(table[:i], e)
		attributes := make([]*scim.Attribute, 0, len(e.Value.Attributes))
		seen := map[string]string{}
		for _, a := range e.Value.Attributes {
			if c.attributeName(a.Name, a.Where, seen) {
				attributes = append(attributes, c.attribute(a))
				c.stored(a, unmapped)
				out.rules = append(out.rules, c.rulesOf(e.Name, a)...)
			}
		}
		name := e.Value.Name
		if name == "" {
			parts := strings.Split(e.Name, ":")
			name = strings.Join(parts[max(0, len(parts)-3):], ":")
		}
		if slices.ContainsFunc(append([]*scim.Schema{scim.UserSchema(), scim.GroupSchema(), scim.EnterpriseUserSchema()}, out.schemas...), func(s *scim.Schema) bool {
			return strings.EqualFold(s.Name, name)
		}) || strings.EqualFold(name, resourceVariable) {
			c.Add(e.Where.Key("name"), strconv.Quote(name)+" is the name of another schema, or of the variable resource", "Give it another name, because expressions use the name")
		}
		out.schemas = append(out.schemas, scim.NewSchema(e.Name, name, cmp.Or(e.Value.Description, name), attributes...))
	}
	return out
}

// stored refuses an attribute that would never be stored.
func (c compiler) stored(e config.Entry[config.Attribute], unmapped config.Unmapped) {
	if (kind{unmapped: unmapped}).keeps() || e.Value.Keycloak != "" || e.Value.Value != "" || c.Failed(e.Where.Key("keycloak")) {
		return // an attribute with an expression is checked with the expression
	}
	for _, s := range e.Value.SubAttributes {
		if s.Value.Keycloak != "" {
			return
		}
	}
	c.noPlace(e.Where, unmapped)
}

func (c compiler) noPlace(where config.Where, unmapped config.Unmapped) {
	c.Add(where, "is not stored, because unmapped is "+string(unmapped), "Add the key keycloak, or write unmapped: keep")
}

// urn checks the name of a schema. No URN may be the beginning of another URN before a colon,
// because a path could then be read in two ways.
func (c compiler) urn(before config.Table[config.Schema], e config.Entry[config.Schema]) {
	if !urnForm.MatchString(e.Name) {
		c.Add(e.Where, "is not a URN (RFC 8141)", "Write it like urn:acme:params:scim:schemas:extension:hr:2.0:User")
		return
	}
	others := []string{scim.UserURN, scim.GroupURN, scim.EnterpriseUserURN}
	for _, b := range before {
		others = append(others, b.Name)
	}
	for _, other := range others {
		if within(e.Name, other) || within(other, e.Name) {
			c.Add(e.Where, "is another schema, or begins like another schema: "+other, "Give the schema a URN of its own; rules for the built-in schemas are written under users.attributes and groups.attributes")
			return
		}
	}
}

func within(urn, other string) bool {
	return len(urn) >= len(other) && strings.EqualFold(urn[:len(other)], other) && (len(urn) == len(other) || strings.ContainsAny(urn[len(other):len(other)+1], ":."))
}

// attributeName checks a name within a schema or a complex attribute.
func (c compiler) attributeName(name string, where config.Where, seen map[string]string) bool {
	if !scim.ValidName(name) {
		c.Add(where, "is not an attribute name (RFC 7643 section 2.1)", "Begin with a letter; letters, digits, '-' and '_' follow")
		return false
	}
	if first, twice := seen[strings.ToLower(name)]; twice {
		c.Add(where, "differs from "+strconv.Quote(first)+" only in case, and names are compared without case", "Choose another name")
		return false
	}
	seen[strings.ToLower(name)] = name
	return true
}

func (c compiler) attribute(e config.Entry[config.Attribute]) *scim.Attribute {
	v := e.Value
	a := &scim.Attribute{
		Name: e.Name, Type: scim.Type(v.Type), MultiValued: v.MultiValued, Description: v.Description, Required: v.Required,
		CaseExact: v.CaseExact, Mutability: scim.Mutability(v.Mutability), Returned: scim.Returned(v.Returned),
		Uniqueness: scim.Uniqueness(v.Uniqueness), CanonicalValues: v.CanonicalValues, ReferenceTypes: v.ReferenceTypes,
	}
	seen := map[string]string{}
	for _, s := range v.SubAttributes {
		if c.attributeName(s.Name, s.Where, seen) {
			a.SubAttributes = append(a.SubAttributes, c.subAttribute(s))
		}
	}
	stored := v.Keycloak != "" || v.Value != "" || c.Failed(e.Where.Key("keycloak"))
	c.characteristics(a, e.Where, stored)
	switch {
	case a.Type == scim.TypeComplex && len(a.SubAttributes) == 0:
		c.Add(e.Where, "is complex and has no sub-attributes", "Add subAttributes, or give it another type")
	case a.Type != scim.TypeComplex && len(v.SubAttributes) > 0:
		c.Add(e.Where.Key("subAttributes"), "needs the type complex", "Write type: complex")
	}
	if a.Uniqueness == scim.UniqueServer && (a.MultiValued || a.Type != scim.TypeString || v.Keycloak == "") {
		c.Add(e.Where.Key("uniqueness"), "needs a single string in its own Keycloak attribute", "Add the key keycloak, or write uniqueness: none")
	}
	return a
}

func (c compiler) subAttribute(e config.Entry[config.SubAttribute]) *scim.Attribute {
	v := e.Value
	a := &scim.Attribute{
		Name: e.Name, Type: scim.Type(v.Type), MultiValued: v.MultiValued, Description: v.Description, Required: v.Required,
		CaseExact: v.CaseExact, Mutability: scim.Mutability(v.Mutability), Returned: scim.Returned(v.Returned),
		CanonicalValues: v.CanonicalValues, ReferenceTypes: v.ReferenceTypes,
	}
	if a.Type == scim.TypeComplex {
		c.Add(e.Where.Key("type"), "a sub-attribute cannot be complex (RFC 7643 section 2.3.8)", "Give it another type")
	}
	c.characteristics(a, e.Where, v.Keycloak != "" || c.Failed(e.Where.Key("keycloak")))
	return a
}

// characteristics fills in the defaults of an attribute and refuses contradictions. stored says
// that a Keycloak attribute holds it.
func (c compiler) characteristics(a *scim.Attribute, where config.Where, stored bool) {
	if a.Type == "" {
		a.Type = scim.TypeString
	}
	if a.Description == "" {
		a.Description = a.Name // RFC 7643 section 7 requires a description
	}
	if a.Mutability == scim.WriteOnly {
		if a.Returned != "" && a.Returned != scim.ReturnedNever {
			c.Add(where.Key("returned"), "a writeOnly attribute is never returned", "Write returned: never")
		}
		a.Returned = scim.ReturnedNever
	}
	if a.Type == scim.TypeReference && len(a.ReferenceTypes) == 0 {
		a.ReferenceTypes = []string{"external"}
	}
	if a.Type != scim.TypeReference && len(a.ReferenceTypes) > 0 {
		c.Add(where.Key("referenceTypes"), "needs the type reference", "Write type: reference")
	}
	if a.Mutability == scim.ReadOnly && !stored && a.Type != scim.TypeComplex {
		c.Add(where.Key("mutability"), "a readOnly attribute shows a Keycloak attribute, and the rule names no Keycloak attribute", "Add the key keycloak")
	}
	if a.Mutability == scim.ReadOnly && a.Required {
		c.Add(where.Key("required"), "no client can give a readOnly attribute", "Remove one of the two")
	}
}

// rulesOf returns the rules written with an attribute and its sub-attributes.
func (c compiler) rulesOf(urn string, e config.Entry[config.Attribute]) []written {
	var out []written
	add := func(name string, where config.Where, r config.Rule) {
		if r.Keycloak != "" || len(r.Transform) > 0 || r.Value != "" {
			out = append(out, written{urn + ":" + name, where, r})
		}
	}
	add(e.Name, e.Where, config.Rule{Keycloak: e.Value.Keycloak, Transform: e.Value.Transform, Value: e.Value.Value})
	for _, s := range e.Value.SubAttributes {
		add(e.Name+"."+s.Name, s.Where, config.Rule{Keycloak: s.Value.Keycloak, Transform: s.Value.Transform})
	}
	return out
}

// published returns the resource type that the tenant offers: the whole type when values without a
// rule are kept, otherwise only the stored attributes.
func (k kind) published(rt *scim.ResourceType) *scim.ResourceType {
	if k.keeps() {
		return rt
	}
	return rt.Restrict(k.stores)
}

// stores reports whether a rule or a field holds the attribute, or part of it.
func (k kind) stores(p scim.AttrPath) bool {
	if p.URN == "" {
		switch p.Name {
		case scim.AttrUserName, scim.AttrActive, scim.AttrEmails, scim.AttrGroups, scim.AttrMembers, scim.AttrPassword:
			return true
		}
		if p.Name == scim.AttrDisplayName && p.Attr.Required { // of a group
			return true
		}
	}
	for _, r := range k.rules {
		if r.path.URN != p.URN || r.path.Name != p.Name {
			continue
		}
		if p.Sub == "" || r.path.Sub == "" || r.path.Sub == p.Sub || r.inElements() && r.isLabel(p.Sub) {
			return true
		}
	}
	return false
}
