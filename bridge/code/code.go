// Package code has the error codes of the bridge. The codes of the SCIM protocol are in package
// scim. docs/reference/errors.md has the cause and the remedy of each code.
package code

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Codes for errors about what a tenant may have and do.
const (
	Cursor               scim.Code = "cursor-wrong"
	CursorExpired        scim.Code = "cursor-expired"
	Version              scim.Code = "version-changed"
	Taken                scim.Code = "value-taken"
	LinkTaken            scim.Code = "link-taken"
	ExternalIDTaken      scim.Code = "external-id-taken"
	RefusedByRealm       scim.Code = "value-refused-by-realm"
	UserNameNotAddress   scim.Code = "user-name-not-address"
	Manager              scim.Code = "manager-unknown"
	UnknownMember        scim.Code = "member-unknown"
	NoGroups             scim.Code = "groups-not-offered"
	Subgroups            scim.Code = "group-has-subgroups"
	GroupKept            scim.Code = "group-kept"
	GroupNotCreatedHere  scim.Code = "group-not-created-here"
	NotCreatedHere       scim.Code = "account-not-created-here"
	SharedAccount        scim.Code = "account-shared"
	ManagedMember        scim.Code = "account-managed"
	Protected            scim.Code = "account-protected"
	Federated            scim.Code = "account-federated"
	FederationKeeps      scim.Code = "federation-keeps"
	Adoption             scim.Code = "account-adopted-in-parts"
	Held                 scim.Code = "removal-held"
	Domain               scim.Code = "domain-not-verified"
	UnclearName          scim.Code = "name-unclear"
	ReservedName         scim.Code = "name-reserved"
	OrganizationDisabled scim.Code = "organization-disabled"
	NoTime               scim.Code = "bulk-out-of-time"
	MissingScope         scim.Code = "credential-lacks-scope"
	Paused               scim.Code = "endpoint-paused"
	ReadOnlyEndpoint     scim.Code = "endpoint-read-only"
)

// Codes for errors that an operator has to repair, or that end without a repair.
const (
	Unfit          scim.Code = "realm-unfit"
	Damaged        scim.Code = "stored-value-damaged"
	Outage         scim.Code = "keycloak-unavailable"
	Busy           scim.Code = "keycloak-busy"
	StoreAway      scim.Code = "store-away"
	SecondWriter   scim.Code = "second-writer"
	Indexing       scim.Code = "index-being-made"
	IndexFull      scim.Code = "index-memory"
	Unsteady       scim.Code = "list-unsteady"
	Denied         scim.Code = "keycloak-denies"
	KeycloakFailed scim.Code = "keycloak-failed"
)

// Codes for errors about the endpoint, the credential and the form of a request.
const (
	Missing         scim.Code = "credential-missing"
	Malformed       scim.Code = "credential-malformed"
	Invalid         scim.Code = "credential-invalid"
	Expired         scim.Code = "credential-expired"
	FromBrowser     scim.Code = "credential-from-browser"
	TooManyFailures scim.Code = "credential-failures"
	KeysUnavailable scim.Code = "credential-keys-unavailable"
	RateLimited     scim.Code = "rate-limited"
	Method          scim.Code = "method-not-allowed"
	Unsupported     scim.Code = "not-supported"
	DiscoveryFilter scim.Code = "discovery-takes-no-filter"
	MediaType       scim.Code = "media-type"
	TooLarge        scim.Code = "body-too-large"
	Bodies          scim.Code = "bodies-under-way"
)

// Codes for errors of a mapping.
const (
	SeveralValues scim.Code = "value-not-single"
	RuleFails     scim.Code = "mapping-rule-fails"
	NotStored     scim.Code = "attribute-not-stored"
	NotOwned      scim.Code = "account-not-owned"
)
