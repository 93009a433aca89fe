package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
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
			t, err := findTenant(all, path)
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
			socket, t, err := runningTenant(cmd, file, path)
			if err != nil {
				return err
			}
			stands, err := control.Lift(cmd.Context(), socket, t.Path)
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
	socket, err := socketOf(cmd, file)
	if err != nil {
		return nil, err
	}
	return control.Tenants(cmd.Context(), socket)
}

// socketOf is where a running bridge answers commands.
func socketOf(cmd *cobra.Command, file string) (string, error) {
	c, err := load(cmd, file)
	if err == nil && c.Admin.Socket == "" {
		err = codedError{exitUsage, errors.New("the configuration has no admin.socket, over which a running bridge answers")}
	}
	return c.Admin.Socket, err
}

// findTenant is the tenant of a running bridge with a path, or with "" the only one. What holds for all
// organizations of a realm is no endpoint, and is found by its path alone.
func findTenant(all []control.Tenant, path string) (control.Tenant, error) {
	endpoints := slices.DeleteFunc(slices.Clone(all), isEvery)
	if i := slices.IndexFunc(all, func(t control.Tenant) bool { return t.Path == path }); i >= 0 {
		return all[i], nil
	}
	switch {
	case path == "" && len(endpoints) == 1:
		return endpoints[0], nil
	case len(endpoints) == 0:
		return control.Tenant{}, codedError{exitUsage, errors.New("the bridge serves organizations with a token, and no organization has a token yet; scim-bridge tokens new --organization ALIAS makes one, and the bridge finds it within a minute")}
	case path == "":
		return control.Tenant{}, codedError{exitUsage, fmt.Errorf("say with --tenant which tenant is meant: %s", pathsOf(endpoints))}
	}
	return control.Tenant{}, codedError{exitUsage, fmt.Errorf("the bridge has no tenant %q; it has %s", path, pathsOf(endpoints))}
}

// isEvery reports whether a tenant stands for what holds for all organizations of a realm.
func isEvery(t control.Tenant) bool { return t.Organization == tenant.EveryOrganization }

// maxPaths bounds how many paths a text names.
const maxPaths = 10

// pathsOf are the paths of tenants, for people.
func pathsOf(all []control.Tenant) string {
	var out []string
	for i, t := range all {
		if i == maxPaths {
			out = append(out, "and others that scim-bridge tenants list shows")
			break
		}
		out = append(out, t.Path)
	}
	return strings.Join(out, ", ")
}

// runningTenant is findTenant of the bridge that runs with a configuration, and its socket.
func runningTenant(cmd *cobra.Command, file, path string) (socket string, t control.Tenant, err error) {
	if socket, err = socketOf(cmd, file); err != nil {
		return "", t, err
	}
	all, err := control.Tenants(cmd.Context(), socket)
	if err != nil {
		return "", t, err
	}
	if t, err = findTenant(all, path); err == nil && isEvery(t) { // which has no users
		t, err = findTenant(slices.DeleteFunc(all, isEvery), "")
	}
	return socket, t, err
}

// state is the one word about a tenant.
func state(t control.Tenant) string {
	switch {
	case !t.Fit:
		return "unfit: " + t.Problem
	case t.Problem != "":
		return "read-only: " + t.Problem
	case t.Access == string(config.AccessPaused):
		return "paused"
	case t.Access == string(config.AccessReadOnly):
		return "read-only"
	case t.Disabled:
		return "read-only: the organization is disabled"
	case t.Mapping != "":
		return "fit; the changed mapping file is not applied: " + t.Mapping
	case t.Warning != "":
		return "fit; " + t.Warning
	}
	return "fit"
}

func printTenants(out io.Writer, all []control.Tenant) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENANT\tURL\tSCOPE\tSTATE")
	for _, t := range all {
		url := t.URL
		if isEvery(t) {
			url = "-" // what holds for all organizations is no endpoint
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Path, url, t.Scope, state(t))
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
		{"state", state(t)},
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
