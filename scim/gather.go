package scim

import (
	"maps"
	"slices"
	"strings"
)

// gather moves each attribute that is named with the URN of its schema to its place: into the extension, or, for the
// base schema, to the top level. When an attribute is then given twice, it returns an *Error with InvalidSyntax. It
// does not change the body.
func (rt *ResourceType) gather(body map[string]any) (map[string]any, error) {
	if !rt.Profile.Takes(UnknownAttributes) || !hasQualified(body) {
		return body, nil
	}
	g := newGathering(rt, body)
	for _, name := range SortedNames(body) {
		if err := g.member(name); err != nil {
			return nil, err
		}
	}
	return g.out, nil
}

// Gather is gather for a stored document. An attribute that would be there twice stays where it is. An extension that
// was published later, or is stored in another spelling, moves to the extension of its schema.
func (rt *ResourceType) Gather(doc Document) Document {
	if !hasQualified(doc) {
		return doc
	}
	g := newGathering(rt.Under(Tolerant), rt.respelled(doc))
	for _, name := range SortedNames(doc) {
		_ = g.member(name) // on an error the attribute stays where it is
	}
	return g.out
}

func hasQualified(object map[string]any) bool {
	for name := range object {
		if strings.ContainsRune(name, ':') {
			return true
		}
	}
	return false
}

// gathering is a resource whose qualified attributes are put where they belong.
type gathering struct {
	rt      *ResourceType
	out     map[string]any
	names   map[string]string     // names of out, by their folded forms
	objects map[string]*container // extensions that are changed, by their names
}

// container is an extension that is changed.
type container struct {
	object map[string]any
	names  map[string]string
}

func newGathering(rt *ResourceType, object map[string]any) *gathering {
	return &gathering{rt: rt, out: maps.Clone(object), names: foldedNames(object), objects: map[string]*container{}}
}

func foldedNames(object map[string]any) map[string]string {
	out := make(map[string]string, len(object))
	for name := range object {
		out[FoldName(name)] = name
	}
	return out
}

// spelled is how the resource spells the name of an open extension.
func (g *gathering) spelled(urn string) (string, bool) {
	name, ok := g.names[FoldName(urn)]
	return name, ok && g.rt.IsOpenExtension(name, g.out[name])
}

// member moves a member if it is named with the URN of its schema.
func (g *gathering) member(name string) error {
	value := g.out[name]
	if !strings.ContainsRune(name, ':') || IsEmpty(value) || g.rt.Extension(name) != nil {
		return nil
	}
	object, isObject := value.(map[string]any)
	if strings.EqualFold(name, g.rt.Schema.ID) && isObject {
		return g.base(name, object)
	}
	p, err := g.rt.ResolveHeld(name, Held{Spelled: g.spelled, Object: isObject})
	switch {
	case err != nil:
		return nil //nolint:nilerr // a name like any other
	case p.Name == "" && isObject:
		return nil
	case p.Name == "":
		return notAnExtension(p.URN)
	}
	return g.move(name, p, value)
}

func notAnExtension(urn string) *Error {
	return BadRequest(CodeValue, InvalidValue, "%s must be an object that holds the attributes of the extension", urn)
}

// base moves the attributes under the URN of the base schema to the top level.
func (g *gathering) base(name string, object map[string]any) error {
	for inner := range object {
		if _, twice := g.names[FoldName(inner)]; twice {
			return duplicateMember(inner)
		}
	}
	g.drop(name)
	for inner, value := range object {
		g.out[inner], g.names[FoldName(inner)] = value, inner
	}
	for _, inner := range SortedNames(object) {
		if err := g.member(inner); err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) drop(name string) {
	delete(g.out, name)
	delete(g.names, FoldName(name))
}

// move moves the member with a name to a path.
func (g *gathering) move(name string, p AttrPath, value any) error {
	to := &container{g.out, g.names}
	if p.URN != "" {
		var err error
		if to, err = g.extension(p.URN); err != nil {
			return err
		}
	}
	if p.Sub != "" {
		value = map[string]any{p.Sub: value}
	}
	if spelled, twice := to.names[FoldName(p.Name)]; twice {
		if value = joined(to.object[spelled], value, p.Sub); value == nil {
			return duplicateMember(name)
		}
		p.Name = spelled
	}
	to.object[p.Name], to.names[FoldName(p.Name)] = value, p.Name
	g.drop(name)
	return nil
}

// joined is a complex value with one more sub-attribute; nil when the value already has it.
func joined(held, more any, sub string) any {
	object, ok := held.(map[string]any)
	if !ok || sub == "" {
		return nil
	}
	if _, twice := Member(object, sub); twice {
		return nil
	}
	added, _ := more.(map[string]any)
	object = maps.Clone(object)
	maps.Copy(object, added)
	return object
}

// extension is the extension that is to be changed; it is created when absent.
func (g *gathering) extension(urn string) (*container, error) {
	name, has := g.names[FoldName(urn)]
	if !has {
		name = urn
	}
	if c := g.objects[name]; c != nil {
		return c, nil
	}
	object, ok := g.out[name].(map[string]any)
	if !ok && !IsEmpty(g.out[name]) {
		return nil, notAnExtension(name)
	}
	c := &container{object: maps.Clone(object), names: foldedNames(object)}
	if c.object == nil {
		c.object = map[string]any{}
	}
	g.objects[name], g.out[name], g.names[FoldName(name)] = c, c.object, name
	return c, nil
}

// openExtensions are the names of a document's extensions that no schema publishes, in their order.
func (rt *ResourceType) openExtensions(doc Document) []string {
	var out []string
	for name, value := range doc {
		if strings.ContainsRune(name, ':') && !IsEmpty(value) && rt.IsOpenExtension(name, value) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
