package config

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Resource is a type of resource.
type Resource string

// The types of resources.
const (
	ResourceUser  Resource = "User"
	ResourceGroup Resource = "Group"
)

// UnmarshalText refuses other values.
func (v *Resource) UnmarshalText(text []byte) error { return oneWord(v, text, v.words()) }

func (v *Resource) words() []string {
	return wordList(ResourceUser, ResourceGroup)
}

// AttributeType is the data type of an attribute (RFC 7643 section 2.3).
type AttributeType string

// UnmarshalText refuses other values.
func (v *AttributeType) UnmarshalText(text []byte) error { return oneWord(v, text, v.words()) }

func (v *AttributeType) words() []string {
	return []string{"string", "boolean", "integer", "decimal", "dateTime", "reference", "binary", "complex"}
}

// Mutability says when an attribute may be written (RFC 7643 section 7).
type Mutability string

// UnmarshalText refuses other values.
func (v *Mutability) UnmarshalText(text []byte) error { return oneWord(v, text, v.words()) }

func (v *Mutability) words() []string {
	return []string{"readWrite", "readOnly", "immutable", "writeOnly"}
}

// Returned says when an attribute is shown (RFC 7643 section 7).
type Returned string

// UnmarshalText refuses other values.
func (v *Returned) UnmarshalText(text []byte) error { return oneWord(v, text, v.words()) }

func (v *Returned) words() []string {
	return []string{"default", "always", "request", "never"}
}

// Uniqueness says within what a value must be unique (RFC 7643 section 7).
type Uniqueness string

// UnmarshalText refuses other values.
func (v *Uniqueness) UnmarshalText(text []byte) error { return oneWord(v, text, v.words()) }

func (v *Uniqueness) words() []string {
	return []string{"none", "server"}
}

// Unmapped says what happens to what no rule and no field holds.
type Unmapped string

// What happens to it.
const (
	UnmappedKeep   Unmapped = "keep"   // in scim.remainder
	UnmappedRefuse Unmapped = "refuse" // 400
	UnmappedDrop   Unmapped = "drop"   // counted and logged
)

// UnmarshalText refuses other values.
func (v *Unmapped) UnmarshalText(text []byte) error { return oneWord(v, text, v.words()) }

func (v *Unmapped) words() []string {
	return wordList(UnmappedKeep, UnmappedRefuse, UnmappedDrop)
}

// Password says what happens to a password that a client sends.
type Password string

// What happens to it.
const (
	PasswordIgnore  Password = "ignore"  // counted
	PasswordAccept  Password = "accept"  // set
	PasswordInitial Password = "initial" // set at creation, to be changed at the first login
)

// UnmarshalText refuses other values.
func (v *Password) UnmarshalText(text []byte) error { return oneWord(v, text, v.words()) }

func (v *Password) words() []string {
	return wordList(PasswordIgnore, PasswordAccept, PasswordInitial)
}

// GroupPath names a group of Keycloak: by its path, names each with a slash in front, or by its
// id behind "id:", which stays with the group whatever it is called.
type GroupPath string

const (
	// NamedByID begins a name that is an id.
	NamedByID = "id:"
	// maxGroupPath is what fits into one value of an attribute with what the bridge adds.
	maxGroupPath = 1024
)

// UnmarshalText refuses what is neither.
func (v *GroupPath) UnmarshalText(text []byte) error {
	const hint = "Write it as Keycloak's console shows it, like /everyone or /scim/acme"
	path := string(text)
	id, byID := strings.CutPrefix(path, NamedByID)
	switch {
	case byID && (id == "" || len(id) > maxTenantKey || !only(id, "-")):
		return fault{"is not the id of a group", "Write the UUID that Keycloak gave the group behind id:, without a blank between, as \"id:0d9f6f5e-6d3a-4c0e-9a57-0f6e3b7d2c11\""}
	case byID:
	case !strings.HasPrefix(path, "/"):
		return fault{"must begin with a slash", hint + ", or the group's id behind id:"}
	case strings.Contains(path+"/", "//") || path == "/":
		return fault{"has an empty name", hint}
	case len(path) > maxGroupPath:
		return fault{fmt.Sprintf("is longer than %d bytes", maxGroupPath), "Name the group by its id: id: and the UUID that Keycloak gave it"}
	}
	*v = GroupPath(path)
	return nil
}

// AttributeName is the name of a Keycloak attribute.
type AttributeName string

// maxAttributeName is the length of Keycloak's column; a longer name is a 500.
const maxAttributeName = 255

// UnmarshalText refuses a name that Keycloak's user profile cannot declare or its
// search cannot find (keycloak-measured: a colon).
func (v *AttributeName) UnmarshalText(text []byte) error {
	switch name := string(text); {
	case utf8.RuneCountInString(name) > maxAttributeName:
		return fault{fmt.Sprintf("is longer than %d characters", maxAttributeName), ""}
	case strings.Contains(name, ":"):
		return fault{"holds a colon, with which Keycloak cannot search for it", "Use letters, digits, '.', '_' and '-'"}
	case !only(name, "._-"):
		return fault{"is not a name of a Keycloak attribute", "Use letters, digits, '.', '_' and '-'"}
	}
	*v = AttributeName(text)
	return nil
}

// Alias is the alias of an identity provider.
type Alias string

// UnmarshalText refuses what cannot be part of a URL of Keycloak's.
func (v *Alias) UnmarshalText(text []byte) error {
	if strings.ContainsAny(string(text), forbiddenInNames+" ") {
		return fault{"is not an alias of an identity provider", "Write it as Keycloak's console shows it"}
	}
	*v = Alias(text)
	return nil
}

// forbiddenInNames are the characters of a name with which Keycloak cannot look it up by
// a URL.
const forbiddenInNames = `/\%;?#`

// decodeNode accepts the name of a role of the realm, or the keys client and role.
func (v *RoleName) decodeNode(d decoder, path string, n node) {
	switch n.kind {
	case kindMapping:
		type keys RoleName // without this method
		var k keys
		d.record(path, n, reflect.ValueOf(&k).Elem())
		*v = RoleName(k)
		for _, key := range []string{"client", "role"} {
			checker{report: d.r}.missing(path, key, "Write both, like { client: shop, role: editor }")
		}
	case kindText, kindNumber, kindBool:
		d.textOf(path, n, &v.Role)
	default:
		d.r.add(path, "is not a role", "Write the name of a role of the realm, or { client: shop, role: editor }")
	}
	if strings.ContainsAny(v.Role, forbiddenInNames) {
		d.r.add(path, "has a character with which Keycloak cannot look a role up by its name", "Grant a role without any of "+forbiddenInNames)
	}
}

// Expression is the text of a CEL expression; it may have several lines.
type Expression string

func (e *Expression) decodeNode(d decoder, path string, n node) {
	switch {
	case n.kind != kindText:
		d.wrongType(path, n, "text")
	case strings.TrimSpace(n.text) == "":
		d.r.add(path, "is empty", "Write a CEL expression or remove the key")
	case len(n.text) > maxExpression:
		d.r.add(path, fmt.Sprintf("is longer than %d bytes", maxExpression), "Write a shorter expression")
	default:
		*e = Expression(n.text)
	}
}

const maxExpression = 4096

func wordList[T ~string](list ...T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
