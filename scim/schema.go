package scim

import (
	"slices"
	"strings"
)

// Type is the data type of an attribute (RFC 7643 section 2.3).
type Type string

// The data types of RFC 7643 section 2.3 and 7.
const (
	TypeString    Type = "string"
	TypeBoolean   Type = "boolean"
	TypeDecimal   Type = "decimal"
	TypeInteger   Type = "integer"
	TypeDateTime  Type = "dateTime"
	TypeReference Type = "reference"
	TypeBinary    Type = "binary"
	TypeComplex   Type = "complex"
)

// Mutability says when an attribute may be written (RFC 7643 section 7).
type Mutability string

// The mutabilities of RFC 7643 section 7.
const (
	ReadWrite Mutability = "readWrite"
	ReadOnly  Mutability = "readOnly"
	Immutable Mutability = "immutable"
	WriteOnly Mutability = "writeOnly"
)

// Returned says when an attribute is part of a response (RFC 7643 section 7).
type Returned string

// The values of "returned" of RFC 7643 section 7.
const (
	ReturnedDefault Returned = "default"
	ReturnedAlways  Returned = "always"
	ReturnedRequest Returned = "request"
	ReturnedNever   Returned = "never"
)

// Uniqueness says where a value must be unique (RFC 7643 section 7).
type Uniqueness string

// The values of "uniqueness" of RFC 7643 section 7.
const (
	UniqueNone   Uniqueness = "none"
	UniqueServer Uniqueness = "server"
)

// Attribute is the definition of one attribute with all characteristics of RFC 7643 section 7. It must not be changed
// after its schema was made.
type Attribute struct {
	Name            string
	Type            Type
	MultiValued     bool
	Description     string
	Required        bool
	CaseExact       bool
	Mutability      Mutability
	Returned        Returned
	Uniqueness      Uniqueness
	CanonicalValues []string
	ReferenceTypes  []string
	SubAttributes   []*Attribute

	// Unpublished marks an attribute that the bridge understands but no schema offers, so that a policy can decide
	// about it: the password.
	Unpublished bool

	// Open marks an attribute that no schema describes: it can have any value. See OpenAttribute.
	Open bool

	// Unbounded marks an attribute that may have any number of values: the members of a group.
	Unbounded bool

	form   *form
	byName map[string]*Attribute
}

// form is a rule for the text of an attribute that its type does not contain.
type form struct {
	unless Tolerance
	text   string // for the error: "must be …"
	ok     func(text string) bool
}

// Sub returns the sub-attribute with that name, compared without case
// (RFC 7643 section 2.1), or nil.
func (a *Attribute) Sub(name string) *Attribute {
	return a.byName[strings.ToLower(name)]
}

// Schema is a named set of attribute definitions (RFC 7643 section 7).
type Schema struct {
	ID          string
	Name        string
	Description string
	Attributes  []*Attribute

	byName map[string]*Attribute
}

// NewSchema makes a schema of its attributes. Characteristics that are not set get the defaults of RFC 7643 section
// 2.2: readWrite, returned by default, not unique.
func NewSchema(id, name, description string, attributes ...*Attribute) *Schema {
	return &Schema{
		ID: id, Name: name, Description: description,
		Attributes: attributes, byName: index(attributes),
	}
}

// Attribute returns the attribute with that name, compared without case
// (RFC 7643 section 2.1), or nil.
func (s *Schema) Attribute(name string) *Attribute {
	return s.byName[strings.ToLower(name)]
}

func index(attributes []*Attribute) map[string]*Attribute {
	byName := make(map[string]*Attribute, len(attributes))
	for _, a := range attributes {
		a.Mutability = or(a.Mutability, ReadWrite)
		a.Returned = or(a.Returned, ReturnedDefault)
		a.Uniqueness = or(a.Uniqueness, UniqueNone)
		a.byName = index(a.SubAttributes)
		byName[strings.ToLower(a.Name)] = a
	}
	return byName
}

func or[T ~string](value, fallback T) T {
	if value == "" {
		return fallback
	}
	return value
}

// ResourceType is a kind of resource: its endpoint, its base schema and its
// extensions (RFC 7643 section 6).
type ResourceType struct {
	Name        string // also its id
	Description string
	Endpoint    string // with a leading slash, as "/Users"
	Schema      *Schema
	Extensions  []*Schema // all are optional
	Profile     Profile   // of the tenant

	common *Schema
}

// NewResourceType makes a resource type of a base schema and its extensions.
// The common attributes of RFC 7643 section 3.1 belong to every type.
func NewResourceType(name, description, endpoint string, base *Schema, extensions ...*Schema) *ResourceType {
	return &ResourceType{
		Name: name, Description: description, Endpoint: endpoint,
		Schema: base, Extensions: extensions, Profile: Tolerant, common: commonAttributes(),
	}
}

// Under is the resource type under a profile.
func (rt *ResourceType) Under(p Profile) *ResourceType {
	out := *rt
	out.Profile = p
	return &out
}

// Attribute returns the attribute of the base schema with that name, or the common attribute (schemas, id, externalId,
// meta), or nil. The name is compared without case.
func (rt *ResourceType) Attribute(name string) *Attribute {
	if a := rt.Schema.Attribute(name); a != nil {
		return a
	}
	return rt.common.Attribute(name)
}

// Extension returns the extension schema with that URN, or nil. URNs are compared without case, because Entra and
// ConnId vary their spelling.
func (rt *ResourceType) Extension(urn string) *Schema {
	for _, s := range rt.Extensions {
		if strings.EqualFold(s.ID, urn) {
			return s
		}
	}
	return nil
}

// With is the resource type with further extensions.
func (rt *ResourceType) With(extensions ...*Schema) *ResourceType {
	out := *rt
	out.Extensions = slices.Concat(rt.Extensions, extensions)
	return &out
}

// Restrict is the resource type with only the attributes and sub-attributes for which keep is true. An extension that
// has no attribute left is removed.
func (rt *ResourceType) Restrict(keep func(AttrPath) bool) *ResourceType {
	out := *rt
	out.Schema = rt.Schema.restrict("", keep)
	out.Extensions = nil
	for _, s := range rt.Extensions {
		if kept := s.restrict(s.ID, keep); len(kept.Attributes) > 0 {
			out.Extensions = append(out.Extensions, kept)
		}
	}
	return &out
}

func (s *Schema) restrict(urn string, keep func(AttrPath) bool) *Schema {
	var kept []*Attribute
	for _, a := range s.Attributes {
		if !keep(AttrPath{URN: urn, Name: a.Name, Attr: a}) {
			continue
		}
		cut := *a
		cut.SubAttributes = slices.DeleteFunc(slices.Clone(a.SubAttributes), func(sub *Attribute) bool {
			return !keep(AttrPath{URN: urn, Name: a.Name, Sub: sub.Name, Attr: a, SubAttr: sub})
		})
		kept = append(kept, &cut)
	}
	return NewSchema(s.ID, s.Name, s.Description, kept...)
}
