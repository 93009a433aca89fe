package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/scimtest"
)

// conformanceFlags are the flags of conformance.
type conformanceFlags struct {
	endpointFlags

	profile string
	output  output
}

func newConformance() *cobra.Command {
	var f conformanceFlags
	cmd := &cobra.Command{
		Use:   "conformance",
		Short: "Check a SCIM endpoint against the RFCs",
		Long: `Check a SCIM endpoint against RFC 7643 and RFC 7644. The command creates users and groups
whose names begin with "scimtest-", and deletes them again. Give it an endpoint that no
identity provider uses.

The token comes from --token-file, else from --token, else from SCIM_TOKEN. The exit code is 1
when a check fails.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return conformance(cmd, f) },
	}
	flags := cmd.Flags()
	f.add(flags)
	choiceFlag(cmd, &f.profile, "profile", scim.Tolerant.String(), "the rules that the endpoint must keep", scim.Tolerant.String(), scim.Strict.String())
	outputFlag(cmd, &f.output, asCSV)
	return cmd
}

func conformance(cmd *cobra.Command, f conformanceFlags) error {
	base, token, err := f.read()
	if err != nil {
		return codedError{exitUsage, err}
	}
	counts, results := map[scimtest.Outcome]int{}, newReport(cmd.OutOrStdout(), f.output, resultText, resultColumns())
	err = scimtest.Run(cmd.Context(), scimtest.Config{
		Base: base, Token: token, Profile: f.profile, HTTP: &http.Client{Timeout: time.Minute},
	}, func(r scimtest.Result) {
		counts[r.Outcome]++
		_ = results.print(checked{r.Check.Section, r.Check.Name, r.Check.Items, r.Outcome, r.Details}) // the exit code and the count on standard error report failures
	})
	if err != nil {
		return err
	}
	failed := counts[scimtest.Fail]
	fmt.Fprintf(cmd.ErrOrStderr(), "%d passed, %d failed, %d skipped\n", counts[scimtest.Pass], failed, counts[scimtest.Skip])
	if failed > 0 {
		return codedError{code: exitFailure, err: fmt.Errorf("%d checks failed", failed)}
	}
	return nil
}

// checked is the result of a check, as it is printed.
type checked struct {
	Section string           `json:"section"`
	Check   string           `json:"check"`
	Items   []int            `json:"items"`
	Outcome scimtest.Outcome `json:"outcome"`
	Details []string         `json:"details"`
}

func resultText(r checked) []string {
	out := []string{fmt.Sprintf("%s  %s: %s", r.Outcome, r.Section, r.Check)}
	for _, detail := range r.Details {
		out = append(out, "      "+detail)
	}
	return out
}

func resultColumns() []column[checked] {
	return []column[checked]{
		{"outcome", func(r checked) string { return string(r.Outcome) }},
		{"section", func(r checked) string { return r.Section }},
		{"check", func(r checked) string { return r.Check }},
		{"details", func(r checked) string { return strings.Join(r.Details, "\n") }},
	}
}
