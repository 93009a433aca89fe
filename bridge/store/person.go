package store

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Person identifies a person by at least one value. Values are compared without regard to upper and lower case.
type Person struct {
	ID         string // of the user in Keycloak
	UserName   string
	Address    string // an e-mail address
	ExternalID string
}

// AnyOf is a person with a text in any of the identifiers: an operator need not say what the text is.
func AnyOf(text string) Person {
	return Person{ID: text, UserName: text, Address: text, ExternalID: text}
}

// Kind says what an identifier is.
type Kind byte

// The kinds of identifiers.
const (
	ByID         Kind = 'i'
	ByUserName   Kind = 'n'
	ByAddress    Kind = 'a'
	ByExternalID Kind = 'e'
)

// Identifier is a value that a person is found by. The value is folded.
type Identifier struct {
	Kind  Kind
	Value string
}

// fold makes texts equal that differ in case, in their composition (Unicode normalization form NFKC), or in space
// around them. A folded text stays the same when it is folded again. Identifiers are mostly ASCII, which needs no tables.
func fold(text string) string {
	if isASCII(text) {
		return strings.ToLower(strings.TrimSpace(text))
	}
	lower := cases.Fold()
	once := norm.NFKC.String(lower.String(norm.NFD.String(text)))
	return strings.TrimSpace(norm.NFKC.String(lower.String(once))) // NFKC makes capital letters and spaces of symbols
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Identifiers are the identifiers of a person that are not empty.
func (p Person) Identifiers() []Identifier {
	var out Identifiers
	out.add(ByID, p.ID)
	out.add(ByUserName, p.UserName)
	out.add(ByAddress, p.Address)
	out.add(ByExternalID, p.ExternalID)
	return out.List
}

// Identifiers collects identifiers, each once.
type Identifiers struct {
	List []Identifier
	seen map[Identifier]struct{}
}

func (l *Identifiers) add(kind Kind, value string) {
	one := Identifier{kind, fold(value)}
	if one.Value == "" {
		return
	}
	if _, again := l.seen[one]; again {
		return
	}
	if l.seen == nil {
		l.seen = map[Identifier]struct{}{}
	}
	l.seen[one] = struct{}{}
	l.List = append(l.List, one)
}

// typeUser is the type of users.
const typeUser = "User"

// IdentifiersOf are the identifiers that find a change: those of the user who is changed, before and after, and the ids
// of the users who join or leave a group. Groups have no identifiers.
func IdentifiersOf(c change.Change) []Identifier {
	var out Identifiers
	if c.Resource.Type == typeUser {
		out.add(ByID, c.Resource.ID)
		for _, doc := range []scim.Document{c.Before, c.After} {
			out.addDocument(doc)
		}
	}
	for _, id := range c.MembersAdded {
		out.add(ByID, id)
	}
	for _, id := range c.MembersRemoved {
		out.add(ByID, id)
	}
	return out.List
}

func (l *Identifiers) addDocument(doc scim.Document) {
	l.add(ByUserName, doc.String(scim.AttrUserName))
	l.add(ByExternalID, doc.String(scim.AttrExternalID))
	addresses, _ := doc[scim.AttrEmails].([]any)
	for _, one := range addresses {
		if address, is := one.(map[string]any); is {
			value, _ := address["value"].(string)
			l.add(ByAddress, value)
		}
	}
}
