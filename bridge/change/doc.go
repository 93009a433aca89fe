// Package change is one fact about what was done: who, by what way in, to which resource, from what to what, and how
// it ended. Audit records are made of such facts, and what else shall tell of a change is too. It is a leaf:
// everybody may know a change, and it knows neither tenants nor Keycloak.
package change
