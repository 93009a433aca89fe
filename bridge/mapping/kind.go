package mapping

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/interpreter"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// taken is what one rule took out of a document.
type taken struct {
	rule   *rule
	values []string
}

// derived is an attribute that an expression gives.
type derived struct {
	at    place
	value *expression
}

// copied is a copy of a document in which the rules may work: the objects in which they or
// the expressions write are its own, the others the document's.
func (k kind) copied(doc scim.Document) scim.Document {
	if !k.keeps() { // judge works everywhere
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

// touch finds the members of a document within which the rules and the expressions write.
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

// activation is what the expressions see of a document. Without expressions it is nil.
func (k kind) activation(doc scim.Document) (interpreter.Activation, error) {
	if k.language == nil {
		return nil, nil //nolint:nilnil // nothing looks at it
	}
	in, err := k.language.activation(doc, nil)
	if err != nil {
		return nil, fmt.Errorf("CEL: %w", err)
	}
	return in, nil
}

// derive computes the attributes that expressions give, all from the document as it is.
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

// take runs the rules that write. What they leave in the rest has no other place.
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

// compact removes the elements whose marks say nothing that reading without them would
// not say, so that a user made in the console is not written for it.
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

// valuesFor counts the values that were taken out of the elements of one attribute: there
// are no more elements without marks.
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

// rest is what the remainder holds for this mapping: one before it may have kept what
// this one does not.
func (k kind) rest(tenantKey, id string, stored []string) (scim.Document, error) {
	rest, err := readRemainder(tenantKey, id, stored)
	if err == nil && !k.keeps() {
		k.strip(rest)
	}
	return rest, err
}

// give runs the rules backwards and removes what marks are left. A value in Keycloak
// that its attribute cannot have is a *DamagedError; id is the resource's.
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

// detail is what an error of a step says.
func detail(err error) string {
	if e, ok := errors.AsType[*scim.Error](err); ok {
		return e.Detail
	}
	return err.Error()
}
