// Package filter reads the filters and paths of RFC 7644 (sections 3.4.2.2, 3.10 and 3.5.2) into a tree and matches
// documents against it.
//
//	text --Parse--> Expr --Match(document)--> bool
//	text --ParsePath--> Path
//
// The parser is our own, see docs/adr/0001-own-filter-parser.md. It bounds length, nesting and terms before they cost
// anything, and resolves and type-checks everything against the schemas while it parses. A differential test compares
// it with scim2/filter-parser.
//
// It also accepts what clients send beyond the RFC: any number of terms in […], and a sub-attribute after […] (Entra:
// emails[type eq "work"].value eq "x"). It accepts a complex attribute in place of its value (emails eq "x", manager eq
// "x"), and booleans as text.
package filter
