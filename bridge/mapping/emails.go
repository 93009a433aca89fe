package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// An e-mail of a document is split: its address goes to the field email (the
// primary one) or to scim.emails (the others), the rest of it to the remainder,
// in the order of the document:
//
//	{"at": "p", "e": {"type": "work", "primary": true}}      address in the field
//	{"at": "3f9a12bc", "e": {"type": "home"}}                 address in scim.emails, by its hash
//	{"at": "", "e": {"value": " ", "display": "x"}}           address that Keycloak cannot hold
//
// "e" holds the value only where its spelling differs from what is stored. One
// address that is just {value, primary: true} needs no entry: it is what a user
// made in the console shows.

const (
	emailAt    = "at"
	emailRest  = "e"
	atPrimary  = "p"
	atNowhere  = ""
	hashLength = 4 // bytes
)

// emailState is what Keycloak holds of the e-mails of a document.
type emailState struct {
	primary string   // the field email, in lower case
	further []string // scim.emails
	entries []any    // for the remainder; nil when not needed
	seen    texts    // of further
}

func splitEmails(emails []any) emailState {
	var s emailState
	primary := primaryEmail(emails)
	if primary >= 0 {
		s.primary = strings.ToLower(address(emails[primary]))
	}
	for _, email := range emails {
		object, ok := email.(map[string]any)
		if !ok {
			continue
		}
		at := s.place(address(object))
		s.entries = append(s.entries, entry(at, object))
	}
	if len(emails) == 1 && isPlainEmail(emails[0], s.primary) {
		s.entries = nil
	}
	return s
}

// place says where an address is stored, and stores it.
func (s *emailState) place(text string) string {
	switch {
	case !storable(text):
		return atNowhere
	case strings.ToLower(text) == s.primary:
		return atPrimary
	}
	if !s.seen.in(s.further, text) {
		s.further = append(s.further, text)
	}
	return hash(text)
}

// entry is the part of an e-mail that goes to the remainder.
func entry(at string, email map[string]any) map[string]any {
	rest := make(map[string]any, len(email))
	maps.Copy(rest, email)
	text, _ := rest[scim.AttrValue].(string)
	if at != atNowhere && (at != atPrimary || text == strings.ToLower(text)) {
		delete(rest, scim.AttrValue)
	}
	return map[string]any{emailAt: at, emailRest: rest}
}

// primaryEmail is the index of the address for the field email: the primary one,
// else the first that Keycloak can hold; -1 when there is none.
func primaryEmail(emails []any) int {
	first := -1
	for i, email := range emails {
		if !storable(address(email)) {
			continue
		}
		if object, ok := email.(map[string]any); ok && object[scim.AttrPrimary] == true {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}

// joinEmails is the reverse of splitEmails, for what Keycloak holds by now: an
// address changed in the console shows in place of the old one, an address
// removed there takes its entry along, one added there comes last.
func joinEmails(primary string, further []string, entries []any) []any {
	unseen := make(map[string]string, len(further))
	for _, text := range further {
		unseen[hash(text)] = text
	}
	var emails []any
	primarySeen := false
	for _, e := range entries {
		object, _ := e.(map[string]any)
		at, _ := object[emailAt].(string)
		rest, _ := object[emailRest].(map[string]any)
		email, ok := joinEmail(at, rest, primary, unseen)
		if !ok {
			continue
		}
		primarySeen = primarySeen || at == atPrimary
		emails = append(emails, email)
	}
	if primary != "" && !primarySeen {
		emails = append(emails, addedPrimary(primary, emails))
	}
	return appendAdded(emails, further, entries)
}

func joinEmail(at string, rest map[string]any, primary string, further map[string]string) (map[string]any, bool) {
	email := make(map[string]any, len(rest)+1)
	maps.Copy(email, rest)
	switch at {
	case atNowhere:
		return email, true
	case atPrimary:
		spelled, _ := rest[scim.AttrValue].(string)
		if strings.ToLower(spelled) != primary {
			spelled = primary
		}
		email[scim.AttrValue] = spelled
		return email, primary != ""
	default:
		text, ok := further[at]
		email[scim.AttrValue] = text
		return email, ok
	}
}

// addedPrimary is an address that appeared in the field email behind our back; it
// is primary unless the client said that another one is.
func addedPrimary(primary string, emails []any) map[string]any {
	for _, email := range emails {
		if object, ok := email.(map[string]any); ok && object[scim.AttrPrimary] == true {
			return map[string]any{scim.AttrValue: primary}
		}
	}
	return plainEmail(primary)
}

// appendAdded adds the addresses of scim.emails that no entry speaks of.
func appendAdded(emails []any, further []string, entries []any) []any {
	spoken := make(map[string]bool, len(entries))
	for _, e := range entries {
		if object, ok := e.(map[string]any); ok {
			at, _ := object[emailAt].(string)
			spoken[at] = true
		}
	}
	for _, text := range further {
		if !spoken[hash(text)] {
			emails = append(emails, map[string]any{scim.AttrValue: text})
		}
	}
	return emails
}

func plainEmail(text string) map[string]any {
	return map[string]any{scim.AttrValue: text, scim.AttrPrimary: true}
}

// isPlainEmail reports whether an e-mail is plainEmail of the address.
func isPlainEmail(email any, text string) bool {
	object, _ := email.(map[string]any)
	return len(object) == 2 && object[scim.AttrValue] == text && object[scim.AttrPrimary] == true
}

func address(email any) string {
	object, _ := email.(map[string]any)
	text, _ := object[scim.AttrValue].(string)
	return text
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:hashLength])
}
