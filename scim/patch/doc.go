// Package patch applies PATCH operations (RFC 7644 section 3.5.2) to a document.
//
// It is pure: Apply works on a copy, and an operation that fails leaves nothing
// changed. The members of a group are not part of the document, because reading
// them costs Keycloak far more than changing them; what the operations say of
// them is kept as a delta, see Members.
//
//	object --Decode--> []Operation --Apply(document)--> Result{Document, Members}
//
// Where clients stray from the RFC the code says which client needs it.
package patch
