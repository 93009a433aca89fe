package filter

import (
	"bytes"
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
		return Sort{}, scim.BadRequest(scim.InvalidValue, "sortOrder is ascending or descending")
	}
	if by == "" {
		return Sort{}, nil
	}
	path, err := rt.Resolve(strings.TrimSpace(by))
	if err != nil || !path.Known() || path.Name == "" {
		return Sort{}, scim.BadRequest(scim.InvalidValue, "sortBy: %s has no attribute %q; GET /Schemas lists them", rt.Name, clip(by))
	}
	path = toValue(path)
	switch {
	case path.Leaf().Type == scim.TypeComplex:
		return Sort{}, scim.BadRequest(scim.InvalidValue, "sortBy: %s is complex; name one of its sub-attributes", path)
	case path.Attr.Returned == scim.ReturnedNever || derived(path):
		return Sort{}, scim.BadRequest(scim.InvalidValue, "sortBy: nothing can be sorted by %s", path)
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

// Key is by what a resource is sorted: of a multi-valued attribute its primary value, else
// the first. ok is false for a resource without it.
func (s Sort) Key(object map[string]any) (key string, ok bool) {
	elements := values(scim.AttrPath{URN: s.Path.URN, Name: s.Path.Name, Attr: s.Path.Attr}, object)
	i := 0
	for j, element := range elements {
		if complexValue, ok := element.(map[string]any); ok && complexValue[scim.AttrPrimary] == true {
			i = j
			break
		}
	}
	if i >= len(elements) {
		return "", false
	}
	value := elements[i]
	if complexValue, isComplex := value.(map[string]any); isComplex {
		list := flatten(complexValue[s.Path.Sub])
		if len(list) == 0 {
			return "", false
		}
		value = list[0]
	}
	key, ok = Key(s.Path.Leaf(), value)
	return s.Cut(key), ok && key != ""
}

// Cut is as much of a key as counts for its place.
func (s Sort) Cut(key string) string {
	if len(key) <= maxSortKey {
		return key
	}
	return strings.ToValidUTF8(key[:maxSortKey], "")
}

// Sorter compares keys. It is for one goroutine.
type Sorter struct {
	collator *collate.Collator // nil for keys that are in the order of their bytes
	buffer   collate.Buffer
}

// Sorter makes one for the order: texts are in the order of the Unicode collation algorithm
// with no language implied, all else as keys are.
func (s Sort) Sorter() *Sorter {
	if leaf := s.Path.Leaf(); leaf != nil && leaf.Type == scim.TypeString {
		return &Sorter{collator: collate.New(language.Und)}
	}
	return &Sorter{}
}

// Weight are bytes in whose order the keys are, appended to a slice.
func (s *Sorter) Weight(to []byte, key string) []byte {
	if s.collator == nil {
		return append(to, key...)
	}
	s.buffer.Reset()
	return append(to, s.collator.KeyFromString(&s.buffer, key)...)
}

// Position is the place of a resource in an order.
type Position struct {
	ID  string
	Key string // as Sort.Key says
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
