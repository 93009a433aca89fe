package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

func newTokensList() *cobra.Command {
	var f tokensFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the tokens of a tenant, or of all, without their secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listTokens(cmd, f) },
	}
	f.add(cmd)
	return cmd
}

func listTokens(cmd *cobra.Command, f tokensFlags) error {
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	out, err := app.ListTokens(cmd.Context(), c, f.choice(), time.Now())
	if err != nil {
		return err
	}
	if f.output == "json" {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(out)
	}
	return printTokens(cmd.OutOrStdout(), out)
}

func printTokens(out io.Writer, all []admin.Credential) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENANT\tCLIENT\tKEY ID\tEXPIRES\tSTATE\tSCOPES")
	for _, t := range all {
		expires, id := "never", "-"
		if t.Expires != nil {
			expires = t.Expires.Format(time.DateOnly)
		}
		if t.KeyID != "" {
			id = t.KeyID
		}
		if t.ClientID+t.Issuer != "" {
			expires, t.State = "-", "OAuth, client "+cmp.Or(t.ClientID, "of "+t.Issuer)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Tenant, t.Name, id, expires, t.State, strings.Join(t.Scopes, " "))
	}
	return w.Flush()
}
