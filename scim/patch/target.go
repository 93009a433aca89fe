package patch

import (
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// target is the target of a path: an attribute that the schemas know, in the object that holds it.
type target struct {
	work      *work
	profile   scim.Profile
	attr      *scim.Attribute
	path      filter.Path
	container map[string]any
}

// sub is the name of the sub-attribute that the path ends at, or "".
func (t target) sub() string {
	if t.path.Filter != nil {
		return t.path.Sub
	}
	return t.path.Attr.Sub
}

// subAttr is the definition of the sub-attribute, nil when unknown.
func (t target) subAttr() *scim.Attribute {
	if t.path.Filter != nil {
		return t.path.SubAttr
	}
	return t.path.Attr.SubAttr
}

func (t target) apply(op Operation) error {
	if !t.known() {
		if t.attr.Open {
			return scim.BadRequest(scim.CodePath, scim.InvalidPath, "%s has simple values, which have no %q; leave the sub-attribute out", t.attr.Name, t.sub())
		}
		return scim.BadRequest(scim.CodePath, scim.InvalidPath, "%s has no sub-attribute %q; GET /Schemas lists them", t.attr.Name, t.sub())
	}
	if a := t.subAttr(); a != nil && a.Mutability == scim.ReadOnly {
		return scim.BadRequest(scim.CodeReadOnly, scim.MutabilityErr, "%s is read-only; leave it out", t.path.Attr)
	}
	if t.attr.MultiValued {
		return t.applyMulti(op)
	}
	if t.path.Filter != nil {
		return scim.BadRequest(scim.CodePath, scim.InvalidPath, "%s has a single value, so its path cannot have a filter", t.attr.Name)
	}
	if t.sub() != "" {
		return t.applySub(op)
	}
	return t.applySingle(op)
}

// known reports whether the path can exist. Only complex values can have an unknown sub-attribute; "value" means a
// simple value itself.
func (t target) known() bool {
	switch {
	case t.sub() == "" || t.subAttr() != nil:
		return true
	case t.attr.Type == scim.TypeComplex:
		return t.profile.Takes(scim.UnknownAttributes)
	}
	return t.attr.MultiValued && strings.EqualFold(t.sub(), scim.AttrValue)
}

// applySingle sets or removes a single-valued attribute. A complex one is
// merged, by add and by replace (RFC 7644 sections 3.5.2.1 and 3.5.2.3), unless the
// profile replaces it.
func (t target) applySingle(op Operation) error {
	if op.clears() {
		delete(t.container, t.attr.Name)
		return t.attr.RefuseClear(t.path.Attr.String())
	}
	replaces := op.Op == Replace && !t.profile.Takes(scim.MergeOnReplace)
	if t.attr.Type == scim.TypeComplex && !replaces {
		return t.mergeSingle(op.Value)
	}
	return t.put(t.container, t.attr, t.path.Attr.String(), op.Value)
}

// put sets a member of an object to a canonical value, or removes it when the value is empty.
func (t target) put(object map[string]any, a *scim.Attribute, path string, value any) error {
	kept, err := t.profile.CanonicalValue(a, path, value)
	if err != nil {
		return err
	}
	if kept == nil {
		delete(object, a.Name)
	} else {
		object[a.Name] = kept
	}
	return nil
}

// mergeSingle merges an object into a complex attribute; members that the object clears are removed. A value that is
// not an object, such as Entra's manager, replaces the whole.
func (t target) mergeSingle(value any) error {
	if scim.IsEmpty(value) {
		return nil // nothing to add
	}
	object, ok := value.(map[string]any)
	if !ok {
		return t.put(t.container, t.attr, t.path.Attr.String(), value)
	}
	current := asObject(t.container[t.attr.Name])
	if err := t.merge(current, t.attr, object); err != nil {
		return err
	}
	t.store(current)
	return nil
}

// merge writes the members of a client's object into a complex value. Read-only members are ignored.
func (t target) merge(current map[string]any, a *scim.Attribute, object map[string]any) error {
	var names folded
	for name, value := range object {
		sub := a.Sub(name)
		if sub == nil {
			if names == nil {
				names = foldedNames(current)
			}
			if err := t.putOpaque(current, names, name, value); err != nil {
				return err
			}
			continue
		}
		if sub.Mutability == scim.ReadOnly {
			continue
		}
		if err := t.put(current, sub, a.Name+"."+sub.Name, value); err != nil {
			return err
		}
	}
	return nil
}

// putOpaque stores an attribute that no schema knows, when the profile accepts such attributes.
func (t target) putOpaque(object map[string]any, names folded, name string, value any) error {
	if !t.profile.Takes(scim.UnknownAttributes) {
		return scim.BadRequest(scim.CodePath, scim.InvalidPath, "%s has no sub-attribute of that name; GET /Schemas lists them", t.attr.Name)
	}
	if kept := scim.Opaque(value); scim.IsEmpty(kept) {
		names.remove(object, name)
	} else {
		names.set(object, name, kept)
	}
	return nil
}

// applySub sets or removes a sub-attribute of a complex attribute. The complex attribute is created when absent.
func (t target) applySub(op Operation) error {
	current := asObject(t.container[t.attr.Name])
	if err := t.putSub(current, op); err != nil {
		return err
	}
	t.store(current)
	return nil
}

// putSub sets or removes the path's sub-attribute of one complex value.
func (t target) putSub(object map[string]any, op Operation) error {
	name, a := t.sub(), t.subAttr()
	switch {
	case op.Op == Remove && a != nil:
		delete(object, a.Name)
	case op.Op == Remove:
		foldedNames(object).remove(object, name)
	case a != nil:
		return t.put(object, a, t.attr.Name+"."+a.Name, op.Value)
	default:
		return t.putOpaque(object, foldedNames(object), name, op.Value)
	}
	return nil
}

func (t target) store(object map[string]any) {
	if len(object) == 0 {
		delete(t.container, t.attr.Name)
	} else {
		t.container[t.attr.Name] = object
	}
}

func asObject(value any) map[string]any {
	if object, ok := value.(map[string]any); ok {
		return object
	}
	return map[string]any{}
}

// textOf is the "value" of an element as text, for comparing elements.
func textOf(a *scim.Attribute, element any) (string, bool) {
	if object, ok := element.(map[string]any); ok {
		element, _ = scim.Member(object, scim.AttrValue)
	}
	text, ok := element.(string)
	sub := a.Sub(scim.AttrValue)
	if sub == nil {
		sub = a
	}
	if ok && !sub.CaseExact {
		text = strings.ToLower(text)
	}
	return text, ok
}
