// Package index answers filters and orders from memory. A Table holds only the keys by which the
// attributes of resources of one type are compared (filter.Key), attribute by attribute. One filter
// therefore reads little, and a hundred thousand resources take tens of megabytes. A Table proposes
// ids; the caller reads the resources themselves from their source. The package knows nothing of
// Keycloak.
package index
