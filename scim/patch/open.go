package patch

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// parse reads a path for the document in its present state. value is the value of the operation.
func (w *work) parse(text string, value any) (filter.Path, error) {
	_, isObject := value.(map[string]any)
	return filter.ParsePathHeld(text, w.rt, scim.Held{Spelled: w.spelled, Object: isObject})
}

// parseMember is parse for a member of a value without a path. It also accepts the names that a POST has.
func (w *work) parseMember(name string, value any) (filter.Path, error) {
	_, isObject := value.(map[string]any)
	return filter.ParsePathHeld(name, w.rt, scim.Held{Spelled: w.spelled, Object: isObject, Extension: func(p scim.AttrPath) bool {
		held, ok := w.namesOf(p.URN)[scim.FoldName(p.Name)]
		return p.Sub == "" && (!ok || !isComplex(w.doc.Object(p.URN)[held]))
	}})
}

// spelled is how the document spells an extension that no schema publishes.
func (w *work) spelled(urn string) (string, bool) {
	name, ok := w.namesOf("")[scim.FoldName(urn)]
	return name, ok && w.rt.IsOpenExtension(name, w.doc[name])
}

// isBase reports whether a name is the URN of the base schema, whose attributes are at the top level.
func (w *work) isBase(name string) bool {
	return w.rt.Profile.Takes(scim.UnknownAttributes) && strings.EqualFold(name, w.rt.Schema.ID)
}

// namesOf are the names in the object with the attributes of a schema: the document for "", else the extension.
func (w *work) namesOf(urn string) folded {
	if names, ok := w.names[urn]; ok {
		return names
	}
	object := map[string]any(w.doc)
	if urn != "" {
		object = w.doc.Object(urn)
	}
	if w.names == nil {
		w.names = map[string]folded{}
	}
	w.names[urn] = foldedNames(object)
	return w.names[urn]
}

// holds reports whether the document, or an extension of it, has a member with exactly that name.
func (w *work) holds(urn, name string) bool {
	_, ok := w.namesOf(urn)[scim.FoldName(name)]
	return ok
}

// supersede removes an attribute that earlier versions stored at the top level under its qualified name, when the
// extension had the attribute too.
func (w *work) supersede(path string) {
	if !strings.ContainsRune(path, ':') || strings.ContainsRune(path, '[') {
		return
	}
	if name, ok := w.namesOf("")[scim.FoldName(path)]; ok && !w.rt.IsOpenExtension(name, w.doc[name]) && w.rt.Extension(name) == nil {
		w.drop(name)
	}
}

// drop removes an extension.
func (w *work) drop(urn string) {
	delete(w.doc, urn)
	delete(w.names, urn)
	if names, ok := w.names[""]; ok {
		delete(names, scim.FoldName(urn))
	}
}

// extensionMember carries out an operation on a member of an extension's value. The name is a path below the URN of the
// extension, or not a path at all.
func (w *work) extensionMember(op Op, urn, name string, value any) error {
	operation := Operation{Op: op, Path: urn + ":" + name, Value: value, HasValue: true}
	path, err := w.parse(operation.Path, nil)
	switch {
	case err == nil && path.Attr.Known():
		return w.member(op, operation.Path, value)
	case err != nil && strings.ContainsRune(name, '[') && w.rt.Extension(urn) != nil:
		return err
	case err != nil, path.Attr.URN != urn, w.holds(urn, name):
		return w.literal(operation, urn, name)
	}
	return w.at(operation, path)
}

// literal carries out an operation on an attribute that no schema knows, by its exact name, which may not be a path.
func (w *work) literal(op Operation, urn, name string) error {
	return w.unknown(op, filter.Path{Attr: scim.AttrPath{URN: urn, Name: name}})
}

// intoNothing reports whether a path leads into a top-level attribute that no schema knows and the document does not
// have. Such a path is more likely a wrong name than a new attribute.
func (w *work) intoNothing(path filter.Path) bool {
	p := path.Attr
	return p.URN == "" && p.Name != "" && (p.Attr == nil || p.Attr.Open) && (p.Sub != "" || path.Filter != nil) && !w.holds("", p.Name)
}

// unknown carries out an operation on an attribute that no schema knows. The stored values and the sent values decide
// how, as a schema would.
func (w *work) unknown(op Operation, path filter.Path) error {
	p := path.Attr
	if !w.rt.Profile.Takes(scim.UnknownAttributes) {
		return scim.BadRequest(scim.CodePath, scim.InvalidPath, "%s is not an attribute of a %s; GET /Schemas lists them", p, w.rt.Name)
	}
	if err := scim.CheckName(p.Name); err != nil {
		return err
	}
	if w.intoNothing(path) {
		return scim.BadRequest(scim.CodePath, scim.InvalidPath, "%s is not an attribute of a %s, and this resource has no attribute of that name; GET /Schemas lists them", p, w.rt.Name)
	}
	return w.inContainer(p.URN, func(container map[string]any) error {
		names := w.namesOf(p.URN)
		name, has := names[scim.FoldName(p.Name)]
		if !has {
			name = p.Name
		}
		before := container[name]
		if err := w.spend(weight(before)); err != nil {
			return err
		}
		t := target{work: w, profile: w.rt.Profile, path: path, container: container}
		op = t.open(name, before, op)
		if err := t.apply(op); err != nil {
			return err
		}
		if list, _ := container[name].([]any); len(list) == 1 && scim.Equal(list[0], before) {
			container[name] = before // the value was not made a list
		}
		at := 1 // levels below the document
		if p.URN != "" {
			at++
		}
		if at+levels(container[name]) > scim.MaxDepth {
			return scim.BadRequest(scim.CodeValue, scim.InvalidValue, "%s would nest deeper than %d levels, the most that a body can have; send a flatter value", p, scim.MaxDepth)
		}
		if container[name] == nil {
			delete(names, scim.FoldName(name))
		} else {
			names[scim.FoldName(name)] = name
		}
		return nil
	})
}

// open gives a target that no schema knows the definition that its value and the operation imply, and fits the
// operation to it. Several values mean a list, and so does a path with a filter. A complex value means an object, and
// so does a sub-attribute.
func (t *target) open(name string, before any, op Operation) Operation {
	list, isList := before.([]any)
	object, isObject := before.(map[string]any)
	if sent, _ := op.Value.([]any); op.Op == Replace && len(sent) == 1 && before != nil && !isList && t.path.Filter == nil && t.profile.Takes(scim.WrappedSingle) {
		op.Value = sent[0] // a single value replaces a single value
	}
	_, sendsList := op.Value.([]any)
	_, sendsObject := op.Value.(map[string]any)
	a := scim.OpenAttribute(name, scim.TypeString)
	a.MultiValued = isList || t.path.Filter != nil || op.Op == Add && sendsList && before != nil
	switch {
	case a.MultiValued:
		if !isList && before != nil {
			list = []any{before}
			t.container[name] = list
		}
		if len(list) == 0 || slices.ContainsFunc(list, isComplex) {
			a.Type = scim.TypeComplex
		}
	case t.path.Attr.Sub != "":
		if before == nil || isObject {
			a.Type = scim.TypeComplex
		}
	case isObject && sendsObject:
		a.Type = scim.TypeComplex
	case isObject && op.Op != Remove && !sendsList && !scim.IsEmpty(op.Value):
		if value, ok := memberNamed(object, scim.AttrValue); ok { // as with Entra's manager
			op.Value = map[string]any{value: op.Value}
		}
	}
	t.attr = a
	t.path.Attr.Name, t.path.Attr.Attr, t.path.Attr.SubAttr = name, a, nil
	t.path.SubAttr = nil
	return op
}

// levels is how deep a value nests, 0 for a simple one.
func levels(value any) int {
	deepest := 0
	switch v := value.(type) {
	case map[string]any:
		for _, member := range v {
			deepest = max(deepest, 1+levels(member))
		}
	case []any:
		for _, element := range v {
			deepest = max(deepest, 1+levels(element))
		}
	}
	return deepest
}

func isComplex(element any) bool {
	_, ok := element.(map[string]any)
	return ok
}

// memberNamed is how an object spells a name.
func memberNamed(object map[string]any, name string) (spelled string, ok bool) {
	if _, ok := object[name]; ok {
		return name, true
	}
	for other := range object {
		if strings.EqualFold(other, name) {
			return other, true
		}
	}
	return "", false
}
