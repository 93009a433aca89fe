package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

func newTokensAccept() *cobra.Command {
	var f tokensFlags
	var all bool
	cmd := &cobra.Command{
		Use: "accept", Short: "Accept the tokens of a restored store again", Args: cobra.NoArgs,
		Long: `Accept the tokens of a restored store again, over admin.socket. After "store restore", the
running bridge refuses the tokens that its store had in the backup, because you may have revoked
one of them after the backup. "tokens list" shows these tokens as suspended. Revoke the tokens
that clients must no longer use, then accept the others. Tokens in files and in organizations are
never suspended.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return acceptTokens(cmd, f, all) },
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "accept the tokens of all tenants")
	return cmd
}

func acceptTokens(cmd *cobra.Command, f tokensFlags, all bool) error {
	if all == (f.choice() != app.TokenChoice{}) {
		return codedError{exitUsage, errors.New("give --tenant, --organization or --all")}
	}
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	n, err := app.AcceptTokens(cmd.Context(), c, f.choice())
	if err == nil {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "Accepted  %s\n", counted(n, "suspended token"))
	}
	return err
}
