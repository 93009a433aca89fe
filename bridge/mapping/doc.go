// Package mapping turns documents into what Keycloak holds and back. It is pure.
//
// It owns which attribute lives in which field or attribute of Keycloak, the
// remainder that carries what has no place of its own, and the names that the
// bridge reserves. It knows no request, no HTTP and makes no call.
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
// and a mapping file (config.Mapping) adds rules and schemas to it: Compile makes a
// Mapping of both. A rule moves values into a Keycloak attribute and back (rule.go,
// step.go), an expression computes them (expression.go), what no rule takes is kept,
// refused or dropped (unmapped.go).
//
// Nothing is stored twice, scim.key apart, so that a value changed in Keycloak's
// console shows in SCIM at once.
package mapping
