package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
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
	cmd.Flags().StringVar(path, "tenant", "", "the `path` of the tenant: of one in the configuration or, as REALM/organizations/ALIAS, of an organization that is served with its own tokens; default: all, or the only one")
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
	transport, err := app.NewTransport(c.Keycloak)
	if err != nil {
		return err
	}
	s, err := app.Select(cmd.Context(), c, path, transport)
	if err != nil {
		return err
	}
	var found []diagnosis
	for _, t := range s.List {
		t = s.WithTokens(cmd.Context(), c, t)
		found = append(found, diagnosis{t.Path, t.Realm, realm.Doctor(cmd.Context(), s.Clients[t.Realm], t, s.Beside(t)...)})
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
				fmt.Fprintf(out, "      fix: %s\n", strings.ReplaceAll(f.Fix, "\n", "\n           "))
			}
		}
		warnings := "warnings"
		if d.count(realm.Warn) == 1 {
			warnings = "warning"
		}
		fmt.Fprintf(out, "%d passed, %d %s, %d failed\n", d.count(realm.Pass), d.count(realm.Warn), warnings, d.count(realm.Fail))
	}
}
