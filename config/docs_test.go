package config

import (
	"encoding"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
)

const page = "../docs/reference/configuration.md"

// TestConfigurationPageIsGenerated: the page has the keys of the types, with the comments and tags
// of their fields.
func TestConfigurationPageIsGenerated(t *testing.T) {
	t.Parallel()
	g := newPageOfKeys(t)
	g.keys("", reflect.TypeFor[Config](), reflect.ValueOf(Default()), row{change: "at once"})
	if err := docs.GeneratedPart(page, g.b.String()+"\n", *update, updateCommand); err != nil {
		t.Error(err)
	}
}

// TestReferencePageShowsTheMinimalFile.
func TestReferencePageShowsTheMinimalFile(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "```yaml\n"+readGood(t, "minimal.yaml")+"```") {
		t.Errorf("%s does not show testdata/good/minimal.yaml", page)
	}
}

// pageOfKeys writes the table of the keys.
type pageOfKeys struct {
	t        *testing.T
	b        strings.Builder
	comments map[string]string // of fields, by the names of the type and the field
	tenant   reflect.Value     // the configuration with all defaults
}

// row has the cells of a key, without its type.
type row struct{ standard, change, meaning, refused string }

func newPageOfKeys(t *testing.T) *pageOfKeys {
	t.Helper()
	c, problems := load(newDir(t, readGood(t, "minimal.yaml")), noEnv)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	g := &pageOfKeys{t: t, comments: commentsOfFields(t), tenant: reflect.ValueOf(c.Realms["acme"].Tenants[0])}
	g.b.WriteString("\n| key | type | default | a change takes effect | meaning | is refused |\n| --- | --- | --- | --- | --- | --- |\n")
	return g
}

// commentsOfFields returns the comments of the fields of all structs in this package.
func commentsOfFields(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, isType := n.(*ast.TypeSpec)
			if !isType {
				return true
			}
			record, isStruct := spec.Type.(*ast.StructType)
			if !isStruct {
				return true
			}
			for _, field := range record.Fields.List {
				for _, id := range field.Names {
					out[spec.Name.Name+"."+id.Name] = field.Doc.Text()
				}
			}
			return true
		})
	}
	return out
}

// keys writes the rows of a struct, and of everything below it. standards has the default values,
// and is the zero Value when the defaults are unknown. above is the row of the struct's key.
func (g *pageOfKeys) keys(path string, t reflect.Type, standards reflect.Value, above row) {
	for _, f := range keysOf(t) {
		field := t.FieldByIndex(f.index)
		key, standard := strings.TrimPrefix(path+"."+f.key, "."), reflect.Value{}
		if standards.IsValid() {
			standard = standards.FieldByIndex(f.index)
		}
		r := g.row(t, f, standard)
		if r.meaning == asOfATenant {
			standard = g.tenant.FieldByName(field.Name)
			r.standard = standardOf(standard)
		}
		if above.meaning == asOfATenant {
			r.meaning, r.refused = asOfATenant, asOfTheTenant
		}
		if r.standard == "" && strings.Contains(field.Tag.Get("json"), ",omit") {
			r.standard = "none"
		}
		if r.meaning == asOfATenant && (t == reflect.TypeFor[Override]() || above.standard == asAbove) {
			r.standard = asAbove
		}
		r.change = above.change
		if field.Tag.Get("change") == atStart {
			r.change = atStart
		}
		shown := r
		if r.change != atStart && hasKeysAtStart(field.Type) {
			shown.change = asItsKeys
		}
		g.write(key, field, shown)
		g.below(key, field.Type, standard, r)
	}
}

// The texts of the page for keys of organizations that tenants have too.
const (
	asOfATenant   = "As for a tenant."
	asOfTheTenant = "as for a tenant"
	asAbove       = "as above" // instead of a default, for an override
)

// asItsKeys is the cell of a section in which only some keys need a restart.
const asItsKeys = "see its keys"

// hasKeysAtStart reports whether a change of a key in a section needs a restart.
func hasKeysAtStart(section reflect.Type) bool {
	if !isSection(section) {
		return false
	}
	found := false
	none := reflect.New(section).Elem()
	eachAtStart("", none, none, func(string, reflect.Value, reflect.Value) { found = true })
	return found
}

// row returns the row that the comment of a field describes.
func (g *pageOfKeys) row(t reflect.Type, f field, standard reflect.Value) row {
	g.t.Helper()
	record, name := t, t.FieldByIndex(f.index).Name
	if len(f.index) > 1 {
		record = t.Field(f.index[0]).Type
	}
	_, shared := reflect.TypeFor[Tenant]().FieldByName(name)
	ofOrganizations := t == reflect.TypeFor[Organizations]() || t == reflect.TypeFor[Override]()
	comment := g.comments[record.Name()+"."+name]
	if ofOrganizations && shared && (record != t || !strings.Contains(comment, " is `")) {
		return row{meaning: asOfATenant, refused: asOfTheTenant}
	}
	paragraph, _, _ := strings.Cut(strings.TrimSpace(comment), "\n\n")
	begins := name + " is `" + f.key + "`"
	if !strings.HasPrefix(paragraph, begins) {
		g.t.Errorf("the comment of %s.%s does not begin with %q", record.Name(), name, begins)
	}
	meaning := strings.TrimLeft(strings.TrimPrefix(paragraph, begins), ":. \n")
	r := row{standard: standardOf(standard)}
	if before, after, ok := cutLine(meaning, "Refused: "); ok {
		meaning, r.refused = before, strings.TrimSuffix(after, ".")
	}
	if before, after, ok := cutLine(meaning, "Default: "); ok {
		meaning, r.standard = before, strings.TrimSuffix(after, ".")
	}
	r.meaning = upper(joined(meaning))
	r.standard, r.refused = joined(r.standard), joined(r.refused)
	return r
}

// cutLine cuts a text at a line that begins with the given words.
func cutLine(text, begin string) (before, after string, ok bool) {
	if rest, first := strings.CutPrefix(text, begin); first {
		return "", rest, true
	}
	return strings.Cut(text, "\n"+begin)
}

func joined(text string) string { return strings.Join(strings.Fields(text), " ") }

func upper(text string) string {
	for i, r := range text {
		return string(unicode.ToUpper(r)) + text[i+len(string(r)):]
	}
	return ""
}

// standardOf returns a default as the page shows it, or "".
func standardOf(v reflect.Value) string {
	switch {
	case !v.IsValid():
		return ""
	case v.Kind() == reflect.Bool:
		return fmt.Sprintf("`%v`", v.Interface())
	case v.Kind() == reflect.Struct, v.Kind() == reflect.Map:
		return ""
	case v.IsZero():
		return "none"
	case v.Kind() == reflect.Slice:
		return ""
	}
	text := fmt.Sprintf("`%v`", v.Interface())
	if v.Type() == reflect.TypeFor[Duration]() { // 1h0m0s becomes 1h
		text = strings.Replace(strings.Replace(text, "m0s", "m", 1), "h0m", "h", 1)
	}
	return text
}

func (g *pageOfKeys) write(key string, field reflect.StructField, r row) {
	kind := kindOf(field)
	if kind == "" {
		g.t.Errorf("%s has the type %s, which the page has no word for", key, field.Type)
	}
	for _, cell := range []string{"`" + key + "`", kind, r.standard, r.change, r.meaning, r.refused} {
		g.b.WriteString("| " + strings.TrimSpace(strings.ReplaceAll(cell, "|", `\|`)) + " ")
	}
	g.b.WriteString("|\n")
}

// below writes the rows below a key.
func (g *pageOfKeys) below(key string, t reflect.Type, standard reflect.Value, r row) {
	switch {
	case t == reflect.TypeFor[Tenant]():
		g.keys(key, t, g.tenant, r)
	case t.Kind() == reflect.Map:
		g.below(key+".<realm>", t.Elem(), reflect.Value{}, r)
	case t.Kind() == reflect.Slice:
		g.below(key+"[]", t.Elem(), reflect.Value{}, r)
	case isSection(t):
		g.keys(key, t, standard, r)
	}
}

// isSection reports whether a type has keys.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// kindOf returns the page's word for the type of a field, or "".
func kindOf(field reflect.StructField) string {
	if name := field.Tag.Get("type"); name != "" {
		return name
	}
	t := field.Type
	switch {
	case t == reflect.TypeFor[Organizations]():
		return "`\"*\"` or section"
	case t == reflect.TypeFor[NamedTenants]():
		return "`" + tenantsAll + "`, `" + tenantsNone + "`, section"
	case valuesOf(t) != nil:
		return "`" + strings.Join(valuesOf(t), "`, `") + "`"
	case isSection(t):
		return "section"
	case t.Kind() == reflect.Map:
		return "names"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	for of, name := range map[reflect.Type]string{
		reflect.TypeFor[Address](): "host:port", reflect.TypeFor[Duration](): "duration", reflect.TypeFor[Percent](): "percentage", reflect.TypeFor[File](): "file",
		reflect.TypeFor[URL](): "URL", reflect.TypeFor[ProxyURL](): "URL", reflect.TypeFor[Issuer](): "URL", reflect.TypeFor[KeysURL](): "URL",
		reflect.TypeFor[Digest](): "64 hexadecimal digits", reflect.TypeFor[Expiry](): "date or RFC 3339 time", reflect.TypeFor[KeyID](): "8 letters or digits",
		reflect.TypeFor[string](): "text", reflect.TypeFor[int](): "number", reflect.TypeFor[int64](): "number",
	} {
		if t == of {
			return name
		}
	}
	return ""
}

// TestThePageSaysForEveryKeyWhenAChangeTakesEffect: the row says so for each key whose change needs
// a restart, and for no other key.
func TestThePageSaysForEveryKeyWhenAChangeTakesEffect(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|[^|]*\\|[^|]*\\| (at once|restart) \\|").FindAllStringSubmatch(strings.ReplaceAll(string(data), `\|`, "/"), -1)
	if len(rows) < 100 {
		t.Fatalf("the page has %d rows", len(rows))
	}
	kept := map[string]bool{}
	eachAtStart("", reflect.ValueOf(&Config{}).Elem(), reflect.ValueOf(&Config{}).Elem(), func(key string, _, _ reflect.Value) { kept[key] = true })
	for _, r := range rows {
		needs := false
		for at := range kept {
			needs = needs || strings.HasPrefix(r[1]+".", at+".")
		}
		if want := map[bool]string{true: "restart", false: "at once"}[needs]; r[2] != want {
			t.Errorf("%s takes effect %s, want %s", r[1], r[2], want)
		}
	}
}

// keyPaths lists the keys as the page writes them.
func keyPaths(path string, t reflect.Type) []string {
	switch {
	case t.Kind() == reflect.Map:
		return keyPaths(path+".<realm>", t.Elem())
	case t.Kind() == reflect.Slice:
		return keyPaths(path+"[]", t.Elem())
	case !isSection(t):
		return nil
	}
	var out []string
	for _, f := range keysOf(t) {
		key := strings.TrimPrefix(path+"."+f.key, ".")
		out = append(append(out, key), keyPaths(key, t.FieldByIndex(f.index).Type)...)
	}
	return out
}
