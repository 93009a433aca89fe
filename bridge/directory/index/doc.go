// Package index answers filters and orders from memory: a Table holds of each resource of one
// type nothing but the keys by which its attributes are compared (filter.Key), attribute by
// attribute, so that one filter reads little and a hundred thousand resources take tens of
// megabytes. It proposes ids; who asks reads the resources themselves where they live. It
// knows nothing of Keycloak.
package index
