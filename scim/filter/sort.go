package filter

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Sort is an order of resources (RFC 7644 section 3.4.2.3). The order is total: resources without the attribute come
// last, and equal ones are ordered by id. Descending is the reverse of ascending. The zero Sort is by id.
type Sort struct {
	Path       scim.AttrPath
	Descending bool
}

// ParseSort reads sortBy and sortOrder. Without sortBy the order is by id. It returns a *scim.Error with InvalidValue
// for an attribute that the type does not have or cannot be sorted by, and for a sortOrder other than ascending or
// descending. The case of sortOrder does not matter.
func ParseSort(by, order string, rt *scim.ResourceType) (Sort, error) {
	var s Sort
	switch {
	case order == "" || strings.EqualFold(order, "ascending"):
	case strings.EqualFold(order, "descending"):
		s.Descending = true
	default:
		return Sort{}, scim.BadRequest(scim.CodeSort, scim.InvalidValue, "sortOrder must be ascending or descending")
	}
	if by == "" {
		return Sort{}, nil
	}
	path, err := rt.Resolve(strings.TrimSpace(by))
	if err != nil || !canCompare(path) {
		return Sort{}, scim.BadRequest(scim.CodeSort, scim.InvalidValue, "sortBy: %s has no attribute %q; GET /Schemas lists them", rt.Name, clip(by))
	}
	path = toValue(path)
	switch {
	case path.Open:
	case path.Leaf().Type == scim.TypeComplex:
		return Sort{}, scim.BadRequest(scim.CodeSort, scim.InvalidValue, "sortBy: %s is complex; name one of its sub-attributes", path)
	case path.Attr.Returned == scim.ReturnedNever || derived(path):
		return Sort{}, scim.BadRequest(scim.CodeSort, scim.InvalidValue, "sortBy: resources cannot be sorted by %s; name another attribute", path)
	}
	s.Path = path
	return s, nil
}

// derived reports whether an attribute is not part of a document: members of a group and groups of a user are read
// separately.
func derived(p scim.AttrPath) bool {
	return p.URN == "" && (p.Name == scim.AttrMembers || p.Name == scim.AttrGroups)
}

// maxSortKey is how many bytes of a text count for the order. The bound lets a cursor contain a key.
const maxSortKey = 256

// Value is the value by which a resource is sorted: the primary value of a multi-valued attribute, else the first; nil
// for a resource without a value.
func (s Sort) Value(object map[string]any) any {
	elements := Values(scim.AttrPath{URN: s.Path.URN, Name: s.Path.Name, Attr: s.Path.Attr}, object)
	i := 0
	for j, element := range elements {
		if complexValue, ok := element.(map[string]any); ok && complexValue[scim.AttrPrimary] == true || s.Path.Open && slices.Contains(OpenParts(scim.AttrPrimary, []any{element}), any(true)) {
			i = j
			break
		}
	}
	if i >= len(elements) {
		return nil
	}
	if s.Path.Open {
		return openElement(s.Path.Sub, elements[i])
	}
	complexValue, isComplex := elements[i].(map[string]any)
	if !isComplex {
		return elements[i]
	}
	if list := Elements(complexValue[s.Path.Sub]); len(list) > 0 {
		return list[0]
	}
	return nil
}

// Position is the position of a resource in the order.
func (s Sort) Position(object map[string]any) Position {
	id, _ := object[scim.AttrID].(string)
	value := s.Value(object)
	if value == nil {
		return Position{ID: id}
	}
	if s.Path.Open {
		kind, key, ok := OpenKey(value)
		return s.Keyed(id, kind.SortKey(key), ok)
	}
	key, ok := Key(s.Path.Leaf(), value)
	return s.Keyed(id, key, ok)
}

// Keyed is the position of a resource whose key is known. has says whether the resource has a key.
func (s Sort) Keyed(id, key string, has bool) Position {
	if !has || key == "" {
		return Position{ID: id}
	}
	return Position{ID: id, Key: s.cut(key), Has: true}
}

// cut is the part of a key that counts for the order.
func (s Sort) cut(key string) string {
	if len(key) <= maxSortKey {
		return key
	}
	return strings.ToValidUTF8(key[:maxSortKey], "")
}

// Sorter compares keys. It must be used by one goroutine only.
type Sorter struct {
	collator *collate.Collator // nil for keys that are in the order of their bytes
	buffer   collate.Buffer
	open     bool // keys begin with their kind
}

// Sorter makes a Sorter for the order. Texts follow the Unicode collation algorithm without a language; other values
// sort like their keys.
func (s Sort) Sorter() *Sorter {
	if leaf := s.Path.Leaf(); leaf != nil && (leaf.Type == scim.TypeString || s.Path.Open) {
		return &Sorter{collator: collate.New(language.Und), open: s.Path.Open}
	}
	return &Sorter{}
}

// Weight appends to a slice the bytes by which a key is sorted.
func (s *Sorter) Weight(to []byte, key string) []byte {
	if s.collator == nil || s.open && Kind(key[0]) != KindText {
		return append(to, key...)
	}
	if s.open {
		to, key = append(to, key[0]), key[1:]
	}
	s.buffer.Reset()
	return append(to, s.collator.KeyFromString(&s.buffer, key)...)
}

// Position is the position of a resource in an order.
type Position struct {
	ID  string
	Key string // of the value, cut to the bytes that count
	Has bool   // whether the resource has a key
}

// Placed is a Position together with the bytes by which it is compared.
type Placed struct {
	Position

	weight []byte
}

// Place prepares a position for comparisons.
func (s *Sorter) Place(p Position) Placed {
	if !p.Has {
		return Placed{Position: p}
	}
	return Placed{p, s.Weight(nil, p.Key)}
}

// Compare is negative when p comes before q in ascending order.
func (p Placed) Compare(q Placed) int {
	if p.Has != q.Has {
		if p.Has {
			return -1
		}
		return 1
	}
	if order := bytes.Compare(p.weight, q.weight); order != 0 {
		return order
	}
	return strings.Compare(p.ID, q.ID)
}
