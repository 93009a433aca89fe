package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

func newDoctor() *cobra.Command {
	var file, path, output string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look for what is wrong with the realm of a tenant, and say what to do", Args: cobra.NoArgs,
		Long: `Look at Keycloak and the realm of a tenant with the bridge's own account, and print what
is right (PASS), what you may want to change (INFO), what will refuse requests or is
dangerous (WARN) and what keeps the tenant from answering (FAIL), each with what to do. It changes nothing. Ends with 1 when
something failed, with 3 when the configuration has a problem.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return doctor(cmd, file, path, output) },
	}
	configFlag(cmd, &file)
	tenantFlag(cmd, &path)
	outputFlag(cmd, &output)
	return cmd
}

func doctor(cmd *cobra.Command, file, path, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	c, err := load(cmd, file)
	if err != nil {
		return err
	}
	found, err := app.Diagnose(cmd.Context(), c, path)
	if err != nil {
		return err
	}
	if output == "json" {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"tenants": found})
	} else {
		printDiagnoses(cmd.OutOrStdout(), found)
	}
	if err == nil && slices.ContainsFunc(found, func(d app.Diagnosis) bool { return d.Failed() > 0 }) {
		return codedError{code: exitFailure}
	}
	return err
}

func printDiagnoses(out io.Writer, all []app.Diagnosis) {
	for _, d := range all {
		fmt.Fprintf(out, "tenant %s, realm %s\n", d.Tenant, d.Realm)
		for _, f := range d.Findings {
			fmt.Fprintf(out, "%s  %-17s %s\n", f.Severity, f.Check, f.Text)
			if f.Fix != "" {
				fmt.Fprintf(out, "      fix: %s\n", strings.ReplaceAll(f.Fix, "\n", "\n           "))
			}
		}
		warnings := "warnings"
		if d.Warned() == 1 {
			warnings = "warning"
		}
		fmt.Fprintf(out, "%d passed, %d %s, %d failed\n", d.Passed(), d.Warned(), warnings, d.Failed())
	}
}
