// Package scim is the SCIM 2.0 protocol as data (RFC 7643, RFC 7644): schemas
// and resource types, documents, attribute paths, projection, list responses,
// errors and discovery.
//
// It owns what a word of the protocol means and nothing of how it travels or
// where it is stored: it knows no HTTP server, no tenant and no Keycloak, and
// imports nothing of ours.
//
//	JSON --Decode--> object --ResourceType.Canonical--> Document
//	Document --ResourceType.Project--> JSON object of a response
//
// A Document is the one form in which a resource crosses the rooms: canonical
// attribute names, checked types, no read-only attributes.
package scim
