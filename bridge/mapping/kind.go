package mapping

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/interpreter"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// taken holds what one rule took from a document.
type taken struct {
	rule   *rule
	values []string
}

// derived is an attribute that an expression computes.
type derived struct {
	at    place
	value *expression
}

// copied returns a copy of a document that the rules may change. Objects in which rules or
// expressions write are new; the others belong to the document.
func (k kind) copied(doc scim.Document) scim.Document {
	if !k.keeps() { // judge works on all attributes
		return doc.Clone()
	}
	out := make(scim.Document, len(doc))
	for name, value := range doc {
		if _, text := value.(string); !text && k.touched[name] {
			value = scim.CloneValue(value)
		}
		out[name] = value
	}
	return out
}

// touch finds the members of a document in which the rules and the expressions write.
func (k *kind) touch() {
	k.touched = map[string]bool{}
	at := func(p place, inside bool) {
		switch {
		case len(p.within) > 0:
			k.touched[p.within[0]] = true
		case inside:
			k.touched[p.name] = true
		}
	}
	for _, r := range k.rules {
		at(r.at, r.inElements())
	}
	for _, d := range k.derived {
		at(d.at, false)
	}
}

// activation returns what the expressions see of a document, or nil without expressions.
func (k kind) activation(doc scim.Document) (interpreter.Activation, error) {
	if k.language == nil {
		return nil, nil //nolint:nilnil // no expression needs it
	}
	in, err := k.language.activation(doc, nil)
	if err != nil {
		return nil, fmt.Errorf("CEL: %w", err)
	}
	return in, nil
}

// derive computes the attributes that expressions give, each from the original document.
func (k kind) derive(doc scim.Document) error {
	if len(k.derived) == 0 {
		return nil
	}
	in, err := k.activation(doc)
	if err != nil {
		return err
	}
	values := make([]any, len(k.derived))
	for i, d := range k.derived {
		if values[i], err = d.value.evaluate(in); err != nil {
			return err
		}
	}
	for i, d := range k.derived {
		if values[i] == nil {
			d.at.remove(doc)
		} else {
			d.at.set(doc, values[i])
		}
	}
	return nil
}

// extract runs the rules that write. Values that remain in rest have no other place.
func (k kind) extract(rest scim.Document) ([]taken, error) {
	out := make([]taken, 0, len(k.rules))
	for _, r := range k.rules {
		values, err := r.extract(rest)
		if err != nil {
			return nil, err
		}
		if !r.readOnly() {
			out = append(out, taken{r, values})
		}
	}
	compact(rest, out)
	return out, nil
}

// compact removes elements whose marks are not needed to read the values back. A user from the
// console is therefore not changed because of such marks.
func compact(rest scim.Document, all []taken) {
	for i, t := range all {
		list, _ := t.rule.at.get(rest).([]any)
		if !t.rule.inElements() || len(list) == 0 || beforeAt(all[:i], t.rule) || len(list) > valuesFor(all, t.rule) {
			continue
		}
		with, without := scim.Document{}, scim.Document{}
		t.rule.at.set(with, scim.CloneValue(list))
		for _, other := range all {
			if !other.rule.sameList(t.rule) {
				continue
			}
			if errors.Join(other.rule.render(with, other.values), other.rule.render(without, other.values)) != nil {
				return
			}
		}
		if scim.Equal(with, without) {
			t.rule.at.remove(rest)
		}
	}
}

// valuesFor counts the values that were taken from the elements of one attribute. There are at most
// as many elements without marks.
func valuesFor(all []taken, r *rule) int {
	n := 0
	for _, t := range all {
		if t.rule.sameList(r) {
			n += len(t.values)
		}
	}
	return n
}

func beforeAt(all []taken, r *rule) bool {
	for _, t := range all {
		if t.rule.sameList(r) {
			return true
		}
	}
	return false
}

// sameList reports whether two rules work on the elements of one attribute.
func (r *rule) sameList(other *rule) bool {
	return r.inElements() && other.inElements() && r.path.URN == other.path.URN && r.path.Name == other.path.Name
}

// rest returns the part of the remainder that this mapping uses. An earlier mapping may have stored
// values that this mapping does not keep.
func (k kind) rest(tenantKey, id string, stored []string) (scim.Document, error) {
	rest, err := readRemainder(tenantKey, id, stored)
	if err == nil && !k.keeps() {
		k.strip(rest)
	}
	return rest, err
}

// render runs the rules backwards and removes the remaining marks. A stored value that the
// attribute cannot have is a *DamagedError; id is the resource's id.
func (k kind) render(doc scim.Document, id string, held func(*rule) []string) error {
	for _, r := range k.rules {
		if err := r.render(doc, held(r)); err != nil {
			return &DamagedError{ID: id, Attribute: r.target}
		}
	}
	sweep(doc)
	return nil
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// detail returns the text of an error of a step.
func detail(err error) string {
	if e, ok := errors.AsType[*scim.Error](err); ok {
		return e.Detail
	}
	return err.Error()
}
