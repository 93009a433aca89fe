package store

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"

// Applies reports whether a settled change leaves a document of what the client wants: the change was made, and a client
// or an import sent it.
func Applies(c change.Change) bool {
	sent := c.Origin != change.Adopt && c.Origin != change.Observation && c.Op != change.Observed
	return c.Outcome == change.Done && c.After != nil && c.Resource.ID != "" && sent && !Unapplies(c)
}

// Unapplies reports whether a settled change ends a resource of its tenant, whose document is dropped then.
func Unapplies(c change.Change) bool {
	return c.Outcome == change.Done && (c.Op == change.Deleted || c.Op == change.Left)
}
