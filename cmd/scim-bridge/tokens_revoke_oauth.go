package main

import (
	"bufio"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// revokeFlags are the flags of tokens revoke --oauth.
type revokeFlags struct {
	on, keep, yes bool
	admin         adminFlags
}

func (f *revokeFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "oauth", false, "revoke an OAuth client, by the name of its entry in accessTokens or by its client id")
	cmd.Flags().BoolVar(&f.keep, "keep-client", false, "with --oauth: keep the client in Keycloak")
	addAccount(cmd, &f.admin, &f.yes)
}

// check refuses flags that do not go together.
func (f revokeFlags) check(cmd *cobra.Command) error {
	for _, name := range []string{"keep-client", "admin-realm", "admin-user", "admin-password", "yes"} {
		if !f.on && cmd.Flags().Changed(name) {
			return codedError{exitUsage, fmt.Errorf("--%s needs --oauth", name)}
		}
	}
	return nil
}

func revokeOAuth(cmd *cobra.Command, f tokensFlags, o revokeFlags, which string) error {
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	grant, err := app.FindGrant(ctx, c, f.choice(), which)
	if err != nil {
		return err
	}
	in := &asker{in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()}
	var admin *keycloak.Client // nil keeps the client
	if !o.keep && !grant.Elsewhere() {
		if admin, err = o.admin.configured(in, c, grant.Realm); err != nil {
			return err
		}
	}
	changes, err := grant.Plan(ctx, admin)
	if err != nil {
		return err
	}
	if err := in.confirm(o.yes, "tenant "+grant.Tenant, changes); err != nil {
		return err
	}
	if err := grant.Revoke(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Revoked   %s\n%s%s\n", grant.Name, grant.Left, app.WithinASecond)
	return err
}
