package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

func newTokens() *cobra.Command {
	cmd := &cobra.Command{Use: "tokens", Short: "Make, list, revoke and inspect the tokens that clients send", Args: cobra.NoArgs}
	cmd.AddCommand(newTokensNew(), newTokensList(), newTokensRevoke(), newTokensInspect())
	return cmd
}

// tokensFlags say whose tokens a command is about.
type tokensFlags struct {
	file, realm, organization, tenant, output string
}

func (f *tokensFlags) add(cmd *cobra.Command) {
	configFlag(cmd, &f.file)
	outputFlag(cmd, &f.output)
	tenantFlag(cmd, &f.tenant)
	cmd.Flags().StringVar(&f.organization, "organization", "", "the `alias` of the organization, in place of --tenant")
	cmd.Flags().StringVar(&f.realm, "realm", "", "the `realm` of that organization; default: the only one that serves it")
}

// load reads the configuration.
func (f tokensFlags) load(cmd *cobra.Command) (config.Config, error) {
	err := checkOutput(f.output)
	if err == nil && f.tenant != "" && f.organization != "" {
		err = codedError{exitUsage, errors.New("give --tenant or --organization, not both")}
	}
	if err != nil {
		return config.Config{}, err
	}
	return load(cmd, f.file)
}

// one is where the tokens of the tenant are that is meant.
func (f tokensFlags) one(cmd *cobra.Command) (place, error) {
	c, err := f.load(cmd)
	if err != nil {
		return nil, err
	}
	return f.place(cmd, c)
}

// place is one in a configuration.
func (f tokensFlags) place(cmd *cobra.Command, c config.Config) (place, error) {
	var named []filePlace
	var paths []string
	for _, realm := range slices.Sorted(maps.Keys(c.Realms)) {
		for _, t := range c.Realms[realm].Tenants {
			if f.organization == "" && (f.tenant == "" || f.tenant == t.Path) || f.organization != "" && f.organization == t.Organization && (f.realm == "" || f.realm == realm) {
				named = append(named, filePlace{t, tenant.BaseURL(string(c.Server.PublicURL), t.Path)})
			}
			paths = append(paths, t.Path)
		}
	}
	switch {
	case len(named) == 1:
		return named[0], nil
	case len(named) > 1 && f.organization != "":
		return nil, codedError{exitUsage, errors.New("several realms have that organization: say which with --realm")}
	case f.organization != "":
		return f.organizationPlace(cmd, c)
	}
	if realm, alias, ok := app.OrganizationAt(c, f.tenant); ok {
		f.realm, f.organization = realm, alias
		return f.organizationPlace(cmd, c)
	}
	if len(paths) == 0 {
		return nil, codedError{exitUsage, errors.New("--organization says which organization is meant")}
	}
	return nil, codedError{exitUsage, fmt.Errorf("--tenant says which of %s is meant, or --organization which organization", strings.Join(paths, ", "))}
}

// organizationPlace is that of an organization that brings its own credentials.
func (f tokensFlags) organizationPlace(cmd *cobra.Command, c config.Config) (place, error) {
	name, err := f.servedRealm(c)
	if err != nil {
		return nil, err
	}
	client, err := realmClient(c, name)
	if err != nil {
		return nil, err
	}
	o, revoked, err := app.FindOrganization(cmd.Context(), c, name, f.organization, client)
	if err != nil {
		return nil, err
	}
	return newOrganizationPlace(c, name, client, o, revoked)
}

// realmClient is the bridge's client of a realm.
func realmClient(c config.Config, realm string) (*keycloak.Client, error) {
	transport, err := app.NewTransport(c.Keycloak)
	if err != nil {
		return nil, err
	}
	clients, err := app.Clients(c, transport)
	return clients[realm], err
}

// servedRealm is the realm whose organizations are served.
func (f tokensFlags) servedRealm(c config.Config) (string, error) {
	var served []string
	for _, name := range slices.Sorted(maps.Keys(c.Realms)) {
		if c.Realms[name].Organizations.All && (f.realm == "" || f.realm == name) {
			served = append(served, name)
		}
	}
	switch {
	case len(served) == 1:
		return served[0], nil
	case len(served) > 1:
		return "", codedError{exitUsage, fmt.Errorf("--realm says which of %v is meant", served)}
	}
	return "", codedError{exitUsage, fmt.Errorf(`the configuration has no endpoint for the organization %q: no tenant names it, and no such realm serves every organization. Write organizations: "*" and credentialKeyFile below the realm, or run scim-bridge setup --all-organizations, which writes both`, f.organization)}
}
