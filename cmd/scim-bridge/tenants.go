package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

func newTenantsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "tenants", Short: "Ask a running bridge about its tenants, over admin.socket", Args: cobra.NoArgs}
	cmd.AddCommand(newTenantsList(), newTenantsShow(), newTenantsLift())
	return cmd
}

func newTenantsList() *cobra.Command {
	var file string
	var o output
	cmd := &cobra.Command{
		Use: "list", Short: "List the tenants of a running bridge, and whether they are ready", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			running, err := newRunning(cmd, file)
			if err != nil {
				return err
			}
			all, err := running.Tenants(cmd.Context())
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
		Use: "show", Short: "Show everything about a tenant of a running bridge", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			running, err := newRunning(cmd, file)
			if err != nil {
				return err
			}
			t, err := running.Tenant(cmd.Context(), path)
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

func tenantColumns() []column[admin.Tenant] {
	return []column[admin.Tenant]{
		{"tenant", func(t admin.Tenant) string { return t.Path }},
		{"URL", func(t admin.Tenant) string { return cmp.Or(t.URL, "-") }},
		{"scope", func(t admin.Tenant) string { return t.Scope }},
		{"state", admin.Tenant.Summary},
	}
}

// linesOf returns the properties of a tenant, without those that are empty.
func linesOf(t admin.Tenant) []app.Line {
	now := time.Now()
	credentials := make([]string, len(t.Credentials))
	for i, c := range t.Credentials {
		credentials[i] = strings.TrimSpace(c.Name + " " + c.KeyID + c.Issuer)
		if c.Expires != nil {
			credentials[i] += " until " + c.Expires.Format(time.DateOnly)
		}
		if c.State == admin.Suspended {
			credentials[i] += " " + c.State
		}
		switch use := lastUseOf(c, now); {
		case c.LastUsed != nil:
			credentials[i] += " (last used " + use + ")"
		case c.UnusedSince != nil:
			credentials[i] += " (used " + use + ")"
		}
	}
	basic := ""
	if t.BasicAuth {
		basic = "on: clients may send a token as the password of HTTP Basic"
	}
	lines := []app.Line{
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
		{Name: "tokens", Text: strings.Join(credentials, ", ")},
		{Name: "basicAuth", Text: basic},
		{Name: "schemas", Text: strings.Join(t.Schemas, " ")},
		{Name: "state", Text: string(t.State)},
	}
	for _, p := range t.Problems {
		lines = append(lines, app.Line{Name: "problem", Text: p.Text}, app.Line{Name: "fix", Text: p.Fix})
	}
	return slices.DeleteFunc(lines, func(l app.Line) bool { return l.Text == "" })
}
