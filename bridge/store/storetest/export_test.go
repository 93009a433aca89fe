package storetest

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// Methods are all methods of a store that return an error.
func Methods(s store.Store, open change.Change) map[string]func(context.Context) error {
	return methods(s, open, store.Overlap{}, open, "backup")
}
