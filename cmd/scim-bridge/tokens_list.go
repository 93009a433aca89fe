package main

import (
	"cmp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

func newTokensList() *cobra.Command {
	var f tokensFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the tokens of one tenant or of all tenants, without their secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listTokens(cmd, f) },
	}
	f.add(cmd)
	outputFlag(cmd, &f.output, asCSV)
	return cmd
}

func listTokens(cmd *cobra.Command, f tokensFlags) error {
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	all, err := app.ListTokens(cmd.Context(), c, f.choice(), time.Now())
	if err != nil {
		return err
	}
	return printTable(cmd.OutOrStdout(), f.output, tokenColumns(), all)
}

func tokenColumns() []column[admin.Credential] {
	return []column[admin.Credential]{
		{"tenant", func(t admin.Credential) string { return t.Tenant }},
		{"client", func(t admin.Credential) string { return t.Name }},
		{"key id", func(t admin.Credential) string { return cmp.Or(t.KeyID, "-") }},
		{"expires", expiryOf},
		{"state", stateOf},
		{"scopes", func(t admin.Credential) string { return strings.Join(t.Scopes, " ") }},
	}
}

// ofOAuth reports whether a credential is for tokens of Keycloak or of another issuer, and not a
// token of scim-bridge.
func ofOAuth(t admin.Credential) bool { return t.ClientID+t.Issuer != "" }

func expiryOf(t admin.Credential) string {
	switch {
	case ofOAuth(t):
		return "-"
	case t.Expires == nil:
		return "never"
	}
	return t.Expires.Format(time.DateOnly)
}

func stateOf(t admin.Credential) string {
	if ofOAuth(t) {
		return "OAuth, client " + cmp.Or(t.ClientID, "of "+t.Issuer)
	}
	return t.State
}
