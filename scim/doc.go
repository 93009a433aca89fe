// Package scim is the SCIM 2.0 protocol as data (RFC 7643, RFC 7644): schemas and resource types, documents, attribute
// paths, projection, list responses, errors and discovery.
//
// It defines what the words of the protocol mean. It knows no HTTP server, no storage, no tenant and no Keycloak, and
// imports no other package of this module.
//
//	JSON --Decode--> object --ResourceType.Canonical--> Document
//	Document --ResourceType.Project--> JSON object of a response
//
// A Document is the one form in which packages pass a resource to each other: canonical attribute names, checked types,
// no read-only attributes.
package scim
