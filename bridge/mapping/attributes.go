package mapping

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
)

// Names of the Keycloak attributes that the bridge writes. They are reserved: no
// rule may target them, and no value of a client chooses an attribute name.
const (
	AttrExternalID  = "externalId"     // users and groups; the name that Keycloak's own SCIM uses
	AttrDisplayName = "displayName"    // users
	AttrKey         = "scim.key"       // users: see LookupKey
	AttrEmails      = "scim.emails"    // users: addresses beyond the primary one
	AttrRemainder   = "scim.remainder" // users and groups: see remainder.go
	AttrOwner       = "scim.owner"     // users and groups: the key of the tenant that created it
	AttrGuest       = "scim.guest"     // users: the keys of tenants that keep something of another's account
	AttrRoles       = "scim.roles"     // users and groups: see granted.go
	AttrModified    = "scim.modified"  // users and groups: RFC 3339, milliseconds, UTC
	AttrCreated     = "scim.created"   // groups: Keycloak keeps no time of a group's creation
	AttrRevoked     = "scim.revoked"   // the bridge's own service account: see bridge/realm, Remember
	AttrProtected   = "scim.protected" // the bridge's own service account: see bridge/realm, Remember
)

// OwnPrefix begins the names of attributes that are the bridge's own, in lower case.
const OwnPrefix = "scim."

// Fields of a user that a rule can name as its target, beside attributes.
const (
	FieldFirstName = "firstName"
	FieldLastName  = "lastName"
)

func isField(name string) bool { return name == FieldFirstName || name == FieldLastName }

// isReserved reports whether a name means something to the bridge or to Keycloak, so
// that no rule may write it.
func isReserved(name string) bool {
	switch lower := strings.ToLower(name); {
	case strings.HasPrefix(lower, OwnPrefix), strings.HasPrefix(lower, "saml.persistent.name.id.for."), strings.HasPrefix(lower, "kc."):
		return true
	default:
		return slices.Contains(reservedNames(), lower)
	}
}

// reservedNames are fields of a user or group, what Keycloak adds to a representation,
// and attributes to which Keycloak gives a meaning that is not a client's to set
// (Keycloak 26: UserModel, LDAPConstants, ReadOnlyAttributes).
func reservedNames() []string {
	return []string{
		"id", "username", "email", "emailverified", "enabled", "createdtimestamp", "disabledreason", "is_temporary_admin",
		"ldap_id", "ldap_entry_dn", "kerberos_principal", "createtimestamp", "modifytimestamp", "usercertificate",
		"terms_and_conditions", "federationlink", "serviceaccountclientid",
	}
}

// Declaration is a user attribute that the realm's user profile must declare, or
// Keycloak drops it without a word (keycloak-measured: undeclared attributes).
type Declaration struct {
	Name        string
	MultiValued bool
	DisplayName string // for the admin console
	Own         bool   // whether it is the bridge's own, and no rule's
}

// AccountDeclarations are the attributes of the bridge's own service account. Keycloak keeps
// those undeclared, too (keycloak-measured), but its console drops them when somebody saves the
// account there.
func AccountDeclarations() []Declaration {
	return []Declaration{
		{Name: AttrRevoked, MultiValued: true, DisplayName: "SCIM: revoked tokens", Own: true},
		{Name: AttrProtected, MultiValued: true, DisplayName: "SCIM: what the configuration protects", Own: true},
	}
}

// SetUp are the declarations that setup makes: those of the mapping, of the bridge's own service
// account, and that of the roles that rules grant, so that such a rule can come later.
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

// Declarations are the user attributes that the mapping writes. Group attributes need
// none.
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
	// maxUserValue is how long a value of a declared user attribute may be without
	// a length validator, in UTF-16 units (keycloak-measured).
	maxUserValue = 2048
	// maxGroupValue is the length of the column for a group's name and attribute
	// values; one more is a 500 of Keycloak (keycloak-measured).
	maxGroupValue = 255
	// indexedLength is the length beyond which Keycloak finds a value of a user
	// attribute by its hash index and not by reading all values of that name.
	indexedLength = 255
)

// length counts as Java and Keycloak's validators do.
func length(text string) int {
	if len(text) <= maxGroupValue {
		return len(text) // an upper bound that is small enough for every use
	}
	n := 0
	for _, r := range text {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// storable reports whether Keycloak keeps a value of a user attribute as it is:
// blanks vanish, long ones are refused.
func storable(text string) bool {
	return strings.TrimSpace(text) != "" && length(text) <= maxUserValue
}

// LookupKey is the value of scim.key for an externalId: the tenant's key and the
// escaped externalId, padded beyond the length from which Keycloak searches by an
// index, so that a look-up costs the same in a realm of any size. The escaping
// leaves nothing that a "q" search cannot ask for; case does not matter there, so
// the caller compares the externalId of a hit. ok is false for one that is too long, so that
// nobody has it.
func LookupKey(tenantKey, externalID string) (key string, ok bool) {
	key = tenantKey + "|" + url.QueryEscape(externalID) + "|"
	return key + strings.Repeat("-", max(0, indexedLength+1-len(key))), len(key) <= maxKey
}
