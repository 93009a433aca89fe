package scim

import "strings"

// AttrPath is an attribute path resolved against a resource type: the attrPath of RFC 7644 section 3.10, without a
// value filter.
//
//	userName                                    URN ""   Name userName
//	name.givenName                              URN ""   Name name      Sub givenName
//	urn:…:enterprise:2.0:User:manager.value     URN ext  Name manager   Sub value
//	urn:…:enterprise:2.0:User                   URN ext  Name "": the extension as a whole
//
// Names that the schemas know are canonical; other names are as the client wrote them.
type AttrPath struct {
	URN  string // the extension's URN; "" for the base schema
	Name string
	Sub  string // "" when the path ends at the attribute

	Attr    *Attribute // nil when unknown to the schemas, or for a whole extension
	SubAttr *Attribute // nil when there is no Sub, or it is unknown

	// Open says that no schema publishes the extension. Attr and SubAttr are then open too.
	Open bool
}

// Known reports whether the schemas define the path.
func (p AttrPath) Known() bool {
	if p.Open {
		return false
	}
	if p.Name == "" {
		return p.URN != ""
	}
	return p.Attr != nil && (p.Sub == "" || p.SubAttr != nil)
}

// Leaf is the definition of the attribute or sub-attribute at the end of the path, or nil.
func (p AttrPath) Leaf() *Attribute {
	if p.Sub != "" {
		return p.SubAttr
	}
	return p.Attr
}

// String is the path as a client would write it.
func (p AttrPath) String() string {
	text := p.Name
	if p.Sub != "" {
		text += "." + p.Sub
	}
	switch {
	case p.URN == "":
		return text
	case p.Name == "":
		return p.URN
	}
	return p.URN + ":" + text
}

// Resolve finds the attribute that a text names. Names and URNs are compared without case (RFC 7643 section 2.1). Two
// other spellings are tolerated. ConnId sends a dot in place of the colon after an extension's URN. Entra sends an
// attribute of an extension without its URN ("manager"), which works where the base schema has no such name.
//
// A name that the schemas do not know resolves to a path that is not Known. The same holds for a name after the URN of
// no schema, when the profile accepts such attributes. A text with another prefix and a malformed name are an *Error
// with InvalidPath.
func (rt *ResourceType) Resolve(text string) (AttrPath, error) {
	return rt.ResolveHeld(text, Held{})
}

// ResolveHeld is Resolve for a resource of which something is known, such as its extensions.
func (rt *ResourceType) ResolveHeld(text string, h Held) (AttrPath, error) {
	if rest, ok := rt.cutURN(text, rt.Schema.ID); ok {
		if rest == "" {
			return AttrPath{}, BadRequest(CodePath, InvalidPath, "%q names the schema of the resource; name one of its attributes", text)
		}
		return rt.resolveIn("", rt.Attribute, rest)
	}
	for _, s := range rt.Extensions {
		if rest, ok := rt.cutURN(text, s.ID); ok {
			if rest == "" {
				return AttrPath{URN: s.ID}, nil
			}
			return rt.resolveIn(s.ID, s.Attribute, rest)
		}
	}
	if strings.ContainsRune(text, ':') {
		if rt.dotsURN(text) {
			return AttrPath{}, BadRequest(CodePath, InvalidPath, "%q has a dot after the URN of a schema; write a colon", clip(text))
		}
		if rt.Profile.Takes(UnknownAttributes) {
			if p, ok := rt.openPath(text, h); ok {
				return p, nil
			}
		}
		return AttrPath{}, BadRequest(CodePath, InvalidPath, "%q does not start with a schema URN of a %s; GET /Schemas lists them", clip(text), rt.Name)
	}
	p, err := rt.resolveIn("", rt.Attribute, text)
	if err != nil || p.Attr != nil || !rt.Profile.Takes(ShortExtensionPath) {
		return p, err
	}
	for _, s := range rt.Extensions {
		if s.Attribute(p.Name) != nil {
			return rt.resolveIn(s.ID, s.Attribute, text)
		}
	}
	return p, nil
}

// dotsURN reports whether a dot follows the URN of a schema, in a profile that does not accept the dot as a colon. Such
// a path must not name another extension: its value would be kept where nobody looks for it.
func (rt *ResourceType) dotsURN(text string) bool {
	if rt.Profile.Takes(DotAfterURN) {
		return false
	}
	colon := strings.LastIndexByte(text, ':')
	dot := strings.IndexByte(text[colon+1:], '.')
	if dot < 0 {
		return false
	}
	urn := text[:colon+1+dot]
	return strings.EqualFold(urn, rt.Schema.ID) || rt.Extension(urn) != nil || rt.endsWithType(urn)
}

// cutURN removes the URN and the colon or dot after it.
func (rt *ResourceType) cutURN(text, urn string) (rest string, ok bool) {
	if len(text) < len(urn) || !strings.EqualFold(text[:len(urn)], urn) {
		return "", false
	}
	rest = text[len(urn):]
	if rest == "" {
		return "", true
	}
	if rest[0] != ':' && (rest[0] != '.' || !rt.Profile.Takes(DotAfterURN)) {
		return "", false
	}
	return rest[1:], true
}

func (rt *ResourceType) resolveIn(urn string, lookup func(string) *Attribute, text string) (AttrPath, error) {
	name, sub, dotted := strings.Cut(text, ".")
	if !ValidName(name) || dotted && !ValidName(sub) {
		return AttrPath{}, BadRequest(CodePath, InvalidPath, "%q is not an attribute path", clip(text))
	}
	p := AttrPath{URN: urn, Name: name, Sub: sub, Attr: lookup(name)}
	if p.Attr == nil {
		return p, nil
	}
	p.Name = p.Attr.Name
	if sub != "" {
		if p.SubAttr = p.Attr.Sub(sub); p.SubAttr != nil {
			p.Sub = p.SubAttr.Name
		}
	}
	return p, nil
}

// maxName bounds the length of an attribute name in bytes.
const maxName = 255

// ValidName reports whether name is an attribute name: first a letter, "$" or "_", then letters, digits, "-", "_" and
// "$" (RFC 7643 section 2.1, and "$ref").
func ValidName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '$' || c == '_'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// clip bounds the client's text that an error repeats.
func clip(text string) string {
	const limit = 100
	return Clip(text, limit)
}

// Clip shortens a text for people to at most so many bytes. "…" replaces what was cut off.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
