package filter

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Sort is an order of resources (RFC 7644 section 3.4.2.3). It is total: resources without
// the attribute are last, and equal ones stand by their ids; descending is the reverse of
// ascending. The zero Sort is by id.
type Sort struct {
	Path       scim.AttrPath
	Descending bool
}

// ParseSort reads sortBy and sortOrder; without sortBy the order is that by id. An attribute
// that the type does not have or that nobody can sort by, and another sortOrder than
// ascending and descending in any case, are a *scim.Error with InvalidValue.
func ParseSort(by, order string, rt *scim.ResourceType) (Sort, error) {
	var s Sort
	switch {
	case order == "" || strings.EqualFold(order, "ascending"):
	case strings.EqualFold(order, "descending"):
		s.Descending = true
	default:
		return Sort{}, scim.BadRequest(scim.CodeSort, scim.InvalidValue, "sortOrder is ascending or descending")
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
		return Sort{}, scim.BadRequest(scim.CodeSort, scim.InvalidValue, "sortBy: nothing can be sorted by %s; name another attribute", path)
	}
	s.Path = path
	return s, nil
}

// derived reports whether an attribute is no part of a document: members of a group and
// groups of a user are read beside it.
func derived(p scim.AttrPath) bool {
	return p.URN == "" && (p.Name == scim.AttrMembers || p.Name == scim.AttrGroups)
}

// maxSortKey is how many bytes of a text count for its place, so that a cursor can name it.
const maxSortKey = 256

// Value is by what a resource is sorted: of a multi-valued attribute its primary value, else
// the first; nil for a resource without it.
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

// Position is the place of a resource.
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

// Keyed is the place of a resource with a key, if it has one.
func (s Sort) Keyed(id, key string, has bool) Position {
	if !has || key == "" {
		return Position{ID: id}
	}
	return Position{ID: id, Key: s.cut(key), Has: true}
}

// cut is as much of a key as counts for its place.
func (s Sort) cut(key string) string {
	if len(key) <= maxSortKey {
		return key
	}
	return strings.ToValidUTF8(key[:maxSortKey], "")
}

// Sorter compares keys. It is for one goroutine.
type Sorter struct {
	collator *collate.Collator // nil for keys that are in the order of their bytes
	buffer   collate.Buffer
	open     bool // keys begin with their kind
}

// Sorter makes one for the order: texts are in the order of the Unicode collation algorithm
// with no language implied, all else as keys are.
func (s Sort) Sorter() *Sorter {
	if leaf := s.Path.Leaf(); leaf != nil && (leaf.Type == scim.TypeString || s.Path.Open) {
		return &Sorter{collator: collate.New(language.Und), open: s.Path.Open}
	}
	return &Sorter{}
}

// Weight are bytes in whose order the keys are, appended to a slice.
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

// Position is the place of a resource in an order.
type Position struct {
	ID  string
	Key string // of the value, as much of it as counts
	Has bool   // whether it has one
}

// Placed is a Position with what it is compared by.
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

// Compare is negative when p stands before q in ascending order.
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
