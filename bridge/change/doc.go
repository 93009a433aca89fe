// Package change describes what was done: the actor, the interface, the resource, its state before
// and after, and the outcome. Audit records, and other reports of changes, are made from it. Every
// package may import it; it knows neither tenants nor Keycloak.
package change
