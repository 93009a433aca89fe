package patch

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// places finds the element of a list that means the same as a given element: the first that is equal, or that has an
// equal value and no other type. The list may grow at its end.
type places struct {
	attr  *scim.Attribute
	asked int // how often find was called, up to fewAsked

	// After more calls the list is read once. Otherwise each value would be compared with all others.
	read    int                   // how many elements of the list were read
	byValue map[string]*sameValue // by the text of the value
	byKey   map[string]int        // of elements without a text as value
	buffer  []byte
}

// fewAsked is how often a list is searched before it is read.
const fewAsked = 4

// sameValue has the places of the elements with one value.
type sameValue struct {
	first   int
	untyped []int          // ascending
	byType  map[string]int // the first of each type
}

// find is the place of an element, or -1.
func (p *places) find(list []any, element any) int {
	if p.asked < fewAsked {
		p.asked++
		return p.scan(list, element)
	}
	for ; p.read < len(list); p.read++ {
		p.add(p.read, list[p.read])
	}
	text, ok := textOf(p.attr, element)
	if !ok {
		return at(p.byKey, p.key(element))
	}
	s, kind := p.byValue[text], typeOf(element)
	switch {
	case s == nil:
		return -1
	case kind == nil:
		return s.first
	}
	i := at(s.byType, p.key(kind))
	if len(s.untyped) > 0 && (i < 0 || s.untyped[0] < i) {
		return s.untyped[0]
	}
	return i
}

func (p *places) scan(list []any, element any) int {
	text, ok := textOf(p.attr, element)
	kind := typeOf(element)
	for i, e := range list {
		other, has := textOf(p.attr, e)
		if has != ok {
			continue
		}
		if !ok && scim.Equal(e, element) {
			return i
		}
		if ok && other == text {
			if of := typeOf(e); kind == nil || of == nil || scim.Equal(of, kind) {
				return i
			}
		}
	}
	return -1
}

func (p *places) add(i int, element any) {
	text, ok := textOf(p.attr, element)
	if !ok {
		p.byKey = first(p.byKey, p.key(element), i)
		return
	}
	s := p.byValue[text]
	if s == nil {
		if p.byValue == nil {
			p.byValue = map[string]*sameValue{}
		}
		s = &sameValue{first: i}
		p.byValue[text] = s
	}
	if kind := typeOf(element); kind == nil {
		s.untyped = append(s.untyped, i)
	} else {
		s.byType = first(s.byType, p.key(kind), i)
	}
}

// typed notes that the element at a place gets the type of the element other, for which find returned the place.
func (p *places) typed(i int, other any) {
	text, ok := textOf(p.attr, other)
	kind := typeOf(other)
	if !ok || kind == nil || i >= p.read {
		return
	}
	s := p.byValue[text]
	if len(s.untyped) == 0 || s.untyped[0] != i {
		return
	}
	s.untyped = s.untyped[1:]
	key := p.key(kind)
	delete(s.byType, key) // or the place of a later element
	s.byType = first(s.byType, key, i)
}

func (p *places) key(value any) string {
	p.buffer = scim.AppendKey(p.buffer[:0], value)
	return string(p.buffer)
}

// at is the place of a key, or -1.
func at(places map[string]int, key string) int {
	if i, ok := places[key]; ok {
		return i
	}
	return -1
}

// first notes the place of a key, unless the key has a place.
func first(places map[string]int, key string, i int) map[string]int {
	if places == nil {
		places = map[string]int{}
	}
	if _, ok := places[key]; !ok {
		places[key] = i
	}
	return places
}

func typeOf(element any) any {
	object, _ := element.(map[string]any)
	kind, _ := scim.Member(object, scim.AttrType)
	return kind
}
