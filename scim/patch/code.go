package patch

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Codes of the errors of a PATCH.
const (
	codeMalformed     scim.Code = "patch-malformed"
	codeTooMany       scim.Code = "patch-too-large"
	codeNoMatch       scim.Code = "patch-no-target"
	codeContradiction scim.Code = "patch-contradiction"
	codeMember        scim.Code = "patch-of-members"
)
