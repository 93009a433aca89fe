package mapping

import (
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Explained says how a value of a document is stored.
type Explained struct {
	Attribute string   `json:"attribute"`        // path of the attribute
	Value     any      `json:"value,omitempty"`  // as the bridge understood it
	Rule      string   `json:"rule"`             // the rule that decides
	Target    string   `json:"target"`           // a field of Keycloak, or "attributes." and a name; "" when the value is not stored
	Stored    []string `json:"stored,omitempty"` // what Keycloak stores there
}

const (
	builtInRule = "built in"
	noRule      = "no rule"
	remnant     = "the rest"
	attributes  = "attributes."
)

// ExplainUser explains how a document of a User is stored, attribute by attribute. isNew says that
// the user is created. A document that cannot be stored gives the error of UserState.
func (m *Mapping) ExplainUser(o Owner, doc scim.Document, isNew bool) ([]Explained, error) {
	s, err := m.UserState(o, doc)
	if err != nil {
		return nil, err
	}
	sent := doc
	doc = doc.Clone()
	if err := m.users.derive(doc); err != nil {
		return nil, err
	}
	e := explainer{kind: m.users, doc: doc, dropped: s.Dropped, rest: s.Remainder}
	e.add(scim.AttrUserName, doc[scim.AttrUserName], withSteps(builtInRule, m.users.userName), "username", s.Username)
	e.email(s)
	if s.Enabled != nil {
		e.add(scim.AttrActive, *s.Enabled, builtInRule, "enabled", strconv.FormatBool(*s.Enabled))
	}
	e.externalID(s.Attributes, s.keys())
	if doc[scim.AttrPassword] != nil {
		target := ""
		if !s.Password.IsZero() && (isNew || !s.Password.Temporary()) {
			target = "credentials"
		}
		e.add(scim.AttrPassword, doc[scim.AttrPassword], "password: "+string(m.Password), target)
	}
	fields := map[string]string{FieldFirstName: s.FirstName, FieldLastName: s.LastName}
	e.rules(func(r *rule) []string {
		if r.field {
			return []string{fields[r.target]}
		}
		return s.Attributes[r.target]
	})
	e.leftOver()
	roles, err := m.UserRoles(sent, nil)
	if err != nil {
		return nil, err
	}
	e.roles("users.roles", roles)
	if !isNew {
		return e.out, nil
	}
	link, err := m.Link(sent)
	if link != nil {
		e.add(m.LinkAttribute(), link.UserID, "users.link", "federatedIdentities", link.IdentityProvider)
	}
	return e.out, err
}

// ExplainGroup is ExplainUser for a document of a Group, without its members.
func (m *Mapping) ExplainGroup(doc scim.Document) ([]Explained, error) {
	s, err := m.GroupState(doc)
	if err != nil {
		return nil, err
	}
	doc = doc.Clone()
	if err := m.groups.derive(doc); err != nil {
		return nil, err
	}
	e := explainer{kind: m.groups, doc: doc, dropped: s.Dropped, rest: s.Remainder}
	e.add(scim.AttrDisplayName, doc[scim.AttrDisplayName], builtInRule, "name", s.Name)
	e.externalID(s.Attributes, nil)
	e.rules(func(r *rule) []string { return s.Attributes[r.target] })
	e.leftOver()
	e.roles("groups.roles", s.Roles)
	return e.out, nil
}

// explainer collects the explanations of a document.
type explainer struct {
	kind    kind
	doc     scim.Document // with the values of expressions
	dropped []string
	rest    map[string]any // the remainder
	out     []Explained
}

func (e *explainer) add(attribute string, value any, rule, target string, stored ...string) {
	e.out = append(e.out, Explained{Attribute: attribute, Value: value, Rule: rule, Target: target, Stored: stored})
}

func (e *explainer) email(s UserState) {
	emails := e.doc.Values(scim.AttrEmails)
	if i := primaryEmail(emails); i >= 0 {
		e.add("emails, the primary address", emails[i], builtInRule, "email", s.Email)
	}
	if further := s.Attributes[AttrEmails]; len(further) > 0 {
		e.add("emails, the other addresses", nil, builtInRule, attributes+AttrEmails, further...)
	}
}

func (e *explainer) externalID(stored map[string][]string, keys []string) {
	if values := stored[e.kind.externalID]; len(values) > 0 {
		e.add(scim.AttrExternalID, e.doc[scim.AttrExternalID], builtInRule, attributes+e.kind.externalID, values...)
	}
	for _, key := range keys {
		e.add(scim.AttrExternalID, e.doc[scim.AttrExternalID], "look-up key", attributes+AttrKey, strings.TrimRight(key, "-"))
	}
}

// rules explains the rules that store a value, and a value from the client for a rule that never
// writes.
func (e *explainer) rules(stored func(*rule) []string) {
	for _, r := range e.kind.rules {
		value := r.source(e.doc)
		if r.readOnly() {
			if value != nil {
				e.add(r.String(), value, "readOnly", "")
			}
			continue
		}
		values := stored(r)
		if first(values) == "" {
			continue
		}
		target := r.target
		if !r.field {
			target = attributes + target
		}
		e.add(r.String(), value, e.ruleText(r), target, values...)
	}
}

// source returns the values that a rule finds in a document.
func (r *rule) source(doc scim.Document) any {
	value := r.at.get(doc)
	if !r.inElements() {
		return value
	}
	var out []any
	list, _ := value.([]any)
	for _, element := range list {
		if object, ok := element.(map[string]any); ok && r.selects(object) && object[r.leaf.Name] != nil {
			out = append(out, object[r.leaf.Name])
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// leftOver explains values that no rule and no field holds.
func (e *explainer) leftOver() {
	for _, name := range e.dropped {
		e.add(name, sentOf(e.doc, name), "unmapped: "+string(e.kind.unmapped), "")
	}
	for _, name := range scim.SortedNames(e.rest) {
		object, extension := e.rest[name].(map[string]any)
		if !extension || !strings.HasPrefix(strings.ToLower(name), "urn:") {
			e.kept(name, e.doc[name])
			continue
		}
		sent, _ := e.doc[name].(map[string]any)
		for _, member := range scim.SortedNames(object) {
			e.kept(name+":"+member, sent[member])
		}
	}
}

// kept explains an attribute, or a part of an attribute, that the remainder holds.
func (e *explainer) kept(name string, value any) {
	rule := noRule
	if text := e.expression(name); text != "" {
		rule = text
	}
	for _, known := range e.out {
		if known.Attribute == name || strings.HasPrefix(known.Attribute, name+"[") || strings.HasPrefix(known.Attribute, name+".") || strings.HasPrefix(known.Attribute, name+",") {
			rule = remnant
		}
	}
	e.add(name, value, rule, attributes+AttrRemainder)
}

// roles explains the roles that the rules grant.
func (e *explainer) roles(section string, roles Roles) {
	var names []string
	for _, n := range roles.Wanted {
		names = append(names, n.String())
	}
	if len(names) > 0 {
		e.add(section, nil, "the rules that apply", "role mappings", names...)
	}
}

// sentOf returns the value of an attribute that is not stored, by the name that judge uses.
func sentOf(doc scim.Document, name string) any {
	object := map[string]any(doc)
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		object, _ = object[name[:i]].(map[string]any)
		name = name[i+1:]
	}
	whole, sub, ok := strings.Cut(name, ".")
	if inner, isObject := object[whole].(map[string]any); ok && isObject {
		return inner[sub]
	}
	return object[whole]
}

// expression returns the expression that computes an attribute, or "".
func (e *explainer) expression(path string) string {
	for _, d := range e.kind.derived {
		if d.value.name == path {
			return "value: " + d.value.text
		}
	}
	return ""
}

func (e *explainer) ruleText(r *rule) string {
	what := "rule"
	if r.soft {
		what = builtInRule
	}
	if text := e.expression(r.String()); text != "" {
		what = text
	}
	if r.json {
		what += ", transform: json"
	}
	return withSteps(what, r.steps)
}

// withSteps adds the names of the transforms.
func withSteps(what string, steps steps) string {
	if len(steps) == 0 {
		return what
	}
	names := make([]string, len(steps))
	for i, step := range steps {
		names[i] = step.name
	}
	return what + ", transform: " + strings.Join(names, ", ")
}
