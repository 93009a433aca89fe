package server

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Codes of the errors that are about the endpoint, the credential and the form of a request.
const (
	codeMissing         scim.Code = "credential-missing"
	codeMalformed       scim.Code = "credential-malformed"
	codeInvalid         scim.Code = "credential-invalid"
	codeExpired         scim.Code = "credential-expired"
	codeFromBrowser     scim.Code = "credential-from-browser"
	codeTooManyFailures scim.Code = "credential-failures"
	codeKeysUnavailable scim.Code = "credential-keys-unavailable"
	codeRateLimited     scim.Code = "rate-limited"
	codeMethod          scim.Code = "method-not-allowed"
	codeUnsupported     scim.Code = "not-supported"
	codeDiscoveryFilter scim.Code = "discovery-takes-no-filter"
	codeMediaType       scim.Code = "media-type"
	codeTooLarge        scim.Code = "body-too-large"
	codeBodies          scim.Code = "bodies-under-way"
)
