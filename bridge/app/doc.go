// Package app is the composition of a bridge: it builds one from a configuration, serves it, and applies
// the files of the configuration when they change. Commands that need only the tenants, or only the clients of
// Keycloak, get them here too, so that nothing is wired twice.
package app
