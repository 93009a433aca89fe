package bridge

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Codes of the errors that are about what a tenant may have and do.
const (
	codeCursor               scim.Code = "cursor-wrong"
	codeCursorExpired        scim.Code = "cursor-expired"
	codeVersion              scim.Code = "version-changed"
	codeTaken                scim.Code = "value-taken"
	codeLinkTaken            scim.Code = "link-taken"
	codeExternalIDTaken      scim.Code = "external-id-taken"
	codeRefusedByRealm       scim.Code = "value-refused-by-realm"
	codeUserNameNotAddress   scim.Code = "user-name-not-address"
	codeManager              scim.Code = "manager-unknown"
	codeUnknownMember        scim.Code = "member-unknown"
	codeNoGroups             scim.Code = "groups-not-offered"
	codeSubgroups            scim.Code = "group-has-subgroups"
	codeGroupKept            scim.Code = "group-kept"
	codeGroupNotCreatedHere  scim.Code = "group-not-created-here"
	codeNotCreatedHere       scim.Code = "account-not-created-here"
	codeSharedAccount        scim.Code = "account-shared"
	codeManagedMember        scim.Code = "account-managed"
	codeProtected            scim.Code = "account-protected"
	codeFederated            scim.Code = "account-federated"
	codeFederationKeeps      scim.Code = "federation-keeps"
	codeAdoption             scim.Code = "account-adopted-in-parts"
	codeHeld                 scim.Code = "removal-held"
	codeDomain               scim.Code = "domain-not-verified"
	codeUnclearName          scim.Code = "name-unclear"
	codeReservedName         scim.Code = "name-reserved"
	codeOrganizationDisabled scim.Code = "organization-disabled"
	codeNoTime               scim.Code = "bulk-out-of-time"
	codeMissingScope         scim.Code = "credential-lacks-scope"
	codePaused               scim.Code = "endpoint-paused"
	codeReadOnlyEndpoint     scim.Code = "endpoint-read-only"
)

// Codes of the errors that an operator has to mend, or that pass.
const (
	codeUnfit          scim.Code = "realm-unfit"
	codeDamaged        scim.Code = "stored-value-damaged"
	codeOutage         scim.Code = "keycloak-unavailable"
	codeBusy           scim.Code = "keycloak-busy"
	codeIndexing       scim.Code = "index-being-made"
	codeIndexFull      scim.Code = "index-memory"
	codeUnsteady       scim.Code = "list-unsteady"
	codeDenied         scim.Code = "keycloak-denies"
	codeKeycloakFailed scim.Code = "keycloak-failed"
)
