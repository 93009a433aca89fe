package scim

import "strings"

// Projection says which attributes a response holds (RFC 7644 section 3.9). The
// zero value asks for the default ones.
type Projection struct {
	only    []AttrPath // attributes=
	without []AttrPath // excludedAttributes=
	asked   bool       // whether attributes= was given
}

// NewProjection reads the names of "attributes" and "excludedAttributes", of
// which only one may be given (RFC 7644 section 3.9). Names that the schemas do
// not know have no effect.
func (rt *ResourceType) NewProjection(attributes, excluded []string) (Projection, error) {
	if len(attributes) > 0 && len(excluded) > 0 {
		return Projection{}, BadRequest(CodeQuery, InvalidValue, "attributes and excludedAttributes exclude each other; send one of them")
	}
	return Projection{only: rt.resolveAll(attributes), without: rt.resolveAll(excluded), asked: len(attributes) > 0}, nil
}

// Hidden is what a client is shown that may not read a resource, whatever it asks for: which
// resource it is, and nothing of what it holds. Its version is made of that.
func (rt *ResourceType) Hidden(p Projection) Projection {
	return Projection{only: rt.resolveAll([]string{"meta.resourceType", "meta.location", "meta.created", "meta.lastModified"}), asked: p.asked}
}

func (rt *ResourceType) resolveAll(names []string) []AttrPath {
	var paths []AttrPath
	for _, name := range names {
		if p, err := rt.Resolve(strings.TrimSpace(name)); err == nil {
			paths = append(paths, p)
		}
	}
	if len(names) > 0 && paths == nil {
		paths = []AttrPath{} // asked for, though nothing known: not the default
	}
	return paths
}

// Asked reports whether the client named attributes, so that the response must
// have a body (RFC 7644 section 3.5.2).
func (p Projection) Asked() bool { return p.asked }

// Wants reports whether a response under this projection holds the attribute of
// the base schema, so that reading it is worth its calls.
func (p Projection) Wants(a *Attribute) bool {
	if a == nil || a.Returned == ReturnedNever {
		return false
	}
	if a.Returned == ReturnedAlways {
		return true
	}
	if p.only != nil {
		return names(p.only, "", a.Name)
	}
	return a.Returned != ReturnedRequest && !excludes(p.without, "", a.Name)
}

func names(paths []AttrPath, urn, name string) bool {
	for _, p := range paths {
		if p.URN == urn && strings.EqualFold(p.Name, name) {
			return true
		}
	}
	return false
}

// excludes reports whether the attribute as a whole, not a part of it, is named.
func excludes(paths []AttrPath, urn, name string) bool {
	for _, p := range paths {
		if p.URN == urn && strings.EqualFold(p.Name, name) && p.Sub == "" {
			return true
		}
	}
	return false
}

// Project applies the projection to the JSON object of a resource. The object
// is not changed; parts of it are shared with the result.
func (rt *ResourceType) Project(object map[string]any, p Projection) map[string]any {
	out := make(map[string]any, len(object))
	for name, value := range object {
		if ext := rt.Extension(name); ext != nil {
			if kept := p.projectExtension(ext, value); !IsEmpty(kept) {
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

func (p Projection) projectExtension(ext *Schema, value any) any {
	object, ok := value.(map[string]any)
	if !ok || excludes(p.without, ext.ID, "") {
		return nil
	}
	if p.only != nil && excludes(p.only, ext.ID, "") {
		return object
	}
	out := make(map[string]any, len(object))
	for name, member := range object {
		if kept, ok := p.projectMember(ext.Attribute(name), ext.ID, name, member); ok {
			out[name] = kept
		}
	}
	return out
}

// projectMember decides about one attribute; a is nil for one that no schema
// knows.
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
		return keepSubs(p.only, urn, name, value)
	case returned == ReturnedRequest:
		return nil, false
	}
	return dropSubs(p.without, urn, name, value)
}

// keepSubs returns what "attributes" names of a value: the whole, or only the
// sub-attributes named.
func keepSubs(paths []AttrPath, urn, name string, value any) (any, bool) {
	var subs []string
	for _, p := range paths {
		if p.URN != urn || !strings.EqualFold(p.Name, name) {
			continue
		}
		if p.Sub == "" {
			return value, true
		}
		subs = append(subs, p.Sub)
	}
	if subs == nil {
		return nil, false
	}
	kept := filterSubs(value, func(sub string) bool { return containsFold(subs, sub) })
	return kept, !IsEmpty(kept)
}

// dropSubs returns what "excludedAttributes" leaves of a value.
func dropSubs(paths []AttrPath, urn, name string, value any) (any, bool) {
	var subs []string
	for _, p := range paths {
		if p.URN != urn || !strings.EqualFold(p.Name, name) {
			continue
		}
		if p.Sub == "" {
			return nil, false
		}
		subs = append(subs, p.Sub)
	}
	if subs == nil {
		return value, true
	}
	kept := filterSubs(value, func(sub string) bool { return !containsFold(subs, sub) })
	return kept, !IsEmpty(kept)
}

func containsFold(list []string, name string) bool {
	for _, s := range list {
		if strings.EqualFold(s, name) {
			return true
		}
	}
	return false
}

// filterSubs keeps sub-attributes of a complex value, or of each of several.
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
