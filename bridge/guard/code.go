package guard

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Codes of the errors that the walls answer.
const (
	CodeHeld         scim.Code = "removal-held"
	codeDomain       scim.Code = "domain-not-verified"
	codeUnclearName  scim.Code = "name-unclear"
	codeReservedName scim.Code = "name-reserved"
	codeTooMany      scim.Code = "filter-too-wide"
)
