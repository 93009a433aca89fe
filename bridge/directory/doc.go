// Package directory finds resources: it turns a filter, an order and a page into the
// cheapest reads of Keycloak that are correct.
//
//	look-up   a term "attribute eq value" that Keycloak finds exactly, alone or
//	          in an "and"; an "or" of such is their union; hits are checked
//	          against the whole filter
//	page      no filter and no order: pages in Keycloak's order
//	index     everything else, from memory: it proposes, and each page is read
//	          from Keycloak and checked before anybody sees it
//
// A tenant's index holds what the tenant's wall shows and nothing else. It is filled when it
// is first asked for, by pages that overlap, because pages by offset skip resources while
// others are deleted; what the bridge writes shows in it at once, and what others write with
// the next scan. The package only reads.
package directory
