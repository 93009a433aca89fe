// Package filter reads the filters and paths of RFC 7644 (sections 3.4.2.2, 3.10
// and 3.5.2) into a tree and matches documents against it.
//
//	text --Parse--> Expr --Match(document)--> bool
//	text --ParsePath--> Path
//
// The parser is our own, see docs/adr/0001-own-filter-parser.md: length, nesting
// and terms are bounded before they cost anything, and everything is resolved and
// type-checked against the schemas while parsing. scim2/filter-parser is the
// oracle of a differential test.
//
// Beyond the RFC it takes what clients send: any number of terms in […], a
// sub-attribute behind it (Entra: emails[type eq "work"].value eq "x"), a complex
// attribute for its value (emails eq "x", manager eq "x"), booleans as text.
package filter
