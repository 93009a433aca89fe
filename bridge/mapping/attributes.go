package mapping

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
)

// Names of the Keycloak attributes that the bridge writes. They are reserved: no rule may have such
// a target, and no value from a client chooses the name of an attribute.
const (
	AttrExternalID  = "externalId"     // users and groups; Keycloak's own SCIM API uses this name too
	AttrDisplayName = "displayName"    // users
	AttrKey         = "scim.key"       // users: see LookupKey
	AttrEmails      = "scim.emails"    // users: addresses other than the primary address
	AttrRemainder   = "scim.remainder" // users and groups: see remainder.go
	AttrOwner       = "scim.owner"     // users and groups: the key of the tenant that created the resource
	AttrGuest       = "scim.guest"     // users: the keys of tenants that store something about an account of another tenant
	AttrRoles       = "scim.roles"     // users and groups: see granted.go
	AttrModified    = "scim.modified"  // users and groups: RFC 3339, milliseconds, UTC
	AttrCreated     = "scim.created"   // groups: Keycloak does not store when a group was created
	AttrRevoked     = "scim.revoked"   // the bridge's own service account: see bridge/realm, Remember
	AttrProtected   = "scim.protected" // the bridge's own service account: see bridge/realm, Remember
)

// OwnPrefix begins the names of the bridge's own attributes, in lower case.
const OwnPrefix = "scim."

// Fields of a user that can be the target of a rule, besides attributes.
const (
	FieldFirstName = "firstName"
	FieldLastName  = "lastName"
)

func isField(name string) bool { return name == FieldFirstName || name == FieldLastName }

// isReserved reports whether a name has a meaning for the bridge or for Keycloak, so that no rule
// may write it.
func isReserved(name string) bool {
	switch lower := strings.ToLower(name); {
	case strings.HasPrefix(lower, OwnPrefix), strings.HasPrefix(lower, "saml.persistent.name.id.for."), strings.HasPrefix(lower, "kc."):
		return true
	default:
		return slices.Contains(reservedNames(), lower)
	}
}

// reservedNames lists fields of a user or group, members that Keycloak adds to a representation,
// and attributes with a meaning in Keycloak that clients must not set (Keycloak 26: UserModel,
// LDAPConstants, ReadOnlyAttributes).
func reservedNames() []string {
	return []string{
		"id", "username", "email", "emailverified", "enabled", "createdtimestamp", "disabledreason", "is_temporary_admin",
		"ldap_id", "ldap_entry_dn", "kerberos_principal", "createtimestamp", "modifytimestamp", "usercertificate",
		"terms_and_conditions", "federationlink", "serviceaccountclientid",
	}
}

// Declaration is a user attribute that the realm's user profile must declare. Otherwise Keycloak
// silently drops the attribute (keycloak-measured: undeclared attributes).
type Declaration struct {
	Name        string
	MultiValued bool
	DisplayName string // for the admin console
	Own         bool   // whether it is an attribute of the bridge and not of a rule
}

// AccountDeclarations returns the attributes of the bridge's own service account. Keycloak keeps
// them undeclared too (keycloak-measured), but its console drops them when somebody saves the
// account there.
func AccountDeclarations() []Declaration {
	return []Declaration{
		{Name: AttrRevoked, MultiValued: true, DisplayName: "SCIM: revoked tokens", Own: true},
		{Name: AttrProtected, MultiValued: true, DisplayName: "SCIM: what the configuration protects", Own: true},
	}
}

// SetUp returns the declarations that setup makes: those of the mapping, of the bridge's own
// service account, and of the roles that rules grant, so that a rule about roles can be added
// later.
func (m *Mapping) SetUp() []Declaration {
	declared := m.Declarations()
	if !m.grantsUserRoles() {
		declared = append(declared, rolesDeclaration())
	}
	return append(declared, AccountDeclarations()...)
}

func rolesDeclaration() Declaration {
	return Declaration{Name: AttrRoles, MultiValued: true, DisplayName: "SCIM: roles that rules granted", Own: true}
}

// Declarations returns the user attributes that the mapping writes. Group attributes need no
// declaration.
func (m *Mapping) Declarations() []Declaration {
	declared := []Declaration{
		{Name: m.users.externalID, DisplayName: "SCIM: external id", Own: true},
		{Name: AttrKey, MultiValued: true, DisplayName: "SCIM: look-up key of the external id", Own: true},
		{Name: AttrEmails, MultiValued: true, DisplayName: "SCIM: further e-mail addresses", Own: true},
		{Name: AttrRemainder, MultiValued: true, DisplayName: "SCIM: attributes without a place of their own", Own: true},
		{Name: AttrOwner, MultiValued: true, DisplayName: "SCIM: owner", Own: true},
		{Name: AttrGuest, MultiValued: true, DisplayName: "SCIM: guests", Own: true},
		{Name: AttrModified, MultiValued: true, DisplayName: "SCIM: last change", Own: true},
	}
	if m.grantsUserRoles() {
		declared = append(declared, rolesDeclaration())
	}
	for _, r := range m.users.rules {
		if !r.field {
			declared = append(declared, Declaration{Name: r.target, MultiValued: r.several, DisplayName: "SCIM: " + r.String()})
		}
	}
	return declared
}

const (
	// maxUserValue is the longest value of a declared user attribute without a length validator, in
	// UTF-16 units (keycloak-measured).
	maxUserValue = 2048
	// maxGroupValue is the length of the database column for a group's name and attribute values.
	// Keycloak answers 500 to a longer value (keycloak-measured).
	maxGroupValue = 255
	// indexedLength is the length above which Keycloak finds a value of a user attribute by its
	// hash index. Shorter values are found by reading all values of that attribute.
	indexedLength = 255
)

// length is the length of a text as Java and Keycloak's validators count it, in UTF-16 units. For a
// short text it returns the number of bytes, which is never less.
func length(text string) int {
	if len(text) <= maxGroupValue {
		return len(text) // so many bytes are allowed everywhere
	}
	n := 0
	for _, r := range text {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// storable reports whether Keycloak keeps a value of a user attribute unchanged. Blank values
// vanish, and long values are refused.
func storable(text string) bool {
	return strings.TrimSpace(text) != "" && length(text) <= maxUserValue
}

// LookupKey returns the value of scim.key for an externalId. It consists of the tenant's key and
// the escaped externalId. It is padded to a length from which Keycloak searches by an index, so a
// look-up costs the same in a realm of any size.
//
// The escaping leaves only characters that a "q" search accepts. Such a search ignores case, so the
// caller compares the externalId of a hit. ok is false for an externalId that is too long, which no
// user has.
func LookupKey(tenantKey, externalID string) (key string, ok bool) {
	key = tenantKey + "|" + url.QueryEscape(externalID) + "|"
	return key + strings.Repeat("-", max(0, indexedLength+1-len(key))), len(key) <= maxKey
}
