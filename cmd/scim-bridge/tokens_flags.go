package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// tokensFlags name the tenant or organization whose tokens a command works with.
type tokensFlags struct {
	file, realm, organization, tenant string
	output                            output // only of commands with outputFlag
}

func (f *tokensFlags) add(cmd *cobra.Command) {
	configFlag(cmd, &f.file)
	tenantFlag(cmd, &f.tenant)
	cmd.Flags().StringVar(&f.organization, "organization", "", "the `alias` of the organization, instead of --tenant")
	cmd.Flags().StringVar(&f.realm, "realm", "", "the `realm` of this organization; default: the only realm that serves it")
}

// load reads the configuration.
func (f tokensFlags) load(cmd *cobra.Command) (config.Config, error) {
	if f.tenant != "" && f.organization != "" {
		return config.Config{}, codedError{exitUsage, errors.New("give --tenant or --organization, not both")}
	}
	return loadUnkeyed(cmd, f.file)
}

// choice returns the tenant or organization that the flags name.
func (f tokensFlags) choice() app.TokenChoice {
	return app.TokenChoice{Tenant: f.tenant, Organization: f.organization, Realm: f.realm}
}

// scopesOf returns the scopes that --scope gives a credential. No scope means all scopes.
func scopesOf(names []string) (out []config.TokenScope, err error) {
	for _, name := range names {
		var scope config.TokenScope
		if err := scope.UnmarshalText([]byte(name)); err != nil {
			return nil, fmt.Errorf("--scope: %q %w", name, err)
		}
		out = append(out, scope)
	}
	return out, nil
}
