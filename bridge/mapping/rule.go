package mapping

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// rule moves the values of one attribute into an attribute or a field of Keycloak, and back. A
// value that the rule cannot move stays in the rest of the document. A mark in the rest says where
// a value belongs when Keycloak's values do not show it.
//
//	"badges": [{"@":["3f9a12bc"]}, {"@":["77aa01ee"]}]         the order of several values
//	"phoneNumbers": [{"type":"work","value":{"@":["3f9a12bc"]}}]  whose value it is
//
// A mark identifies the values by their hashes. It is left out when reading without the mark gives
// the same document.
type rule struct {
	at      place           // of the attribute
	path    scim.AttrPath   // of the attribute, with its sub-attribute
	filter  filter.Expr     // which elements; nil without […]
	terms   map[string]any  // the terms of the filter, all with eq
	leaf    *scim.Attribute // the attribute at the end of the path
	target  string          // name of the Keycloak attribute or field
	field   bool            // whether the target is a field
	soft    bool            // built in: values that Keycloak cannot hold stay in the rest
	json    bool            // values are stored as JSON text
	several bool            // whether the target may hold several values
	derived bool            // an expression gives the attribute
	limit   int             // the longest value, in UTF-16 units
	steps   steps
}

// String returns the path as a client would write it.
func (r *rule) String() string {
	if r.filter == nil {
		return r.path.String()
	}
	whole := r.path
	whole.Sub, whole.SubAttr = "", nil
	return filter.Path{Attr: whole, Filter: r.filter, Sub: r.path.Sub}.String()
}

// inElements reports whether the values are in the elements of a multi-valued attribute.
func (r *rule) inElements() bool { return r.path.Sub != "" && r.path.Attr.MultiValued }

// readOnly reports whether the attribute shows what Keycloak holds and is never
// written.
func (r *rule) readOnly() bool { return r.leaf.Mutability == scim.ReadOnly && !r.derived }

// extract moves the values out of the rest of a document. A value that Keycloak cannot hold gives a
// *scim.Error with InvalidValue that names the attribute.
func (r *rule) extract(rest scim.Document) ([]string, error) {
	if r.readOnly() {
		r.at.remove(rest)
		return nil, nil
	}
	value := r.at.get(rest)
	list, _ := value.([]any)
	switch {
	case r.inElements():
		return r.extractElements(list)
	case r.leaf.MultiValued && !r.steps.join():
		return r.extractList(rest, list)
	}
	return r.extractOne(rest, value)
}

// extractOne moves what is stored as a whole: a single value, or several joined values.
func (r *rule) extractOne(rest scim.Document, value any) ([]string, error) {
	texts, err := r.encodeAll(value)
	if err != nil {
		return nil, err
	}
	values, err := r.steps.in(texts)
	if err != nil {
		return nil, r.fault(err)
	}
	switch ok, err := r.storable(values); {
	case err != nil:
		return nil, err
	case !ok:
		return nil, nil
	}
	if value != nil {
		r.at.remove(rest)
	}
	if r.steps.split() && !slices.IsSorted(values) {
		r.at.set(rest, mark(values...))
	}
	return values, nil
}

// storable reports whether Keycloak keeps the values unchanged; otherwise they stay in the rest.
func (r *rule) storable(values []string) (bool, error) {
	for _, text := range values {
		switch {
		case strings.TrimSpace(text) == "":
			return false, nil
		case length(text) <= r.limit:
		case r.soft:
			return false, nil
		default:
			return false, scim.BadRequest(scim.CodeTooLong, scim.InvalidValue, "%s can have at most %d characters", r, r.limit)
		}
	}
	return true, nil
}

// extractList moves the values of a multi-valued attribute. It leaves marks unless the order of the
// stored values gives the same document.
func (r *rule) extractList(rest scim.Document, elements []any) (values []string, err error) {
	left := make([]any, 0, len(elements))
	literal, seen := false, texts{}
	for _, element := range elements {
		stored, err := r.extractValue(element)
		if err != nil {
			return nil, err
		}
		switch {
		case stored == "":
			literal = true
			left = append(left, element)
		case !seen.in(values, stored):
			values = append(values, stored)
			left = append(left, mark(stored))
		}
	}
	switch {
	case len(elements) == 0:
	case !literal && slices.IsSorted(values):
		r.at.remove(rest)
	default:
		r.at.set(rest, left)
	}
	return values, nil
}

// extractValue returns the form in which one value is stored, or "" when the value stays in the
// rest.
func (r *rule) extractValue(value any) (string, error) {
	text, err := r.encode(value)
	if err != nil {
		return "", err
	}
	values, err := r.steps.in([]string{text})
	if err != nil {
		return "", r.fault(err)
	}
	if ok, err := r.storable(values); !ok || err != nil || len(values) == 0 {
		return "", err
	}
	return values[0], nil
}

// extractElements moves the values of elements and leaves a mark in place of each.
func (r *rule) extractElements(elements []any) ([]string, error) {
	var values []string
	seen := texts{}
	for _, element := range elements {
		object, ok := element.(map[string]any)
		if _, marked := marks(object[r.leaf.Name]); !ok || marked || !r.selects(object) || object[r.leaf.Name] == nil {
			continue
		}
		if r.filter != nil && len(values) > 0 {
			return nil, scim.BadRequest(code.SeveralValues, scim.InvalidValue, "%s has several values, but only one is allowed; send one value", r)
		}
		stored, err := r.extractValue(object[r.leaf.Name])
		if err != nil {
			return nil, err
		}
		if stored == "" {
			continue
		}
		object[r.leaf.Name] = mark(stored)
		if !seen.in(values, stored) {
			values = append(values, stored)
		}
	}
	return values, nil
}

func (r *rule) selects(element map[string]any) bool {
	return r.filter == nil || filter.MatchElement(r.filter, element)
}

// render puts Keycloak's values into a document in place of the marks. A value that somebody
// changed in Keycloak shows. A value that the attribute cannot have is an error.
func (r *rule) render(doc scim.Document, stored []string) error {
	value := r.at.get(doc)
	list, _ := value.([]any)
	switch {
	case r.inElements():
		return r.renderElements(doc, list, stored)
	case r.leaf.MultiValued && !r.steps.join():
		return r.renderList(doc, list, stored)
	}
	if hashes, marked := marks(value); marked {
		r.at.remove(doc)
		stored = inOrder(stored, hashes)
	} else if r.steps.split() {
		stored = inOrder(stored, nil)
	}
	if len(stored) == 0 {
		return nil
	}
	if !r.several {
		stored = stored[:1]
	}
	if len(r.steps) > 0 {
		stored = r.steps.out(slices.Clone(stored))
	}
	shown, err := r.decodeAll(stored)
	if err == nil && shown != nil {
		r.at.set(doc, shown)
	}
	return err
}

// fewTexts is the largest number of texts that are compared one by one.
const fewTexts = 8

// texts is a set of the texts in a growing list.
type texts struct {
	known map[string]bool
	read  int // how many texts of the list are in the set
}

// in reports whether a text is in the list.
func (t *texts) in(list []string, text string) bool {
	if len(list) <= fewTexts {
		return slices.Contains(list, text)
	}
	if t.known == nil {
		t.known = make(map[string]bool, 2*fewTexts)
	}
	for ; t.read < len(list); t.read++ {
		t.known[list[t.read]] = true
	}
	return t.known[text]
}

// held holds the values of a Keycloak attribute, sorted and without duplicates, and finds them by
// their hashes.
type held struct {
	texts  []string
	taken  []bool
	least  int            // all places before it are used
	byHash map[string]int // places in texts; nil until the first search
	same   []int          // by place: the next place with the same hash, -1 for the last
}

func newHeld(stored []string) *held {
	texts := slices.Clone(stored)
	slices.Sort(texts)
	texts = slices.Compact(texts)
	return &held{texts: texts, taken: make([]bool, len(texts))}
}

// find returns the place of the value with a hash, or -1.
func (h *held) find(wanted string) int {
	if h.byHash == nil {
		h.byHash, h.same = make(map[string]int, len(h.texts)), make([]int, len(h.texts))
		for i, text := range slices.Backward(h.texts) {
			key, before := hash(text), -1
			if j, ok := h.byHash[key]; ok {
				before = j
			}
			h.byHash[key], h.same[i] = i, before
		}
	}
	if i, ok := h.byHash[wanted]; ok {
		return i
	}
	return -1
}

// pop removes the value with a hash and returns its place, or -1 when no such value is left.
func (h *held) pop(wanted string) int {
	i := h.find(wanted)
	for i >= 0 && h.taken[i] {
		i = h.same[i]
	}
	if i >= 0 {
		h.taken[i], h.byHash[wanted] = true, i
	}
	return i
}

// first returns the place of the first value that is left, or -1.
func (h *held) first() int {
	for h.least < len(h.texts) && h.taken[h.least] {
		h.least++
	}
	if h.least == len(h.texts) {
		return -1
	}
	return h.least
}

// left returns the values that nobody used.
func (h *held) left() []string {
	var out []string
	for i, text := range h.texts {
		if !h.taken[i] {
			out = append(out, text)
		}
	}
	return out
}

// inOrder returns the values in the order of their hashes, followed by the values without a hash,
// in their own order.
func inOrder(stored, hashes []string) []string {
	h := newHeld(stored)
	out := make([]string, 0, len(h.texts))
	for _, wanted := range hashes {
		if i := h.pop(wanted); i >= 0 {
			out = append(out, h.texts[i])
		}
	}
	return append(out, h.left()...)
}

func (r *rule) renderList(doc scim.Document, entries []any, stored []string) error {
	if len(entries) == 0 && len(stored) == 0 {
		return nil
	}
	h := newHeld(stored)
	var out []any
	for _, entry := range entries {
		hashes, marked := marks(entry)
		if !marked {
			out = append(out, entry)
			continue
		}
		i := -1
		if len(hashes) == 1 {
			i = h.pop(hashes[0])
		}
		if i < 0 {
			continue // the value is gone
		}
		value, err := r.show(h.texts[i])
		if err != nil {
			return err
		}
		if value != nil {
			out = append(out, value)
		}
	}
	for _, text := range h.left() {
		value, err := r.show(text)
		if err != nil {
			return err
		}
		out = append(out, value)
	}
	r.setOrRemove(doc, out)
	return nil
}

func (r *rule) setOrRemove(doc scim.Document, values []any) {
	if len(values) == 0 {
		r.at.remove(doc)
	} else {
		r.at.set(doc, values)
	}
}

// show returns the value of the attribute that is stored as the text.
func (r *rule) show(text string) (any, error) {
	if len(r.steps) == 0 {
		return r.decode(text)
	}
	values := r.steps.out([]string{text})
	return r.decode(values[0])
}

// renderElements fills the marked elements. A single value that was changed takes the place of its
// mark; a value without a mark gets a new element.
func (r *rule) renderElements(doc scim.Document, entries []any, stored []string) error {
	if len(entries) == 0 && len(stored) == 0 {
		return nil
	}
	h := newHeld(stored)
	var out []any
	for _, entry := range entries {
		element, _ := entry.(map[string]any)
		hashes, marked := marks(element[r.leaf.Name])
		if !marked || !r.selects(element) {
			out = append(out, entry)
			continue
		}
		i := -1
		if first := h.first(); r.filter != nil && first >= 0 {
			i = first
		} else if len(hashes) == 1 {
			i = h.find(hashes[0])
		}
		var value any
		if i >= 0 {
			var err error
			if value, err = r.show(h.texts[i]); err != nil {
				return err
			}
		}
		if value == nil {
			if delete(element, r.leaf.Name); !r.onlyLabels(element) {
				out = append(out, element)
			}
			continue
		}
		element[r.leaf.Name] = value
		out = append(out, element)
		h.taken[i] = true
	}
	out, err := r.addElements(out, h.left())
	r.setOrRemove(doc, out)
	return err
}

// addElements adds the values without marks. A single value goes to the element that the filter
// describes.
func (r *rule) addElements(out []any, left []string) ([]any, error) {
	for _, text := range left {
		value, err := r.show(text)
		if err != nil {
			return nil, err
		}
		if r.filter == nil {
			out = append(out, map[string]any{r.leaf.Name: value})
			continue
		}
		i := slices.IndexFunc(out, func(e any) bool { return filter.MatchElement(r.filter, e) })
		if i < 0 {
			out, i = append(out, maps.Clone(r.terms)), len(out)
		}
		if element, ok := out[i].(map[string]any); ok { // only an object matches
			element[r.leaf.Name] = value
		}
		break
	}
	return out, nil
}

// onlyLabels reports whether an element has nothing left except the kind of value that it held.
func (r *rule) onlyLabels(element map[string]any) bool {
	for name := range element {
		if !r.isLabel(name) {
			return false
		}
	}
	return true
}

func (r *rule) isLabel(name string) bool {
	_, term := r.terms[name]
	return term || name == scim.AttrType || name == scim.AttrPrimary || name == scim.AttrDisplay
}

// encodeAll returns the texts of the attribute's values.
func (r *rule) encodeAll(value any) ([]string, error) {
	values := []any{value}
	if list, ok := value.([]any); ok {
		values = list
	} else if value == nil {
		return nil, nil
	}
	texts := make([]string, len(values))
	for i, v := range values {
		var err error
		if texts[i], err = r.encode(v); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// encode returns the text of one value.
func (r *rule) encode(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		if v {
			return "true", nil
		}
		return "false", nil
	case json.Number:
		return v.String(), nil
	}
	if !r.json {
		return "", scim.BadRequest(scim.CodeValue, scim.InvalidValue, "%s must be a %s", r, r.leaf.Type)
	}
	return encodeASCII(value)
}

// errForeign reports a text in Keycloak that is not a value of the attribute's type.
var errForeign = errors.New("the value is of another type")

// decodeAll returns the attribute's value for its texts.
func (r *rule) decodeAll(texts []string) (any, error) {
	if !r.leaf.MultiValued {
		if len(texts) == 0 {
			return nil, nil
		}
		return r.decode(texts[0])
	}
	out := make([]any, len(texts))
	for i, text := range texts {
		var err error
		if out[i], err = r.decode(text); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// decode returns the value for a text.
func (r *rule) decode(text string) (any, error) {
	var value any
	switch {
	case r.leaf.Type == scim.TypeString:
		return text, nil
	case r.json:
		object, err := scim.Decode([]byte(text))
		if err != nil {
			return nil, errForeign
		}
		value = object
	case r.leaf.Type == scim.TypeInteger || r.leaf.Type == scim.TypeDecimal:
		if !json.Valid([]byte(text)) {
			return nil, errForeign
		}
		value = json.Number(text)
	default:
		value = text
	}
	out, err := scim.Tolerant.CanonicalElement(r.leaf, r.path.String(), value)
	if err != nil || out == nil {
		return nil, errForeign
	}
	return out, nil
}

// fault names the attribute in the error of a step.
func (r *rule) fault(err error) error {
	return scim.BadRequest(scim.CodeValue, scim.InvalidValue, "%s %s", r, detail(err))
}
