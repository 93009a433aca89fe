package mapping

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Codes of the errors that a mapping answers.
const (
	codeSeveralValues scim.Code = "value-not-single"
	codeRuleFails     scim.Code = "mapping-rule-fails"
	codeNotStored     scim.Code = "attribute-not-stored"
	CodeNotOwned      scim.Code = "account-not-owned"
)
