// Package mapping turns documents into what Keycloak stores, and back. It is pure: it knows no
// request and no HTTP, and makes no calls.
//
// The package decides which SCIM attribute is stored in which field or attribute of Keycloak. It
// owns the remainder, which holds everything without such a place, and the names that the bridge
// reserves.
//
//	Document --UserState--> UserState   --(bridge/plan)--> calls
//	keycloak.User --UserResource--> scim.Resource
//
// The built-in mapping stores
//
//	userName, name.givenName, name.familyName, active, primary e-mail   fields of the user
//	externalId, displayName                                            attributes of that name
//	further e-mail addresses                                           scim.emails
//	look-up key of externalId; owner; time of the last change          scim.key; scim.owner; scim.modified
//	everything else, and the spelling of what Keycloak lower-cases     scim.remainder
//
// A mapping file (config.Mapping) adds rules and schemas. Compile makes a Mapping of the built-in
// mapping and the file. A rule moves values into a Keycloak attribute and back (rule.go, step.go).
// An expression computes values (expression.go). Values without a rule are kept, refused or dropped
// (unmapped.go).
//
// Nothing is stored twice except scim.key, so a change in Keycloak's console shows in SCIM at once.
package mapping
