package main

import (
	"cmp"
	"fmt"
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
		Long: `List the tokens of one tenant or of all tenants, without their secrets: those of the
configuration and of organizations and, when a bridge with a store runs, those of the store. With
a store, the list also says when each credential was last used, to the minute.`,
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
	now := time.Now()
	list, err := app.ListTokens(cmd.Context(), c, f.choice(), now)
	if err != nil {
		return err
	}
	if list.Missing != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "Warning:", list.Missing)
	}
	return printTable(cmd.OutOrStdout(), f.output, tokenColumns(now), list.Credentials)
}

func tokenColumns(now time.Time) []column[admin.Credential] {
	return []column[admin.Credential]{
		{"tenant", func(t admin.Credential) string { return t.Tenant }},
		{"client", func(t admin.Credential) string { return t.Name }},
		{"key id", func(t admin.Credential) string { return cmp.Or(t.KeyID, "-") }},
		{"expires", expiryOf},
		{"state", stateOf},
		{"scopes", func(t admin.Credential) string { return strings.Join(t.Scopes, " ") }},
		{"kept in", func(t admin.Credential) string { return t.Place }},
		{"last used", func(t admin.Credential) string { return lastUseOf(t, now) }},
	}
}

// lastUseOf says when a credential was last used; "-" when no store knows.
func lastUseOf(t admin.Credential, now time.Time) string {
	switch {
	case t.LastUsed != nil:
		return now.Sub(*t.LastUsed).Truncate(time.Minute).String() + " ago"
	case t.UnusedSince != nil:
		return "never since " + t.UnusedSince.Format(time.DateOnly)
	}
	return "-"
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
