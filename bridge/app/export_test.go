package app

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"

// InForce is the configuration as it is applied.
func (a *App) InForce() config.Config { return a.inForce() }
