package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// tokensFlags say whose tokens a command is about.
type tokensFlags struct {
	file, realm, organization, tenant string
	output                            output // of commands that have outputFlag
}

func (f *tokensFlags) add(cmd *cobra.Command) {
	configFlag(cmd, &f.file)
	tenantFlag(cmd, &f.tenant)
	cmd.Flags().StringVar(&f.organization, "organization", "", "the `alias` of the organization, in place of --tenant")
	cmd.Flags().StringVar(&f.realm, "realm", "", "the `realm` of that organization; default: the only one that serves it")
}

// load reads the configuration.
func (f tokensFlags) load(cmd *cobra.Command) (config.Config, error) {
	if f.tenant != "" && f.organization != "" {
		return config.Config{}, codedError{exitUsage, errors.New("give --tenant or --organization, not both")}
	}
	return load(cmd, f.file)
}

// choice says whose tokens the flags mean.
func (f tokensFlags) choice() app.TokenChoice {
	return app.TokenChoice{Tenant: f.tenant, Organization: f.organization, Realm: f.realm}
}

// scopesOf are what --scope says that a credential shall be good for, none for all.
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
