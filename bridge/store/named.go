package store

import (
	"regexp"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// NamedIn are the identifiers of the people that a document names, as a client sent it: a resource, a PATCH or a bulk
// request, also one that is not valid. The names of its members can have any case, and paths can take their place. The
// result has at most MaxNamed+1 identifiers.
func NamedIn(document map[string]any) []Identifier {
	var out Identifiers
	out.addValue(document, 0)
	return out.List
}

// full reports whether there are too many identifiers.
func (l *Identifiers) full() bool { return len(l.List) > MaxNamed }

// addValue adds what a value names. kind is the kind of its texts; 0 for none.
func (l *Identifiers) addValue(value any, kind Kind) {
	if l.full() {
		return
	}
	switch v := value.(type) {
	case string:
		if kind != 0 {
			l.add(kind, v)
		}
	case []any:
		for _, one := range v {
			l.addValue(one, kind)
		}
	case map[string]any:
		l.addObject(v, kind)
	}
}

func (l *Identifiers) addObject(object map[string]any, kind Kind) {
	at := kind // of the member "value"
	for name, value := range object {
		if path, is := value.(string); is && scim.FoldName(name) == "path" {
			if of := kindAt(path); of != 0 {
				at = of
				l.addQuoted(path, of)
			}
		}
	}
	for name, value := range object {
		of := kindAt(name)
		if of != 0 {
			l.addQuoted(name, of)
		}
		if scim.FoldName(name) == "value" {
			of = at
		}
		l.addValue(value, of)
	}
}

// quoted are the texts in a filter of a path.
var quoted = regexp.MustCompile(`"([^"]*)"`)

// addQuoted adds the texts in the filter of a path, such as members[value eq "…"].
func (l *Identifiers) addQuoted(path string, kind Kind) {
	for _, match := range quoted.FindAllStringSubmatch(path, MaxNamed+1) {
		l.add(kind, match[1])
	}
}

// kindAt is the kind of identifier that is at a path or in a member with a name; 0 for another value.
func kindAt(path string) Kind {
	folded := scim.FoldName(path)
	switch {
	case strings.Contains(folded, "email"):
		return ByAddress
	case strings.Contains(folded, "members"), strings.Contains(folded, "manager"):
		return ByID
	}
	switch folded[strings.LastIndexAny(folded, ":.")+1:] {
	case "username":
		return ByUserName
	case "externalid":
		return ByExternalID
	case "id":
		return ByID
	}
	return 0
}
