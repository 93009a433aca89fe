package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// newRunning is the bridge that runs with a configuration. It calls nobody.
func newRunning(cmd *cobra.Command, file string) (control.Client, error) {
	c, err := load(cmd, file)
	if err == nil && c.Admin.Socket == "" {
		err = codedError{exitUsage, errors.New("the configuration has no admin.socket, over which a running bridge answers")}
	}
	return control.Client{Socket: c.Admin.Socket}, err
}

// runningTenant is the tenant with users and groups of that bridge that is meant.
func runningTenant(cmd *cobra.Command, file, path string) (control.Client, admin.Tenant, error) {
	running, err := newRunning(cmd, file)
	if err != nil {
		return running, admin.Tenant{}, err
	}
	t, err := running.Endpoint(cmd.Context(), path)
	return running, t, err
}

// clientOf speaks SCIM to a tenant of a running bridge, as its operator.
func clientOf(running control.Client, t admin.Tenant) *client.Client {
	return &client.Client{Base: control.Root(t.Path), Agent: "scim-bridge", HTTP: running.HTTP()}
}
