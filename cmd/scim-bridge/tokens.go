package main

import "github.com/spf13/cobra"

func newTokens() *cobra.Command {
	cmd := &cobra.Command{Use: "tokens", Short: "Make, list, revoke, accept and inspect the tokens that clients send", Args: cobra.NoArgs}
	cmd.AddCommand(newTokensNew(), newTokensList(), newTokensRevoke(), newTokensAccept(), newTokensInspect())
	return cmd
}
