// Package directory finds resources. It answers a filter, an order and a page with the cheapest
// correct reads of Keycloak:
//
//	look-up   a term "attribute eq value" that Keycloak finds exactly, by itself or
//	          in an "and"; for an "or" of such terms, all their results; each result
//	          is checked against the whole filter
//	page      no filter and no order: pages in Keycloak's order
//	index     everything else, from memory: the index proposes resources, and each
//	          page is read from Keycloak and checked before a client sees it
//
// A tenant's index holds only what the tenant's Wall shows. The first query that needs the index
// fills it, by pages that overlap, because pages by offset skip resources while others are deleted.
// A write by the bridge shows in the index at once, and a write by another program with the next scan. The
// package only reads.
package directory
