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

// ErrInvalidID says that a text cannot be an id of Keycloak and must not be part of a URL.
var ErrInvalidID = errors.New("not an id")

// segment is a text that, once escaped, is safe as one segment of a path.
type segment struct{ text string }

// String is the text as Keycloak wrote it.
func (s segment) String() string { return s.text }

// IsZero reports whether the segment is empty.
func (s segment) IsZero() bool { return s.text == "" }

// IsCanonical reports whether the text is a UUID in small letters, as Keycloak makes ids. Some databases compare
// loosely: MySQL's default ignores case and accents, and treats a full-width digit like a digit. Such a database finds
// a resource by another text, by which no other part knows the resource. The resource must then be read, because the
// answer has its true id.
func (s segment) IsCanonical() bool {
	const length = 36
	return len(s.text) == length && strings.Trim(s.text, "0123456789abcdef-") == ""
}

// escaped is the text for a URL.
func (s segment) escaped() string { return url.PathEscape(s.text) }

// parseSegment refuses a text that could change the path of a URL. The text need not be a UUID: ids of federated users
// look like f:component:external.
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

// parseID is parseSegment for the id of a user or group. It refuses two words that mean something else in the Admin
// API: GET /users/count is a number, and PUT /users/profile would change the user profile of the realm. An id that
// begins with "f:" must name a federation, up to a second colon; otherwise Keycloak answers 500 (measured). After the
// second colon comes the user's id in the federation, for LDAP the user name. It may contain blanks, which are escaped.
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

// GroupID is the id of a group of the realm or of an organization. The groups of an organization are reached only by
// calls of that organization.
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

// ParseUserID makes an id of an untrusted text, or fails with ErrInvalidID.
func ParseUserID(text string) (UserID, error) {
	s, err := parseID(text)
	return UserID{s}, err
}

// IsListed reports whether a UserQuery can ask for the id together with others: Keycloak splits the list at blanks.
func (id UserID) IsListed() bool { return !strings.Contains(id.text, " ") }

// ParseUserIDs makes ids of untrusted texts. It leaves out texts that cannot be ids.
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

// Batches splits ids into lists for UserQuery.IDs. Each list has at most n ids, and fewer when they would be too long
// for a URL.
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

// ParseGroupID makes the id of a group of the realm from an untrusted text, or fails with ErrInvalidID.
func ParseGroupID(text string) (GroupID, error) {
	s, err := parseID(text)
	return GroupID{segment: s}, err
}

// ParseGroupID is the package's ParseGroupID for a group of the organization.
func (o OrganizationID) ParseGroupID(text string) (GroupID, error) {
	s, err := parseID(text)
	return GroupID{segment: s, organization: o.segment}, err
}

// TopLevel is the Parent of the organization's top-level groups. It has no id.
func (o OrganizationID) TopLevel() GroupID { return GroupID{organization: o.segment} }

// Organization is the organization of the group; zero for a group of the realm.
func (id GroupID) Organization() OrganizationID { return OrganizationID{id.organization} }

// groupsPath is the path of the collection that contains the group.
func (id GroupID) groupsPath() string {
	if id.organization.IsZero() {
		return "/groups"
	}
	return OrganizationID{id.organization}.path() + "/groups"
}

func (id GroupID) path() string { return id.groupsPath() + "/" + id.escaped() }

// ParseOrganizationID makes an id of an untrusted text, or fails with ErrInvalidID.
func ParseOrganizationID(text string) (OrganizationID, error) {
	s, err := parseSegment(text)
	return OrganizationID{s}, err
}

// ParseClientUUID makes an id of an untrusted text, or fails with ErrInvalidID.
func ParseClientUUID(text string) (ClientUUID, error) {
	s, err := parseSegment(text)
	return ClientUUID{s}, err
}

// ParseRealm makes a realm of its name. A name may contain blanks, which are escaped.
func ParseRealm(text string) (Realm, error) {
	if _, err := parseSegment(strings.ReplaceAll(text, " ", "-")); err != nil {
		return Realm{}, fmt.Errorf("realm %q: %w", text, err)
	}
	return Realm{segment{text: text}}, nil
}
