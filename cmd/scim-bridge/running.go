package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// newRunning returns a client of the bridge that runs with a configuration. It makes no call. It reads neither secrets
// nor keys: the bridge has them.
func newRunning(cmd *cobra.Command, file string) (control.Client, error) {
	c, problems := config.LoadAdmin(file)
	err := wrong(cmd, problems)
	if err == nil && c.Socket == "" {
		err = codedError{exitUsage, errors.New("the configuration has no admin.socket; a running bridge needs it to answer this command")}
	}
	return control.Client{Socket: c.Socket}, err
}

// runningTenant returns a client of the running bridge, and the tenant at the path.
func runningTenant(cmd *cobra.Command, file, path string) (control.Client, admin.Tenant, error) {
	running, err := newRunning(cmd, file)
	if err != nil {
		return running, admin.Tenant{}, err
	}
	t, err := running.Endpoint(cmd.Context(), path)
	return running, t, err
}

// clientOf returns a SCIM client of a tenant of the running bridge. It acts as the operator.
func clientOf(running control.Client, t admin.Tenant) *client.Client {
	return &client.Client{Base: control.Root(t.Path), Agent: "scim-bridge", HTTP: running.HTTP()}
}
