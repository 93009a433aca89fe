// Package patch applies PATCH operations (RFC 7644 section 3.5.2) to a document.
//
// It is pure: Apply works on a copy, and an operation that fails changes nothing. The members of a group are not part
// of the document, because it costs Keycloak far more to read members than to change them. Changes of members are
// collected as a delta, see Members.
//
//	object --Decode--> []Operation --Apply(document)--> Result{Document, Members}
//
// Where clients deviate from the RFC, the code names the client.
package patch
