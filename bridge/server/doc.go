// Package server speaks HTTP: it has the routes, reads credentials and JSON, applies limits, and writes answers and
// errors.
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
// Handlers are short: they read a request, call bridge.Service and return its answer. Only echo.go uses Echo. Every
// answer is application/scim+json, and every failure is a SCIM error. The only exception is a request that net/http
// refuses before a handler runs, such as a malformed request line.
package server
