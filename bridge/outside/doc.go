// Package outside records in the journal what others change in Keycloak: administrators in the console, programs that use
// the Admin API, account holders, identity providers and synchronisations of LDAP. It reads the admin events and the user
// events of each realm, and it gets from package directory what a scan found changed. Each change becomes one entry, in
// the tenant that has the resource.
package outside
