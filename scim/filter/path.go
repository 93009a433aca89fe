package filter

import (
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Path is the target of a PATCH operation (RFC 7644 section 3.5.2):
//
//	members                             Attr members
//	name.givenName                      Attr name.givenName
//	members[value eq "x"]               Attr members   Filter
//	emails[type eq "work"].value        Attr emails    Filter   Sub value
//	urn:…:enterprise:2.0:User           Attr of that URN without a name
//
// Without a Filter the sub-attribute is part of Attr, and Sub is empty. A path with a Filter on an unknown attribute
// has an open Attr.
type Path struct {
	Attr    scim.AttrPath
	Filter  Expr // nil without […]
	Sub     string
	SubAttr *scim.Attribute // nil when Sub is empty or unknown
}

// ParsePath reads a path. A malformed path gives a *scim.Error with InvalidPath, or with InvalidFilter when the fault
// is inside […]. An attribute that the schemas do not know is not an error here: the Attr of the result is not Known.
func ParsePath(text string, rt *scim.ResourceType) (Path, error) {
	return ParsePathHeld(text, rt, scim.Held{})
}

// ParsePathHeld is ParsePath for a resource of which something is known, such as its extensions.
func ParsePathHeld(text string, rt *scim.ResourceType, h scim.Held) (Path, error) {
	if err := checkBounds(text, scim.InvalidPath); err != nil {
		return Path{}, err
	}
	text = strings.TrimSpace(text)
	open := strings.IndexByte(text, '[')
	if open < 0 {
		attr, err := rt.ResolveHeld(text, h)
		return Path{Attr: attr}, err
	}
	h.Object = false // the object is the value of an element
	attr, err := rt.ResolveHeld(strings.TrimSpace(text[:open]), h)
	if err != nil {
		return Path{}, err
	}
	if attr.Attr == nil && attr.Name != "" && rt.Profile.Takes(scim.UnknownAttributes) {
		attr.Attr = scim.OpenAttribute(attr.Name, "")
	}
	if attr.Attr == nil || !takesFilter(attr.Attr) || attr.Sub != "" {
		return Path{}, scim.BadRequest(scim.CodePath, scim.InvalidPath, "%s cannot have a filter in brackets, because it is not multi-valued; leave the brackets out", attr)
	}
	return parseFiltered(attr, text[open:], rt)
}

func parseFiltered(attr scim.AttrPath, rest string, rt *scim.ResourceType) (Path, error) {
	p := newParser(rest, rt)
	p.advance()
	inner, err := p.brackets(attr)
	if err != nil {
		return Path{}, err
	}
	path := Path{Attr: attr, Filter: inner}
	if p.tok.kind == tokenEnd {
		return path, nil
	}
	sub, dotted := strings.CutPrefix(p.tok.text, ".")
	if p.tok.kind != tokenWord || !dotted || !scim.ValidName(sub) {
		return Path{}, scim.BadRequest(scim.CodePath, scim.InvalidPath, "expected a dot and a sub-attribute after the brackets of %s", attr)
	}
	if p.advance(); p.tok.kind != tokenEnd {
		return Path{}, scim.BadRequest(scim.CodePath, scim.InvalidPath, "the path of %s has more text after its end; remove that text", attr)
	}
	path.Sub, path.SubAttr = sub, attr.Attr.Sub(sub)
	if path.SubAttr != nil {
		path.Sub = path.SubAttr.Name
	}
	return path, nil
}

// String is the path as a client would write it; it parses back to the same.
func (p Path) String() string {
	text := p.Attr.String()
	if p.Filter != nil {
		text += "[" + String(p.Filter) + "]"
	}
	if p.Sub != "" {
		text += "." + p.Sub
	}
	return text
}
