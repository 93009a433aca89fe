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

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
)

func newTenantsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "tenants", Short: "Ask a running bridge for its tenants, over admin.socket", Args: cobra.NoArgs}
	cmd.AddCommand(newTenantsList(), newTenantsShow(), newTenantsLift())
	return cmd
}

func newTenantsList() *cobra.Command {
	var file, output string
	cmd := &cobra.Command{
		Use: "list", Short: "List the tenants of a running bridge and whether they answer", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := askTenants(cmd, file, output)
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
			}
			return printTenants(cmd.OutOrStdout(), all)
		},
	}
	configFlag(cmd, &file)
	outputFlag(cmd, &output)
	return cmd
}

func newTenantsShow() *cobra.Command {
	var file, path, output string
	cmd := &cobra.Command{
		Use: "show", Short: "Show all about one tenant of a running bridge", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := askTenants(cmd, file, output)
			if err != nil {
				return err
			}
			t, err := app.FindTenant(all, path)
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(t)
			}
			return printTenant(cmd.OutOrStdout(), t)
		},
	}
	configFlag(cmd, &file)
	tenantFlag(cmd, &path)
	outputFlag(cmd, &output)
	return cmd
}

func newTenantsLift() *cobra.Command {
	var file, path string
	cmd := &cobra.Command{
		Use: "lift", Short: "Lift the removal brake of a tenant of a running bridge, for one window", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			running, t, err := runningTenant(cmd, file, path)
			if err != nil {
				return err
			}
			stands, err := running.Lift(cmd.Context(), t)
			if err == nil {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the removal brake of %s is %s\n", t.Path, stands)
			}
			return err
		},
	}
	configFlag(cmd, &file)
	tenantFlag(cmd, &path)
	return cmd
}

func askTenants(cmd *cobra.Command, file, output string) ([]control.Tenant, error) {
	if err := checkOutput(output); err != nil {
		return nil, err
	}
	running, err := newRunning(cmd, file)
	if err != nil {
		return nil, err
	}
	return running.Tenants(cmd.Context())
}

func printTenants(out io.Writer, all []control.Tenant) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENANT\tURL\tSCOPE\tSTATE")
	for _, t := range all {
		url := t.URL
		if app.IsEvery(t) {
			url = "-" // what holds for all organizations is no endpoint
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Path, url, t.Scope, app.State(t))
	}
	return w.Flush()
}

func printTenant(out io.Writer, t control.Tenant) error {
	tokens := make([]string, len(t.Tokens))
	for i, token := range t.Tokens {
		tokens[i] = strings.TrimSpace(token.Name + " " + token.KeyID + token.Issuer)
		if token.Expires != nil {
			tokens[i] += " until " + token.Expires.Format(time.DateOnly)
		}
	}
	basic := ""
	if t.BasicAuth {
		basic = "on: a token may come as the password of HTTP Basic"
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"tenant", t.Path},
		{"URL", t.URL},
		{"realm", t.Realm},
		{"organization", strings.TrimSpace(t.Organization + " " + t.OrganizationID)},
		{"key", t.Key},
		{"scope", t.Scope},
		{"profile", t.Profile},
		{"tolerances off", strings.Join(t.TolerancesOff, ", ")},
		{"unknown members", t.UnknownMembers},
		{"on delete", t.OnDelete},
		{"adopt", t.Adopt},
		{"externalId", t.ExternalID},
		{"rehire", t.Rehire},
		{"patch response", t.PatchResponse},
		{"domains", t.Domains},
		{"removal brake", t.RemovalBrake},
		{"brake limits", t.BrakeLimits},
		{"mapping", cmp.Or(t.MappingFile, "built-in")},
		{"tokens", strings.Join(tokens, ", ")},
		{"basicAuth", basic},
		{"schemas", strings.Join(t.Schemas, " ")},
		{"state", app.State(t)},
	} {
		if line[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
		}
	}
	if t.Fix != "" {
		fmt.Fprintf(w, "fix\t%s\n", strings.ReplaceAll(t.Fix, "\n", "\n\t"))
	}
	return w.Flush()
}
