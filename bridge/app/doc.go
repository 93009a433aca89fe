// Package app is the composition of a bridge: it builds one from a configuration, serves it, and applies
// the files of the configuration when they change. Commands that need a part of it alone, as the tenants or the
// clients of Keycloak, take that part from here too, so that nothing is wired twice.
package app
