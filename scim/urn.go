package scim

// Schema URNs of resources (RFC 7643 section 4) and of discovery (section 5-7).
const (
	UserURN                  = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN                 = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseUserURN        = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	ServiceProviderConfigURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	ResourceTypeURN          = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	SchemaURN                = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// Schema URNs of messages (RFC 7644 section 8.2).
const (
	ListResponseURN  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	PatchOpURN       = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	SearchRequestURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	BulkRequestURN   = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	BulkResponseURN  = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
	ErrorURN         = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// MediaType is the media type of every SCIM body (RFC 7644 section 3.8), sent
// without a charset: JSON is UTF-8 by definition.
const MediaType = "application/scim+json"

// Names of attributes that the code uses (RFC 7643 sections 3.1, 4.1, 4.2).
const (
	AttrSchemas      = "schemas"
	AttrID           = "id"
	AttrExternalID   = "externalId"
	AttrMeta         = "meta"
	AttrVersion      = "version"
	AttrResourceType = "resourceType"
	AttrUserName     = "userName"
	AttrDisplayName  = "displayName"
	AttrName         = "name"
	AttrGivenName    = "givenName"
	AttrFamilyName   = "familyName"
	AttrActive       = "active"
	AttrEmails       = "emails"
	AttrPhoneNumbers = "phoneNumbers"
	AttrAddresses    = "addresses"
	AttrGroups       = "groups"
	AttrMembers      = "members"
	AttrPassword     = "password"
	AttrManager      = "manager"
	AttrRoles        = "roles"
	AttrRef          = "$ref"
	AttrValue        = "value"
	AttrPrimary      = "primary"
	AttrType         = "type"
	AttrDisplay      = "display"
)
