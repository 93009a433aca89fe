package scim

import (
	"crypto/x509"
	"encoding/base64"
	"strings"

	"golang.org/x/text/language"
)

// commonAttributes are those that every resource has (RFC 7643 section 3.1).
// They are part of no published schema.
func commonAttributes() *Schema {
	return NewSchema("", "Common", "Attributes of every resource.",
		&Attribute{
			Name: AttrSchemas, Type: TypeReference, MultiValued: true, CaseExact: true, Required: true,
			Mutability: ReadOnly, Returned: ReturnedAlways, ReferenceTypes: []string{"uri"},
			Description: "The schemas of the resource.",
		},
		&Attribute{
			Name: AttrID, Type: TypeString, CaseExact: true, Mutability: ReadOnly, Returned: ReturnedAlways,
			Uniqueness: UniqueServer, Description: "The identifier that the service provider issued: Keycloak's own id.",
		},
		&Attribute{
			Name: AttrExternalID, Type: TypeString, CaseExact: true,
			Description: "The identifier that the provisioning client gave.",
		},
		&Attribute{
			Name: AttrMeta, Type: TypeComplex, Mutability: ReadOnly, Description: "Metadata of the resource.",
			SubAttributes: []*Attribute{
				{Name: "resourceType", Type: TypeString, CaseExact: true, Mutability: ReadOnly, Description: "The name of the resource type."},
				{Name: "created", Type: TypeDateTime, Mutability: ReadOnly, Description: "When the resource was created."},
				{Name: "lastModified", Type: TypeDateTime, Mutability: ReadOnly, Description: "When the resource was last changed."},
				{Name: "location", Type: TypeReference, CaseExact: true, Mutability: ReadOnly, ReferenceTypes: []string{"uri"}, Description: "The URI of the resource."},
				{Name: AttrVersion, Type: TypeString, CaseExact: true, Mutability: ReadOnly, Description: "The version of the resource, as in the ETag header."},
			},
		},
	)
}

func str(name, description string) *Attribute {
	return &Attribute{Name: name, Type: TypeString, Description: description}
}

// plural is a multi-valued complex attribute with the sub-attributes of RFC 7643 section 2.4. value is its "value"
// sub-attribute.
func plural(name, description string, value *Attribute, types ...string) *Attribute {
	return &Attribute{
		Name: name, Type: TypeComplex, MultiValued: true, Description: description,
		SubAttributes: []*Attribute{
			value,
			str(AttrDisplay, "A human-readable name of the value."),
			{Name: AttrType, Type: TypeString, CanonicalValues: types, Description: "A label that says what the value is for."},
			{Name: AttrPrimary, Type: TypeBoolean, Description: "Whether this is the preferred value; true at most once."},
		},
	}
}

// UserSchema is the core User of RFC 7643 section 4.1. The password is understood but not offered, because the default
// mapping ignores it.
func UserSchema() *Schema {
	return NewSchema(UserURN, "User", "User Account",
		&Attribute{
			Name: AttrUserName, Type: TypeString, Required: true, Uniqueness: UniqueServer,
			Description: "The unique name of the user, stored as Keycloak's username.",
		},
		&Attribute{
			Name: AttrName, Type: TypeComplex, Description: "The components of the user's name.",
			SubAttributes: []*Attribute{
				str("formatted", "The full name, formatted for display."),
				str(AttrFamilyName, "The family name, stored as Keycloak's lastName."),
				str(AttrGivenName, "The given name, stored as Keycloak's firstName."),
				str("middleName", "The middle name or names."),
				str("honorificPrefix", "The honorific prefix, or title."),
				str("honorificSuffix", "The honorific suffix."),
			},
		},
		str(AttrDisplayName, "The name of the user, suitable for display."),
		str("nickName", "The casual way to address the user."),
		&Attribute{
			Name: "profileUrl", Type: TypeReference, CaseExact: true, ReferenceTypes: []string{"external"},
			Description: "A URI of the user's online profile.",
		},
		str("title", "The user's title, such as \"Vice President\"."),
		str("userType", "The relationship between the organization and the user."),
		str("preferredLanguage", "The preferred written or spoken language, as in Accept-Language."),
		str("locale", "The user's default location for currency, dates and numbers."),
		str("timezone", "The user's time zone in IANA format."),
		&Attribute{
			Name: AttrActive, Type: TypeBoolean,
			Description: "Whether the user may sign in, stored as Keycloak's enabled flag.",
		},
		&Attribute{
			Name: AttrPassword, Type: TypeString, CaseExact: true, Unpublished: true,
			Mutability: WriteOnly, Returned: ReturnedNever, Description: "The clear-text password.",
		},
		plural(AttrEmails, "E-mail addresses; the primary one is Keycloak's email.", str(AttrValue, "The e-mail address."), "work", "home", "other"),
		plural("phoneNumbers", "Phone numbers.", str(AttrValue, "The phone number."), "work", "home", "mobile", "fax", "pager", "other"),
		plural("ims", "Instant messaging addresses.", str(AttrValue, "The address."), "aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"),
		plural("photos", "URLs of photos.",
			&Attribute{Name: AttrValue, Type: TypeReference, CaseExact: true, ReferenceTypes: []string{"external"}, Description: "The URL of the photo."},
			"photo", "thumbnail"),
		addresses(),
		&Attribute{
			Name: AttrGroups, Type: TypeComplex, MultiValued: true, Mutability: ReadOnly, Returned: ReturnedRequest,
			Description: "The groups of which the user is a direct member; change them through the Group. Returned when asked for, as reading them costs a call.",
			SubAttributes: []*Attribute{
				{Name: AttrValue, Type: TypeString, CaseExact: true, Mutability: ReadOnly, Description: "The id of the group."},
				{Name: AttrRef, Type: TypeReference, CaseExact: true, Mutability: ReadOnly, ReferenceTypes: []string{"Group"}, Description: "The URI of the group."},
				{Name: AttrDisplay, Type: TypeString, Mutability: ReadOnly, Description: "The display name of the group."},
				{Name: AttrType, Type: TypeString, Mutability: ReadOnly, CanonicalValues: []string{"direct", "indirect"}, Description: "How the user is a member."},
			},
		},
		plural("entitlements", "Entitlements of the user, kept as sent.", str(AttrValue, "The entitlement."), "work", "home", "other"),
		plural(AttrRoles, "Roles of the user, kept as sent; they grant nothing in Keycloak.", str(AttrValue, "The role."), "work", "home", "other"),
		plural("x509Certificates", "Certificates of the user.",
			&Attribute{
				Name: AttrValue, Type: TypeBinary, CaseExact: true, Description: "One DER certificate in base64.",
				form: &form{AnyCertificate, "one DER certificate in base64", isCertificate},
			}, "work", "home", "other"),
	)
}

// isCountry reports whether a text is a code that ISO 3166-1 alpha-2 assigns to a region.
func isCountry(text string) bool {
	region, err := language.ParseRegion(text)
	return err == nil && len(text) == 2 && region.IsCountry() && region.String() == strings.ToUpper(text)
}

func isCertificate(text string) bool {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	_, err = x509.ParseCertificate(data)
	return err == nil
}

func addresses() *Attribute {
	return &Attribute{
		Name: "addresses", Type: TypeComplex, MultiValued: true, Description: "Physical mailing addresses.",
		SubAttributes: []*Attribute{
			str("formatted", "The full address, formatted for display."),
			str("streetAddress", "The street address."),
			str("locality", "The city or locality."),
			str("region", "The state or region."),
			str("postalCode", "The postal code."),
			{
				Name: "country", Type: TypeString, Description: "The country, as an ISO 3166-1 alpha-2 code.",
				form: &form{FreeCountry, "an ISO 3166-1 alpha-2 code such as NO", isCountry},
			},
			{Name: AttrType, Type: TypeString, CanonicalValues: []string{"work", "home", "other"}, Description: "A label that says what the address is for."},
			{Name: AttrPrimary, Type: TypeBoolean, Description: "Whether this is the preferred address; true at most once."},
		},
	}
}

// EnterpriseUserSchema is the enterprise extension of RFC 7643 section 4.3.
func EnterpriseUserSchema() *Schema {
	return NewSchema(EnterpriseUserURN, "EnterpriseUser", "Enterprise User",
		str("employeeNumber", "The number or identifier that the organization gave to the person."),
		str("costCenter", "The name of a cost center."),
		str("organization", "The name of an organization."),
		str("division", "The name of a division."),
		str("department", "The name of a department."),
		&Attribute{
			Name: AttrManager, Type: TypeComplex, Description: "The user's manager.",
			SubAttributes: []*Attribute{
				{Name: AttrValue, Type: TypeString, CaseExact: true, Description: "The id of the manager's User, kept as sent."},
				{Name: AttrRef, Type: TypeReference, CaseExact: true, ReferenceTypes: []string{"User"}, Description: "The URI of the manager's User."},
				{Name: "displayName", Type: TypeString, Mutability: ReadOnly, Description: "The manager's display name."},
			},
		},
	)
}

// GroupSchema is the core Group of RFC 7643 section 4.2. displayName is required, as the text of the section says; the
// sample in section 8.7.1 differs.
func GroupSchema() *Schema {
	return NewSchema(GroupURN, "Group", "Group",
		&Attribute{
			Name: AttrDisplayName, Type: TypeString, Required: true,
			Description: "The name of the group, stored as the name of a Keycloak group.",
		},
		&Attribute{
			Name: AttrMembers, Type: TypeComplex, MultiValued: true, Unbounded: true, Description: "The direct members of the group.",
			SubAttributes: []*Attribute{
				{Name: AttrValue, Type: TypeString, CaseExact: true, Mutability: Immutable, Description: "The id of the member."},
				{Name: AttrRef, Type: TypeReference, CaseExact: true, Mutability: Immutable, ReferenceTypes: []string{"User"}, Description: "The URI of the member. The service provider computes it from the value and ignores what a client sends."},
				{Name: AttrType, Type: TypeString, Mutability: Immutable, CanonicalValues: []string{"User"}, Description: "The type of the member."},
				{Name: AttrDisplay, Type: TypeString, Mutability: ReadOnly, Description: "The user name of the member."},
			},
		},
	)
}

// UserType is the User resource type with the enterprise extension.
func UserType() *ResourceType {
	return NewResourceType("User", "User Account", "/Users", UserSchema(), EnterpriseUserSchema())
}

// GroupType is the Group resource type.
func GroupType() *ResourceType {
	return NewResourceType("Group", "Group", "/Groups", GroupSchema())
}
