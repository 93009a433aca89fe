// Package server speaks HTTP: routes, credentials on the wire, JSON in and out,
// limits, errors.
//
//	/realms/{tenant}/scim/v2                                GET
//	/realms/{tenant}/scim/v2/.search                        POST
//	/realms/{tenant}/scim/v2/ServiceProviderConfig          GET
//	/realms/{tenant}/scim/v2/ResourceTypes[/{id}]           GET
//	/realms/{tenant}/scim/v2/Schemas[/{urn}]                GET
//	/realms/{tenant}/scim/v2/Users    /Groups               GET POST
//	/realms/{tenant}/scim/v2/Users/.search    /Groups/.search    POST
//	/realms/{tenant}/scim/v2/Users/{id}    /Groups/{id}     GET PUT PATCH DELETE
//	/realms/{tenant}/scim/v2/Bulk                           POST
//	/realms/{tenant}/scim/v2/Me                             501
//
// Handlers are thin: they read a request, call bridge.Service and return its
// answer. Only echo.go knows Echo. Every answer, whatever went wrong, is
// application/scim+json, and a SCIM error when it is no success; only what
// net/http refuses before a handler runs (a malformed request line) is not.
package server
