package patch

import (
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// changeLone changes the one element that may be the work or the primary one that the path asks for, although it does
// not say so. The element says it afterwards, so that a later filter finds it. ok is false without such an element.
// Among several elements it does not guess, because Keycloak has one address: a change of another address would look
// like a success.
func (t target) changeLone(op Operation, elements []any) (changed []any, ok bool, err error) {
	lones := filter.Lones(t.path.Attr, t.path.Filter)
	if len(lones) == 0 {
		return nil, false, nil
	}
	if err := t.work.spend(len(lones) * weightOf(elements)); err != nil {
		return nil, false, err
	}
	unclear := false
	for _, l := range lones {
		i, several := l.Find(elements)
		if i >= 0 {
			changed, err := t.changeAt(op, elements, i, l.Assumed)
			return changed, true, err
		}
		unclear = unclear || several
	}
	if unclear && t.attr.Name == scim.AttrEmails {
		return nil, false, scim.BadRequest(scim.CodePatchNoTarget, scim.NoTarget,
			"several values of %s have no %s, so the path does not say which value it means, and nothing was changed; send %[1]s as a whole, each value with its %[2]s", t.attr.Name, lones[0].Assumed[0].Path.Name)
	}
	return nil, false, nil
}

// changeAt changes the element at a place, for which some terms are assumed. When the operation removes something, the
// assumed values are not added.
func (t target) changeAt(op Operation, elements []any, i int, assumed []*filter.Compare) ([]any, error) {
	object, _ := elements[i].(map[string]any) // of a complex attribute
	takes := op.Op == Remove || scim.IsEmpty(op.Value)
	if !takes {
		for _, term := range assumed {
			object[term.Path.Name] = term.Value
		}
	}
	changed, err := t.changeElement(op, object)
	switch {
	case err != nil:
		return nil, err
	case scim.IsEmpty(changed):
		return slices.Delete(elements, i, i+1), nil
	case !takes:
		err = t.checkMatches(changed)
	}
	elements[i] = changed
	demoteOthers(elements, i)
	return elements, err
}

// checkMatches refuses an element that the path's filter would not find.
func (t target) checkMatches(element any) error {
	if t.path.Filter != nil && !filter.MatchElement(t.path.Filter, element) {
		return scim.BadRequest(scim.CodePatchContradiction, scim.InvalidValue, "the value contradicts the filter of the path on %s; send the same value in both", t.attr.Name)
	}
	return nil
}
