package patch_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

const partner = "urn:acme:partner:2.0:User"

// publishedPartner is a User with the extension as a schema.
func publishedPartner() *scim.ResourceType {
	text := func(name string) *scim.Attribute { return &scim.Attribute{Name: name, Type: scim.TypeString} }
	return scim.UserType().With(scim.NewSchema(partner, "Partner", "",
		text("badge"), &scim.Attribute{Name: "level", Type: scim.TypeInteger}, &scim.Attribute{Name: "flag", Type: scim.TypeBoolean},
		&scim.Attribute{Name: "tags", Type: scim.TypeString, MultiValued: true},
		&scim.Attribute{Name: "desk", Type: scim.TypeComplex, SubAttributes: []*scim.Attribute{text("room"), {Name: "floor", Type: scim.TypeInteger}}},
		&scim.Attribute{Name: "cards", Type: scim.TypeComplex, MultiValued: true, SubAttributes: []*scim.Attribute{
			text("value"), text("type"), text("note"), {Name: "primary", Type: scim.TypeBoolean},
		}},
	))
}

// change is an operation, and its effect on the attributes of the extension in the model.
type change struct {
	op    string // add, replace or remove
	attr  string
	sub   string
	where string // the type of a card, in a filter
	value any    // nil to remove
}

// random makes values of the attributes.
type random struct{ *rand.Rand }

func (r random) of(options ...any) any { return options[r.IntN(len(options))] }

func (r random) text() any { return r.of("a", "A", "b", "c d", "é", "true", "7", `"`, "x]y") }

func (r random) number() any {
	return r.of(json.Number("1"), json.Number("2"), json.Number("12345678901234567890"))
}

func (r random) desk() any {
	out := map[string]any{}
	if r.IntN(2) == 0 {
		out["room"] = r.text()
	}
	if r.IntN(2) == 0 || len(out) == 0 {
		out["floor"] = r.number()
	}
	return out
}

func (r random) tags() any {
	all := []any{"a", "b", "c", "D", "é"}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+r.IntN(3)]
}

func (r random) cards() any {
	out := []any{}
	for i, value := range r.Perm(3)[:1+r.IntN(2)] {
		card := map[string]any{"value": fmt.Sprint(value), "type": r.of("door", "car")}
		if r.IntN(2) == 0 {
			card["note"] = r.text()
		}
		if i == 0 && r.IntN(3) == 0 {
			card["primary"] = true
		}
		out = append(out, card)
	}
	return out
}

func (r random) value(attr string) any {
	switch attr {
	case "level":
		return r.number()
	case "flag":
		return r.IntN(2) == 0
	case "tags":
		return r.tags()
	case "desk":
		return r.desk()
	case "cards":
		return r.cards()
	}
	return r.text()
}

var partnerAttributes = []string{"badge", "level", "flag", "tags", "desk", "cards"}

func (r random) extension() map[string]any {
	out := map[string]any{}
	for _, attr := range partnerAttributes {
		if r.IntN(2) == 0 {
			out[attr] = r.value(attr)
		}
	}
	return out
}

func (r random) change() change {
	c := change{op: r.of("add", "replace", "remove").(string), attr: partnerAttributes[r.IntN(len(partnerAttributes))]}
	switch {
	case c.attr == "desk" && r.IntN(2) == 0:
		c.sub = r.of("room", "floor").(string)
	case c.attr == "cards" && r.IntN(2) == 0:
		c.where, c.sub = r.of("door", "car", "bike").(string), r.of("note", "value").(string)
	}
	switch {
	case c.op == "remove":
	case c.sub == "floor":
		c.value = r.number()
	case c.sub != "":
		c.value = r.text()
	default:
		c.value = r.value(c.attr)
	}
	return c
}

// spelled writes a change in one of the spellings that clients use.
func (r random) spelled(c change) map[string]any {
	urn, attr := partner, c.attr
	if r.IntN(4) == 0 {
		urn, attr = strings.ToUpper(urn), strings.ToUpper(attr)
	}
	path := attr
	switch {
	case c.where != "":
		path += fmt.Sprintf("[type eq %q].%s", c.where, c.sub)
	case c.sub != "":
		path += "." + c.sub
	}
	op := map[string]any{"op": c.op, "path": urn + ":" + path, "value": c.value}
	if c.op == "remove" {
		delete(op, "value")
		return op
	}
	switch r.IntN(5) {
	case 0:
		op["value"] = map[string]any{op["path"].(string): c.value}
		delete(op, "path")
	case 1:
		op["value"] = map[string]any{urn: map[string]any{path: c.value}}
		delete(op, "path")
	case 2:
		op["path"], op["value"] = urn, map[string]any{path: c.value}
	}
	return op
}

// apply makes the change in the model.
func (c change) apply(ext map[string]any) {
	switch held := ext[c.attr].(type) {
	case map[string]any:
		c.applyObject(ext, held)
		return
	case []any:
		if c.where != "" || c.op != "replace" && c.value != nil {
			ext[c.attr] = c.applyList(held)
			break
		}
		c.set(ext)
	default:
		switch {
		case c.where != "" && c.value != nil:
			ext[c.attr] = []any{map[string]any{"type": c.where, c.sub: c.value}}
		case c.where != "":
		case c.sub != "" && c.value != nil:
			ext[c.attr] = map[string]any{c.sub: c.value}
		case c.sub == "":
			c.set(ext)
		}
	}
	if list, ok := ext[c.attr].([]any); ok && len(list) == 0 {
		delete(ext, c.attr)
	}
}

func (c change) set(ext map[string]any) {
	if c.value == nil {
		delete(ext, c.attr)
	} else {
		ext[c.attr] = scim.CloneValue(c.value)
	}
}

func (c change) applyObject(ext, held map[string]any) {
	sent, _ := c.value.(map[string]any)
	switch {
	case c.sub != "" && c.value == nil:
		delete(held, c.sub)
	case c.sub != "":
		held[c.sub] = c.value
	case c.value == nil:
		delete(ext, c.attr)
	default:
		maps.Copy(held, sent)
	}
	if len(held) == 0 {
		delete(ext, c.attr)
	}
}

func (c change) applyList(held []any) []any {
	if c.where != "" {
		return c.applyCards(held)
	}
	for _, value := range c.value.([]any) {
		value = scim.CloneValue(value)
		object, isObject := value.(map[string]any)
		i := slices.IndexFunc(held, func(other any) bool {
			if !isObject {
				return strings.EqualFold(other.(string), value.(string))
			}
			o := other.(map[string]any)
			text, ok := o["value"].(string)
			return ok && strings.EqualFold(text, object["value"].(string)) && (o["type"] == nil || o["type"] == object["type"])
		})
		switch {
		case i < 0:
			held, i = append(held, value), len(held)
		case isObject:
			maps.Copy(held[i].(map[string]any), object)
		}
		if isObject && object["primary"] == true {
			for j, other := range held {
				if o := other.(map[string]any); j != i && o["primary"] == true {
					o["primary"] = false
				}
			}
		}
	}
	return held
}

// applyCards changes the cards of a type, or makes one.
func (c change) applyCards(held []any) []any {
	matched := false
	for _, card := range held {
		object := card.(map[string]any)
		if object["type"] != c.where {
			continue
		}
		if matched = true; c.value == nil {
			delete(object, c.sub)
		} else {
			object[c.sub] = c.value
		}
	}
	if !matched && c.value != nil {
		held = append(held, map[string]any{"type": c.where, c.sub: c.value})
	}
	return held
}

// TestRandomChangesOfAnExtensionDoTheSameWhetherASchemaPublishesItOrNot compares a published and an unpublished
// extension with a plain model, over documents and operations in all spellings that clients use.
func TestRandomChangesOfAnExtensionDoTheSameWhetherASchemaPublishesItOrNot(t *testing.T) {
	t.Parallel()
	open, published := scim.UserType(), publishedPartner()
	for seed := range uint64(3000) {
		r := random{rand.New(rand.NewPCG(seed, 1))}
		body := map[string]any{"userName": "u", partner: r.extension()}
		model, _ := scim.CloneValue(body[partner]).(map[string]any)
		var message []any
		for range 1 + r.IntN(5) {
			c := r.change()
			c.apply(model)
			message = append(message, r.spelled(c))
		}
		want := scim.Document{"userName": "u"}
		if len(model) > 0 {
			want[partner] = model
		}
		for name, rt := range map[string]*scim.ResourceType{"published": published, "open": open} {
			doc, err := rt.Canonical(body)
			if err != nil {
				t.Fatal(err)
			}
			ops, err := patch.Decode(rt, map[string]any{"Operations": message})
			if err != nil {
				t.Fatal(err)
			}
			got, err := patch.Apply(t.Context(), rt, doc, ops)
			if err != nil {
				t.Fatalf("seed %d, %s: %v\n%v\n%v", seed, name, err, body, message)
			}
			if diff := cmp.Diff(lowered(map[string]any(want)), lowered(map[string]any(got.Document))); diff != "" { // a new name keeps the spelling that was sent
				t.Fatalf("seed %d, %s: %v\nby %v differs (-model +got):\n%s", seed, name, body, message, diff)
			}
			if rt != open {
				continue // a POST may merge two values that have become the same
			}
			again, err := rt.Canonical(got.Document)
			if err != nil || !cmp.Equal(again, got.Document) {
				t.Fatalf("seed %d, %s: what a PATCH leaves is not what a POST of it keeps: %v", seed, name, err)
			}
		}
	}
}

// lowered is a value with all names in lower case, so that names which differ in case are one.
func lowered(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			if _, twice := out[strings.ToLower(name)]; twice {
				name = "twice " + name
			}
			out[strings.ToLower(name)] = lowered(member)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = lowered(element)
		}
		return out
	}
	return value
}

// FuzzOpenPath: a PATCH never panics, whatever comes before an attribute. It stores no attribute with a qualified name
// beside the extensions, and a POST of its result keeps everything.
func FuzzOpenPath(f *testing.F) {
	for _, seed := range []string{
		"urn:a:b:c", "urn:a:b:c.d", "urn:a:b:2.0:User:x", "urn:a:b:2.0:User", "URN:A:B:C[d eq 1].e", "urn:a:b:", "urn:::", "urn:a:b:c:d:e.f", "urn:a:b:2.0",
		"urn:acme:partner:2.0:User.badge", "urn:ietf:params:scim:schemas:core:2.0:User:x", "urn:ietf:params:scim:schemas:core:2.0:User", "x.y", "x[y eq 1]", "__proto__", "a:b:c", "urn:a\x7f:b:c", "urn:İ:b:c",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:x.y", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
	} {
		f.Add(seed, `{"x":1}`, byte(0))
		f.Add(seed, `{"x":["a"]}`, byte(1))
	}
	f.Fuzz(func(t *testing.T, path, value string, form byte) {
		sent, err := scim.Decode([]byte(value))
		if err != nil {
			return
		}
		rt := scim.UserType()
		doc, err := rt.Canonical(map[string]any{"userName": "u", partner: map[string]any{"badge": "B", "x": []any{"a"}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []any{sent, sent["x"]} {
			op := patch.Operation{Op: []patch.Op{patch.Add, patch.Replace, patch.Remove}[form%3], Path: path, Value: value, HasValue: form%3 != 2}
			if form >= 128 {
				if op.Path, op.Value = "", map[string]any{path: value}; op.Op == patch.Remove {
					return
				}
			}
			kept := scim.CloneValue(op.Value)
			got, err := patch.Apply(t.Context(), rt, doc, []patch.Operation{op})
			if !cmp.Equal(kept, op.Value) {
				t.Fatalf("%q changed the value of its operation", path)
			}
			if err != nil {
				continue
			}
			again, err := rt.Canonical(got.Document)
			if err != nil || !cmp.Equal(again, got.Document) {
				t.Fatalf("%q leaves %v, of which a POST makes %v, %v", path, got.Document, again, err)
			}
		}
	})
}
