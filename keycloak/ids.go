package keycloak

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxID bounds an id in bytes.
const maxID = 255

// ErrInvalidID says that a text can be no id of Keycloak's and must not reach a
// URL.
var ErrInvalidID = errors.New("not an id")

// segment is a text that is safe as one segment of a path once it is escaped.
type segment struct{ text string }

// String is the text as Keycloak wrote it.
func (s segment) String() string { return s.text }

// IsZero reports whether nothing was parsed.
func (s segment) IsZero() bool { return s.text == "" }

// IsCanonical reports whether the text is a UUID in small letters, as Keycloak makes ids. A database
// that compares loosely finds a resource by other texts too: MySQL's default ignores case and accents,
// and takes a full-width digit for a digit. Nothing else knows the resource by such a text, so that it
// has to be read: the answer has the true id.
func (s segment) IsCanonical() bool {
	const length = 36
	return len(s.text) == length && strings.Trim(s.text, "0123456789abcdef-") == ""
}

// escaped is the text for a URL.
func (s segment) escaped() string { return url.PathEscape(s.text) }

// parseSegment refuses what could change the path of a URL. It asks for no UUID:
// ids of federated users look like f:component:external.
func parseSegment(text string) (segment, error) {
	bad := func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || r == '/' || r == '\\' || r == '%' || r == ';' || r == '?' || r == '#'
	}
	switch {
	case text == "", text == ".", text == "..", len(text) > maxID, !utf8.ValidString(text), strings.ContainsFunc(text, bad):
		return segment{}, ErrInvalidID
	}
	return segment{text: text}, nil
}

// parseID is parseSegment for the id of a user or group. Two words have another meaning where
// the Admin API takes an id: GET /users/count is a number, and PUT /users/profile would be the
// user profile of the realm. An id that begins with "f:" names a federation behind it, up to a
// second colon, without which Keycloak answers 500 (measured). Behind that is the user's id in the
// federation, for LDAP the user name, which may hold blanks: they are escaped.
func parseID(text string) (segment, error) {
	federated, ok := strings.CutPrefix(text, federatedMark)
	plain := text
	if ok {
		plain = strings.ReplaceAll(text, " ", "-")
	}
	if text == "count" || text == "profile" || ok && !strings.Contains(federated, ":") {
		return segment{}, ErrInvalidID
	}
	if _, err := parseSegment(plain); err != nil {
		return segment{}, err
	}
	return segment{text: text}, nil
}

// UserID is the id of a user.
type UserID struct{ segment }

// GroupID is the id of a group of the realm, or of an organization, whose groups Keycloak
// reaches by calls of that organization alone.
type GroupID struct {
	segment

	organization segment // zero for a group of the realm
}

// OrganizationID is the id of an organization, which is not its alias.
type OrganizationID struct{ segment }

// ClientUUID is the internal id of a client, which is not its clientId.
type ClientUUID struct{ segment }

// Realm is the name of a realm.
type Realm struct{ segment }

// ParseUserID makes an id of hostile text, or fails with ErrInvalidID.
func ParseUserID(text string) (UserID, error) {
	s, err := parseID(text)
	return UserID{s}, err
}

// IsListed reports whether a UserQuery can ask for the id beside others: Keycloak takes them apart at
// blanks.
func (id UserID) IsListed() bool { return !strings.Contains(id.text, " ") }

// ParseUserIDs makes ids of hostile texts and leaves out what can be none.
func ParseUserIDs(texts []string) []UserID {
	out := make([]UserID, 0, len(texts))
	for _, text := range texts {
		if id, err := ParseUserID(text); err == nil {
			out = append(out, id)
		}
	}
	return out
}

// maxIDs bounds the ids of one UserQuery, in bytes of a URL.
const maxIDs = 4 << 10

// Batches splits ids into queries by UserQuery.IDs: at most n ids each, and fewer where they are
// so long that a URL could not hold them.
func Batches(ids []UserID, n int) [][]UserID {
	var out [][]UserID
	first, size := 0, 0
	for i, id := range ids {
		bytes := len(url.QueryEscape(id.text)) + 1
		if i-first == n || i > first && size+bytes > maxIDs {
			out, first, size = append(out, ids[first:i]), i, 0
		}
		size += bytes
	}
	if first < len(ids) {
		out = append(out, ids[first:])
	}
	return out
}

// ParseGroupID makes the id of a group of the realm of hostile text, or fails with
// ErrInvalidID.
func ParseGroupID(text string) (GroupID, error) {
	s, err := parseID(text)
	return GroupID{segment: s}, err
}

// ParseGroupID is the package's ParseGroupID for a group of the organization.
func (o OrganizationID) ParseGroupID(text string) (GroupID, error) {
	s, err := parseID(text)
	return GroupID{segment: s, organization: o.segment}, err
}

// TopLevel is the Parent of the organization's top-level groups; it has no id of its own.
func (o OrganizationID) TopLevel() GroupID { return GroupID{organization: o.segment} }

// Organization is whose group it is, zero for a group of the realm.
func (id GroupID) Organization() OrganizationID { return OrganizationID{id.organization} }

// groupsPath is the path of the groups beside this one.
func (id GroupID) groupsPath() string {
	if id.organization.IsZero() {
		return "/groups"
	}
	return OrganizationID{id.organization}.path() + "/groups"
}

func (id GroupID) path() string { return id.groupsPath() + "/" + id.escaped() }

// ParseOrganizationID makes an id of hostile text, or fails with ErrInvalidID.
func ParseOrganizationID(text string) (OrganizationID, error) {
	s, err := parseSegment(text)
	return OrganizationID{s}, err
}

// ParseClientUUID makes an id of hostile text, or fails with ErrInvalidID.
func ParseClientUUID(text string) (ClientUUID, error) {
	s, err := parseSegment(text)
	return ClientUUID{s}, err
}

// ParseRealm makes a realm of its name. Names may hold blanks, which are escaped.
func ParseRealm(text string) (Realm, error) {
	if _, err := parseSegment(strings.ReplaceAll(text, " ", "-")); err != nil {
		return Realm{}, fmt.Errorf("realm %q: %w", text, err)
	}
	return Realm{segment{text: text}}, nil
}
