package scim

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Canonical makes a document of a JSON object that a client sent. Names get the schemas' spelling, and tolerated
// spellings of values become the real value. Types are checked, and read-only attributes are left out, as RFC 7644
// section 3.3 says. The object is not changed.
//
// A value of the wrong type gives an *Error with InvalidValue that names the attribute.
func (rt *ResourceType) Canonical(object map[string]any) (Document, error) {
	if err := rt.checkSchemas(object); err != nil {
		return nil, err
	}
	object, err := rt.gather(object)
	if err != nil {
		return nil, err
	}
	doc := make(Document, len(object))
	for name, value := range object {
		if err := rt.canonicalMember(doc, name, value); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// CanonicalMember is Canonical for one attribute.
func (rt *ResourceType) CanonicalMember(name string, value any) (Document, error) {
	doc := Document{}
	return doc, rt.canonicalMember(doc, name, value)
}

// checkSchemas refuses a resource whose "schemas" is missing or names a wrong schema (RFC 7643 section 3).
func (rt *ResourceType) checkSchemas(object map[string]any) error {
	if rt.Profile.Takes(AnySchemas) {
		return nil
	}
	value, _ := Member(object, AttrSchemas)
	list, _ := value.([]any)
	base := false
	for _, urn := range list {
		text, _ := urn.(string)
		isBase := strings.EqualFold(text, rt.Schema.ID)
		if base = base || isBase; !isBase && rt.Extension(text) == nil {
			return BadRequest(CodeSchemas, InvalidSyntax, "\"schemas\" names %q, which is not a schema of a %s; leave it out", clip(text), rt.Name)
		}
	}
	if !base {
		return BadRequest(CodeSchemas, InvalidSyntax, "\"schemas\" must name %s", rt.Schema.ID)
	}
	return nil
}

func (rt *ResourceType) canonicalMember(doc Document, name string, value any) error {
	if ext := rt.Extension(name); ext != nil {
		out, err := rt.Profile.canonicalExtension(ext, value)
		if err == nil && len(out) > 0 {
			doc[ext.ID] = out
		}
		return err
	}
	a := rt.Attribute(name)
	if a == nil {
		if rt.IsOpenExtension(name, value) {
			value = withoutSchemas(value)
		}
		return rt.Profile.canonicalUnknown(doc, name, value)
	}
	if a.Mutability == ReadOnly {
		return nil
	}
	out, err := rt.Profile.CanonicalValue(a, a.Name, value)
	if err == nil && out != nil {
		doc[a.Name] = out
	}
	return err
}

func (p Profile) canonicalExtension(ext *Schema, value any) (map[string]any, error) {
	if IsEmpty(value) {
		return nil, nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, notAnExtension(ext.ID)
	}
	object, _ = withoutSchemas(object).(map[string]any)
	return p.canonicalObject(ext.ID+":", ext.Attribute, object)
}

// withoutSchemas is an extension without a list of schemas: scim2-models repeats that list in every object with a
// schema. Any other value of that name is an attribute of the extension.
func withoutSchemas(extension any) any {
	object, _ := extension.(map[string]any)
	value, ok := object[AttrSchemas]
	if !ok || !IsEmpty(value) && !IsListOfSchemas(value) {
		return extension
	}
	object = maps.Clone(object)
	delete(object, AttrSchemas)
	return object
}

// IsListOfSchemas reports whether a value is a list of URNs, as in the attribute schemas.
func IsListOfSchemas(value any) bool {
	list, _ := value.([]any)
	return len(list) > 0 && !slices.ContainsFunc(list, func(element any) bool {
		text, _ := element.(string)
		return !IsURN(text)
	})
}

// canonicalUnknown keeps an attribute that no schema knows as the client sent it. Only empty values are removed.
func (p Profile) canonicalUnknown(doc Document, name string, value any) error {
	if !p.Takes(UnknownAttributes) {
		return BadRequest(CodeUnknownAttribute, InvalidSyntax, "no schema has the attribute %q; GET /Schemas lists the attributes", clip(name))
	}
	if err := CheckName(name); err != nil {
		return err
	}
	if out := Opaque(value); !IsEmpty(out) {
		doc[name] = out
	}
	return nil
}

// CheckName refuses the name of an unknown attribute when the name cannot be stored.
func CheckName(name string) error {
	if len(name) > maxName || name == "" {
		return BadRequest(CodeUnknownAttribute, InvalidSyntax, "the attribute name %q is empty or longer than %d bytes; leave the attribute out", clip(name), maxName)
	}
	return nil
}

// Opaque is a value that no schema describes, without its nulls. A value without nulls is shared, not copied: nobody
// changes such values, and they may be as large as the body.
func Opaque(value any) any {
	kept, _ := opaque(value)
	return kept
}

func opaque(value any) (kept any, changed bool) {
	object, ok := value.(map[string]any)
	if !ok {
		return value, false
	}
	var out map[string]any
	for name, member := range object {
		kept, changed := opaque(member)
		if !changed && !IsEmpty(kept) {
			continue
		}
		if out == nil {
			out = maps.Clone(object)
		}
		if out[name] = kept; IsEmpty(kept) {
			delete(out, name)
		}
	}
	if out == nil {
		return object, false
	}
	return out, true
}

// canonicalObject canonicalises the members of a complex value or an extension.
func (p Profile) canonicalObject(prefix string, lookup func(string) *Attribute, object map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(object))
	for name, value := range object {
		a := lookup(name)
		if a == nil {
			if err := p.canonicalUnknown(out, name, value); err != nil {
				return nil, err
			}
			continue
		}
		if a.Mutability == ReadOnly {
			continue
		}
		kept, err := p.CanonicalValue(a, prefix+a.Name, value)
		if err != nil {
			return nil, err
		}
		if kept != nil {
			out[a.Name] = kept
		}
	}
	return out, nil
}

// RefuseClear refuses to unassign an attribute that nobody can read, which is a password. No client needs that, and
// Keycloak accepts an empty password. It is nil for all other attributes.
func (a *Attribute) RefuseClear(path string) error {
	if a.Mutability != WriteOnly || a.Unpublished {
		return nil
	}
	return BadRequest(CodeNotEmptied, InvalidValue, "%s cannot be empty or removed; leave it out to keep it as it is", path)
}

// CanonicalValue makes the value of an attribute from a value that a client sent. path names the attribute in errors.
// nil means unassigned.
func (p Profile) CanonicalValue(a *Attribute, path string, value any) (any, error) {
	if a.Open {
		return openValue(a, value), nil
	}
	if IsEmpty(value) {
		if value == "" {
			return nil, a.RefuseClear(path)
		}
		return nil, nil
	}
	if a.MultiValued {
		return p.canonicalValues(a, path, value)
	}
	return p.canonicalSingle(a, path, value)
}

// MaxValues bounds the values of a multi-valued attribute, except the members of a group. Keycloak stores each value in
// a row of its own and reads all rows with the user. What has no attribute in Keycloak cannot hold many more values
// either.
const MaxValues = 1000

// CheckSize refuses more values than the attribute may have; path names it in the error.
func (a *Attribute) CheckSize(path string, values int) error {
	if a.Unbounded || values <= MaxValues {
		return nil
	}
	return BadRequest(CodeTooManyValues, InvalidValue, "%s would have %d values, more than the %d that an attribute may have; send fewer", path, values, MaxValues)
}

// canonicalValues also accepts a single value in place of an array (OneLogin sends emails as an object).
func (p Profile) canonicalValues(a *Attribute, path string, value any) (any, error) {
	elements, ok := value.([]any)
	switch {
	case ok:
	case p.Takes(UnwrappedMulti):
		elements = []any{value}
	default:
		return nil, BadRequest(CodeValue, InvalidValue, "%s must be an array", path)
	}
	if err := a.CheckSize(path, len(elements)); err != nil {
		return nil, err
	}
	out := make([]any, 0, len(elements))
	primary, seen := false, keys{}
	for _, element := range elements {
		kept, err := p.CanonicalElement(a, path, element)
		if err != nil {
			return nil, err
		}
		if kept == nil || !a.Unbounded && seen.in(out, kept) { // equal members are removed where members are read
			continue
		}
		if object, ok := kept.(map[string]any); ok && object[AttrPrimary] == true {
			if primary && !p.Takes(ManyPrimaries) {
				return nil, BadRequest(CodePrimary, InvalidValue, "%s has several values with \"primary\": true; at most one may be primary", path)
			}
			object[AttrPrimary] = !primary
			if primary && seen.in(out, kept) {
				continue
			}
			primary = true
		}
		out = append(out, kept)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// fewValues is the number up to which values are compared one by one.
const fewValues = 8

// keys are the keys of a list of values that grows.
type keys struct {
	known  map[string]bool
	read   int // how many values of the list have a key here
	buffer []byte
}

// in reports whether a value is in the list.
func (k *keys) in(list []any, value any) bool {
	if len(list) <= fewValues {
		return slices.ContainsFunc(list, func(v any) bool { return Equal(v, value) })
	}
	if k.known == nil {
		k.known = make(map[string]bool, 2*fewValues)
	}
	for ; k.read < len(list); k.read++ {
		k.buffer = AppendKey(k.buffer[:0], list[k.read])
		k.known[string(k.buffer)] = true
	}
	k.buffer = AppendKey(k.buffer[:0], value)
	return k.known[string(k.buffer)]
}

// CanonicalElement makes one value of a multi-valued attribute from a value that a client sent. nil means that the
// value is empty.
func (p Profile) CanonicalElement(a *Attribute, path string, element any) (any, error) {
	if IsEmpty(element) {
		return nil, nil
	}
	if a.Open {
		return openValue(nil, element), nil
	}
	if a.Type == TypeComplex {
		return p.canonicalComplex(a, path, element)
	}
	return p.canonicalSimple(a, path, element)
}

// canonicalSingle unwraps the array of one and the {"value": x} in which Entra
// and ConnId put single values.
func (p Profile) canonicalSingle(a *Attribute, path string, value any) (any, error) {
	if array, ok := value.([]any); ok {
		if len(array) != 1 || !p.Takes(WrappedSingle) {
			return nil, BadRequest(CodeValue, InvalidValue, "%s must be one value, not an array of %d", path, len(array))
		}
		return p.CanonicalValue(a, path, array[0])
	}
	if a.Type == TypeComplex {
		return p.canonicalComplex(a, path, value)
	}
	if object, ok := value.(map[string]any); ok {
		inner, has := Member(object, AttrValue)
		if !has || !p.Takes(WrappedSingle) {
			return nil, BadRequest(CodeValue, InvalidValue, "%s must be a %s, not an object", path, a.Type)
		}
		return p.CanonicalValue(a, path, inner)
	}
	return p.canonicalSimple(a, path, value)
}

// Member is the member of an object with that name, in any case (RFC 7643 section 2.1).
func Member(object map[string]any, name string) (any, bool) {
	if value, ok := object[name]; ok {
		return value, true
	}
	for key, value := range object {
		if strings.EqualFold(key, name) {
			return value, true
		}
	}
	return nil, false
}

// canonicalComplex accepts a bare value as {"value": x} where the attribute has such a sub-attribute. Entra sends the
// manager like this, and other clients send lists of member ids.
func (p Profile) canonicalComplex(a *Attribute, path string, value any) (any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		if a.Sub(AttrValue) == nil || !p.Takes(BareComplex) {
			return nil, BadRequest(CodeValue, InvalidValue, "%s must be an object", path)
		}
		object = map[string]any{AttrValue: value}
	}
	if a.Name == AttrRoles && p.Takes(RoleText) {
		object = roleFromText(object)
	}
	out, err := p.canonicalObject(path+".", a.Sub, object)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return out, nil
}

// maxRoleValues bounds the JSON of a role, which should have an id, its value and a name.
const maxRoleValues = 20

// roleFromText reads the JSON document that Entra's app role mapping writes into the value of a role by PATCH. The
// result equals the plain role that Entra sends by POST.
func roleFromText(object map[string]any) map[string]any {
	value, _ := Member(object, AttrValue)
	text, ok := value.(string)
	if !ok || !strings.HasPrefix(text, "{") {
		return object
	}
	role, err := decode([]byte(text), decoder{levels: 1, values: maxRoleValues})
	if err != nil || role[AttrValue] == nil {
		return object
	}
	out := map[string]any{AttrValue: role[AttrValue], AttrDisplay: role["displayName"]}
	for name, other := range object {
		if !strings.EqualFold(name, AttrValue) {
			out[name] = other
		}
	}
	return out
}

func (p Profile) canonicalSimple(a *Attribute, path string, value any) (any, error) {
	switch a.Type {
	case TypeBoolean:
		return p.canonicalBoolean(path, value)
	case TypeInteger, TypeDecimal:
		return canonicalNumber(a, path, value)
	case TypeString, TypeReference, TypeDateTime, TypeBinary, TypeComplex:
		return p.canonicalText(a, path, value)
	}
	return nil, BadRequest(CodeValue, InvalidValue, "%s has an unknown type", path)
}

// canonicalBoolean accepts "True" and "False" in any case: Entra's default
// mapping writes booleans as text.
func (p Profile) canonicalBoolean(path string, value any) (any, error) {
	value = p.Boolean(value)
	if _, ok := value.(bool); !ok {
		return nil, BadRequest(CodeValue, InvalidValue, "%s must be true or false", path)
	}
	return value, nil
}

// booleanOf is the boolean that a text spells, or the value unchanged.
func booleanOf(value any) any {
	text, _ := value.(string)
	switch strings.ToLower(text) {
	case "true":
		return true
	case "false":
		return false
	}
	return value
}

// Boolean is the boolean that a value of a filter means, or the value unchanged.
func (p Profile) Boolean(value any) any {
	if p.Takes(BooleanText) {
		return booleanOf(value)
	}
	return value
}

func canonicalNumber(a *Attribute, path string, value any) (any, error) {
	number, ok := value.(json.Number)
	if !ok {
		return nil, BadRequest(CodeValue, InvalidValue, "%s must be a number", path)
	}
	if a.Type == TypeInteger && strings.ContainsAny(number.String(), ".eE") {
		return nil, BadRequest(CodeValue, InvalidValue, "%s must be a whole number", path)
	}
	return number, nil
}

// TextOf is the text of a number or a boolean, as it was sent, for an attribute of type string. ok is false for any
// other value or attribute.
func (p Profile) TextOf(a *Attribute, value any) (text string, ok bool) {
	if a.Type != TypeString || a.Mutability == WriteOnly || !p.Takes(NumberForText) {
		return "", false
	}
	switch v := value.(type) {
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

func (p Profile) canonicalText(a *Attribute, path string, value any) (any, error) {
	if text, ok := p.TextOf(a, value); ok {
		value = text
	}
	text, ok := value.(string)
	if !ok {
		return nil, BadRequest(CodeValue, InvalidValue, "%s must be a string", path)
	}
	switch {
	case a.Type == TypeBinary && !isBase64(text):
		return nil, BadRequest(CodeValue, InvalidValue, "%s must be base64", path)
	case a.Type == TypeDateTime && !isDateTime(text):
		return nil, BadRequest(CodeValue, InvalidValue, "%s must be a date and time such as 2030-01-31T08:30:00Z", path)
	case a.form != nil && !p.Takes(a.form.unless) && !a.form.ok(text):
		return nil, BadRequest(CodeValue, InvalidValue, "%s must be %s", path, a.form.text)
	}
	return text, nil
}

func isBase64(text string) bool {
	_, err := base64.StdEncoding.DecodeString(text)
	return err == nil
}

func isDateTime(text string) bool {
	_, err := time.Parse(time.RFC3339Nano, text)
	return err == nil
}

// Validate checks that a complete document has the required attributes (RFC 7643 section 2.2). A missing attribute
// gives an *Error with InvalidValue.
func (rt *ResourceType) Validate(doc Document) *Error {
	if err := lacking("", rt.Schema.Attributes, doc); err != nil {
		return err
	}
	for _, s := range rt.Extensions {
		if ext := doc.Object(s.ID); len(ext) > 0 {
			if err := lacking(s.ID+":", s.Attributes, ext); err != nil {
				return err
			}
		}
	}
	return nil
}

func lacking(prefix string, attributes []*Attribute, object map[string]any) *Error {
	for _, a := range attributes {
		if a.Required && IsEmpty(object[a.Name]) {
			return BadRequest(CodeRequired, InvalidValue, "%s%s is required; send a value", prefix, a.Name)
		}
	}
	return nil
}

// CheckImmutable refuses a change of an attribute that can be set only once (RFC 7643 section 7), with an *Error with
// MutabilityErr. An attribute without a value may be set.
func (rt *ResourceType) CheckImmutable(before, after Document) error {
	if err := immutable("", rt.Schema.Attributes, before, after); err != nil {
		return err
	}
	for _, s := range rt.Extensions {
		if err := immutable(s.ID+":", s.Attributes, before.Object(s.ID), after.Object(s.ID)); err != nil {
			return err
		}
	}
	return nil
}

// RetainImmutable keeps immutable values: a new document that leaves them out gets them from the old document (RFC 7644
// section 3.5.1).
func (rt *ResourceType) RetainImmutable(before, after Document) {
	retain(rt.Schema.Attributes, before, after)
	for _, s := range rt.Extensions {
		ext := after.Object(s.ID)
		if ext == nil {
			ext = map[string]any{}
		}
		if retain(s.Attributes, before.Object(s.ID), ext); len(ext) > 0 {
			after[s.ID] = ext
		}
	}
}

func retain(attributes []*Attribute, before, after map[string]any) {
	for _, a := range attributes {
		if a.Mutability == Immutable && after[a.Name] == nil && before[a.Name] != nil {
			after[a.Name] = before[a.Name]
		}
	}
}

func immutable(prefix string, attributes []*Attribute, before, after map[string]any) error {
	for _, a := range attributes {
		had, has := before[a.Name], after[a.Name]
		switch {
		case IsEmpty(had):
		case a.Mutability == Immutable && !Equal(had, has):
			return BadRequest(CodeImmutable, MutabilityErr, "%s%s is already set and cannot be changed; send the value that is set", prefix, a.Name)
		case a.Type == TypeComplex && !a.MultiValued:
			one, _ := had.(map[string]any)
			two, _ := has.(map[string]any)
			if err := immutable(prefix+a.Name+".", a.SubAttributes, one, two); err != nil {
				return err
			}
		}
	}
	return nil
}
