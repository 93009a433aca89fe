package config

import (
	"fmt"
	"reflect"
	"strings"
)

// MappingReference returns the reference of a mapping file's keys and transforms as Markdown. It is
// made from the types, so that the page and the program agree.
func MappingReference() string {
	var b strings.Builder
	section := func(title string, t reflect.Type) {
		fmt.Fprintf(&b, "\n### %s\n\n| key | type | meaning |\n| --- | --- | --- |\n", title)
		for _, f := range keysOf(t) {
			field := t.FieldByIndex(f.index)
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.key, typeName(field.Type), strings.ReplaceAll(field.Tag.Get("doc"), "|", `\|`))
		}
	}
	section("The file", reflect.TypeFor[Mapping]())
	section("`schemas.<URN>`", reflect.TypeFor[Schema]())
	section("`schemas.<URN>.attributes.<name>`", reflect.TypeFor[Attribute]())
	section("`….subAttributes.<name>`", reflect.TypeFor[SubAttribute]())
	section("`users`", reflect.TypeFor[UserMapping]())
	section("`users.roles`, each", reflect.TypeFor[RoleRule]())
	section("`users.link`", reflect.TypeFor[Link]())
	section("`groups`", reflect.TypeFor[GroupMapping]())
	section("`users.attributes.<path>` and `groups.attributes.<path>`", reflect.TypeFor[Rule]())
	b.WriteString("\n### Transforms\n\n| name | argument | on the way to Keycloak | on the way back |\n| --- | --- | --- | --- |\n")
	for _, t := range TransformDocs() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", t.Name, t.Argument, t.In, t.Out)
	}
	return b.String()
}

// typeName returns the page's name for a type.
func typeName(t reflect.Type) string {
	switch {
	case strings.HasPrefix(t.Name(), "Table["):
		return "names"
	case t == reflect.TypeFor[Expression]():
		return "CEL"
	case t.Kind() == reflect.Struct:
		return "section"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Bool:
		return "true, false"
	case t.Kind() == reflect.Int:
		return "number"
	case t == reflect.TypeFor[AttributeName](), t == reflect.TypeFor[Alias](), t == reflect.TypeFor[string]():
		return "text"
	}
	return "word"
}
