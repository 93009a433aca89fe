package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

func newTokensRevoke() *cobra.Command {
	var f tokensFlags
	var oauth revokeFlags
	cmd := &cobra.Command{
		Use: "revoke CLIENT|KEYID", Short: "Take a token back, by the name of its client or its key id", Args: exactly("the name or the key id of the token"),
		Long: `Take a token back. Of a tenant of the configuration it is removed from its tokensFile. Of an
organization that is served by organizations: "*" it is also remembered, by its hash, in
scim.revoked of the bridge's own service account until the token would have ended: who may
edit organizations cannot bring it back.

With --oauth take back the client that "tokens new --oauth" made: its entry goes from accessTokens
of the configuration, so that the tokens that it has are refused, and then Keycloak deletes it. It
shows its plan and asks. --keep-client leaves the client; one that the command did not make stays
in any case.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := oauth.check(cmd)
			if err == nil && oauth.on {
				return revokeOAuth(cmd, f, oauth, args[0])
			}
			if err == nil {
				err = revokeToken(cmd, f, args[0])
			}
			return err
		},
	}
	f.add(cmd)
	oauth.add(cmd)
	return cmd
}

func revokeToken(cmd *cobra.Command, f tokensFlags, which string) error {
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	name, taken, err := app.RevokeToken(cmd.Context(), c, f.choice(), which)
	if err == nil {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "Revoked   %s\n%s\n", name, taken)
	}
	return err
}
