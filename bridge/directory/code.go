package directory

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Codes of the errors that a search answers.
const (
	codeIndexing  scim.Code = "index-being-made"
	codeIndexFull scim.Code = "index-memory"
	codeUnsteady  scim.Code = "list-unsteady"
)
