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
			running, err := askRunning(cmd, file, output)
			if err != nil {
				return err
			}
			all, err := running.Tenants(cmd.Context())
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
			running, err := askRunning(cmd, file, output)
			if err != nil {
				return err
			}
			t, err := running.Tenant(cmd.Context(), path)
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
			running, err := newRunning(cmd, file)
			if err != nil {
				return err
			}
			t, err := running.Lift(cmd.Context(), path)
			if err == nil {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the removal brake of %s is %s\n", t.Path, t.RemovalBrake)
			}
			return err
		},
	}
	configFlag(cmd, &file)
	tenantFlag(cmd, &path)
	return cmd
}

// askRunning is newRunning for a command that prints what it is told.
func askRunning(cmd *cobra.Command, file, output string) (control.Client, error) {
	if err := checkOutput(output); err != nil {
		return control.Client{}, err
	}
	return newRunning(cmd, file)
}

func printTenants(out io.Writer, all []admin.Tenant) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENANT\tURL\tSCOPE\tSTATE")
	for _, t := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Path, cmp.Or(t.URL, "-"), t.Scope, t.Summary())
	}
	return w.Flush()
}

func printTenant(out io.Writer, t admin.Tenant) error {
	credentials := make([]string, len(t.Credentials))
	for i, c := range t.Credentials {
		credentials[i] = strings.TrimSpace(c.Name + " " + c.KeyID + c.Issuer)
		if c.Expires != nil {
			credentials[i] += " until " + c.Expires.Format(time.DateOnly)
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
		{"tokens", strings.Join(credentials, ", ")},
		{"basicAuth", basic},
		{"schemas", strings.Join(t.Schemas, " ")},
		{"state", string(t.State)},
	} {
		if line[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
		}
	}
	for _, p := range t.Problems {
		fmt.Fprintf(w, "problem\t%s\nfix\t%s\n", p.Text, strings.ReplaceAll(p.Fix, "\n", "\n\t"))
	}
	return w.Flush()
}
