package filter

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Codes of the errors of a filter or a path.
const (
	codeMalformed scim.Code = "filter-malformed"
	codeTooLong   scim.Code = "filter-too-long"
	codeAttribute scim.Code = "filter-attribute"
	codeValue     scim.Code = "filter-value"
)
