package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// An e-mail of a document is split into two parts. Its address goes to the field email (the primary
// e-mail) or to scim.emails (the other e-mails). The rest of the e-mail goes to the remainder, in
// the order of the document:
//
//	{"at": "p", "e": {"type": "work", "primary": true}}      address in the field
//	{"at": "3f9a12bc", "e": {"type": "home"}}                 address in scim.emails, by its hash
//	{"at": "", "e": {"value": " ", "display": "x"}}           address that Keycloak cannot hold
//
// "e" contains the value only when its spelling differs from the stored value. A single e-mail has
// no entry when it looks the same without an entry. Without an entry, an account that a client of
// the tenant wrote shows {value, primary: true}. Any other account shows {value, type: work,
// primary: true} (see Owner.wrote), because identity providers look for a type. A client can
// therefore read and send back an address from the console, and nothing is stored.

const (
	emailAt    = "at"
	emailRest  = "e"
	atPrimary  = "p"
	atNowhere  = ""
	typeWork   = "work"
	hashLength = 4 // bytes
)

// emailState is what Keycloak holds of a document's e-mails.
type emailState struct {
	primary string   // the field email, in lower case
	further []string // values of scim.emails
	entries []any    // for the remainder; nil when not needed
	seen    texts    // the texts of further
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
	return s
}

// entriesFor returns the entries that the e-mails need. written says whether a client writes the
// account.
func (s emailState) entriesFor(emails []any, written bool) []any {
	if len(emails) == 1 && scim.Equal(emails[0], shownEmail(s.primary, written)) {
		return nil
	}
	return s.entries
}

// place stores an address and returns where.
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

// entry returns the part of an e-mail that goes to the remainder.
func entry(at string, email map[string]any) map[string]any {
	rest := make(map[string]any, len(email))
	maps.Copy(rest, email)
	text, _ := rest[scim.AttrValue].(string)
	if at != atNowhere && (at != atPrimary || text == strings.ToLower(text)) {
		delete(rest, scim.AttrValue)
	}
	return map[string]any{emailAt: at, emailRest: rest}
}

// primaryEmail returns the index of the address for the field email: the primary e-mail, or the
// first e-mail that Keycloak can hold; -1 when there is no such address.
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

// joinEmails reverses splitEmails for what Keycloak holds now. An address that was changed in the
// console shows in place of the old address. An address that was removed there disappears with its
// entry, and a new address comes last. written says that a client of the tenant wrote the account.
func joinEmails(primary string, further []string, entries []any, written bool) []any {
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
		emails = append(emails, addedPrimary(primary, emails, written))
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

// addedPrimary returns the e-mail for an address that somebody else wrote into the field email. It
// is primary unless the client marked another e-mail as primary.
func addedPrimary(primary string, emails []any, written bool) map[string]any {
	for _, email := range emails {
		if object, ok := email.(map[string]any); ok && object[scim.AttrPrimary] == true {
			return map[string]any{scim.AttrValue: primary}
		}
	}
	return shownEmail(primary, written)
}

// appendAdded adds the addresses of scim.emails that have no entry.
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

// shownEmail returns the e-mail for an address without an entry.
func shownEmail(text string, written bool) map[string]any {
	out := map[string]any{scim.AttrValue: text, scim.AttrPrimary: true}
	if !written {
		out[scim.AttrType] = typeWork
	}
	return out
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
