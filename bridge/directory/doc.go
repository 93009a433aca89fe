// Package directory finds resources: it turns a filter and a page into the
// cheapest reads of Keycloak that are correct.
//
//	look-up   a term "attribute eq value" that Keycloak finds exactly, alone or
//	          in an "and"; an "or" of such is their union; hits are checked
//	          against the whole filter
//	page      no filter: pages in Keycloak's order
//
// Any other filter is refused by name: an unfiltered or empty list would make an
// identity provider create or adopt the wrong user. It only reads.
package directory
