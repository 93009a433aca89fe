// Package mapping turns documents into what Keycloak holds and back. It is pure.
//
// It owns which attribute lives in which field or attribute of Keycloak, the
// remainder that carries what has no place of its own, and the names that the
// bridge reserves. It knows no request, no HTTP and makes no call.
//
//	Document --UserState--> UserState   --(bridge/plan)--> calls
//	keycloak.User --UserResource--> scim.Resource
//
// What is stored where:
//
//	userName, name.givenName, name.familyName, active, primary e-mail   fields of the user
//	externalId, displayName                                            attributes of that name
//	further e-mail addresses                                           scim.emails
//	look-up key of externalId; owner; time of the last change          scim.key; scim.owner; scim.modified
//	everything else, and the spelling of what Keycloak lower-cases     scim.remainder
//
// Nothing is stored twice, scim.key apart, so that a value changed in Keycloak's
// console shows in SCIM at once.
package mapping
