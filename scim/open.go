package scim

import "strings"

// An extension that no schema publishes is a member of a resource whose name is a URN and whose value is an object. It
// is kept as it was sent. Its attributes are open: they can have any values, and paths, filters and projections name
// them like those of a published extension.

// openAttribute makes the definition of an attribute that no schema describes.
func openAttribute(name string) *Attribute {
	return &Attribute{Name: name, Open: true, Unbounded: true, Mutability: ReadWrite, Returned: ReturnedDefault, Uniqueness: UniqueNone}
}

// OpenAttribute is the definition of an attribute that no schema describes, for comparisons with values of a type.
func OpenAttribute(name string, t Type) *Attribute {
	a := openAttribute(name)
	a.Type = t
	return a
}

// IsURN reports whether a name is a URN (RFC 8141) that paths, filters and lists of attributes can contain. Only such a
// name can be an extension: "urn:", a namespace, and a text after it.
func IsURN(name string) bool {
	const scheme = "urn:"
	if len(name) > maxName || len(name) < len(scheme) || !strings.EqualFold(name[:len(scheme)], scheme) {
		return false
	}
	namespace, within, ok := strings.Cut(name[len(scheme):], ":")
	if !ok || namespace == "" || within == "" || strings.HasSuffix(within, ":") {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),<>[\]^`+"`{|}", c) >= 0 {
			return false
		}
	}
	return true
}

// IsReservedURN reports whether a URN is in a name space of the RFCs, whose schemas are all known: core schemas and
// messages. An extension of a provider is never in it.
func IsReservedURN(urn string) bool {
	for _, space := range []string{"urn:ietf:params:scim:schemas:core:", "urn:ietf:params:scim:api:", "urn:scim:schemas:core:"} {
		if len(urn) >= len(space) && strings.EqualFold(urn[:len(space)], space) {
			return true
		}
	}
	return false
}

// IsOpenExtension reports whether a member of a resource is an extension that no schema publishes.
func (rt *ResourceType) IsOpenExtension(name string, value any) bool {
	_, ok := value.(map[string]any)
	return ok && IsURN(name) && !strings.EqualFold(name, rt.Schema.ID) && rt.Extension(name) == nil
}

// Held is what the caller knows about the resource of a path.
type Held struct {
	// Spelled finds how the resource spells an extension that no schema publishes, in any case; nil when the resource
	// is not known.
	Spelled func(urn string) (name string, ok bool)
	// Object says that the value at the path is an object.
	Object bool
	// Extension says that an object is more likely an extension than an attribute that the resource does not have, as
	// in a POST.
	Extension func(p AttrPath) bool
}

func (h Held) spelled(urn string) (string, bool) {
	if h.Spelled == nil || urn == "" {
		return "", false
	}
	return h.Spelled(urn)
}

// openPath reads a text as a path into an extension that no schema publishes. ok is false when it is not such a path.
// These rules find the end of the extension's name, in this order:
//
//  1. an extension that the resource has; the longest name comes first
//  2. a version and the name of the type, as in "urn:…:2.0:User"
//  3. the last colon; but when the value is an object, the whole text is the name of the extension
func (rt *ResourceType) openPath(text string, h Held) (p AttrPath, ok bool) {
	if urn, ok := h.spelled(text); ok {
		return AttrPath{URN: urn, Open: true}, true
	}
	colon := strings.LastIndexByte(text, ':')
	urn, rest := text[:colon], text[colon+1:]
	ways := rt.openWays(urn, rest)
	for _, way := range ways {
		urn, ok := h.spelled(way.URN)
		if !ok {
			continue
		}
		way.URN = urn
		if h.Object && h.Extension != nil && !rt.endsWithType(urn) && h.Extension(way) {
			return AttrPath{URN: text, Open: true}, IsURN(text)
		}
		return way, true
	}
	for _, way := range ways {
		if rt.endsWithType(way.URN) {
			return way, true
		}
	}
	_, isHeld := h.spelled(urn)
	switch {
	case isHeld, rt.endsWithType(urn): // the text after the name is not an attribute
		return AttrPath{}, false
	case len(ways) == 0 || ways[0].URN != urn || h.Object || rt.endsWithType(text):
		return AttrPath{URN: text, Open: true}, IsURN(text)
	}
	return ways[0], true
}

// openWays are the ways to read a text as the path of an attribute: split after its last colon, or after the first dot
// that follows.
func (rt *ResourceType) openWays(urn, rest string) (ways []AttrPath) {
	add := func(urn, rest string) {
		name, sub, dotted := strings.Cut(rest, ".")
		if !IsURN(urn) || !ValidName(name) || dotted && !ValidName(sub) {
			return
		}
		p := AttrPath{URN: urn, Name: name, Sub: sub, Open: true, Attr: openAttribute(name)}
		if dotted {
			p.SubAttr = openAttribute(sub)
		}
		ways = append(ways, p)
	}
	add(urn, rest)
	if name, behind, ok := strings.Cut(rest, "."); ok && rt.Profile.Takes(DotAfterURN) {
		add(urn+":"+name, behind)
	}
	return ways
}

// endsWithType reports whether a URN ends like the schemas of the RFCs: with a version and the name of the type, such
// as "User" or "USER". Okta's "urn:okta:app:1.0:user:custom" has more text after the type.
func (rt *ResourceType) endsWithType(urn string) bool {
	at := len(urn) - len(rt.Name)
	if at < 1 || urn[at-1] != ':' || urn[at] != rt.Name[0] || !strings.EqualFold(urn[at:], rt.Name) {
		return false
	}
	rest := urn[:at-1]
	if !IsURN(rest) {
		return false
	}
	version := rest[strings.LastIndexByte(rest, ':')+1:]
	return version != "" && strings.Trim(version, "0123456789.") == ""
}

// openValue is a copy of the value of an open attribute as it was sent, without nulls. A multi-valued attribute gives a
// list. a is nil for a single element.
func openValue(a *Attribute, value any) any {
	value = CloneValue(Opaque(value))
	if IsEmpty(value) {
		return nil
	}
	if _, isList := value.([]any); a != nil && a.MultiValued && !isList {
		return []any{value}
	}
	return value
}
