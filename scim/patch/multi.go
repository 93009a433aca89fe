package patch

import (
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// applyMulti carries out an operation on a multi-valued attribute.
func (t target) applyMulti(op Operation) error {
	before, _ := t.container[t.attr.Name].([]any)
	elements := before
	err := t.work.spend(weightOf(before) * (1 + t.terms()))
	switch {
	case err != nil:
	case t.path.Filter != nil && t.sub() == "" && op.Op != Remove && !t.profile.Takes(scim.WholeElementPath):
		err = scim.BadRequest(scim.CodePath, scim.InvalidPath, "the filter on %s must be followed by a sub-attribute", t.attr.Name)
	case t.path.Filter != nil || t.sub() != "":
		elements, err = t.selected(op, elements)
	case op.Op == Remove:
		elements, err = t.removeListed(op, elements)
	case op.Op == Replace:
		elements, err = t.replaceAll(op.Value)
	default:
		elements, err = t.addAll(op.Value, elements)
	}
	if err == nil && len(elements) > len(before) { // an attribute that already has too many values may still be changed
		err = t.attr.CheckSize(t.path.Attr.String(), len(elements))
	}
	if err != nil {
		return err
	}
	if len(elements) == 0 {
		delete(t.container, t.attr.Name)
	} else {
		t.container[t.attr.Name] = elements
	}
	return nil
}

// terms counts the terms of the path's filter.
func (t target) terms() int {
	if t.path.Filter == nil {
		return 0
	}
	return filter.Terms(t.path.Filter)
}

func (t target) replaceAll(value any) ([]any, error) {
	kept, err := t.profile.CanonicalValue(t.attr, t.path.Attr.String(), value)
	elements, _ := kept.([]any)
	return elements, err
}

// removeListed removes the whole attribute, or only the values that the client listed besides the path.
func (t target) removeListed(op Operation, elements []any) ([]any, error) {
	if !op.HasValue || scim.IsEmpty(op.Value) {
		return nil, nil
	}
	listed, err := t.replaceAll(op.Value)
	if err != nil {
		return nil, err
	}
	gone := places{attr: t.attr}
	var kept []any
	for _, element := range elements {
		if gone.find(listed, element) < 0 {
			kept = append(kept, element)
		}
	}
	return kept, nil
}

// addAll adds values as to a set. A value that is already there, by its value and type, is merged, because clients
// repeat an add. The newest primary value stays the only one (RFC 7644 section 3.5.2).
func (t target) addAll(value any, elements []any) ([]any, error) {
	added, err := t.replaceAll(value)
	if err != nil {
		return nil, err
	}
	known, newest := places{attr: t.attr}, -1
	for _, element := range added {
		if t.attr.Open {
			if element = scim.Opaque(element); scim.IsEmpty(element) {
				continue
			}
		}
		i := known.find(elements, element)
		if i < 0 {
			i = len(elements)
			elements = append(elements, element)
		} else if object, ok := element.(map[string]any); ok {
			known.typed(i, element)
			mergeCanonical(elements[i], object)
		}
		if isPrimary(element) {
			newest = i
		}
	}
	if newest >= 0 {
		demoteOthers(elements, newest)
	}
	return elements, nil
}

func mergeCanonical(element any, object map[string]any) {
	if current, ok := element.(map[string]any); ok {
		names := foldedNames(current)
		for name, value := range object {
			names.set(current, name, value)
		}
	}
}

// demoteOthers keeps at most one primary value: the newest (RFC 7644 section
// 3.5.2).
func demoteOthers(elements []any, newest int) {
	if !isPrimary(elements[newest]) {
		return
	}
	for i, element := range elements {
		if i != newest && isPrimary(element) {
			other, _ := element.(map[string]any)
			name, _ := memberNamed(other, scim.AttrPrimary)
			other[name] = false
		}
	}
}

func isPrimary(element any) bool { return filter.IsPrimary(element) }

// selected carries out an operation on the elements that the path selects: those that match its filter, or all elements
// for a sub-attribute without a filter.
func (t target) selected(op Operation, elements []any) ([]any, error) {
	var kept []any
	matched, newest, copying := false, -1, copied*weight(op.Value)
	for _, element := range elements {
		if t.path.Filter != nil && !filter.MatchElement(t.path.Filter, element) {
			kept = append(kept, element)
			continue
		}
		if matched { // the first copy is the value in the body
			if err := t.work.spend(copying); err != nil {
				return nil, err
			}
		}
		matched = true
		changed, err := t.changeElement(op, element)
		if err != nil {
			return nil, err
		}
		if !scim.IsEmpty(changed) {
			newest = len(kept)
			kept = append(kept, changed)
		}
	}
	if newest >= 0 {
		demoteOthers(kept, newest)
	}
	if !matched && t.path.Filter != nil && t.profile.Takes(scim.LoneUntyped) {
		if changed, ok, err := t.changeLone(op, kept); ok || err != nil {
			return changed, err
		}
	}
	if matched || op.Op == Remove || scim.IsEmpty(op.Value) {
		return kept, nil
	}
	return t.createElement(op, kept)
}

func (t target) changeElement(op Operation, element any) (any, error) {
	object, ok := element.(map[string]any)
	if !ok {
		return t.changeSimple(op, element)
	}
	switch {
	case t.sub() != "":
		return object, t.putSub(object, op)
	case op.clears():
		return nil, nil
	case scim.IsEmpty(op.Value):
		return object, nil // nothing to add
	}
	return object, t.mergeElement(object, op.Value)
}

func (t target) changeSimple(op Operation, element any) (any, error) {
	switch {
	case t.attr.Open && t.sub() != "" && !filter.IsValue(t.sub()):
		if op.clears() || scim.IsEmpty(op.Value) {
			return element, nil // it has no such part
		}
		return nil, scim.BadRequest(scim.CodePath, scim.InvalidPath, "%s has simple values, which have no %q; leave the sub-attribute out", t.attr.Name, t.sub())
	case op.clears():
		return nil, nil
	case scim.IsEmpty(op.Value):
		return element, nil // nothing to add
	}
	return t.profile.CanonicalElement(t.attr, t.path.Attr.String(), op.Value)
}

// mergeElement merges the value that a client sent for one element. A bare value, or an array with one value, means its
// object.
func (t target) mergeElement(element map[string]any, value any) error {
	if array, ok := value.([]any); ok && len(array) == 1 {
		value = array[0]
	}
	object, ok := value.(map[string]any)
	if !ok {
		object = map[string]any{scim.AttrValue: value}
	}
	return t.merge(element, t.attr, object)
}

// createElement creates the element that a filter of plain eq terms describes, when no element matches. Entra sends
// emails[type eq "work"].value for a user without e-mail, where the RFC asks for noTarget.
func (t target) createElement(op Operation, elements []any) ([]any, error) {
	terms := map[string]any{}
	if t.path.Filter != nil {
		var ok bool
		if terms, ok = filter.EqualTerms(t.path.Filter); !ok || !t.profile.Takes(scim.CreateOnNoMatch) {
			return nil, scim.BadRequest(scim.CodePatchNoTarget, scim.NoTarget, "no value of %s matches the filter of the path; read the resource again, or add the value", t.attr.Name)
		}
	}
	var element any
	if t.attr.Type == scim.TypeComplex {
		object := map[string]any{}
		if err := t.merge(object, t.attr, terms); err != nil {
			return nil, err
		}
		element = object
	}
	changed, err := t.changeElement(op, element)
	if err != nil {
		return nil, err
	}
	if err := t.checkMatches(changed); err != nil { // otherwise every repetition would create another element
		return nil, err
	}
	elements = append(elements, changed)
	demoteOthers(elements, len(elements)-1)
	return elements, nil
}
