package mapping

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// judge handles values that no rule and no field holds, as the mapping says. It keeps them, refuses
// them with a *scim.Error that names them, or removes them and names them in dropped.
func (k kind) judge(rest scim.Document) (dropped []string, err error) {
	if k.keeps() {
		return nil, nil
	}
	dropped = k.strip(rest)
	if k.unmapped == config.UnmappedRefuse && len(dropped) > 0 {
		return nil, scim.BadRequest(code.NotStored, scim.InvalidValue, "this endpoint does not store %s: leave it out, or ask the operator to store it", listed(dropped))
	}
	return dropped, nil
}

// maxNamed limits how many names an error repeats, because a client chose these names.
const maxNamed = 20

func listed(names []string) string {
	text := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if len(names) > maxNamed {
		text += " and others"
	}
	return text
}

// keeps reports whether values without a rule are kept.
func (k kind) keeps() bool { return k.unmapped == "" || k.unmapped == config.UnmappedKeep }

// strip removes the values that no rule and no field holds, and names them.
func (k kind) strip(rest scim.Document) []string {
	var dropped []string
	for _, name := range scim.SortedNames(rest) {
		if k.belongsToField(name) {
			continue
		}
		object, ok := rest[name].(map[string]any)
		if !ok || !strings.HasPrefix(strings.ToLower(name), "urn:") {
			dropped = append(dropped, k.prune(rest, name, name)...)
			continue
		}
		for _, member := range scim.SortedNames(object) {
			dropped = append(dropped, k.prune(object, member, name+":"+member)...)
		}
		if len(object) == 0 {
			delete(rest, name)
		}
	}
	return dropped
}

// belongsToField reports whether a member of the rest belongs to a field: the spelling of the userName,
// the types of e-mail addresses, the externalId at an organization.
func (k kind) belongsToField(name string) bool {
	return name == scim.AttrUserName || name == scim.AttrEmails || name == scim.AttrExternalID
}

// prune removes the values without marks from a member of an object, and names them.
func (k kind) prune(object map[string]any, member, path string) []string {
	switch v := object[member].(type) {
	case map[string]any:
		if _, marked := marks(v); marked {
			return nil
		}
		var dropped []string
		for _, sub := range scim.SortedNames(v) {
			if _, marked := marks(v[sub]); !marked {
				dropped = append(dropped, path+"."+sub)
				delete(v, sub)
			}
		}
		if len(v) == 0 {
			delete(object, member)
		}
		return dropped
	case []any:
		kept, dropped := k.pruneElements(v, path)
		if object[member] = kept; len(kept) == 0 {
			delete(object, member)
		}
		return dropped
	default:
		delete(object, member)
		return []string{path}
	}
}

func (k kind) pruneElements(elements []any, path string) (kept []any, dropped []string) {
	seen := texts{}
	drop := func(name string) {
		if !seen.in(dropped, name) {
			dropped = append(dropped, name)
		}
	}
	for _, element := range elements {
		if _, marked := marks(element); marked {
			kept = append(kept, element)
			continue
		}
		object, _ := element.(map[string]any)
		if !hasMark(object) {
			drop(path)
			continue
		}
		for _, sub := range scim.SortedNames(object) {
			if _, marked := marks(object[sub]); !marked && !k.isLabel(sub) {
				drop(path + "." + sub)
				delete(object, sub)
			}
		}
		kept = append(kept, object)
	}
	return kept, dropped
}

func hasMark(object map[string]any) bool {
	for _, value := range object {
		if _, marked := marks(value); marked {
			return true
		}
	}
	return false
}

// isLabel reports whether a sub-attribute says what kind of value an element holds.
func (k kind) isLabel(name string) bool {
	return slices.ContainsFunc(k.rules, func(r *rule) bool { return r.inElements() && r.isLabel(name) })
}
