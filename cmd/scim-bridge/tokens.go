package main

import "github.com/spf13/cobra"

func newTokens() *cobra.Command {
	cmd := &cobra.Command{Use: "tokens", Short: "Make, list, revoke and inspect the tokens that clients send", Args: cobra.NoArgs}
	cmd.AddCommand(newTokensNew(), newTokensList(), newTokensRevoke(), newTokensInspect())
	return cmd
}
