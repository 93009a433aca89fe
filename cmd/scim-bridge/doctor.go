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
	var file, path string
	var o output
	cmd := &cobra.Command{
		Use: "doctor", Short: "Find what is wrong with the realm of a tenant, and say what to do", Args: cobra.NoArgs,
		Long: `Check Keycloak and the realm of a tenant with the bridge's own account. Print what is right
(PASS), what you may want to change (INFO), what refuses requests or is dangerous (WARN), and
what keeps the tenant from answering (FAIL), each with a remedy. The command changes nothing. The exit code is 1 when a
check failed, and 3 when the configuration has a problem.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return doctor(cmd, file, path, o) },
	}
	configFlag(cmd, &file)
	tenantFlag(cmd, &path)
	outputFlag(cmd, &o, asCSV)
	return cmd
}

func doctor(cmd *cobra.Command, file, path string, o output) error {
	c, err := load(cmd, file)
	if err != nil {
		return err
	}
	found, err := app.Diagnose(cmd.Context(), c, path)
	if err != nil {
		return err
	}
	switch o {
	case asJSON:
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"tenants": found})
	case asCSV:
		err = printFindings(cmd.OutOrStdout(), found)
	case asText:
		printDiagnoses(cmd.OutOrStdout(), found)
	}
	if err == nil && slices.ContainsFunc(found, func(d app.Diagnosis) bool { return d.Failed() > 0 }) {
		return codedError{code: exitFailure}
	}
	return err
}

// printFindings prints each finding as a row of CSV.
func printFindings(out io.Writer, all []app.Diagnosis) error {
	type row struct{ tenant, realm, severity, check, text, fix string }
	var rows []row
	for _, d := range all {
		for _, f := range d.Findings {
			rows = append(rows, row{d.Tenant, d.Realm, string(f.Severity), f.Check, f.Text, f.Fix})
		}
	}
	return printTable(out, asCSV, []column[row]{
		{"tenant", func(r row) string { return r.tenant }},
		{"realm", func(r row) string { return r.realm }},
		{"severity", func(r row) string { return r.severity }},
		{"check", func(r row) string { return r.check }},
		{"text", func(r row) string { return r.text }},
		{"fix", func(r row) string { return r.fix }},
	}, rows)
}

func printDiagnoses(out io.Writer, all []app.Diagnosis) {
	for _, d := range all {
		fmt.Fprintf(out, "tenant %s, realm %s\n", d.Tenant, d.Realm)
		for _, f := range d.Findings {
			fmt.Fprintf(out, "%s  %-17s %s\n", f.Severity, f.Check, printable(f.Text))
			if f.Fix != "" {
				fix := strings.Split(f.Fix, "\n")
				for i, line := range fix {
					fix[i] = printable(line)
				}
				fmt.Fprintf(out, "      fix: %s\n", strings.Join(fix, "\n           "))
			}
		}
		warnings := "warnings"
		if d.Warned() == 1 {
			warnings = "warning"
		}
		fmt.Fprintf(out, "%d passed, %d %s, %d failed\n", d.Passed(), d.Warned(), warnings, d.Failed())
	}
}
