package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

func newTokens() *cobra.Command {
	cmd := &cobra.Command{Use: "tokens", Short: "Work with the credentials of organizations", Args: cobra.NoArgs}
	cmd.AddCommand(newTokensNew())
	return cmd
}

// tokensFlags are the flags of tokens new.
type tokensFlags struct {
	file, realm, organization, name, output string
	months                                  int
}

func newTokensNew() *cobra.Command {
	var f tokensFlags
	cmd := &cobra.Command{
		Use: "new", Short: "Make a token for an organization of a realm that serves every organization, and print it once", Args: cobra.NoArgs,
		Long: `Make a token for an organization and store its hash in the organization's attribute
scim.credentials, signed so that nobody else can make one. The organizations of the realm
must be served: organizations in the configuration. A running bridge takes it within a
minute. Tokens made before stay good; to take one back remove its value in Keycloak.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return makeToken(cmd, f) },
	}
	configFlag(cmd, &f.file)
	outputFlag(cmd, &f.output)
	flags := cmd.Flags()
	flags.StringVar(&f.realm, "realm", "", "the `realm`; default: the only one that serves every organization")
	flags.StringVar(&f.organization, "organization", "", "the `alias` of the organization (required)")
	flags.StringVar(&f.name, "name", tokenName, "what the log calls the client")
	flags.IntVar(&f.months, "months", tokenMonths, "how long it is good, in `months`; 0 for ever")
	return cmd
}

func makeToken(cmd *cobra.Command, f tokensFlags) error {
	if err := checkOutput(f.output); err != nil {
		return err
	}
	if f.organization == "" || f.months < 0 {
		return codedError{exitUsage, errors.New("--organization names the organization, --months is 0 or more")}
	}
	c, err := load(cmd, f.file)
	if err != nil {
		return err
	}
	name, err := f.servedRealm(c)
	if err != nil {
		return err
	}
	transport, err := newTransport(c.Keycloak)
	if err != nil {
		return err
	}
	clients, err := newClients(c, transport, nil)
	if err != nil {
		return err
	}
	secret := newToken()
	token := tenant.Token{Name: f.name, SHA256: sha256.Sum256([]byte(secret))}
	if f.months > 0 {
		token.Expires = time.Now().AddDate(0, f.months, 0).Truncate(time.Second)
	}
	err = storeToken(cmd, clients[name], f.organization, []byte(c.Realms[name].CredentialKey.Reveal()), token)
	if keycloak.KindOf(err) == keycloak.Denied { // not an administrator's account
		return fmt.Errorf("the bridge's own account or its rights are refused by Keycloak; scim-bridge doctor --tenant %s says what is wrong", tenant.OrganizationPath(name, tenant.EveryOrganization))
	}
	if err != nil {
		return err
	}
	url := tenant.BaseURL(string(c.Server.PublicURL), tenant.OrganizationPath(name, f.organization))
	if f.output == "json" {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(result{BaseURL: url, Token: secret, Config: f.file})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "SCIM URL  %s\nToken     %s   (shown once; taken within a minute)\n", url, secret)
	return err
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
	return "", codedError{exitUsage, errors.New(`no such realm serves every organization: add organizations: "*" to it in the configuration`)}
}

// storeToken adds a token to the credentials of an organization.
func storeToken(cmd *cobra.Command, c *keycloak.Client, alias string, key []byte, token tenant.Token) error {
	ctx := cmd.Context()
	o, found, err := c.FindOrganization(ctx, alias)
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("no organization has the alias %q", alias)
	}
	id, err := keycloak.ParseOrganizationID(o.ID)
	if err != nil {
		return err
	}
	entry, err := auth.Entry(key, o.ID, token)
	if err != nil {
		return codedError{exitUsage, err}
	}
	return c.SetOrganizationAttribute(ctx, id, auth.AttrCredentials, append(o.Attributes[auth.AttrCredentials], entry))
}
