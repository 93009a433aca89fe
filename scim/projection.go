package scim

import "strings"

// Projection says which attributes a response has (RFC 7644 section 3.9). The zero value asks for the default
// attributes.
type Projection struct {
	only    named // attributes=; nil when absent
	without named // excludedAttributes=
	asked   bool  // whether the client sent one of them
}

// named are the attributes in a list of paths, for fast look-ups. The list comes from a client and may be long, and
// every attribute of every resource is looked up. The key is the URN and the folded name; the URN is folded too, where
// no schema publishes it.
type named map[[2]string]*part

// part is how a list names an attribute: as a whole, or some sub-attributes.
type part struct {
	whole bool
	subs  map[string]bool // folded
}

func (n named) add(p AttrPath) {
	key := [2]string{p.URN, FoldName(p.Name)}
	at := n[key]
	if at == nil {
		at = &part{}
		n[key] = at
	}
	switch {
	case p.Sub == "":
		at.whole = true
	case at.subs == nil:
		at.subs = map[string]bool{FoldName(p.Sub): true}
	default:
		at.subs[FoldName(p.Sub)] = true
	}
}

// of is how the list names an attribute; nil when it does not.
func (n named) of(urn, name string) *part {
	if len(n) == 0 {
		return nil
	}
	return n[[2]string{urn, FoldName(name)}]
}

// whole reports whether the list names the attribute as a whole.
func (n named) whole(urn, name string) bool {
	at := n.of(urn, name)
	return at != nil && at.whole
}

// maxNames bounds the names of one request. No schemas have so many attributes.
const maxNames = 1000

// NewProjection reads the names of "attributes" and "excludedAttributes". A request may have only one of the two (RFC
// 7644 section 3.9). Names that the schemas do not know have no effect.
func (rt *ResourceType) NewProjection(attributes, excluded []string) (Projection, error) {
	if len(attributes) > 0 && len(excluded) > 0 {
		return Projection{}, BadRequest(CodeQuery, InvalidValue, "attributes and excludedAttributes cannot be used together; send one of them")
	}
	if max(len(attributes), len(excluded)) > maxNames {
		return Projection{}, BadRequest(CodeQuery, InvalidValue, "attributes and excludedAttributes name more than %d attributes; leave them out for the default attributes", maxNames)
	}
	return Projection{only: rt.resolveAll(attributes), without: rt.resolveAll(excluded), asked: len(attributes)+len(excluded) > 0}, nil
}

// Hidden is the projection for a client that may not read a resource: it shows which resource it is, and none of its
// values, whatever the client asks for. The version is computed over that.
func (rt *ResourceType) Hidden(p Projection) Projection {
	return Projection{only: rt.resolveAll([]string{"meta.resourceType", "meta.location", "meta.created", "meta.lastModified"}), asked: p.asked}
}

// Minimal asks only for what identifies the resource: id, schemas, meta, externalId and the attributes that the base
// schema requires.
func (rt *ResourceType) Minimal() Projection {
	names := []string{AttrMeta, AttrExternalID}
	for _, a := range rt.Schema.Attributes {
		if a.Required {
			names = append(names, a.Name)
		}
	}
	return Projection{only: rt.resolveAll(names)}
}

func (rt *ResourceType) resolveAll(names []string) named {
	if len(names) == 0 {
		return nil
	}
	out := named{} // not nil even without known names, because the client sent a list
	for _, name := range names {
		p, err := rt.Resolve(strings.TrimSpace(name))
		if err != nil {
			continue
		}
		if p.Open { // the name can also be an extension that the resource has
			p.URN = FoldName(p.URN)
			out.add(AttrPath{URN: FoldName(strings.TrimSpace(name))})
		}
		out.add(p)
	}
	return out
}

// Asked reports whether the client named attributes, so that the response must have a body (RFC 7644 section 3.5.2).
func (p Projection) Asked() bool { return p.asked }

// Wants reports whether a response has the attribute of the base schema. If not, the calls that read it are saved.
func (p Projection) Wants(a *Attribute) bool {
	if a == nil || a.Returned == ReturnedNever {
		return false
	}
	if a.Returned == ReturnedAlways {
		return true
	}
	if p.only != nil {
		return p.only.of("", a.Name) != nil
	}
	return a.Returned != ReturnedRequest && !p.without.whole("", a.Name)
}

// Project applies the projection to the JSON object of a resource. It does not change the object, but the result shares
// parts of it.
func (rt *ResourceType) Project(object map[string]any, p Projection) map[string]any {
	out := make(map[string]any, len(object))
	for name, value := range object {
		if ext := rt.Extension(name); ext != nil {
			if kept := p.projectExtension(ext.ID, ext.Attribute, value); !IsEmpty(kept) {
				out[name] = kept
			}
			continue
		}
		if strings.ContainsRune(name, ':') && rt.IsOpenExtension(name, value) {
			if kept := p.projectExtension(FoldName(name), noAttribute, value); !IsEmpty(kept) {
				out[name] = kept
			}
			continue
		}
		if kept, ok := p.projectMember(rt.Attribute(name), "", name, value); ok {
			out[name] = kept
		}
	}
	return out
}

// noAttribute is the look-up of attributes where no schema describes any.
func noAttribute(string) *Attribute { return nil }

// projectExtension applies the projection to an extension; urn is its key in the projection.
func (p Projection) projectExtension(urn string, lookup func(string) *Attribute, value any) any {
	object, ok := value.(map[string]any)
	if !ok || p.without.whole(urn, "") {
		return nil
	}
	whole := p.only.whole(urn, "")
	out := make(map[string]any, len(object))
	for name, member := range object {
		a := lookup(name)
		if whole && (a == nil || a.Returned != ReturnedNever) {
			out[name] = member
		} else if kept, ok := p.projectMember(a, urn, name, member); ok {
			out[name] = kept
		}
	}
	return out
}

// projectMember applies the projection to one attribute. a is nil for an attribute that no schema knows.
func (p Projection) projectMember(a *Attribute, urn, name string, value any) (any, bool) {
	returned := ReturnedDefault
	if a != nil {
		returned = a.Returned
	}
	switch {
	case returned == ReturnedNever:
		return nil, false
	case returned == ReturnedAlways:
		return value, true
	case p.only != nil:
		return keepSubs(p.only.of(urn, name), value)
	case returned == ReturnedRequest:
		return nil, false
	}
	return dropSubs(p.without.of(urn, name), value)
}

// keepSubs returns the part of a value that "attributes" names: the whole value or some sub-attributes.
func keepSubs(at *part, value any) (any, bool) {
	if at == nil || at.whole {
		return value, at != nil
	}
	kept := filterSubs(value, func(sub string) bool { return at.subs[FoldName(sub)] })
	return kept, !IsEmpty(kept)
}

// dropSubs returns the part of a value that "excludedAttributes" leaves.
func dropSubs(at *part, value any) (any, bool) {
	if at == nil || at.whole {
		return value, at == nil
	}
	kept := filterSubs(value, func(sub string) bool { return !at.subs[FoldName(sub)] })
	return kept, !IsEmpty(kept)
}

// filterSubs keeps some sub-attributes of a complex value, or of each value in a list.
func filterSubs(value any, keep func(string) bool) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			if keep(name) {
				out[name] = member
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, element := range v {
			if kept := filterSubs(element, keep); !IsEmpty(kept) {
				out = append(out, kept)
			}
		}
		return out
	default:
		return value
	}
}
