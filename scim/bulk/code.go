package bulk

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Codes of the errors of a bulk request.
const (
	codeOperation         scim.Code = "bulk-operation-malformed"
	codeBulkID            scim.Code = "bulk-id"
	codeTooManyOperations scim.Code = "bulk-too-large"
	codeNotMade           scim.Code = "bulk-reference-not-made"
)
