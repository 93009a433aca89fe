package mapping

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Compile makes a Mapping from a parsed file, for clients under a profile. It returns all problems,
// also those of the parsing, in the order of their lines. With any problem the Mapping is nil.
func Compile(file config.Mapping, src config.Source, p scim.Profile) (*Mapping, []config.Problem) {
	c := compiler{Source: src}
	users := c.schemas(file.Schemas, config.ResourceUser, file.Users.Unmapped)
	groups := c.schemas(file.Schemas, config.ResourceGroup, file.Groups.Unmapped)
	m := &Mapping{
		User:          scim.UserType().With(users.schemas...),
		Group:         scim.GroupType().With(groups.schemas...),
		EmailVerified: file.Users.EmailVerified,
		GroupParent:   string(file.Groups.Parent),
		Password:      cmp.Or(file.Users.Password, config.PasswordIgnore),
		users:         kind{unmapped: file.Users.Unmapped, externalID: AttrExternalID},
		groups:        kind{unmapped: file.Groups.Unmapped, externalID: AttrExternalID},
	}
	for _, path := range file.Users.DefaultGroups {
		m.DefaultGroups = append(m.DefaultGroups, string(path))
	}
	m.User.Schema.Attribute(scim.AttrPassword).Unpublished = m.Password == config.PasswordIgnore
	c.kind(&m.users, m.User, file.Users.Attributes, users.rules, userDefaults())
	c.kind(&m.groups, m.Group, file.Groups.Attributes, groups.rules, nil)
	c.roles(m, file)
	c.links(m, file.Users.Link)
	if problems := c.Problems(); len(problems) > 0 {
		return nil, problems
	}
	m.users.touch()
	m.foreign = kind{rules: m.users.foreignRules()}
	m.groups.touch()
	m.Fingerprint = fingerprint(file, p)
	m.User, m.Group = m.users.published(m.User).Under(p), m.groups.published(m.Group).Under(p)
	return m, nil
}

// fingerprint is the hash of a file, without its comments, and a profile.
func fingerprint(file config.Mapping, p scim.Profile) string {
	text, err := json.Marshal(file)
	if err != nil { // impossible: a mapping has only texts, numbers and lists
		panic(err) //nolint:forbidigo // indexes of different mappings would be confused
	}
	sum := sha256.Sum256(fmt.Appendf(text, " %d", p))
	return hex.EncodeToString(sum[:])
}

// userDefaults are the built-in rules.
func userDefaults() []builtIn {
	return []builtIn{
		{scim.AttrName + "." + scim.AttrGivenName, FieldFirstName},
		{scim.AttrName + "." + scim.AttrFamilyName, FieldLastName},
		{scim.AttrDisplayName, AttrDisplayName},
	}
}

type builtIn struct{ path, target string }

// compiler collects the problems of a file.
type compiler struct{ config.Source }

// written is a rule as the file contains it.
type written struct {
	path  string
	where config.Where // of the path, which contains the keys of the rule
	config.Rule
}

// kind compiles the rules of one resource type: the rules of its schemas, the rules of its section,
// and built-in rules for attributes that have no other rule.
func (c compiler) kind(k *kind, rt *scim.ResourceType, section config.Table[config.Rule], rules []written, defaults []builtIn) {
	for _, e := range section {
		rules = append(rules, written{e.Name, e.Where, e.Value})
	}
	limit := maxUserValue
	if rt.Schema.ID == scim.GroupURN {
		limit = maxGroupValue
	}
	paths, targets := map[string]config.Where{}, map[string]string{}
	places := map[*rule]config.Where{}
	for _, w := range rules {
		path, ok := c.path(rt, w)
		if !ok {
			continue
		}
		if first, twice := paths[path.String()]; twice {
			c.Add(w.where, "has a rule already, at "+string(first), "Keep one of the two")
			continue
		}
		paths[path.String()] = w.where
		if c.special(k, path, w) || !c.derive(k, rt, path, w, defaults) {
			continue
		}
		r := c.rule(path, w, limit, defaults)
		if r == nil {
			continue
		}
		r.derived = w.Value != ""
		if exact := limit == maxGroupValue; r.leaf.Uniqueness == scim.UniqueServer && (r.derived || !r.searchable(exact)) {
			c.Add(w.where.Key("uniqueness"), "Keycloak cannot look the values up", "Remove the expression; for a group write caseExact: true, or add the transform lower")
		}
		if first, twice := targets[r.target]; twice {
			c.Add(w.where.Key("keycloak"), strconv.Quote(r.target)+" also holds "+first, "Give each attribute its own")
			continue
		}
		targets[r.target], places[r] = r.String(), w.where
		k.rules = append(k.rules, r)
	}
	c.apart(k, places)
	for _, d := range defaults {
		_, taken := targets[d.target]
		if _, overridden := paths[d.path]; !overridden && !taken {
			k.rules = append(k.rules, c.builtIn(rt, d))
		}
	}
}

// apart refuses rules that would use each other's values.
func (c compiler) apart(k *kind, places map[*rule]config.Where) {
	for _, r := range k.rules {
		if r.target == k.externalID {
			c.Add(places[r].Key("keycloak"), strconv.Quote(r.target)+" also holds externalId", "Give each attribute its own")
		}
		for _, other := range k.rules {
			if r.json && other.path.Sub != "" && other.path.URN == r.path.URN && other.path.Name == r.path.Name {
				c.Add(places[other], "is part of "+r.String()+", which is stored as a whole", "Remove one of the two rules")
			}
		}
	}
}

func (c compiler) builtIn(rt *scim.ResourceType, d builtIn) *rule {
	path, _ := rt.Resolve(d.path) // a core attribute
	return &rule{
		at: placeOf(path), path: path, leaf: path.Leaf(), target: d.target, field: isField(d.target), soft: true, limit: maxUserValue,
	}
}

// path resolves the path of a rule.
func (c compiler) path(rt *scim.ResourceType, w written) (filter.Path, bool) {
	path, err := filter.ParsePath(w.path, rt.Under(scim.Strict))
	if e, ok := errors.AsType[*scim.Error](err); ok {
		c.Add(w.where, e.Detail, c.meant(rt, w.path))
		return path, false
	}
	if path.Filter != nil {
		path.Attr.Sub, path.Attr.SubAttr = path.Sub, path.SubAttr
	}
	switch {
	case !path.Attr.Known():
		c.Add(w.where, "the schemas of a "+rt.Name+" have no such attribute", c.meant(rt, w.path))
	case path.Attr.Name == "":
		c.Add(w.where, "names a whole schema", "Write a rule for each of its attributes")
	case path.Filter != nil && path.Sub == "":
		c.Add(w.where, "the brackets must be followed by a sub-attribute", "Write it like "+w.path+".value")
	default:
		return path, true
	}
	return path, false
}

// meant returns a hint with the path that the author probably meant.
func (c compiler) meant(rt *scim.ResourceType, text string) string {
	var names []string
	add := func(prefix string, attributes []*scim.Attribute) {
		for _, a := range attributes {
			names = append(names, prefix+a.Name)
			for _, sub := range a.SubAttributes {
				names = append(names, prefix+a.Name+"."+sub.Name)
			}
		}
	}
	add("", rt.Schema.Attributes)
	for _, s := range rt.Extensions {
		add(s.ID+":", s.Attributes)
	}
	if meant := config.Nearest(text, names); meant != "" {
		return "Did you mean " + strconv.Quote(meant) + "?"
	}
	if strings.HasPrefix(text, "urn:") {
		return "Declare the schema under schemas"
	}
	return "An attribute of an extension has the URN and a colon in front"
}

// special handles the attributes that the bridge stores in its own way.
func (c compiler) special(k *kind, path filter.Path, w written) bool {
	if path.Attr.URN != "" {
		return false
	}
	if name := path.Attr.Name; w.Value != "" && (name == scim.AttrExternalID || name == scim.AttrUserName) {
		c.Add(w.where.Key("value"), name+" is what the client sends", "Remove the expression")
		return true
	}
	switch name := path.Attr.Name; name {
	case scim.AttrExternalID:
		if len(w.Transform) > 0 {
			c.Add(w.where.Key("transform"), "externalId is kept as it is sent", "Remove the transforms")
		}
		if c.target(w) && w.Keycloak != "" {
			k.externalID = string(w.Keycloak)
		}
	case scim.AttrUserName:
		if w.Keycloak != "" {
			c.Add(w.where.Key("keycloak"), "userName is Keycloak's username", "Remove the key")
		}
		k.userName = c.steps(path.Attr.Attr, false, w)
		if slices.ContainsFunc(k.userName, func(s step) bool { return s.all != nil }) {
			c.Add(w.where.Key("transform"), "userName is one value, which every user has", "Use trim, lower, upper, prefix, suffix or map")
		}
	case scim.AttrEmails, scim.AttrActive, scim.AttrPassword, scim.AttrMembers, scim.AttrGroups, scim.AttrID, scim.AttrMeta, scim.AttrSchemas:
		c.Add(w.where, "the bridge stores "+name+" in its own way", "Remove the rule")
	case scim.AttrDisplayName:
		if path.Attr.Attr.Required { // of a group
			c.Add(w.where, "the displayName of a group is its name in Keycloak", "Remove the rule")
			return true
		}
		return false
	default:
		return false
	}
	return true
}

// derive compiles the expression of a rule. goesOn is false when the rule has no other content, or
// has a problem.
func (c compiler) derive(k *kind, rt *scim.ResourceType, path filter.Path, w written, defaults []builtIn) (goesOn bool) {
	if w.Value == "" {
		return true
	}
	where := w.where.Key("value")
	leaf := path.Attr.Leaf()
	want := celType(leaf)
	if want == nil || path.Filter != nil || path.Attr.Sub != "" && path.Attr.Attr.MultiValued {
		c.Add(where, "an expression can give a simple attribute, but not an attribute inside elements", "Write a rule for a simple attribute")
		return false
	}
	value := c.expression(k, rt, path.String(), where, string(w.Value), want)
	if value == nil {
		return false
	}
	k.derived = append(k.derived, derived{placeOf(path.Attr), value})
	isDefault := slices.ContainsFunc(defaults, func(d builtIn) bool { return d.path == w.path })
	goesOn = w.Keycloak != "" || len(w.Transform) > 0 || isDefault
	if !goesOn && !k.keeps() {
		c.noPlace(w.where, k.unmapped)
	}
	return goesOn
}

// expression compiles an expression; it returns nil for an expression with a problem.
func (c compiler) expression(k *kind, rt *scim.ResourceType, name string, where config.Where, text string, want *cel.Type) *expression {
	return c.compile(&k.language, rt, false, name, where, text, want)
}

// compile compiles an expression in a language. It creates the language first if necessary.
func (c compiler) compile(l **language, rt *scim.ResourceType, groups bool, name string, where config.Where, text string, want *cel.Type) *expression {
	if *l == nil {
		made, err := newLanguage(rt, groups)
		if err != nil {
			c.Add(where, err.Error(), "")
			return nil
		}
		*l = made
	}
	e, err := (*l).compile(name, text, want)
	if err != nil {
		c.Add(where, err.Error(), "See Expressions in the mapping reference; the variables are "+strings.Join((*l).names(), ", "))
	}
	return e
}

// rule compiles one rule; it returns nil for a rule with a problem.
func (c compiler) rule(path filter.Path, w written, limit int, defaults []builtIn) *rule {
	r := &rule{
		at: placeOf(path.Attr), path: path.Attr, filter: path.Filter, leaf: path.Attr.Leaf(), target: string(w.Keycloak), limit: limit,
	}
	if w.Keycloak == "" && !c.Failed(w.where.Key("keycloak")) && !c.Failed(w.where.Key("value")) {
		i := slices.IndexFunc(defaults, func(d builtIn) bool { return d.path == w.path })
		if i < 0 {
			c.Add(w.where, "names no Keycloak attribute", "Add the key keycloak")
			return nil
		}
		r.target, r.soft = defaults[i].target, true
	}
	r.field = isField(r.target)
	if !c.filter(r, w) || r.target == "" || w.Keycloak != "" && !c.target(w) {
		return nil
	}
	r.steps = c.steps(r.leaf, r.inElements(), w)
	r.json = slices.ContainsFunc(w.Transform, func(t config.Transform) bool { return t.Name == "json" })
	r.several = (r.leaf.MultiValued || r.inElements() && r.filter == nil) && !r.steps.join() || r.steps.split()
	c.shape(r, w)
	return r
}

// filter reads the terms in the brackets.
func (c compiler) filter(r *rule, w written) bool {
	if r.filter == nil {
		return true
	}
	terms, ok := filter.EqualTerms(r.filter)
	if _, ofLeaf := terms[r.leaf.Name]; !ok || ofLeaf {
		c.Add(w.where, "the brackets may hold terms with eq, joined by \"and\", but not about "+r.leaf.Name, `Write it like phoneNumbers[type eq "work"].value`)
		return false
	}
	r.terms = terms
	return true
}

// target checks the Keycloak attribute of a rule.
func (c compiler) target(w written) bool {
	if isReserved(string(w.Keycloak)) {
		c.Add(w.where.Key("keycloak"), strconv.Quote(string(w.Keycloak))+" is reserved: the bridge or Keycloak gives it a meaning", "Choose another name")
		return false
	}
	return true
}

// shape checks that the target can hold the values.
func (c compiler) shape(r *rule, w written) {
	keycloak := w.where.Key("keycloak")
	switch {
	case r.path.Sub != "" && r.inElements() && r.leaf.MultiValued:
		c.Add(w.where, "a sub-attribute with several values in each element cannot be stored in Keycloak", "Store the whole attribute with the transform json")
	case r.leaf.Type == scim.TypeComplex && !r.json:
		c.Add(keycloak, "one Keycloak attribute cannot hold a complex value", "Give each sub-attribute a rule, or add the transform json")
	case r.field && (r.several || r.json || r.leaf.Type != scim.TypeString):
		c.Add(keycloak, r.target+" holds one text", "Choose another Keycloak attribute")
	}
}

// steps compiles the transforms of a rule for an attribute. inElements says that the attribute is
// in each of several elements.
func (c compiler) steps(leaf *scim.Attribute, inElements bool, w written) steps {
	var out steps
	several := leaf.MultiValued
	for i, t := range w.Transform {
		if text, hint := misfit(t.Name, i, leaf, inElements, several); text != "" {
			c.Add(t.Where, text, hint)
			continue
		}
		several = several && t.Name != "join" || t.Name == "split"
		if s := compileStep(t); s.each != nil || s.all != nil {
			s.name = t.Name
			out = append(out, s)
		}
	}
	return out
}

// misfit returns why a transform cannot be used at its place.
func misfit(name string, index int, leaf *scim.Attribute, inElements, several bool) (text, hint string) {
	const remove = "Remove it"
	switch name {
	case "json":
		switch {
		case leaf.Type != scim.TypeComplex:
			return "json is for complex attributes", remove
		case index > 0:
			return "json must come first", "A transform before it would get a complex value"
		}
	case "join":
		if !several || inElements {
			return "join needs several values of one attribute", remove
		}
	case "split", "default", "constant":
		if several || inElements {
			return name + " needs an attribute with one value", remove
		}
	}
	return "", ""
}
