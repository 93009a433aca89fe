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
		Use: "revoke CLIENT|KEYID", Short: "Revoke a token, by the name of its client or by its key id", Args: exactly("the name or the key id of the token"),
		Long: `Revoke a token, wherever it is kept. The bridge that runs revokes a token of its store, which is
refused at once. For a tenant of the configuration, the command removes the token from the
tenant's tokensFile. For an organization that is served by organizations: "*", the bridge's own
service account also keeps the hash in its attribute scim.revoked, until the token would have
expired. So a person who may edit organizations cannot bring the token back. A bridge with a store
also keeps the revocation there, so that no edit in Keycloak undoes it.

With --oauth the command revokes the client that "tokens new --oauth" made. First the entry is
removed from accessTokens of the configuration, so that the bridge refuses the client's tokens.
Then Keycloak deletes the client. The command shows its plan and asks. With --keep-client the
client is not deleted. A client that "tokens new --oauth" did not make is never deleted.`,
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
