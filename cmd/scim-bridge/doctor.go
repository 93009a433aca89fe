package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

func newDoctor() *cobra.Command {
	var file, path, output string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look for what is wrong with the realm of a tenant, and say what to do", Args: cobra.NoArgs,
		Long: `Look at Keycloak and the realm of a tenant with the bridge's own account, and print what
is right (PASS), what will refuse requests or is dangerous (WARN) and what keeps the
tenant from answering (FAIL), each with what to do. It changes nothing. Ends with 1 when
something failed, with 3 when the configuration has a problem.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return doctor(cmd, file, path, output) },
	}
	configFlag(cmd, &file)
	tenantFlag(cmd, &path)
	outputFlag(cmd, &output)
	return cmd
}

// tenantFlag says which tenant of the configuration a command is about.
func tenantFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "tenant", "", "the `path` of the tenant in the configuration; default: all, or the only one")
}

// diagnosis is what doctor prints of a tenant.
type diagnosis struct {
	Tenant   string          `json:"tenant"`
	Realm    string          `json:"realm"`
	Findings []realm.Finding `json:"findings"`
}

func doctor(cmd *cobra.Command, file, path, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	c, err := load(cmd, file)
	if err != nil {
		return err
	}
	transport, err := newTransport(c.Keycloak)
	if err != nil {
		return err
	}
	tenants, all, clients, err := tenantsOf(c, path, transport)
	if err != nil {
		return err
	}
	var found []diagnosis
	for _, t := range tenants {
		found = append(found, diagnosis{t.Path, t.Realm, realm.Doctor(cmd.Context(), clients[t.Realm], t, besides(t, all)...)})
	}
	if output == "json" {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"tenants": found})
	} else {
		printDiagnoses(cmd.OutOrStdout(), found)
	}
	if err == nil && slices.ContainsFunc(found, func(d diagnosis) bool { return d.count(realm.Fail) > 0 }) {
		return codedError{code: exitFailure}
	}
	return err
}

// tenantsOf are the tenants of a configuration that a command is about, one of them or with ""
// all, sorted by path, all of them, and the clients of their realms.
func tenantsOf(c config.Config, path string, transport http.RoundTripper) (list, all []*tenant.Tenant, clients map[string]*keycloak.Client, err error) {
	if list, err = allTenants(c, mappings{}); err != nil {
		return nil, nil, nil, err
	}
	all = slices.Clone(list)
	slices.SortFunc(list, func(a, b *tenant.Tenant) int { return strings.Compare(a.Path, b.Path) })
	var paths []string
	for _, t := range list {
		paths = append(paths, t.Path)
	}
	if path != "" {
		list = slices.DeleteFunc(list, func(t *tenant.Tenant) bool { return t.Path != path })
	}
	if len(list) == 0 {
		return nil, nil, nil, codedError{exitUsage, fmt.Errorf("the configuration has no tenant %q; it has %s", path, strings.Join(paths, ", "))}
	}
	clients, err = newClients(c, transport, watch{})
	return list, all, clients, err
}

// besides are the other tenants of a tenant's realm.
func besides(t *tenant.Tenant, all []*tenant.Tenant) []*tenant.Tenant {
	return slices.DeleteFunc(slices.Clone(all), func(other *tenant.Tenant) bool { return other.Realm != t.Realm || other.Path == t.Path })
}

func (d diagnosis) count(s realm.Severity) int {
	n := 0
	for _, f := range d.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

func printDiagnoses(out io.Writer, all []diagnosis) {
	for _, d := range all {
		fmt.Fprintf(out, "tenant %s, realm %s\n", d.Tenant, d.Realm)
		for _, f := range d.Findings {
			fmt.Fprintf(out, "%s  %-17s %s\n", f.Severity, f.Check, f.Text)
			if f.Fix != "" {
				fmt.Fprintf(out, "      fix: %s\n", f.Fix)
			}
		}
		fmt.Fprintf(out, "%d passed, %d warnings, %d failed\n", d.count(realm.Pass), d.count(realm.Warn), d.count(realm.Fail))
	}
}
