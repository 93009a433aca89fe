package main

import (
	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
)

// newRunning is the bridge that runs with a configuration.
func newRunning(cmd *cobra.Command, file string) (app.Running, error) {
	c, err := load(cmd, file)
	if err != nil {
		return app.Running{}, err
	}
	return app.NewRunning(c)
}

// runningTenant is the tenant of that bridge that is meant.
func runningTenant(cmd *cobra.Command, file, path string) (app.Running, control.Tenant, error) {
	running, err := newRunning(cmd, file)
	if err != nil {
		return running, control.Tenant{}, err
	}
	t, err := running.Tenant(cmd.Context(), path)
	return running, t, err
}
