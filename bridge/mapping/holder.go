package mapping

import (
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// markName is the only member of a mark. No request body has a member of this name.
const markName = scim.ReservedName

// mark replaces values that Keycloak holds.
func mark(values ...string) map[string]any {
	hashes := make([]any, len(values))
	for i, text := range values {
		hashes[i] = hash(text)
	}
	return map[string]any{markName: hashes}
}

// marks returns the hashes in a mark; ok is false for a value that is not a mark.
func marks(value any) (hashes []string, ok bool) {
	object, _ := value.(map[string]any)
	list, ok := object[markName].([]any)
	if !ok || len(object) != 1 {
		return nil, false
	}
	for _, h := range list {
		text, _ := h.(string)
		hashes = append(hashes, text)
	}
	return hashes, true
}

// place is the position of an attribute in a document: its name, and the names of the objects that
// contain it (an extension, a complex attribute).
type place struct {
	within []string
	name   string
}

// placeOf returns the place of an attribute. For a sub-attribute in the elements of a multi-valued
// attribute, it returns the place of the multi-valued attribute.
func placeOf(p scim.AttrPath) place {
	at := place{name: p.Name}
	if p.URN != "" {
		at.within = append(at.within, p.URN)
	}
	if p.Sub != "" && !p.Attr.MultiValued {
		at.within, at.name = append(at.within, p.Name), p.Sub
	}
	return at
}

// get returns the value, nil when there is no value.
func (p place) get(doc scim.Document) any {
	return find(doc, p.within)[p.name]
}

func find(doc scim.Document, within []string) map[string]any {
	object := map[string]any(doc)
	for _, name := range within {
		object, _ = object[name].(map[string]any)
	}
	return object
}

// set stores a value and creates the objects that contain it.
func (p place) set(doc scim.Document, value any) {
	object := map[string]any(doc)
	for _, name := range p.within {
		next, ok := object[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			object[name] = next
		}
		object = next
	}
	object[p.name] = value
}

// remove removes the value, and the objects that are empty then.
func (p place) remove(doc scim.Document) {
	delete(find(doc, p.within), p.name)
	for i, name := range slices.Backward(p.within) {
		outer := find(doc, p.within[:i])
		if inner, ok := outer[name].(map[string]any); !ok || len(inner) > 0 {
			return
		}
		delete(outer, name)
	}
}

// sweep removes the marks that no rule replaced. An earlier mapping stored them.
func sweep(object map[string]any) {
	for name, value := range object {
		if swept, keep := sweepValue(value); !keep {
			delete(object, name)
		} else if _, list := value.([]any); list {
			object[name] = swept
		}
	}
}

func sweepValue(value any) (swept any, keep bool) {
	switch v := value.(type) {
	case map[string]any:
		if _, marked := marks(v); marked {
			return nil, false
		}
		before := len(v)
		sweep(v)
		return v, len(v) > 0 || before == 0
	case []any:
		out := v[:0]
		for _, element := range v {
			if kept, keep := sweepValue(element); keep {
				out = append(out, kept)
			}
		}
		return out, len(out) > 0 || len(v) == 0
	}
	return value, true
}
