package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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
	var file string
	var o output
	cmd := &cobra.Command{
		Use: "list", Short: "List the tenants of a running bridge and whether they answer", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := askTenants(cmd, file)
			if err != nil {
				return err
			}
			return printTable(cmd.OutOrStdout(), o, tenantColumns(), all)
		},
	}
	configFlag(cmd, &file)
	outputFlag(cmd, &o, asCSV)
	return cmd
}

func newTenantsShow() *cobra.Command {
	var file, path string
	var o output
	cmd := &cobra.Command{
		Use: "show", Short: "Show all about one tenant of a running bridge", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := askTenants(cmd, file)
			if err != nil {
				return err
			}
			t, err := app.FindTenant(all, path)
			if err != nil {
				return err
			}
			return printRecord(cmd.OutOrStdout(), o, t, linesOf(t))
		},
	}
	configFlag(cmd, &file)
	tenantFlag(cmd, &path)
	outputFlag(cmd, &o, asCSV)
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

func askTenants(cmd *cobra.Command, file string) ([]control.Tenant, error) {
	running, err := newRunning(cmd, file)
	if err != nil {
		return nil, err
	}
	return running.Tenants(cmd.Context())
}

func tenantColumns() []column[control.Tenant] {
	return []column[control.Tenant]{
		{"tenant", func(t control.Tenant) string { return t.Path }},
		{"URL", func(t control.Tenant) string {
			if app.IsEvery(t) {
				return "-" // what holds for all organizations is no endpoint
			}
			return t.URL
		}},
		{"scope", func(t control.Tenant) string { return t.Scope }},
		{"state", app.State},
	}
}

// linesOf is what there is to say of a tenant.
func linesOf(t control.Tenant) []app.Line {
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
	return slices.DeleteFunc([]app.Line{
		{Name: "tenant", Text: t.Path},
		{Name: "URL", Text: t.URL},
		{Name: "realm", Text: t.Realm},
		{Name: "organization", Text: strings.TrimSpace(t.Organization + " " + t.OrganizationID)},
		{Name: "key", Text: t.Key},
		{Name: "scope", Text: t.Scope},
		{Name: "profile", Text: t.Profile},
		{Name: "tolerances off", Text: strings.Join(t.TolerancesOff, ", ")},
		{Name: "unknown members", Text: t.UnknownMembers},
		{Name: "on delete", Text: t.OnDelete},
		{Name: "adopt", Text: t.Adopt},
		{Name: "externalId", Text: t.ExternalID},
		{Name: "rehire", Text: t.Rehire},
		{Name: "patch response", Text: t.PatchResponse},
		{Name: "domains", Text: t.Domains},
		{Name: "removal brake", Text: t.RemovalBrake},
		{Name: "brake limits", Text: t.BrakeLimits},
		{Name: "mapping", Text: cmp.Or(t.MappingFile, "built-in")},
		{Name: "tokens", Text: strings.Join(tokens, ", ")},
		{Name: "basicAuth", Text: basic},
		{Name: "schemas", Text: strings.Join(t.Schemas, " ")},
		{Name: "state", Text: app.State(t)},
		{Name: "fix", Text: t.Fix},
	}, func(l app.Line) bool { return l.Text == "" })
}
