// Package apply carries out plans. It is the only package that writes users, groups and memberships. Only package realm
// writes to Keycloak too: the settings of a realm in setup, and what the bridge keeps in its own account.
//
// It is responsible for the order of steps, the locks that keep writes to one resource in order,
// the limit of parallel calls, the meaning of races, and compensation. Compensation deletes, for
// example, a new group whose members could not be added. The package makes no decisions: the plan
// says what to do, and the caller writes the message about a failure.
package apply
