// Package apply carries out plans: it is the only place that writes to Keycloak.
//
// It owns the order of steps, the locks that keep writes to one resource in order,
// the bound on parallel calls, what a race means, and compensation: a group that
// was created and whose members could not be added is deleted again. It decides
// nothing: what to do is the plan's, how to word a failure the caller's.
package apply
